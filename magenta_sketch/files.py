"""Writing files and folders whole or not at all, and names that may have been meant for another."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a new file beside `path` that takes its place when the block ends without an error.

    Its contents are on the disk before it is moved. After an error it is removed and `path` is as
    it was. The folder must exist.

    Raises:
      OSError: as open, write, fsync and replace do; its filename is `path`.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and _is_about(error, temporary):
            # The name that the user knows; OSError picks the subclass by the number.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def _is_about(error: OSError, temporary: Path) -> bool:
    # Writing gives no name. The caller's block may fail with a file of its own, or with an error
    # that only derives from OSError and has no number.
    return error.errno is not None and error.filename in (None, str(temporary), temporary)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all; makes the folder if need be.

    Raises:
      OSError: as `replacing` does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Make a new folder beside `path` that takes its place when the block ends without an error.

    What is at `path` is removed then. After an error the new folder is removed and `path` is as it
    was. The folder that `path` is in is made if need be.

    Raises:
      OSError: as mkdir and rename do.
    """
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    old = new.with_suffix(".old")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        new.mkdir()
        yield new
        if path.exists():
            os.rename(path, old)
        try:
            os.rename(new, path)
        except BaseException:
            with contextlib.suppress(OSError):  # there was nothing
                os.rename(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def did_you_mean(path: Path, suffixes: tuple[str, ...], *, folders: bool = False) -> str:
    """Returns what a message on a missing file ends with: "; did you mean A or B?", or nothing.

    Args:
      path: where there is no file.
      suffixes: endings of the names beside it that may have been meant.
      folders: whether those of folders may, too.
    """

    def stem(name: str) -> str:  # equal endings would make all names alike
        return next((name.removesuffix(end) for end in suffixes if name.endswith(end)), name)

    wanted = stem(path.name)
    if wanted == path.name and suffixes:  # another ending, such as a misspelt one
        wanted = path.stem
    names: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):  # ValueError: a null character
        for entry in path.parent.iterdir():
            if entry.name.endswith(suffixes) or (folders and entry.is_dir()):
                names.setdefault(stem(entry.name), []).append(entry.name)
    near = difflib.get_close_matches(wanted, sorted(names), n=5, cutoff=0.6)
    meant = [name for one in near for name in sorted(names[one])]
    return f"; did you mean {' or '.join(meant[:5])}?" if meant else ""


def _sync_folder(folder: Path) -> None:
    # Makes the new name last through a power cut; not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
