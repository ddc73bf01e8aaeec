"""Decode the `.npy` file of one split into flat points and starts.

The file holds an array [m, n, 3] or an object array of sketches. The latter is a pickle, which
`safe_pickle` reads. Its sketches are arrays; in some files, lists of rows or arrays of Python
numbers.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from magenta_sketch.data import npz_archive, safe_pickle
from magenta_sketch.data.npz_archive import reason
from magenta_sketch.data.safe_pickle import Array
from magenta_sketch.data.sketch_set import check_shape, starts_of
from magenta_sketch.errors import DataError

MOST_REFUSED = 1000  # with more items that are not sketches, it is not a split of sketches

_NO_POINTS = Array.of((0, 3), b"", np.dtype(np.float32))


def decode_split(
    data: bytes, name: str, refused: dict[int, str] | None = None
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points [N, 3] and starts [n + 1]. Values are unchecked, in the file's number type.

    Args:
      data: the `.npy` file.
      name: the split's name in messages.
      refused: a dict to fill: index -> reason, for each item that is not a sketch. Such items and
        empty ones become sketches without points. None: the first such item is an error.

    Raises:
      DataError: the file is damaged, or holds something other than sketches.
    """
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            # Headers by Python 2 may hold numbers like 7400L; NumPy reads them but warns.
            warnings.simplefilter("ignore", UserWarning)
            readers = {
                (1, 0): npy.read_array_header_1_0,
                (2, 0): npy.read_array_header_2_0,
            }
            shape, fortran_order, dtype = readers[npy.read_magic(file)](file)
    except Exception as error:  # a damaged header may raise almost any error
        raise DataError(f"{name}: not an array in .npy format ({reason(error)})") from None
    if shape and shape[0] == 0:
        return np.zeros((0, 3), np.float32), starts_of([])
    if dtype.hasobject and dtype.names is None:
        return _flatten_items(_unpickle_items(file, shape, name), name, refused)
    return _flatten_block(data, file.tell(), shape, fortran_order, dtype, name)


def _flatten_block(
    data: bytes,
    offset: int,
    shape: tuple[int, ...],
    fortran_order: bool,
    dtype: np.dtype,
    name: str,
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points and starts of a number array [m, n, 3] that begins at ``offset``."""
    if dtype.kind not in "biuf":
        raise DataError(f"{name}: expected sketches of real numbers, got the type {dtype}")
    _check_block_shape(shape, name)
    size = len(data) - offset
    if prod(shape) * dtype.itemsize != size:
        raise DataError(f"{name}: {size} bytes of data for an array {list(shape)} of {dtype}")
    block = np.frombuffer(data, dtype, offset=offset)
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
    """Return the items of the object array pickled in file: `Array`s, lists, or anything else."""
    try:
        root = safe_pickle.load(file)
    except Exception as error:  # damaged or crafted pickles may raise almost any error
        raise DataError(f"{name}: unsupported or damaged pickle ({reason(error)})") from None
    if type(root) is not Array or type(root.data) is not list or root.shape != shape:
        raise DataError(f"{name}: the pickle is not an object array of shape {list(shape)}")
    if len(shape) == 1:
        return root.data
    # If all sketches are lists of n points, NumPy makes one [m, n, 3] array of Python numbers.
    _check_block_shape(shape, name)
    size = 3 * shape[1]
    return [Array.of(shape[1:], root.data[i : i + size]) for i in range(0, len(root.data), size)]


def _flatten_items(
    items: list[Any], name: str, refused: dict[int, str] | None
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points [N, 3] in the items' number type, and starts.

    For `refused` see `decode_split`.
    """
    arrays = _sketch_arrays(items, name, refused)
    starts = starts_of([array.shape[0] for array in arrays])
    filled = [array for array in arrays if array.data]
    types: set[Any] = {array.dtype for array in filled} or {np.dtype(np.float32)}
    bytes_of_each: list[Any] = [array.data for array in filled]
    if len(types) == 1:
        points = np.frombuffer(b"".join(bytes_of_each), types.pop())
    else:
        points = np.concatenate(
            [
                np.frombuffer(data, array.dtype).astype(np.float64)
                for data, array in zip(bytes_of_each, filled, strict=True)
            ]
        )
    return points.reshape(-1, 3), starts


def _sketch_arrays(items: list[Any], name: str, refused: dict[int, str] | None) -> list[Array]:
    """Replace each item of the list by an array of numbers, [n, 3]. Return the list."""
    others = [item for item in items if type(item) is not Array or type(item.data) is list]
    # An object may occur many times, so the file's size is no limit for this.
    size = sum(len(item.data) for item in items if type(item) is Array)
    limit = npz_archive.MAX_SPLIT_BYTES
    if size + 8 * sum(map(_count, others)) > limit:
        raise DataError(f"{name}: over {limit:,} bytes of points")
    # Each object is converted once. It is also kept, so that no other object gets its id.
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
    return items


def _count(item: Any) -> int:
    """Return the number of values in an item that is no number array; 0 if it is no sketch."""
    if type(item) is Array:
        return len(item.data)
    return 3 * len(item) if type(item) in (list, tuple) else 0


def _array_of_numbers(item: Any, where: str) -> Array:
    """Return a list of [dx, dy, lift] lists or an object array [n, 3] as a float64 array."""
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
