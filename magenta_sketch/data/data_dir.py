"""Get one file of a data set: from a folder, from a URL, or built."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from magenta_sketch.data import factors
from magenta_sketch.data.conventions import CONVENTIONS, recognise
from magenta_sketch.data.download import fetch
from magenta_sketch.data.npz import read_npz
from magenta_sketch.data.npz_archive import open_archive
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.urls import is_url, join_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean, read_text

Report = Callable[[str], None]


def _folder(data_dir: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(data_dir))  # Path.expanduser raises for an unknown user


def require_files(data_dir: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Raise an error where a file is missing, or no archive, that nothing here makes or fetches.

    Nothing is read but the directories of the archives.

    Raises:
      DataError: the first file that cannot be opened; for one that is missing what is there, and
        what may have been meant.
    """
    from magenta_sketch.data.sources import ready_made  # here, because it imports much

    for name in expanded(data_dir, list(names)):
        if is_url(data_dir):
            join_url(str(data_dir), name)
            continue
        path = _folder(data_dir) / name
        if path.exists():
            open_archive(path, str(path)).close()
        elif not ready_made.is_ready_made(name):
            raise DataError(_missing_file(path, name))


def expanded(data_dir: str | os.PathLike[str], names: Sequence[str]) -> list[str]:
    """Return the names of files with patterns and lists replaced by what they stand for.

    A name with * or ? stands for the files in data_dir that fit, sorted; @NAME for the names in the
    text file NAME in data_dir, one a line, which may be patterns. Lines of a list that are empty or
    begin with # do not count.

    Raises:
      DataError: no file fits a pattern; a list is missing, empty, or no text; data_dir is a URL.

    Example:
      >>> expanded(".", ["line*.npz", "others.npz"])
      ['lines.npz', 'others.npz']
    """
    found = []
    for name in names:
        if not name.startswith("@") and not _is_pattern(name):
            found.append(name)
            continue
        if is_url(data_dir):
            raise DataError(
                f"{name}: patterns and lists need a folder as data_dir, but {data_dir} is a URL; "
                "name the files"
            )
        folder = _folder(data_dir)
        found += _listed(folder, name) if name.startswith("@") else _fitting(folder, name)
    return found


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _fitting(folder: Path, pattern: str) -> list[str]:
    # Brackets are no wildcards: a file may have them in its name.
    wanted = pattern.replace("[", "[[]")
    paths = (path for path in folder.glob(wanted) if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    data = sorted(name for name in names if not name.endswith(factors.SUFFIX))
    if not data:
        raise DataError(f"{folder / pattern}: no file fits; check the pattern and data_dir")
    return data


def _listed(folder: Path, name: str) -> list[str]:
    path = folder / name[1:]
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file, which {name} names as a list of files") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"{path}: the list of files cannot be read: {why}") from None
    wanted = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not wanted:
        raise DataError(f"{path}: the list of files is empty; write one name a line")
    if nested := [one for one in wanted if one.startswith("@")]:
        raise DataError(f"{path}: a list cannot name another list, {nested[0]}")
    return expanded(folder, wanted)


def locate(data_dir: str | os.PathLike[str], name: str, report: Report = print) -> Path:
    """Return the path of the file `name` in data_dir. Download or build it if it is missing.

    Args:
      data_dir: a folder or an http(s) URL. A file at a URL is downloaded once, into the user's
        cache folder. A missing ready-made file (kanjivg.npz) is built in the folder, which is made
        if needed.
      name: the file's name, with `.npz`.
      report: called with each line of text on progress.

    Raises:
      DataError: the file is missing, or cannot be downloaded or built.
    """
    if is_url(data_dir):
        return fetch(join_url(str(data_dir), name), report=report)
    require_files(data_dir, [name])
    folder = _folder(data_dir)
    path = folder / name
    if not path.exists():
        from magenta_sketch.data.sources import ready_made  # here: few runs need it

        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be created: {error.strerror or error}") from None
        ready_made.write(name, folder, report)
    return path


@contextlib.contextmanager
def advising(data_dir: str | os.PathLike[str]) -> Iterator[None]:
    """Add to an error about a file from `locate` what to do if it was downloaded."""
    try:
        yield
    except DataError as error:
        if is_url(data_dir):
            raise DataError(f"{error}; delete this cached file to have it fetched again") from None
        raise


def read_located(
    path: Path, name: str, data_dir: str | os.PathLike[str], report: Report
) -> dict[str, SketchSet]:
    """Return the splits of a file from `locate`.

    Report what it looks like if it seems to follow another convention.

    Raises:
      DataError: see `read_npz`.
    """
    with advising(data_dir):
        splits = read_npz(path, report=report)
    if found := recognise(splits["train"]):
        report(
            f"note: {name} looks like {' and '.join(CONVENTIONS[one] for one in found)}; if so, "
            f"`sketch_rnn_convert mend {path} --what={','.join(found)} --out=NEW.npz` mends it"
        )
    return splits


def _missing_file(path: Path, name: str) -> str:
    """Return the message for a missing file: what is there, and what may be meant."""
    folder = path.parents[len(Path(name).parts) - 1]
    if path.with_name(f"{path.name}.npz").is_file():
        return f"{path}: no such file; did you mean {name}.npz?"
    if folder.is_file():
        return f"data_dir must be a folder or a URL, got the file {folder}; name its folder"
    if path.parent != folder and (folder / path.name).is_file():
        return f"{path}: no such file; the names are of files in data_dir: give {path.name}"
    if not path.parent.is_dir():
        meant = did_you_mean(path.parent, (), folders=True) or "; check data_dir"
        return f"{path}: no such file, because there is no folder {path.parent}{meant}"
    found = sorted(file.name for file in path.parent.glob("*.npz"))
    files = [name for name in found if not name.endswith(factors.SUFFIX)]
    if not files:
        return f"{path}: no such file; {path.parent} has no .npz file, check data_dir"
    if meant := did_you_mean(path, (".npz",)):
        return f"{path}: no such file{meant}"
    more = f" and {len(files) - 8} more" if len(files) > 8 else ""
    return f"{path}: no such file; the folder has {', '.join(files[:8])}{more}"
