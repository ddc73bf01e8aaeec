"""A cache of unpacked data sets: `.npz` files as flat arrays that can be memory-mapped.

Each file has a folder, named by what the directory of its archive says: the sizes and CRC-32 sums
of its arrays. So a changed file is unpacked anew, and an unchanged one need not be read again. The
folders can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.download import CACHE_VARIABLE, cache_dir
from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_archive import SPLITS, open_archive
from magenta_sketch.data.opened_set import Piece
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing_folder

_FORMAT = 1  # of the folders; other formats have other names
_ABOUT, _ARRAYS = "about.json", "arrays.bin"
_ALIGNED = 64  # bytes
ADVICE = f"make room, or set {CACHE_VARIABLE} to another folder"


class Archive(NamedTuple):
    """What the directory of a `.npz` file says.

    Attributes:
      key: changes if the arrays change.
      size: bytes of the arrays when unpacked.
    """

    key: str
    size: int


def look_at(path: Path) -> Archive:
    """Read the directory of a `.npz` file.

    Raises:
      DataError: the file is missing, or no archive.
    """
    with open_archive(path, str(path)) as archive:
        members = sorted((one.filename, one.file_size, one.CRC) for one in archive.infolist())
    key = hashlib.sha256(json.dumps([_FORMAT, members]).encode()).hexdigest()[:32]
    return Archive(key, sum(size for _, size, _ in members))


def folder_of(key: str) -> Path:
    """Return the folder of an unpacked file."""
    return cache_dir() / "unpacked" / key


def require_room(size: int) -> None:
    """Raise DataError if the disk of the cache has less free space than ``size`` bytes."""
    place = cache_dir()
    with writing(place, ADVICE):
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free
    if free < size:
        raise DataError(
            f"{place}: {free / 1e9:.1f} GB are free, but the unpacked data need about "
            f"{size / 1e9:.1f} GB; {ADVICE}"
        )


def unpack(splits: dict[str, SketchSet], notes: Sequence[str], key: str) -> None:
    """Write the sketches of a file into its folder: whole, or not at all.

    Args:
      splits: its checked sketches. Whole numbers are stored as int16, others as float32.
      notes: lines about the file, for later readers.
      key: of the file, from `look_at`.

    Raises:
      DataError: the folder cannot be written.
    """
    folder = folder_of(key)
    about: dict[str, Any] = {"notes": list(notes), "arrays": {}}
    with writing(folder, ADVICE):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder) as new, open(new / _ARRAYS, "wb") as file:
            for split, sketches in splits.items():
                points = sketches.points
                whole = points.astype(np.int16)  # offsets are within [-1000, 1000]
                arrays = {"points": whole if (whole == points).all() else points}
                for name, array in (arrays | {"starts": sketches.starts}).items():
                    file.write(bytes(-file.tell() % _ALIGNED))
                    place = [file.tell(), array.dtype.str, list(array.shape)]
                    about["arrays"][f"{split}/{name}"] = place
                    file.write(array.data)
            about["size"] = file.tell()
            (new / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


class Unpacked(NamedTuple):
    """A file of the cache.

    Attributes:
      pieces: its splits.
      notes: lines about it.
    """

    pieces: dict[str, Piece]
    notes: list[str]


def open_unpacked(key: str) -> Unpacked | None:
    """Open the unpacked arrays of a file; return None if there are none, or not whole."""
    folder = folder_of(key)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        with open(folder / _ARRAYS, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(data) != about["size"]:
            return None
        arrays = {name: _array(data, *place) for name, place in about["arrays"].items()}
        pieces = {
            split: Piece(arrays[f"{split}/points"], arrays[f"{split}/starts"]) for split in SPLITS
        }
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{folder}: cannot be opened: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError):  # damaged: it is made anew
        return None
    return Unpacked(pieces, about["notes"])


def _array(data: mmap.mmap, offset: int, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    count = int(np.prod(shape))
    return np.frombuffer(data, np.dtype(dtype), count, offset).reshape(shape)
