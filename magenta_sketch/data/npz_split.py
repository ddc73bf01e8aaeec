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


def decode_split(
    data: bytes, name: str, refused: dict[int, str] | None = None, columns: int = 3
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points [N, columns] and starts [n + 1]. Values are unchecked, of the file's type.

    Args:
      data: the `.npy` file.
      name: the split's name in messages.
      refused: a dict to fill: index -> reason, for each item that is not a sketch. Such items and
        empty ones become sketches without points. None: the first such item is an error.
      columns: numbers in a row: 3, or 5 for stroke-5.

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
        return np.zeros((0, columns), np.float32), starts_of([])
    if dtype.hasobject and dtype.names is None:
        items = _unpickle_items(file, shape, name, columns)
        return _flatten_items(items, name, refused, columns)
    return _flatten_block(data, file.tell(), shape, fortran_order, dtype, name, columns)


def _flatten_block(
    data: bytes,
    offset: int,
    shape: tuple[int, ...],
    fortran_order: bool,
    dtype: np.dtype,
    name: str,
    columns: int,
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points and starts of a number array [m, n, columns] that begins at ``offset``."""
    if dtype.kind not in "biuf":
        raise DataError(f"{name}: expected sketches of real numbers, got the type {dtype}")
    _check_block_shape(shape, name, columns)
    size = len(data) - offset
    if prod(shape) * dtype.itemsize != size:
        raise DataError(f"{name}: {size} bytes of data for an array {list(shape)} of {dtype}")
    block = np.frombuffer(data, dtype, offset=offset)
    block = block.reshape(shape, order="F" if fortran_order else "C")
    return block.reshape(-1, columns), np.arange(shape[0] + 1) * shape[1]


def _check_block_shape(shape: tuple[int, ...], name: str, columns: int) -> None:
    if len(shape) != 3:
        raise DataError(
            f"{name}: expected an object array of sketches or an array [m, n, 3], "
            f"got shape {list(shape)}"
        )
    check_shape(shape[1:], f"{name}[0]", columns)


def _unpickle_items(file: io.BytesIO, shape: tuple[int, ...], name: str, columns: int) -> list[Any]:
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
    _check_block_shape(shape, name, columns)
    size = columns * shape[1]
    return [Array.of(shape[1:], root.data[i : i + size]) for i in range(0, len(root.data), size)]


def _flatten_items(
    items: list[Any], name: str, refused: dict[int, str] | None, columns: int
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return points [N, columns] in the items' number type, and starts.

    For `refused` see `decode_split`.
    """
    arrays = _sketch_arrays(items, name, refused, columns)
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
    return points.reshape(-1, columns), starts


def _sketch_arrays(
    items: list[Any], name: str, refused: dict[int, str] | None, columns: int
) -> list[Array]:
    """Replace each item of the list by an array of numbers, [n, columns]. Return the list."""
    others = [item for item in items if type(item) is not Array or type(item.data) is list]
    # An object may occur many times, so the file's size is no limit for this.
    size = sum(len(item.data) for item in items if type(item) is Array)
    limit = npz_archive.MAX_SPLIT_BYTES
    if size + 8 * sum(_count(item, columns) for item in others) > limit:
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
            array = item if ready else _array_of_numbers(item, f"{name}[{index}]", columns)
            if refused is None or array.shape != (0, columns):
                check_shape(array.shape, f"{name}[{index}]", columns)
        except DataError as error:
            if refused is None:
                raise
            if len(refused) == MOST_REFUSED:
                raise DataError(f"{error}; and so for over {MOST_REFUSED:,} items") from None
            refused[index] = str(error)
            items[index] = Array.of((0, columns), b"", np.dtype(np.float32))
            continue
        if not ready and times[key] > 1:
            repeated[key] = item, array
        items[index] = array
    return items


def _count(item: Any, columns: int) -> int:
    """Return the number of values in an item that is no number array; 0 if it is no sketch."""
    if type(item) is Array:
        return len(item.data)
    return columns * len(item) if type(item) in (list, tuple) else 0


def _array_of_numbers(item: Any, where: str, columns: int) -> Array:
    """Return a list of rows, or an object array [n, columns], as a float64 array."""
    if type(item) is Array:
        shape, values = item.shape, item.data
    elif type(item) in (list, tuple):
        if not all(type(row) in (list, tuple) and len(row) < 9 for row in item):
            raise DataError(f"{where}: expected a stroke-3 sketch [n, 3], got other lists")
        widths = {len(row) for row in item} or {columns}
        if len(widths) > 1:
            raise DataError(
                f"{where}: expected a stroke-3 sketch [n, 3], got rows of several sizes"
            )
        shape, values = (len(item), widths.pop()), [value for row in item for value in row]
    else:
        kind = type(item).__name__.lstrip("_").lower()
        raise DataError(f"{where}: expected a stroke-3 sketch [n, 3], got an object ({kind})")
    if not all(type(value) in (int, float, bool) for value in values):
        raise DataError(f"{where}: expected numbers only")
    try:
        return Array.of(shape, np.array(values, np.float64).tobytes(), np.dtype(np.float64))
    except OverflowError:
        raise DataError(f"{where}: a number is too large") from None
