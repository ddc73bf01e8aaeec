"""Keep sketches on the disk while a data set is made, so that it may be larger than the memory.

A class has two files in a temporary folder: its points, one sketch after another, and one record
for each sketch. No file stays open. Sketches collect in memory and are appended to the files when
all classes together hold `_BUFFERED` bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_writer import fits_int16

KEY_DECIDES = 255  # instead of a split's number

_BUFFERED = 32 << 20  # bytes
_CHUNK = 1 << 18  # records read at once

_RECORD = np.dtype(
    [
        ("hash", "<u8"),
        ("identity", "<u8"),
        ("source", "<u4"),
        ("line", "<u4"),
        ("points", "<u4"),
        ("split", "u1"),
        ("is_float", "u1"),
    ]
)
_PACK = struct.Struct("<QQIIIBB").pack


class Entry(NamedTuple):
    """What is stored of a sketch besides its points.

    Attributes:
      hash: decides its split, see `splitting.hash_of`.
      identity: equal for two drawings of a class that are the same.
      source: number of its file.
      line: its line there.
      split: 0, 1, 2 for train, valid, test if the source gives it, else KEY_DECIDES.
    """

    hash: int
    identity: int
    source: int
    line: int
    split: int


class Spool:
    """The sketches of all classes.

    Args:
      folder: an existing folder for the files; the caller removes it.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._buffered = 0
        self.classes: dict[str, ClassSpool] = {}

    def add(self, name: str, entry: Entry, sketch: NDArray[np.float32]) -> None:
        """Add a stroke-3 sketch [n, 3] to the class `name`.

        Raises:
          DataError: the files cannot be written.
        """
        if name not in self.classes:
            self.classes[name] = ClassSpool(self._folder / f"{len(self.classes)}")
        self._buffered += self.classes[name].add(entry, sketch)
        if self._buffered > _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Append the sketches in memory to the files.

        Raises:
          DataError: they cannot be written.
        """
        with writing(self._folder):
            for one in self.classes.values():
                one.flush()
        self._buffered = 0


class ClassSpool:
    """The sketches of one class, in the order in which they were added."""

    def __init__(self, path: Path):
        self._files = path.with_suffix(".points"), path.with_suffix(".records")
        self._buffers = bytearray(), bytearray()
        self.count = 0

    def add(self, entry: Entry, sketch: NDArray[np.float32]) -> int:
        """Add a stroke-3 sketch [n, 3]. Return the number of bytes that it takes."""
        is_float = not fits_int16(sketch)
        data = sketch.astype("<f4" if is_float else "<i2").tobytes()
        self._buffers[0].extend(data)
        self._buffers[1].extend(
            _PACK(
                entry.hash,
                entry.identity,
                entry.source,
                entry.line,
                len(sketch),
                entry.split,
                is_float,
            )
        )
        self.count += 1
        return len(data) + _RECORD.itemsize

    def flush(self) -> None:
        """Append the sketches in memory to the files.

        Raises:
          OSError: they cannot be written.
        """
        for path, buffer in zip(self._files, self._buffers, strict=True):
            if buffer:
                with open(path, "ab") as file:
                    file.write(buffer)
                buffer.clear()

    def column(self, name: str) -> np.ndarray:
        """Return one field of all records, [count].

        Args:
          name: "hash", "identity", "source", "line", "split", "points" (their number) or
            "is_float".
        """
        result = np.empty(self.count, _RECORD[name])
        start = 0
        for records in self._records():
            result[start : start + len(records)] = records[name]
            start += len(records)
        return result

    def any_float(self, chosen: NDArray[np.bool_]) -> bool:
        """Return whether any chosen sketch, bool [count], does not fit into int16."""
        return bool(self.column("is_float")[chosen].any())

    def sketches(self, chosen: NDArray[np.bool_], dtype: str) -> Iterator[np.ndarray]:
        """Yield the chosen sketches, bool [count], as arrays [n, 3] of the type "<i2" or "<f4"."""
        start = position = 0
        with open(self._files[0], "rb", buffering=1 << 18) as file:
            for records in self._records():
                sizes = records["points"].astype(np.int64) * np.where(records["is_float"], 12, 6)
                ends = position + np.cumsum(sizes)
                wanted = np.flatnonzero(chosen[start : start + len(records)])
                for end, size, is_float in zip(
                    ends[wanted].tolist(),
                    sizes[wanted].tolist(),
                    records["is_float"][wanted].tolist(),
                    strict=True,
                ):
                    if end - size != position:
                        file.seek(end - size)
                    position = end
                    points = np.frombuffer(file.read(size), "<f4" if is_float else "<i2")
                    yield points.reshape(-1, 3).astype(dtype, copy=False)
                start += len(records)
                if position != ends[-1]:
                    file.seek(int(ends[-1]))
                position = int(ends[-1])

    def _records(self) -> Iterator[np.ndarray]:
        with open(self._files[1], "rb") as file:
            while len(records := np.fromfile(file, _RECORD, _CHUNK)):
                yield records
