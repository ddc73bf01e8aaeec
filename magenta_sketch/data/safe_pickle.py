"""Pickles of object arrays, read without running anything in them.

Loading a pickle can run any program. `load` knows only the names that pickles of arrays contain,
and gives inert stand-ins for these, which hold what the file says. NumPy's real classes would not
be safe: a pickle that lies about the flags of a dtype makes `ndarray.__setstate__` take bytes for
pointers.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import threading
from math import prod
from typing import Any, BinaryIO

import numpy as np

from magenta_sketch.data.messages import printable


def load(file: io.BytesIO) -> Any:
    """Return the object pickled in file, the arrays in it as `Array`s.

    What it takes in memory is bounded by a multiple of the file's size.

    Raises:
      Exception: nearly any, when the pickle is damaged or holds anything else than arrays,
        containers, numbers and text.
    """
    data, start = file.getvalue(), file.tell()
    _check_opcodes(data, start)
    _copies.left = _COPIES_PER_BYTE * (len(data) - start)
    # Protocols without frames make the unpickler read a byte at a time.
    framed = data[start : start + 1] == b"\x80" and data[start + 1 : start + 2] >= b"\x04"
    return _Unpickler(file if framed else io.BufferedReader(file, 1 << 17)).load()


# The unpickler's memo is a C array as long as the largest index in the pickle, which may be 2**32:
# five bytes would take 64 GiB. So the opcodes are walked over first. One regular expression takes
# those without a string, as many as there are, and the start of the next string; walking over them
# with pickletools would take longer than all the rest of reading a file.
_OPCODES = (
    rb"(?:[]N\x88\x89ael)t\x85-\x87}dsu\x8f-\x9402(1RboQ\x81\x97\x98]+"
    rb"|(?:[Khq\x80\x82].)+|[M\x83]..|[Jj\x84]....|[G\x95].{8}|%s|p[0-9]{1,4}\n"
    rb"|[gILSVFP][^\n]*\n|[ci][^\n]*\n[^\n]*\n){0,500}"
    rb"(?:[XTB\x8b](?P<four>.{4})|[UC\x8c\x8a](?P<one>.)|[\x8d\x8e\x96](?P<eight>.{8})"
    rb"|p(?P<put>[0-9]{5,10})\n|(?P<stop>\.))?"
)


def _check_opcodes(data: bytes, position: int) -> None:
    """Raise UnpicklingError where memo indices or the lengths of strings go beyond the data."""
    limit = len(data) - position  # every entry takes a byte at least
    high = f"\\x{limit >> 16 & 255:02x}" if limit < 1 << 24 else f"\\x{limit >> 24:02x}"
    # LONG_BINPUT, its little-endian index at most limit, rounded up.
    put = rf"r..[\x00-{high}]\x00" if limit < 1 << 24 else rf"r...[\x00-{high}]"
    match = re.compile(_OPCODES % put.encode(), re.DOTALL).match
    four_bytes = struct.Struct("<I").unpack
    while position <= len(data):
        found = match(data, position)
        assert found is not None  # the expression matches nothing at all, too
        four, one, eight, index, stop = found.groups()
        previous, position = position, found.end()
        if four is not None:
            position += four_bytes(four)[0]
        elif one is not None:
            position += one[0]
        elif stop is not None:
            return
        elif eight is not None:
            position += int.from_bytes(eight, "little")
        elif position == previous or (index is not None and int(index) > limit):
            break
    raise pickle.UnpicklingError(f"cut short, or not a pickle of arrays, at byte {position}")


# Stand-ins copy data, and a pickle may refer to the same data any number of times. Arrays that
# differ do not share data; at most, one byte of a pickle stands for an item of a list, which takes
# eight bytes, or for one of text that is encoded and then put into another order.
_COPIES_PER_BYTE = 16
_copies = threading.local()


def _count_copy(size: int) -> None:
    _copies.left -= size
    if _copies.left < 0:
        raise pickle.UnpicklingError("it unpacks to far more than it holds; do not trust this file")


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
            raise pickle.UnpicklingError(f"numbers of the type {printable(code)}")
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


class Array:
    """_reconstruct(ndarray, (0,), b'b'), then __setstate__((1, shape, dtype, fortran, data)).

    It stands for numpy.ndarray and for _reconstruct. In the end `data` is a list when the array
    holds objects (dtype None), else bytes in C order whose number agrees with shape and dtype.
    """

    __slots__ = ("data", "dtype", "shape")
    shape: tuple[int, ...]
    dtype: np.dtype | None
    data: bytes | list[Any]

    def __new__(cls, subtype: Any, shape: Any, typecode: Any) -> Array:
        if subtype is not Array:
            raise pickle.UnpicklingError("an array of an unsupported class")
        return cls.of((0,), b"", _NATIVE_FLOAT64)

    @classmethod
    def of(
        cls, shape: tuple[int, ...], data: bytes | list[Any], dtype: np.dtype | None = None
    ) -> Array:
        """Return an array of these attributes, which must agree with each other."""
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
            if type(data) is list:
                _count_copy(8 * len(data))
            data = list(data) if type(data) is list else None
            # Objects are in C order whatever fortran_order says; numbers are not.
            if data is None or len(data) != prod(shape):
                raise pickle.UnpicklingError("an object array whose data do not fit its shape")
        else:
            if type(data) is str:  # of Python 2, read as latin1
                _count_copy(len(data))
                data = data.encode("latin1")
            elif type(data) is bytearray:
                _count_copy(len(data))
                data = bytes(data)
            if type(data) is not bytes or len(data) != prod(shape) * real.itemsize:
                raise pickle.UnpicklingError("an array whose data do not fit its shape")
            if fortran_order and len(shape) > 1:
                _count_copy(len(data))
                data = np.frombuffer(data, real).reshape(shape, order="F").tobytes()
        self.shape, self.dtype, self.data = shape, real, data


class _FromBuffer:
    """numpy.core.numeric._frombuffer(buffer, dtype, shape, order), of protocol 5."""

    __slots__ = ()

    def __new__(cls, buffer: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Any:
        if axes is not None or order not in ("C", "F"):
            raise pickle.UnpicklingError("an array in an unknown order")
        array = Array(Array, (0,), b"b")
        array.__setstate__((1, shape, dtype, order == "F", buffer))
        return array

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a buffer with a state")


class _Encode:
    """_codecs.encode(text, 'latin1'): bytes, as Python 3 writes them for Python 2."""

    __slots__ = ()

    def __new__(cls, text: Any, encoding: Any) -> Any:
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("text in an unknown encoding")
        _count_copy(len(text))
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes with a state")


class _EmptyBytes:
    """bytes(), without arguments: how Python 3 writes b'' for Python 2."""

    __slots__ = ()

    def __new__(cls) -> Any:
        return b""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes with a state")


_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Encode,
    ("builtins", "bytes"): _EmptyBytes,
    ("__builtin__", "bytes"): _EmptyBytes,
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[f"{_core}.multiarray", "_reconstruct"] = Array
    _STAND_INS[f"{_core}.numeric", "_frombuffer"] = _FromBuffer


class _Unpickler(pickle.Unpickler):
    """Read pickles of arrays as stand-ins; any name that arrays do not need is an error."""

    def __init__(self, file: BinaryIO) -> None:
        # latin1 maps every byte of Python 2's strings to one character and back.
        super().__init__(file, encoding="latin1")

    def find_class(self, module_name: str, global_name: str) -> type:
        # A whole-name look-up: no module is imported, no attribute followed, dots mean nothing.
        stand_in = _STAND_INS.get((module_name, global_name))
        if stand_in is None:
            raise pickle.UnpicklingError(
                f"it asks for {printable(f'{module_name}.{global_name}')}, "
                "which arrays do not need; do not trust this file"
            )
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data elsewhere")
