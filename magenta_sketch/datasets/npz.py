"""Sketch-RNN's `.npz` files: object arrays `train`, `valid` and `test`, one [n, 3] item a sketch.

Object arrays are pickles, and loading a pickle can run any program. So NumPy's own reader is not
used for them: `_Unpickler` knows only the names that pickles of arrays contain, and gives inert
stand-ins for these, which hold what the file says and which this module then turns into numbers.
NumPy's real classes would not be safe: a pickle that lies about the flags of a dtype makes
`ndarray.__setstate__` take bytes for pointers.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.datasets.files import replacing
from magenta_sketch.datasets.sketch_set import (
    DataError,
    SketchSet,
    check_shape,
    check_values,
    starts_of,
)

SPLITS = ("train", "valid", "test")
MAX_OFFSET = 1000  # offsets beyond it are clamped, as the original does
# Uncompressed bytes of one split: forty times a QuickDraw class of 70,000 sketches.
MAX_SPLIT_BYTES = 1 << 30


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
        members = archive.namelist()
        missing = [split for split in SPLITS if f"{split}.npy" not in members]
        if missing:
            raise DataError(
                f"{label}: no split {', '.join(missing)}, expected train, valid and test; "
                f"the file has {', '.join(map(_printable, members[:6])) or 'nothing'}"
            )
        return {split: _read_split(archive, split, label) for split in SPLITS}


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
    whole = all(_fits_int16(sketches.points) for sketches in sets.values())
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
            for split, sketches in sets.items():
                # A ZipInfo of its own has a fixed date, so that the bytes depend on data alone.
                member = zipfile.ZipInfo(f"{split}.npy")
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = 0o644 << 16
                archive.writestr(member, _object_array_bytes(sketches, "<i2" if whole else "<f4"))
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


# Reading


def _open_archive(path: Path, label: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{label}: no such file") from None
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from None
    except Exception:  # BadZipFile, or what a damaged directory of members makes zipfile raise
        raise DataError(
            f"{label}: not a zip archive, or cut short; copy or download the .npz file again"
        ) from None


def _read_split(archive: zipfile.ZipFile, split: str, label: str) -> SketchSet:
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
    if dtype.hasobject and dtype.names is None:
        points, starts = _flatten_items(_unpickle_items(file, shape, name), name)
    else:
        points, starts = _flatten_block(member, file.tell(), shape, fortran_order, dtype, name)
    check_values(points, starts, name)
    with np.errstate(over="ignore"):  # what overflows float32 is clamped next
        points = points.astype(np.float32)
    np.clip(points[:, :2], -MAX_OFFSET, MAX_OFFSET, out=points[:, :2])
    return SketchSet(points, starts)


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
    if shape and shape[0] < 1:
        raise DataError(f"{name}: the split is empty, expected at least 1 sketch")
    if len(shape) != 3:
        raise DataError(
            f"{name}: expected an object array of sketches or an array [m, n, 3], "
            f"got shape {list(shape)}"
        )
    check_shape(shape[1:], f"{name}[0]")


def _unpickle_items(file: io.BytesIO, shape: tuple[int, ...], name: str) -> list[Any]:
    """Returns the items of the object array pickled in file: `_Array`s, lists, or anything."""
    try:
        root = _Unpickler(file).load()
    except Exception as error:  # damaged or crafted pickles raise nearly anything
        raise DataError(f"{name}: unsupported or damaged pickle ({_reason(error)})") from None
    if type(root) is not _Array or type(root.data) is not list or root.shape != shape:
        raise DataError(f"{name}: the pickle is not an object array of shape {list(shape)}")
    if len(shape) == 1:
        if not root.data:
            raise DataError(f"{name}: the split is empty, expected at least 1 sketch")
        return root.data
    # NumPy makes an [m, n, 3] array of Python numbers from sketches that all have n points.
    _check_block_shape(shape, name)
    size = 3 * shape[1]
    return [_Array.of(shape[1:], root.data[i : i + size]) for i in range(0, len(root.data), size)]


def _flatten_items(items: list[Any], name: str) -> tuple[NDArray, NDArray[np.int64]]:
    """Returns points [N, 3] in the items' own type, and starts. Empties the list."""
    for index, item in enumerate(items):
        if type(item) is not _Array or type(item.data) is list:
            item = items[index] = _array_of_numbers(item, f"{name}[{index}]")
        if len(item.shape) != 2 or item.shape[1] != 3 or item.shape[0] < 1:
            check_shape(item.shape, f"{name}[{index}]")
    # Items may be one and the same object many times over, so this is not bounded by the file.
    if sum(len(item.data) for item in items) > MAX_SPLIT_BYTES:
        raise DataError(f"{name}: over {MAX_SPLIT_BYTES:,} bytes of points")
    starts = starts_of([item.shape[0] for item in items])
    types = {item.dtype for item in items}
    if len(types) == 1:
        points = np.frombuffer(b"".join([item.data for item in items]), types.pop())
    else:
        points = np.concatenate(
            [np.frombuffer(item.data, item.dtype).astype(np.float64) for item in items]
        )
    items.clear()
    return points.reshape(-1, 3), starts


def _array_of_numbers(item: Any, where: str) -> _Array:
    """Returns a list of [dx, dy, lift] lists, or an object array [n, 3], as an array of float64."""
    if type(item) is _Array:
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
        return _Array.of(shape, np.array(values, np.float64).tobytes(), _NATIVE_FLOAT64)
    except OverflowError:
        raise DataError(f"{where}: a number is too large") from None


# What stands in for NumPy while unpickling. Each is a class with __setstate__, so that a pickle
# that "builds" the class itself, to change it for the rest of the program, fails. All checks of
# the form "exactly this type" keep out subclasses, which a pickle cannot make anyway.


class _DType:
    """numpy.dtype('i2', False, True), then __setstate__((3, '<', None, None, None, -1, -1, 0))."""

    __slots__ = ("code", "real")
    code: str
    real: np.dtype | None  # the type it stands for, None for objects

    def __new__(cls, code: Any = None, align: Any = False, copy: Any = True) -> _DType:
        code = code.decode("latin1") if type(code) is bytes else code
        if type(code) is not str or not re.fullmatch(r"O[48]?|b1|[iu][1248]|f[248]", code):
            raise pickle.UnpicklingError(f"numbers of the type {_printable(code)}")
        self = super().__new__(cls)
        self.code = code
        self.__setstate__((3, "="))
        return self

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("latin1") if type(state[1]) is bytes else state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("a dtype of unknown byte order")
        self.real = None if self.code[0] == "O" else np.dtype(order + self.code)


_NATIVE_FLOAT64 = np.dtype(np.float64)


class _Array:
    """_reconstruct(ndarray, (0,), b'b'), then __setstate__((1, shape, dtype, fortran, data)).

    It stands for numpy.ndarray and for _reconstruct. In the end `data` is a list when the array
    holds objects (dtype None), else bytes in C order whose number agrees with shape and dtype.
    """

    __slots__ = ("data", "dtype", "shape")
    shape: tuple[int, ...]
    dtype: np.dtype | None
    data: bytes | list[Any]

    def __new__(cls, subtype: Any, shape: Any, typecode: Any) -> _Array:
        if subtype is not _Array:
            raise pickle.UnpicklingError("an array of an unsupported class")
        return cls.of((0,), b"", _NATIVE_FLOAT64)

    @classmethod
    def of(
        cls, shape: tuple[int, ...], data: bytes | list[Any], dtype: np.dtype | None = None
    ) -> _Array:
        self = object.__new__(cls)
        self.shape, self.data, self.dtype = shape, data, dtype
        return self

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran_order, data = state[-4:]
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError("an array without a shape")
        if type(dtype) is not _DType:
            raise pickle.UnpicklingError("an array without a dtype")
        real = dtype.real
        if real is None:
            # Copied, because a pickle could go on to change its list after it has been checked.
            data = list(data) if type(data) is list else None
            # Objects are in C order whatever fortran_order says; numbers are not.
            if data is None or len(data) != prod(shape):
                raise pickle.UnpicklingError("an object array whose data do not fit its shape")
        else:
            if type(data) is str:  # of Python 2, read as latin1
                data = data.encode("latin1")
            elif type(data) is bytearray:
                data = bytes(data)
            if type(data) is not bytes or len(data) != prod(shape) * real.itemsize:
                raise pickle.UnpicklingError("an array whose data do not fit its shape")
            if fortran_order and len(shape) > 1:
                data = np.frombuffer(data, real).reshape(shape, order="F").tobytes()
        self.shape, self.dtype, self.data = shape, real, data


class _FromBuffer:
    """numpy.core.numeric._frombuffer(buffer, dtype, shape, order), of protocol 5."""

    __slots__ = ()

    def __new__(cls, buffer: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
        if axes is not None or order not in ("C", "F"):
            raise pickle.UnpicklingError("an array in an unknown order")
        array = _Array(_Array, (0,), b"b")
        array.__setstate__((1, shape, dtype, order == "F", buffer))
        return array

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a buffer with a state")


class _Encode:
    """_codecs.encode(text, 'latin1'): bytes, as Python 3 writes them for Python 2."""

    __slots__ = ()

    def __new__(cls, text: Any, encoding: Any) -> bytes:
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("text in an unknown encoding")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes with a state")


class _EmptyBytes:
    """bytes(), without arguments: how Python 3 writes b'' for Python 2."""

    __slots__ = ()

    def __new__(cls) -> bytes:
        return b""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes with a state")


_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Encode,
    ("builtins", "bytes"): _EmptyBytes,
    ("__builtin__", "bytes"): _EmptyBytes,
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[f"{_core}.multiarray", "_reconstruct"] = _Array
    _STAND_INS[f"{_core}.numeric", "_frombuffer"] = _FromBuffer


class _Unpickler(pickle.Unpickler):
    """Reads pickles of arrays as stand-ins; any name that arrays do not need is an error."""

    def __init__(self, file: io.BytesIO) -> None:
        # latin1 maps every byte of Python 2's strings to one character and back.
        super().__init__(file, encoding="latin1")

    def find_class(self, module_name: str, global_name: str) -> type:
        # A whole-name look-up: no module is imported, no attribute followed, dots mean nothing.
        stand_in = _STAND_INS.get((module_name, global_name))
        if stand_in is None:
            raise pickle.UnpicklingError(
                f"it asks for {_printable(f'{module_name}.{global_name}')}, "
                "which arrays do not need; do not trust this file"
            )
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data elsewhere")


def _reason(error: BaseException) -> str:
    return _printable(str(error) or type(error).__name__)


def _printable(text: Any) -> str:
    """One short line, whatever a file put into it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= 120 else line[:117] + "..."


# Writing


def _fits_int16(points: NDArray[np.float32]) -> bool:
    return bool(((points == np.rint(points)) & (np.abs(points) < 1 << 15)).all())


def _object_array_bytes(sketches: SketchSet, dtype: str) -> bytes:
    """Returns a `.npy` file: an object array of the sketches, each an array [n, 3] of dtype.

    np.save would name `numpy._core`, which NumPy 1 does not have, and use a protocol that Python 2
    does not have. This is what Python 3 with NumPy 1 writes in protocol 2, which all of them read.
    """
    header = io.BytesIO()
    npy.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (len(sketches),)}
    )
    reconstruct, arguments, item_dtype, encode, latin1 = (b"h" + bytes([i]) for i in range(5))
    put = [b"q" + bytes([i]) for i in range(5)]
    new_array = reconstruct + arguments + b"R"
    parts = [
        b"\x80\x02",  # protocol 2
        b"cnumpy.core.multiarray\n_reconstruct\n" + put[0] + b"0",
        b"cnumpy\nndarray\nK\x00\x85" + _text("b") + b"\x87" + put[1] + b"0",
        _dtype_pickle(dtype[1:], dtype[0], 0) + put[2] + b"0",
        b"c_codecs\nencode\n" + put[3] + b"0",
        _text("latin1") + put[4] + b"0",
        # The outer array's state: (1, (n,), dtype('O'), False, [items]).
        new_array + b"(K\x01" + _int(len(sketches)) + b"\x85" + _dtype_pickle("O8", "|", 63),
        b"\x89](",
    ]
    rows = sketches.points.astype(dtype)
    for start, end in zip(sketches.starts[:-1].tolist(), sketches.starts[1:].tolist(), strict=True):
        data = encode + _text(rows[start:end].tobytes().decode("latin1")) + latin1 + b"\x86R"
        shape = _int(end - start) + b"K\x03\x86"
        parts.append(new_array + b"(K\x01" + shape + item_dtype + b"\x89" + data + b"tb")
    parts.append(b"etb.")
    return header.getvalue() + b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def _int(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _dtype_pickle(code: str, order: str, flags: int) -> bytes:
    head = b"cnumpy\ndtype\n" + _text(code) + b"\x89\x88\x87R"
    return head + b"(K\x03" + _text(order) + b"NNN" + _int(-1) + _int(-1) + _int(flags) + b"tb"
