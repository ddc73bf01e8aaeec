"""The zip archive of a `.npz` data set: its splits, and their bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from magenta_sketch.data.messages import printable
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean

SPLITS = ("train", "valid", "test")

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
        if not label.endswith(".npz"):
            raise DataError(
                f"{label}: not a data set, which is an .npz file; sketch_rnn_convert data makes "
                "one of drawings"
            ) from None
        raise DataError(
            f"{label}: not a zip archive, or cut short; copy or download the .npz file again"
        ) from None


def splits_in(archive: zipfile.ZipFile) -> list[str]:
    """Return the splits in the archive, in the order of `SPLITS`."""
    members = set(archive.namelist())
    return [split for split in SPLITS if f"{split}.npy" in members]


def missing_splits(archive: zipfile.ZipFile, missing: Iterable[str], label: str) -> DataError:
    """Return the error for an archive that lacks the splits `missing`."""
    members = archive.namelist()
    return DataError(
        f"{label}: no split {', '.join(missing)}, expected train, valid and test; "
        f"the file has {', '.join(map(printable, members[:6])) or 'nothing'}"
    )


def split_bytes(archive: zipfile.ZipFile, split: str, name: str) -> bytes:
    """Return the `.npy` file of a split; messages call it `name`.

    Raises:
      DataError: it is larger than `MAX_SPLIT_BYTES`, damaged or cut short.
    """
    info = archive.getinfo(f"{split}.npy")
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
