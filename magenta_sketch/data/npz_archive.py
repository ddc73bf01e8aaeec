"""The zip archive of a `.npz` data set: its splits, and their bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from magenta_sketch.data.messages import printable
from magenta_sketch.errors import DataError
from magenta_sketch.files import decode, did_you_mean

SPLITS = ("train", "valid", "test")

# The names of a split's array; some people call valid otherwise.
_MEMBERS = {
    "train": ["train.npy"],
    "valid": ["valid.npy", "val.npy", "validation.npy"],
    "test": ["test.npy"],
}

# Uncompressed bytes of one split: forty times a QuickDraw class of 70,000 sketches.
MAX_SPLIT_BYTES = 1 << 30


def open_archive(path: Path, label: str) -> zipfile.ZipFile:
    """Open the archive at `path`; messages call it `label`.

    Raises:
      DataError: the file is missing, cannot be read, or is not a zip archive.
    """
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        advice = did_you_mean(path, (".npz",)) or "; check the name and the folder"
        raise DataError(f"{label}: no such file{advice}") from None
    except IsADirectoryError:
        raise DataError(f"{label}: a folder; name the .npz files in it") from None
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from None
    except Exception:  # BadZipFile, or another error if the archive's directory is damaged
        raise DataError(f"{label}: {_what_it_is(path)}") from None


def _what_it_is(path: Path) -> str:
    """Return what a file that is no archive looks like, and what to do."""
    with open(path, "rb") as file:
        head = file.read(1 << 12)
    text = _text(head).lstrip().lower()
    if head.startswith(b"\x93NUMPY"):
        return (
            "a single NumPy array (.npy), not a data set (.npz); magenta_sketch.write_npz makes "
            "one of lists of sketches"
        )
    if text.startswith(("<?xml", "<svg")) and "<svg" in text:
        return (
            "an SVG file, not a data set (.npz); sketch_rnn_convert data makes one of a folder of "
            "them"
        )
    if text.startswith(("<!doctype html", "<html")):
        return (
            "a web page, not a data set (.npz); download the file itself, not the page that shows "
            "it"
        )
    if text.startswith(("{", "[")) or "drawing" in text.partition("\n")[0].split(","):
        return (
            "drawings as text, not a data set (.npz); "
            f"`sketch_rnn_convert data {path} --out=FOLDER --format=quickdraw` makes one of them"
        )
    if text.startswith("version https://git-lfs"):
        return "a pointer of Git LFS, not the data set itself; run: git lfs pull"
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return (
            "a pickle, not a data set (.npz); load it with a program that you trust, and write its "
            "sketches by magenta_sketch.write_npz"
        )
    if not head:
        return "the file is empty; copy or download it again"
    if head.startswith(b"PK") or path.suffix == ".npz":
        return "not a zip archive, or cut short; copy or download the .npz file again"
    return "not a data set, which is an .npz file; sketch_rnn_convert data makes one of drawings"


def _text(head: bytes) -> str:
    """Return the beginning of a file as text, whatever is in it."""
    try:
        return decode(head)
    except ValueError:
        return head.decode("latin-1")


def splits_in(archive: zipfile.ZipFile) -> list[str]:
    """Return the splits in the archive, in the order of `SPLITS`."""
    members = set(archive.namelist())
    return [split for split in SPLITS if not members.isdisjoint(_MEMBERS[split])]


def unpacked_bytes(path: Path, label: str) -> int:
    """Return the size of the splits in the archive at `path`, as its directory declares it.

    Raises:
      DataError: as `open_archive`.
    """
    names = {name for some in _MEMBERS.values() for name in some}
    with open_archive(path, label) as archive:
        return sum(info.file_size for info in archive.infolist() if info.filename in names)


def missing_splits(archive: zipfile.ZipFile, missing: Iterable[str], label: str) -> DataError:
    """Return the error for an archive that lacks the splits `missing`."""
    members = archive.namelist()
    return DataError(
        f"{label}: no split {', '.join(missing)}, expected train, valid and test; "
        f"the file has {', '.join(map(printable, members[:6])) or 'nothing'}"
        + (
            f"; `sketch_rnn_convert mend {label} --what=splits --out=NEW.npz` splits its sketches "
            "anew"
            if splits_in(archive)
            else ""
        )
    )


def split_bytes(archive: zipfile.ZipFile, split: str, name: str) -> bytes:
    """Return the `.npy` file of a split; messages call it `name`.

    Raises:
      DataError: it is larger than `MAX_SPLIT_BYTES`, damaged or cut short.
    """
    present = set(archive.namelist())
    info = archive.getinfo(next(name for name in _MEMBERS[split] if name in present))
    if info.file_size > MAX_SPLIT_BYTES:
        raise DataError(
            f"{name}: {info.file_size:,} bytes when unpacked, over the limit of {MAX_SPLIT_BYTES:,}"
        )
    try:
        # zipfile stops at the declared size, even if there are more compressed data.
        with archive.open(info) as file:
            return file.read()
    except Exception as error:  # zlib, lzma, struct, EOFError, NotImplementedError, encryption …
        raise DataError(
            f"{name}: damaged or cut short ({reason(error)}); copy or download the file again"
        ) from None


def reason(error: BaseException) -> str:
    """Return the text of a library's error, or its type if it has no text, as one line."""
    return printable(str(error) or type(error).__name__)
