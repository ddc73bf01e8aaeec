"""Sketch-RNN's `.npz` files: object arrays `train`, `valid` and `test`, one [n, 3] item a sketch.

Object arrays are pickles, and loading a pickle can run any program, so `array_pickle` reads them
instead of NumPy; this module turns what it gives into checked numbers.
"""

from __future__ import annotations

import dataclasses
import io
import os
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data import safe_pickle as array_pickle
from magenta_sketch.data.safe_pickle import Array, printable
from magenta_sketch.data.sketch_set import SketchSet, check_shape, check_values, starts_of
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean, replacing

SPLITS = ("train", "valid", "test")
MAX_OFFSET = 1000  # offsets beyond it are clamped, as the original does
# Uncompressed bytes of one split: forty times a QuickDraw class of 70,000 sketches.
MAX_SPLIT_BYTES = 1 << 30
MOST_REFUSED = 1000  # a split with more items that are no sketches is no split of sketches


def read_npz(path: str | os.PathLike[str], *, label: str | None = None) -> dict[str, SketchSet]:
    """Reads the splits train, valid and test of a data set without running anything in it.

    Files written by Python 2 and 3 and every NumPy are read. A split is an object array of [n, 3]
    items of any real number type, or, where all sketches have one length, an array [m, n, 3].
    Values become float32; offsets are clamped to [-1000, 1000].

    Args:
      path: the file.
      label: what messages call it; its path when None.

    Raises:
      DataError: there is no such file, it is not a zip archive or is damaged; a split is missing,
        empty or unreasonably large; its pickle holds anything else than arrays; an item is not
        [n, 3] with n >= 1, finite, its lifts 0 or 1. One line that names file, split and index.
    """
    path = Path(path)
    label = str(path) if label is None else label
    with _open_archive(path, label) as archive:
        missing = [split for split in SPLITS if split not in _splits_of(archive)]
        if missing:
            raise DataError(_lacks(archive, missing, label))
        return {split: _read_split(archive, split, label) for split in SPLITS}


@dataclasses.dataclass(frozen=True, eq=False)
class RawSplit:
    """A split as a file has it: `read_npz` would refuse some of what may be in it.

    Attributes:
      points: [N, 3] in the file's own type of numbers; anything but finite, lifts of any value.
      starts: int64 [n + 1]; sketch i is points[starts[i]:starts[i + 1]] and may be empty.
      refused: index of an item that is no [n, 3] array of numbers -> why. It counts as an empty
        sketch, so that indices are those of the file.
    """

    points: NDArray
    starts: NDArray[np.int64]
    refused: dict[int, str]


def read_raw_npz(path: str | os.PathLike[str]) -> dict[str, RawSplit]:
    """Reads the splits that a file has as they are, as safely as `read_npz` but unchecked.

    For looking at data that `read_npz` may refuse: splits may be missing or empty, and sketches
    be empty or hold any numbers; nothing is clamped.

    Raises:
      DataError: as `read_npz` does for a file or pickle that cannot be read; the file has none of
        the splits; over `MOST_REFUSED` items of one are no arrays of points.
    """
    path = Path(path)
    label = str(path)
    with _open_archive(path, label) as archive:
        splits = _splits_of(archive)
        if not splits:
            raise DataError(_lacks(archive, SPLITS, label))
        result = {}
        for split in splits:
            refused: dict[int, str] = {}
            points, starts = _decode_split(archive, split, label, refused)
            result[split] = RawSplit(points, starts, refused)
        return result


def write_npz(
    path: str | os.PathLike[str],
    *,
    train: Iterable[ArrayLike],
    valid: Iterable[ArrayLike],
    test: Iterable[ArrayLike],
) -> None:
    """Writes a data set, whole or not at all; equal sketches give equal bytes.

    Any NumPy reads it (`np.load(path, allow_pickle=True)`), the original's versions on Python 2
    and 3 included. Items are int16 when all values are whole and fit, else float32.

    Args:
      path: the file, replaced if it is there; its folder must exist.
      train, valid, test: stroke-3 sketches [n, 3] in pixel units; a SketchSet will do.

    Raises:
      DataError: a split is empty, a sketch is not a valid one, or the file cannot be written.
    """
    path = Path(path)
    sets = {}
    for split, sketches in zip(SPLITS, (train, valid, test), strict=True):
        if not isinstance(sketches, SketchSet):
            sketches = SketchSet.from_sketches(sketches, f"{path.name}, {split}")
        if not len(sketches):
            raise DataError(f"{path.name}, {split}: no sketches to write, expected at least 1")
        sets[split] = sketches
    whole = all(fits_int16(sketches.points) for sketches in sets.values())
    dtype = "<i2" if whole else "<f4"
    stream_npz(
        path,
        dtype,
        {split: (len(sketches), _items(sketches, dtype)) for split, sketches in sets.items()},
    )


def stream_npz(
    path: str | os.PathLike[str],
    dtype: str,
    splits: Mapping[str, tuple[int, Iterable[NDArray]]],
) -> None:
    """Writes a data set whose sketches come one by one, as `write_npz` does; none is kept.

    Args:
      path: the file, replaced if it is there; its folder must exist.
      dtype: "<i2" or "<f4".
      splits: for each of train, valid and test how many sketches there are, at least 1, and these,
        valid stroke-3 sketches [n, 3] of that type. They are taken one split after another.

    Raises:
      DataError: a split is larger than `read_npz` reads back, or the file cannot be written.
    """
    path = Path(path)
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
            for split in SPLITS:
                # A ZipInfo of its own has a fixed date, so that the bytes depend on data alone.
                member = zipfile.ZipInfo(f"{split}.npy")
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = 0o644 << 16
                size = 0
                with archive.open(member, "w") as target:
                    for block in _blocks(_npy_parts(dtype, *splits[split])):
                        size += len(block)
                        if size > MAX_SPLIT_BYTES:
                            raise too_large(f"{path}, {split}")
                        target.write(block)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def too_large(name: str) -> DataError:
    """The error for a split of over `MAX_SPLIT_BYTES`."""
    return DataError(
        f"{name}: over {MAX_SPLIT_BYTES:,} bytes, more than is read back; "
        "make several data sets, or one of fewer sketches"
    )


# Reading


def _open_archive(path: Path, label: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{label}: no such file{did_you_mean(path, ('.npz',))}") from None
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from None
    except Exception:  # BadZipFile, or what a damaged directory of members makes zipfile raise
        raise DataError(
            f"{label}: not a zip archive, or cut short; copy or download the .npz file again"
        ) from None


def _splits_of(archive: zipfile.ZipFile) -> list[str]:
    members = set(archive.namelist())
    return [split for split in SPLITS if f"{split}.npy" in members]


def _lacks(archive: zipfile.ZipFile, missing: Iterable[str], label: str) -> str:
    members = archive.namelist()
    return (
        f"{label}: no split {', '.join(missing)}, expected train, valid and test; "
        f"the file has {', '.join(map(printable, members[:6])) or 'nothing'}"
    )


def _read_split(archive: zipfile.ZipFile, split: str, label: str) -> SketchSet:
    name = f"{label}, {split}"
    points, starts = _decode_split(archive, split, label)
    if len(starts) == 1:
        raise DataError(f"{name}: the split is empty, expected at least 1 sketch")
    check_values(points, starts, name)
    with np.errstate(over="ignore"):  # what overflows float32 is clamped next
        points = points.astype(np.float32)
    np.clip(points[:, :2], -MAX_OFFSET, MAX_OFFSET, out=points[:, :2])
    return SketchSet(points, starts)


def _decode_split(
    archive: zipfile.ZipFile, split: str, label: str, refused: dict[int, str] | None = None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Returns points [N, 3], of any values in the file's own type, and starts [n + 1].

    Args:
      refused: takes the items that are no sketches, and why; they and empty ones are then sketches
        without points. When None, the first such item is an error.
    """
    name = f"{label}, {split}"
    member = _member_bytes(archive, f"{split}.npy", name)
    file = io.BytesIO(member)
    try:
        with warnings.catch_warnings():
            # Headers by Python 2 may hold numbers like 7400L; NumPy reads them but warns.
            warnings.simplefilter("ignore", UserWarning)
            readers = {
                (1, 0): npy.read_array_header_1_0,
                (2, 0): npy.read_array_header_2_0,
            }
            shape, fortran_order, dtype = readers[npy.read_magic(file)](file)
    except Exception as error:  # a damaged header raises one of many
        raise DataError(f"{name}: not an array in .npy format ({_reason(error)})") from None
    if shape and shape[0] == 0:
        return np.zeros((0, 3), np.float32), starts_of([])
    if dtype.hasobject and dtype.names is None:
        return _flatten_items(_unpickle_items(file, shape, name), name, refused)
    return _flatten_block(member, file.tell(), shape, fortran_order, dtype, name)


def _member_bytes(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    info = archive.getinfo(member)
    if info.file_size > MAX_SPLIT_BYTES:
        raise DataError(
            f"{name}: {info.file_size:,} bytes when unpacked, over the limit of {MAX_SPLIT_BYTES:,}"
        )
    try:
        # zipfile stops at the declared size, however far the compressed data would go.
        with archive.open(info) as file:
            return file.read()
    except Exception as error:  # zlib, lzma, struct, EOFError, NotImplementedError, encryption …
        raise DataError(
            f"{name}: damaged or cut short ({_reason(error)}); copy or download the file again"
        ) from None


def _flatten_block(
    member: bytes,
    offset: int,
    shape: tuple[int, ...],
    fortran_order: bool,
    dtype: np.dtype,
    name: str,
) -> tuple[NDArray, NDArray[np.int64]]:
    if dtype.kind not in "biuf":
        raise DataError(f"{name}: expected sketches of real numbers, got the type {dtype}")
    _check_block_shape(shape, name)
    size = len(member) - offset
    if prod(shape) * dtype.itemsize != size:
        raise DataError(f"{name}: {size} bytes of data for an array {list(shape)} of {dtype}")
    block = np.frombuffer(member, dtype, offset=offset)
    block = block.reshape(shape, order="F" if fortran_order else "C")
    return block.reshape(-1, 3), np.arange(shape[0] + 1) * shape[1]


def _check_block_shape(shape: tuple[int, ...], name: str) -> None:
    if len(shape) != 3:
        raise DataError(
            f"{name}: expected an object array of sketches or an array [m, n, 3], "
            f"got shape {list(shape)}"
        )
    check_shape(shape[1:], f"{name}[0]")


def _unpickle_items(file: io.BytesIO, shape: tuple[int, ...], name: str) -> list[Any]:
    """Returns the items of the object array pickled in file: `Array`s, lists, or anything."""
    try:
        root = array_pickle.load(file)
    except Exception as error:  # damaged or crafted pickles raise nearly anything
        raise DataError(f"{name}: unsupported or damaged pickle ({_reason(error)})") from None
    if type(root) is not Array or type(root.data) is not list or root.shape != shape:
        raise DataError(f"{name}: the pickle is not an object array of shape {list(shape)}")
    if len(shape) == 1:
        return root.data
    # NumPy makes an [m, n, 3] array of Python numbers from sketches that all have n points.
    _check_block_shape(shape, name)
    size = 3 * shape[1]
    return [Array.of(shape[1:], root.data[i : i + size]) for i in range(0, len(root.data), size)]


def _flatten_items(
    items: list[Any], name: str, refused: dict[int, str] | None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Returns points [N, 3] in the items' own type, and starts. Empties the list.

    For `refused` see `_decode_split`.
    """
    others = [item for item in items if type(item) is not Array or type(item.data) is list]
    # Items may be one and the same object many times over, so this is not bounded by the file.
    size = sum(len(item.data) for item in items if type(item) is Array)
    if size + 8 * sum(map(_count, others)) > MAX_SPLIT_BYTES:
        raise DataError(f"{name}: over {MAX_SPLIT_BYTES:,} bytes of points")
    # Converted once each. These keep the items too, so that none gets the id of one that is gone.
    times = Counter(map(id, others))
    del others
    repeated: dict[int, tuple[Any, Array]] = {}
    for index, item in enumerate(items):
        ready, key = type(item) is Array and type(item.data) is not list, id(item)
        if not ready and key in repeated:
            items[index] = repeated[key][1]
            continue
        try:
            array = item if ready else _array_of_numbers(item, f"{name}[{index}]")
            if len(array.shape) != 2 or array.shape[1] != 3 or array.shape[0] < 1:
                if refused is None or array.shape != (0, 3):
                    check_shape(array.shape, f"{name}[{index}]")
        except DataError as error:
            if refused is None:
                raise
            if len(refused) == MOST_REFUSED:
                raise DataError(f"{error}; and so for over {MOST_REFUSED:,} items") from None
            refused[index] = str(error)
            items[index] = _NO_POINTS
            continue
        if not ready and times[key] > 1:
            repeated[key] = item, array
        items[index] = array
    starts = starts_of([item.shape[0] for item in items])
    filled = [item for item in items if item.data]
    types = {item.dtype for item in filled} or {np.dtype(np.float32)}
    if len(types) == 1:
        points = np.frombuffer(b"".join([item.data for item in filled]), types.pop())
    else:
        points = np.concatenate(
            [np.frombuffer(item.data, item.dtype).astype(np.float64) for item in filled]
        )
    items.clear()
    return points.reshape(-1, 3), starts


_NO_POINTS = Array.of((0, 3), b"", np.dtype(np.float32))


def _count(item: Any) -> int:
    """How many numbers an item that is not an array of numbers has, 0 if it cannot be a sketch."""
    if type(item) is Array:
        return len(item.data)
    return 3 * len(item) if type(item) in (list, tuple) else 0


def _array_of_numbers(item: Any, where: str) -> Array:
    """Returns a list of [dx, dy, lift] lists, or an object array [n, 3], as an array of float64."""
    if type(item) is Array:
        shape, values = item.shape, item.data
    elif type(item) in (list, tuple):
        if not all(type(row) in (list, tuple) and len(row) == 3 for row in item):
            raise DataError(f"{where}: expected a stroke-3 sketch [n, 3], got other lists")
        shape, values = (len(item), 3), [value for row in item for value in row]
    else:
        kind = type(item).__name__.lstrip("_").lower()
        raise DataError(f"{where}: expected a stroke-3 sketch [n, 3], got an object ({kind})")
    if not all(type(value) in (int, float, bool) for value in values):
        raise DataError(f"{where}: expected numbers only")
    try:
        return Array.of(shape, np.array(values, np.float64).tobytes(), np.dtype(np.float64))
    except OverflowError:
        raise DataError(f"{where}: a number is too large") from None


def _reason(error: BaseException) -> str:
    return printable(str(error) or type(error).__name__)


# Writing


def fits_int16(points: NDArray) -> bool:
    """Whether all values are whole numbers that int16 holds."""
    return bool(((points == np.rint(points)) & (np.abs(points) < 1 << 15)).all())


def _items(sketches: SketchSet, dtype: str) -> Iterator[NDArray]:
    points = sketches.points.astype(dtype)
    for start, end in zip(sketches.starts[:-1].tolist(), sketches.starts[1:].tolist(), strict=True):
        yield points[start:end]


def _npy_parts(dtype: str, count: int, items: Iterable[NDArray]) -> Iterator[bytes]:
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (count,)})
    yield header.getvalue()
    yield from array_pickle.parts(count, dtype, items)


def _blocks(parts: Iterable[bytes], size: int = 1 << 20) -> Iterator[bytes]:
    """The same bytes in blocks of one size, so that what compresses them always sees the same."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        if len(buffer) >= size:
            whole = len(buffer) - len(buffer) % size
            for start in range(0, whole, size):
                yield bytes(buffer[start : start + size])
            del buffer[:whole]
    yield bytes(buffer)
