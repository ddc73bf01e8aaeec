"""Read text, write files and folders atomically, and propose similar names."""

from __future__ import annotations

import codecs
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
    """Open a new file that replaces `path` when the block ends without an error.

    The data are on the disk before the new file takes the place of `path`. After an error, the new
    file is removed and `path` is unchanged. The folder must exist.

    Raises:
      OSError: as open, write, fsync and replace; its filename is `path`.
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
            # Name the file that the user knows. OSError chooses the subclass by the number.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def _is_about(error: OSError, temporary: Path) -> bool:
    # A failed write has no filename. The caller's block may also fail because of another file, or
    # with a subclass of OSError that has no number.
    return error.errno is not None and error.filename in (None, str(temporary), temporary)


def read_text(path: Path) -> str:
    """Return a text file, UTF-8, or with a byte order mark UTF-16, as Windows programs write them.

    Raises:
      OSError: it cannot be read.
      ValueError: it is neither.
    """
    return decode(path.read_bytes())


def decode(data: bytes) -> str:
    """Return text in UTF-8, or with a byte order mark in UTF-16, without the mark.

    Raises:
      ValueError: it is neither.

    Example:
      >>> decode("one".encode("utf-16")), decode("two".encode("utf-8-sig"))
      ('one', 'two')
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if marked else "utf-8-sig")


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically. Make the folder if needed.

    Raises:
      OSError: as `replacing`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Make a new folder that replaces `path` when the block ends without an error.

    The old `path` is then removed. After an error, the new folder is removed and `path` is
    unchanged. The parent folder is made if needed.

    Raises:
      OSError: as mkdir and rename.
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
    """Return the end of a message about a missing file: "; did you mean A or B?", or nothing.

    Args:
      path: the file that is missing, or is not what it should be.
      suffixes: suffixes of the names to propose.
      folders: whether to propose folders too.
    """

    def stem(name: str) -> str:  # equal suffixes would make all names similar
        return next((name.removesuffix(end) for end in suffixes if name.endswith(end)), name)

    wanted = stem(path.name)
    if wanted == path.name and suffixes:  # another ending, such as a misspelt one
        wanted = path.stem
    names: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):  # ValueError: a null character
        for entry in path.parent.iterdir():
            fits = entry.name.endswith(suffixes) or (folders and entry.is_dir())
            if fits and entry.name != path.name:
                names.setdefault(stem(entry.name), []).append(entry.name)
    near = difflib.get_close_matches(wanted, sorted(names), n=5, cutoff=0.6)
    meant = [name for one in near for name in sorted(names[one])]
    return f"; did you mean {' or '.join(meant[:5])}?" if meant else ""


def _sync_folder(folder: Path) -> None:
    # The new name then survives a power cut. Some systems cannot open a folder.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
