"""Write data sets as `.npz` files that every NumPy and Magenta's code can read.

Writing is atomic, and equal sketches give equal bytes.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike

from magenta_sketch.data import npz_archive
from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.pickle_writer import pickle_parts
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing


def write_npz(
    path: str | os.PathLike[str],
    *,
    train: SketchSet | Iterable[ArrayLike],
    valid: SketchSet | Iterable[ArrayLike],
    test: SketchSet | Iterable[ArrayLike],
) -> None:
    """Write a data set atomically; equal sketches give equal bytes.

    Every NumPy can read it (`np.load(path, allow_pickle=True)`), and so can Magenta's code on
    Python 2 and 3. Items are int16 if all values are whole numbers in its range, else float32.

    Args:
      path: the file, replaced if it exists; its folder must exist.
      train, valid, test: stroke-3 sketches [n, 3] in pixel units; a SketchSet or any iterable.

    Raises:
      DataError: a split is empty, a sketch is invalid, or the file cannot be written.

    Example:
      >>> right, down = [[3, 0, 1]], [[0, 4, 1]]  # two sketches of one line each
      >>> write_npz("lines.npz", train=[right, down], valid=[right], test=[down])
    """
    path = Path(path)
    sets = {}
    for split, sketches in zip(SPLITS, (train, valid, test), strict=True):
        if isinstance(sketches, SketchSet):
            sets[split] = sketches
        else:
            sets[split] = SketchSet.from_sketches(sketches, f"{path.name}, {split}")
        if not len(sets[split]):
            raise DataError(f"{path.name}, {split}: no sketches to write, expected at least 1")
    whole = all(fits_int16(one.points) for one in sets.values())
    dtype = "<i2" if whole else "<f4"
    stream_npz(
        path,
        dtype,
        {split: (len(one), _items(one, dtype)) for split, one in sets.items()},
    )


def stream_npz(
    path: str | os.PathLike[str],
    dtype: str,
    splits: Mapping[str, tuple[int, Iterable[np.ndarray]]],
) -> None:
    """Write a data set as `write_npz` does, but from sketches that come one by one.

    Args:
      path: the file, replaced if it exists; its folder must exist.
      dtype: "<i2" or "<f4".
      splits: for train, valid and test, or some of them: the number of sketches, at least 1, and an
        iterable of them, valid stroke-3 sketches [n, 3] of that type. It is read one split after
        another.

    Raises:
      DataError: a split is too large for `read_npz`, or the file cannot be written.
    """
    path = Path(path)
    with writing(path), replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for split in (name for name in SPLITS if name in splits):
            # This ZipInfo has a fixed date, so the bytes depend on the data alone.
            member = zipfile.ZipInfo(f"{split}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            size = 0
            with archive.open(member, "w") as target:
                for block in _blocks(_npy_parts(dtype, *splits[split])):
                    size += len(block)
                    if size > npz_archive.MAX_SPLIT_BYTES:
                        raise too_large(f"{path}, {split}")
                    target.write(block)


def too_large(name: str) -> DataError:
    """Return the error for a split larger than `MAX_SPLIT_BYTES`."""
    return DataError(
        f"{name}: over {npz_archive.MAX_SPLIT_BYTES:,} bytes, more than is read back; "
        "make several data sets, or one of fewer sketches"
    )


def fits_int16(points: np.ndarray) -> bool:
    """Return whether all values are whole numbers in the range of int16."""
    return bool(((points == np.rint(points)) & (np.abs(points) < 1 << 15)).all())


def _items(sketches: SketchSet, dtype: str) -> Iterator[np.ndarray]:
    points = sketches.points.astype(dtype)
    for start, end in zip(sketches.starts[:-1].tolist(), sketches.starts[1:].tolist(), strict=True):
        yield points[start:end]


def _npy_parts(dtype: str, count: int, items: Iterable[np.ndarray]) -> Iterator[bytes]:
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (count,)})
    yield header.getvalue()
    yield from pickle_parts(count, dtype, items)


def _blocks(parts: Iterable[bytes], size: int = 1 << 20) -> Iterator[bytes]:
    """Yield the same bytes in blocks of one size: compression then always gets the same input."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        if len(buffer) >= size:
            whole = len(buffer) - len(buffer) % size
            for start in range(0, whole, size):
                yield bytes(buffer[start : start + size])
            del buffer[:whole]
    yield bytes(buffer)
