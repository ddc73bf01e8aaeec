"""Flat files: the sketches of one `.npz` file as arrays that can be memory-mapped.

A file has 8 bytes that name the format, 8 bytes with the length of a header (a whole number, low
byte first), the header in JSON, and the arrays, each at a multiple of 64 bytes. A split has the
arrays `starts` and `points` of a `SketchSet`. Points are int16 where this loses nothing, else
float32. The header says where the arrays are, and what else is known of the `.npz` file.
"""

from __future__ import annotations

import errno
import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError

VERSION = 1  # a change makes all files anew
_MAGIC = b"sketches"
_ALIGNED = 64
_TYPES = ("<i2", "<f4")


class FlatSplit(NamedTuple):
    """One split of a flat file.

    Attributes:
      points: int16 or float32 [N, 3], read-only, in pixel units.
      starts: int64 [n + 1], read-only.
      longest: points of the longest sketch.
    """

    points: NDArray[Any]
    starts: NDArray[np.int64]
    longest: int


class FlatFile(NamedTuple):
    """An opened flat file: split -> its arrays, and what was stored with them."""

    splits: dict[str, FlatSplit]
    facts: dict[str, Any]


def write(file: BinaryIO, splits: Mapping[str, SketchSet], facts: Mapping[str, Any]) -> None:
    """Write a flat file.

    Args:
      file: open for writing, at its beginning.
      splits: the sketches.
      facts: what else to store, in JSON types.

    Example:
      >>> one = SketchSet.from_sketches([[[3, 0, 1]]])
      >>> with open("one.sketches", "wb") as file:
      ...     write(file, {"train": one}, {"note": "made up"})
      >>> flat = open_flat(Path("one.sketches"))
      >>> flat.splits["train"].points.tolist(), flat.facts
      ([[3, 0, 1]], {'note': 'made up'})
    """
    arrays: list[NDArray[Any]] = []
    described: dict[str, Any] = {}
    at = 0
    for split, sketches in splits.items():
        points = _smallest(sketches.points)
        described[split] = {"type": points.dtype.str, "longest": int(sketches.lengths.max())}
        for name, array in (("starts", sketches.starts.astype("<i8")), ("points", points)):
            described[split] |= {f"{name}_at": at, f"{name}_rows": len(array)}
            arrays.append(array)
            at += _padded(array.nbytes)
    header = json.dumps(
        {"version": VERSION, "bytes": at, "splits": described, "facts": dict(facts)}
    )
    begin = _MAGIC + len(header).to_bytes(8, "little") + header.encode("ascii")
    file.write(begin.ljust(_padded(len(begin)), b"\0"))
    for array in arrays:
        file.write(array.data)
        file.write(bytes(_padded(array.nbytes) - array.nbytes))


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _smallest(points: NDArray[np.float32]) -> NDArray[Any]:
    """Return the points as int16, if that gives back the same bits; else as float32."""
    small = points.astype("<i2")  # offsets are within [-1000, 1000]
    same = small.astype(np.float32).view(np.uint32) == points.view(np.uint32)  # -0.0 is not 0
    return small if same.all() else points.astype("<f4")


def open_flat(path: Path) -> FlatFile | None:
    """Map a flat file into memory, read-only. Return None if there is none, or not a whole one.

    Nothing is read but the header. The file takes one descriptor as long as its arrays are used.

    Raises:
      DataError: the system allows no more open files, or the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # an empty file
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise DataError(
                f"{path}: the system allows no more open files, and each file of a data set needs "
                "one; allow more: ulimit -n 4096"
            ) from None
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return _parsed(data)
    except (KeyError, TypeError, ValueError):
        return None


def _parsed(data: mmap.mmap) -> FlatFile:
    """Return the arrays of a file. Raise KeyError, TypeError or ValueError if it is not whole."""
    size = int.from_bytes(data[8:16], "little")
    if data[:8] != _MAGIC or size > len(data):
        raise ValueError("not a flat file")
    header = json.loads(data[16 : 16 + size])
    begin = _padded(16 + size)
    if header["version"] != VERSION or begin + header["bytes"] != len(data):
        raise ValueError("another version, or cut short")
    splits = {}
    for split, one in header["splits"].items():
        if one["type"] not in _TYPES:
            raise ValueError("an unknown type")
        starts = np.frombuffer(data, "<i8", one["starts_rows"], begin + one["starts_at"])
        rows = one["points_rows"]
        points = np.frombuffer(data, one["type"], 3 * rows, begin + one["points_at"])
        if len(starts) < 2 or starts[0] != 0 or starts[-1] != rows:
            raise ValueError("starts and points do not fit")
        splits[split] = FlatSplit(points.reshape(-1, 3), starts, one["longest"])
    return FlatFile(splits, header["facts"])
