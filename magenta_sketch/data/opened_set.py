"""OpenedSet: sketches that stay on the disk, for data larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.sketch_set import SketchSet, starts_of


class Piece(NamedTuple):
    """The sketches of one file, in two memory-mapped arrays.

    Attributes:
      points: int16 or float32 [N, 3], as in `SketchSet`.
      starts: int64 [n + 1], as in `SketchSet`.
    """

    points: NDArray[Any]
    starts: NDArray[np.int64]


class OpenedSet:
    """The sketches of several files, in order, read from the disk when they are asked for.

    It can be used as a `SketchSet`: `len`, `set[i]`, slices, lists of indices, iteration, `take`
    and `lengths` give the same values. Only the asked sketches are in memory.

    Args:
      pieces: the files' sketches.
      dropped: numbers of the sketches to leave out, int64, rising.

    Example:
      >>> piece = Piece(np.array([[3, 0, 1], [0, 2, 1]], np.int16), np.array([0, 1, 2]))
      >>> opened = OpenedSet([piece, piece], dropped=[1])
      >>> len(opened), opened.take([0, 2]).points.tolist()
      (3, [[3.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    """

    def __init__(self, pieces: Sequence[Piece], dropped: ArrayLike = ()):
        self._pieces = list(pieces)
        self._firsts = starts_of([len(piece.starts) - 1 for piece in pieces])
        self._dropped = np.asarray(dropped, np.int64)
        # How many kept sketches come before each dropped one: a table from indices to numbers.
        self._kept_before = self._dropped - np.arange(len(self._dropped))

    def __len__(self) -> int:
        return int(self._firsts[-1]) - len(self._kept_before)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return the number of sketches of each file, int64 [files]."""
        return np.diff(self._firsts - np.searchsorted(self._dropped, self._firsts))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of points of each sketch, int64 [n]."""
        everything = np.concatenate([np.diff(piece.starts) for piece in self._pieces])
        return np.delete(everything, self._dropped)

    def take(self, indices: ArrayLike) -> SketchSet:
        """Return the sketches at these indices, in this order, in memory."""
        sketches = [self[int(index)] for index in np.asarray(indices, np.int64)]
        points = np.concatenate([np.zeros((0, 3), np.float32), *sketches])
        return SketchSet(points, starts_of([len(sketch) for sketch in sketches]))

    def __getitem__(self, index: Any) -> Any:
        if np.ndim(index) or isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        index = range(len(self))[index]
        number = index + int(np.searchsorted(self._kept_before, index, side="right"))
        at = int(np.searchsorted(self._firsts, number, side="right")) - 1
        points, starts = self._pieces[at]
        begin, end = starts[number - self._firsts[at] :][:2]
        sketch = points[begin:end].astype(np.float32)
        sketch.flags.writeable = False
        return sketch

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))

    def in_memory(self) -> SketchSet:
        """Return all sketches, in memory."""
        return self.take(np.arange(len(self)))

    def chunks(self, points: int) -> Iterator[NDArray[np.float32]]:
        """Yield all points of the kept sketches, in order: float32 arrays [points, 3].

        Only the last one has fewer.
        """
        waiting: list[NDArray[np.float32]] = []
        count = 0
        for piece in self._kept_points(points):
            waiting.append(piece)
            count += len(piece)
            while count >= points:
                joined = np.concatenate(waiting)
                yield joined[:points]
                waiting, count = [joined[points:]], count - points
        if count:
            yield np.concatenate(waiting)

    def _kept_points(self, at_once: int) -> Iterator[NDArray[np.float32]]:
        for piece, first in zip(self._pieces, self._firsts[:-1], strict=True):
            count = len(piece.starts) - 1
            begin, end = np.searchsorted(self._dropped, [first, first + count])
            own = self._dropped[begin:end]
            # The ranges of rows between the dropped sketches.
            begins = np.concatenate([[0], piece.starts[own - first + 1]])
            ends = np.concatenate([piece.starts[own - first], piece.starts[-1:]])
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                for row in range(begin, end, at_once):
                    yield piece.points[row : min(row + at_once, end)].astype(np.float32)


AnySet: TypeAlias = SketchSet | OpenedSet
