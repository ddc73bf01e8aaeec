"""Get one file of a data set: from a folder, from a URL, or built."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from magenta_sketch.data.download import fetch
from magenta_sketch.data.npz import read_npz
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.urls import is_url, join_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean

Report = Callable[[str], None]


def read_from(
    data_dir: str | os.PathLike[str], name: str, report: Report = print
) -> dict[str, SketchSet]:
    """Return the splits of the file `name` in data_dir.

    Args:
      data_dir: a folder or an http(s) URL. A file at a URL is downloaded once, into the user's
        cache folder. A missing ready-made file (kanjivg.npz) is built in the folder, which is made
        if needed.
      name: the file's name, with `.npz`.
      report: called with each line of text on progress.

    Raises:
      DataError: the file is missing, or cannot be downloaded, built or read.
    """
    if is_url(data_dir):
        path = fetch(join_url(str(data_dir), name), report=report)
        try:
            return read_npz(path)
        except DataError as error:
            raise DataError(f"{error}; delete this cached file to have it fetched again") from None
    folder = Path(data_dir).expanduser()
    path = folder / name
    if not path.exists():
        from magenta_sketch.data.sources import ready_made  # here: few runs need it

        if not ready_made.is_ready_made(name):
            raise DataError(_missing_file(path, name))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be created: {error.strerror or error}") from None
        ready_made.write(name, folder, report)
    return read_npz(path)


def _missing_file(path: Path, name: str) -> str:
    """Return the message for a missing file: what is there, and what may be meant."""
    if path.with_name(f"{path.name}.npz").is_file():
        return f"{path}: no such file; did you mean {name}.npz?"
    if not path.parent.is_dir():
        return f"{path}: no such file, because there is no folder {path.parent}; check data_dir"
    files = sorted(file.name for file in path.parent.glob("*.npz"))
    if not files:
        return f"{path}: no such file; {path.parent} has no .npz file, check data_dir"
    if meant := did_you_mean(path, (".npz",)):
        return f"{path}: no such file{meant}"
    more = f" and {len(files) - 8} more" if len(files) > 8 else ""
    return f"{path}: no such file; the folder has {', '.join(files[:8])}{more}"
