"""Read pickles of object arrays without running code in them.

Loading a pickle can run any program. `load` accepts only the names that pickles of arrays contain.
It replaces each by a stand-in, which only stores what the file says. NumPy's real classes would not
be safe: if a pickle lies about the flags of a dtype, `ndarray.__setstate__` takes bytes for
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
    """Return the object pickled in file; arrays become `Array`s.

    The memory needed is limited by a multiple of the file's size.

    Raises:
      Exception: almost any, if the pickle is damaged or holds something other than arrays,
        containers, numbers and text.
    """
    data, start = file.getvalue(), file.tell()
    _check_opcodes(data, start)
    _copies.left = _COPIES_PER_BYTE * (len(data) - start)
    # In protocols without frames, the unpickler reads byte by byte and needs a buffer.
    framed = data[start : start + 1] == b"\x80" and data[start + 1 : start + 2] >= b"\x04"
    return _Unpickler(file if framed else io.BufferedReader(file, 1 << 17)).load()


# The unpickler's memo is a C array as long as the largest index in the pickle, which may be 2**32:
# five bytes could take 64 GiB. So the opcodes are checked first. One regular expression matches
# many opcodes without a string, and the start of the next string. pickletools would take longer
# than everything else in reading a file.
_OPCODES = (
    rb"(?:[]N\x88\x89ael)t\x85-\x87}dsu\x8f-\x9402(1RboQ\x81\x97\x98]+"
    rb"|(?:[Khq\x80\x82].)+|[M\x83]..|[Jj\x84]....|[G\x95].{8}|%s|p[0-9]{1,4}\n"
    rb"|[gILSVFP][^\n]*\n|[ci][^\n]*\n[^\n]*\n){0,500}"
    rb"(?:[XTB\x8b](?P<four>.{4})|[UC\x8c\x8a](?P<one>.)|[\x8d\x8e\x96](?P<eight>.{8})"
    rb"|p(?P<put>[0-9]{5,10})\n|(?P<stop>\.))?"
)


def _check_opcodes(data: bytes, position: int) -> None:
    """Raise UnpicklingError if a memo index or the length of a string exceeds the data."""
    limit = len(data) - position  # every memo entry takes at least one byte
    high = f"\\x{limit >> 16 & 255:02x}" if limit < 1 << 24 else f"\\x{limit >> 24:02x}"
    # LONG_BINPUT with a little-endian index of at most the limit, rounded up.
    put = rf"r..[\x00-{high}]\x00" if limit < 1 << 24 else rf"r...[\x00-{high}]"
    match = re.compile(_OPCODES % put.encode(), re.DOTALL).match
    four_bytes = struct.Struct("<I").unpack
    while position <= len(data):
        found = match(data, position)
        assert found is not None  # the expression also matches the empty string
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


# Stand-ins copy data, and a pickle may refer to the same data many times. Pickles of
# arrays need few copies: at most, one byte becomes a list item of eight bytes, or one byte of text
# that is encoded and then reordered.
_COPIES_PER_BYTE = 16
_copies = threading.local()


def _count_copy(size: int) -> None:
    _copies.left -= size
    if _copies.left < 0:
        raise pickle.UnpicklingError("it unpacks to far more than it holds; do not trust this file")


# Stand-ins for NumPy. Each is a class with __setstate__: else a pickle could "build" the class
# itself, and so change it for the rest of the program. Type checks are exact, as a pickle
# cannot make subclasses.


class _DType:
    """Stand-in for numpy.dtype.

    A pickle calls dtype('i2', False, True), then
    __setstate__((3, '<', None, None, None, -1, -1, 0)).
    """

    __slots__ = ("code", "real")
    code: str
    real: np.dtype | None  # NumPy's type; None for objects

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
    """Stand-in for numpy.ndarray and for NumPy's _reconstruct.

    A pickle calls _reconstruct(ndarray, (0,), b'b'), then
    __setstate__((1, shape, dtype, fortran_order, data)). After that, `data` is a list if the array
    holds objects (dtype None), else bytes in C order whose number fits shape and dtype.
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
        """Return an array with these attributes, which must fit each other."""
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
            # Copied, because the pickle could change its list after this check.
            if type(data) is list:
                _count_copy(8 * len(data))
            data = list(data) if type(data) is list else None
            # Objects are in C order even if fortran_order is true; numbers are not.
            if data is None or len(data) != prod(shape):
                raise pickle.UnpicklingError("an object array whose data do not fit its shape")
        else:
            if type(data) is str:  # from Python 2, read as latin1
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
    """Stand-in for numpy.core.numeric._frombuffer(buffer, dtype, shape, order), of protocol 5."""

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
    """Stand-in for _codecs.encode(text, 'latin1'), Python 3's way to write bytes for Python 2."""

    __slots__ = ()

    def __new__(cls, text: Any, encoding: Any) -> Any:
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("text in an unknown encoding")
        _count_copy(len(text))
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes with a state")


class _EmptyBytes:
    """Stand-in for bytes() without arguments, Python 3's way to write b'' for Python 2."""

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
    """Read pickles of arrays as stand-ins. A name that arrays do not need is an error."""

    def __init__(self, file: BinaryIO) -> None:
        # latin1 maps every byte of Python 2's strings to one character and back.
        super().__init__(file, encoding="latin1")

    def find_class(self, module_name: str, global_name: str) -> type:
        # Look up the whole name: import no module and follow no dots.
        stand_in = _STAND_INS.get((module_name, global_name))
        if stand_in is None:
            raise pickle.UnpicklingError(
                f"it asks for {printable(f'{module_name}.{global_name}')}, "
                "which arrays do not need; do not trust this file"
            )
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data elsewhere")
