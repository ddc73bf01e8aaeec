"""MappedSketchSet: a `SketchSet` whose sketches stay in memory-mapped files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.flat_file import FlatSplit
from magenta_sketch.data.sketch_set import SketchSet, starts_of
from magenta_sketch.errors import DataError

LARGEST_WHOLE = 1 << 30  # bytes of `points` that are brought into memory on request

_SKETCHES_AT_ONCE = 1 << 14


class MappedSketchSet(SketchSet):
    """The sketches of some flat files, joined, without those that were dropped.

    It gives the same sketches, to the bit, as a `SketchSet` of the same files. `len`, `[i]`,
    iteration, `take`, `blocks` and `parts` read only what they return. `lengths` makes an array for
    all sketches. `points` and `starts` bring the whole set into memory; over 1 GiB they refuse.

    Args:
      files: a split of each file.
      dropped: int64, rising: places in all files together of the sketches to leave out.

    Example:
      >>> flat = FlatSplit(np.int16([[1, 0, 0], [0, 2, 1], [5, 5, 1]]), np.array([0, 2, 3]), 2)
      >>> sketches = MappedSketchSet([flat, flat], np.array([0]))
      >>> len(sketches), sketches[0].tolist(), sketches.parts.tolist()
      (3, [[5.0, 5.0, 1.0]], [0, 1, 3])
    """

    def __init__(self, files: Sequence[FlatSplit], dropped: NDArray[np.int64]) -> None:
        self._files = list(files)
        self._dropped = dropped
        # Numbers count all sketches of the files; indices only those that are left.
        self._numbers = starts_of([len(file.starts) - 1 for file in self._files])
        self._left_before = dropped - np.arange(len(dropped))
        parts = self._numbers - np.searchsorted(dropped, self._numbers)
        parts.flags.writeable = False
        object.__setattr__(self, "parts", parts)

    def __len__(self) -> int:
        return int(self.parts[-1])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            chosen = range(len(self))[index]
            return self.take(np.arange(chosen.start, chosen.stop, chosen.step))
        if np.ndim(index) == 0:
            return self.take([range(len(self))[index]]).points
        array = np.asarray(index)
        if array.dtype == bool:
            return self.take(np.arange(len(self))[array])
        return self.take(array)

    def take(self, indices: ArrayLike) -> SketchSet:
        """Return a set in memory with these sketches, in this order, in one part."""
        indices = np.asarray(indices, dtype=np.int64)
        outside = (indices < -len(self)) | (indices >= len(self))
        if outside.any():
            raise IndexError(
                f"index {indices[outside][0]} is out of bounds for {len(self)} sketches"
            )
        indices = np.where(indices < 0, indices + len(self), indices)
        numbers = indices + np.searchsorted(self._left_before, indices, side="right")
        owners = np.searchsorted(self._numbers, numbers, side="right") - 1
        places = numbers - self._numbers[owners]
        sketches: list[NDArray[Any]] = []
        # A loop: a batch has about as many files as sketches.
        for owner, place in zip(owners.tolist(), places.tolist(), strict=True):
            points, starts, _ = self._files[owner]
            sketches.append(points[starts[place] : starts[place + 1]])
        return SketchSet(_joined(sketches), starts_of([len(sketch) for sketch in sketches]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of points of each sketch, int64 [n]."""
        return np.concatenate([np.zeros(0, np.int64), *(piece[1] for piece in self._pieces())])

    def __repr__(self) -> str:
        return f"<MappedSketchSet of {len(self):,} sketches in {len(self._files)} files>"

    @property
    def num_points(self) -> int:
        """Return the number of points of all sketches."""
        dropped = 0
        for file, gone in self._gone():
            dropped += int((file.starts[gone + 1] - file.starts[gone]).sum())
        return sum(len(file.points) for file in self._files) - dropped

    def blocks(self, rows: int = 1 << 18) -> Iterator[NDArray[np.float32]]:
        """Yield all points in order, in blocks [rows, 3]; the last one may be shorter."""
        rest = np.zeros((0, 3), np.float32)
        for points, _ in self._pieces():
            rest = _joined([rest, points])
            whole = len(rest) - len(rest) % rows
            for first in range(0, whole, rows):
                yield rest[first : first + rows]
            rest = rest[whole:]
        if len(rest):
            yield rest

    def blocks_of_starts(self) -> Iterator[NDArray[np.int64]]:
        """Yield `starts` in pieces, in order."""
        last = np.zeros(1, np.int64)
        yield last
        for _, lengths in self._pieces():
            starts = last[-1] + np.cumsum(lengths)
            yield starts
            last = starts if len(starts) else last

    @property
    def points(self) -> NDArray[np.float32]:
        """Return all points, float32 [N, 3], in memory.

        Raises:
          DataError: they take over 1 GiB.
        """
        self._require_small()
        return _read_only(_joined(list(self.blocks())))

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return the starts of all sketches, int64 [n + 1], in memory. See `points`."""
        self._require_small()
        return _read_only(np.concatenate(list(self.blocks_of_starts())))

    def _require_small(self) -> None:
        size = 12 * self.num_points
        if size > LARGEST_WHOLE:
            raise DataError(
                f"this needs all {len(self):,} sketches in memory at once, {size / 2**30:.1f} GiB; "
                "take some of them, or load the data with in_memory=True"
            )

    def _gone(self) -> Iterator[tuple[FlatSplit, NDArray[np.int64]]]:
        """Yield each file, and the places in it of the sketches that are dropped."""
        edges = np.searchsorted(self._dropped, self._numbers)
        for k, file in enumerate(self._files):
            yield file, self._dropped[edges[k] : edges[k + 1]] - self._numbers[k]

    def _pieces(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """Yield points and lengths of all sketches in order, some thousand sketches at a time."""
        for file, gone in self._gone():
            for first in range(0, len(file.starts) - 1, _SKETCHES_AT_ONCE):
                starts = file.starts[first : first + _SKETCHES_AT_ONCE + 1]
                lengths = np.diff(starts)
                points = file.points[starts[0] : starts[-1]]
                low, high = np.searchsorted(gone, [first, first + len(lengths)])
                if low < high:
                    left = np.ones(len(lengths), bool)
                    left[gone[low:high] - first] = False
                    points, lengths = points[np.repeat(left, lengths)], lengths[left]
                yield points, lengths


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    return np.concatenate(
        [np.zeros((0, 3), np.float32), *arrays], dtype=np.float32, casting="same_kind"
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
