"""Find and read one file of a data set: in a folder, at a URL, or built."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from magenta_sketch.data import factors
from magenta_sketch.data.conventions import CONVENTIONS, recognise
from magenta_sketch.data.download import fetch
from magenta_sketch.data.file_names import file_names
from magenta_sketch.data.npz import Cut, cut_note, read_npz_counting
from magenta_sketch.data.npz_archive import open_archive, unpacked_bytes
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.urls import is_url, join_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean

Report = Callable[[str], None]

_LONGEST_NAME = 250  # bytes; no file can have a name that is much longer


def _folder(data_dir: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(data_dir))  # Path.expanduser raises for an unknown user


def require_files(data_dir: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Raise an error where a file is missing, or no archive, that nothing here makes or fetches.

    Nothing is read but the directories of the archives, and lists of names.

    Args:
      data_dir: a folder or an http(s) URL.
      names: of files; patterns and lists of names too (`file_names`).

    Raises:
      DataError: the first file that cannot be opened; for one that is missing what is there, and
        what may have been meant. A pattern matches nothing, or a list cannot be read.
    """
    from magenta_sketch.data.sources import ready_made  # here, because it imports much

    for name in file_names(names, data_dir):
        if is_url(data_dir):
            join_url(str(data_dir), name)
            continue
        path = _folder(data_dir) / name
        if os.path.exists(path):
            open_archive(path, str(path)).close()
        elif not ready_made.is_ready_made(name):
            raise DataError(_missing_file(path, name))


class FoundFile(NamedTuple):
    """A file of a data set on this machine.

    Attributes:
      name: as the user knows it.
      path: where it is.
      is_download: whether it is a copy, in the cache, of a file at a URL.
    """

    name: str
    path: Path
    is_download: bool


def find_file(data_dir: str | os.PathLike[str], name: str, report: Report = print) -> FoundFile:
    """Return where the file `name` in data_dir is; download or build it if needed.

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
        return FoundFile(name, fetch(join_url(str(data_dir), name), report=report), True)
    require_files(data_dir, [name])
    folder = _folder(data_dir)
    path = folder / name
    if not os.path.exists(path):
        from magenta_sketch.data.sources import ready_made  # here: few runs need it

        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be created: {error.strerror or error}") from None
        ready_made.write(name, folder, report)
    return FoundFile(name, path, False)


@contextlib.contextmanager
def reading(file: FoundFile) -> Iterator[None]:
    """Add advice to a DataError of the block if the file is a damaged download."""
    try:
        yield
    except DataError as error:
        if not file.is_download:
            raise
        raise DataError(f"{error}; delete this cached file to have it fetched again") from None


def bytes_of(files: Iterable[FoundFile]) -> int:
    """Return the unpacked size of files, as their directories declare it.

    Raises:
      DataError: one is no archive.
    """
    total = 0
    for file in files:
        with reading(file):
            total += unpacked_bytes(file.path, str(file.path))
    return total


def read_file(file: FoundFile, report: Report = print) -> dict[str, SketchSet]:
    """Return the splits of a file. Report what was changed, and what looks odd.

    Raises:
      DataError: the file cannot be read (`read_npz`).
    """
    with reading(file):
        splits, cut = read_npz_counting(file.path, str(file.path))
    for line in notes(file, cut, recognise(splits["train"])):
        report(line)
    return splits


def notes(file: FoundFile, cut: Cut, found: Sequence[str]) -> list[str]:
    """Return lines on offsets that were clamped, and on other conventions that were `found`."""
    lines = [cut_note(cut, file.path, str(file.path))] if cut.offsets else []
    if found:
        lines.append(
            f"note: {file.name} looks like {' and '.join(CONVENTIONS[one] for one in found)}; if "
            f"so, `sketch_rnn_convert mend {file.path} --what={','.join(found)} --out=NEW.npz` "
            "mends it"
        )
    return lines


def _missing_file(path: Path, name: str) -> str:
    """Return the message for a missing file: what is there, and what may be meant."""
    is_absolute = Path(name).is_absolute()
    folder = path.parent if is_absolute else path.parents[len(Path(name).parts) - 1]
    if len(path.name.encode(errors="surrogateescape")) > _LONGEST_NAME:
        return f"{path.name[:40]}...: no such file; check the name"
    if os.path.isfile(path.with_name(f"{path.name}.npz")):
        return f"{path}: no such file; did you mean {name}.npz?"
    if os.path.isfile(folder):
        return f"data_dir must be a folder or a URL, got the file {folder}; name its folder"
    if path.parent != folder and os.path.isfile(folder / path.name):
        return f"{path}: no such file; the names are of files in data_dir: give {path.name}"
    if os.path.isdir(path.parent) and not os.access(path.parent, os.R_OK | os.X_OK):
        return f"{path}: cannot be found, because the folder {path.parent} may not be read"
    if not os.path.isdir(path.parent):
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
