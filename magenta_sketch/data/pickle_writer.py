"""Write pickles of object arrays that every NumPy and Python 2 and 3 can read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np


def pickle_parts(count: int, dtype: str, items: Iterable[np.ndarray]) -> Iterator[bytes]:
    """Yield the pickle of an object array of arrays, piece by piece.

    np.save would use the name `numpy._core`, which NumPy 1 lacks, and a protocol that Python 2
    lacks. These bytes are those of Python 3 with NumPy 1 in protocol 2, which all can read.

    Args:
      count: the number of items.
      dtype: their type, such as "<i2".
      items: arrays [n, 3] of that type.

    Raises:
      ValueError: the number of items is not `count`.
    """
    reconstruct, arguments, item_dtype, encode, latin1 = (b"h" + bytes([i]) for i in range(5))
    put = [b"q" + bytes([i]) for i in range(5)]
    new_array = reconstruct + arguments + b"R"
    yield b"".join(
        [
            b"\x80\x02",  # protocol 2
            b"cnumpy.core.multiarray\n_reconstruct\n" + put[0] + b"0",
            b"cnumpy\nndarray\nK\x00\x85" + _text("b") + b"\x87" + put[1] + b"0",
            _dtype(dtype[1:], dtype[0], 0) + put[2] + b"0",
            b"c_codecs\nencode\n" + put[3] + b"0",
            _text("latin1") + put[4] + b"0",
            # The outer array's state: (1, (n,), dtype('O'), False, [items]).
            new_array + b"(K\x01" + _int(count) + b"\x85" + _dtype("O8", "|", 63),
            b"\x89](",
        ]
    )
    given = 0
    for given, item in enumerate(items, 1):  # noqa: B007 (counted)
        data = encode + _text(item.tobytes().decode("latin1")) + latin1 + b"\x86R"
        shape = _int(len(item)) + b"K\x03\x86"
        yield new_array + b"(K\x01" + shape + item_dtype + b"\x89" + data + b"tb"
    if given != count:
        raise ValueError(f"{given} items, not {count}")
    yield b"etb."


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def _int(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _dtype(code: str, order: str, flags: int) -> bytes:
    head = b"cnumpy\ndtype\n" + _text(code) + b"\x89\x88\x87R"
    return head + b"(K\x03" + _text(order) + b"NNN" + _int(-1) + _int(-1) + _int(flags) + b"tb"
