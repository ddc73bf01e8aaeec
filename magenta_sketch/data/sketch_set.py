"""SketchSet: many sketches in two flat arrays, the form that every data source gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class SketchSet:
    """Sketches in stroke-3 format (see `magenta_sketch.data.strokes`), flat: 12 bytes a point.

    `len(set)` is n, and `set[i]` is sketch i, a read-only view [k, 3]. `set[2:9]` and `set[[0, 5]]`
    are sets with copies of these sketches.

    Attributes:
      points: float32 [N, 3], read-only, offsets in pixel units; one sketch after another.
      starts: int64 [n + 1], read-only; sketch i is points[starts[i]:starts[i + 1]], never empty.
      parts: int64 [f + 1], read-only; sketches parts[k] to parts[k + 1] - 1 come from file k of a
        data set, maybe none. Omitted: [0, n], one part.

    Raises:
      DataError: a shape is wrong, starts do not rise from 0 to N, or parts fall, or do not begin
        with 0 and end with n.

    Example:
      >>> sketches = SketchSet.from_sketches([[[1, 0, 0], [0, 2, 1]], [[5, 5, 1]]])
      >>> len(sketches), sketches.lengths.tolist(), sketches[1].tolist()
      (2, [2, 1], [[5.0, 5.0, 1.0]])
    """

    points: NDArray[np.float32]
    starts: NDArray[np.int64]
    parts: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        points = np.ascontiguousarray(self.points, np.float32).view()
        starts = np.ascontiguousarray(self.starts, np.int64).view()
        if points.ndim != 2 or points.shape[1] != 3 or starts.ndim != 1 or len(starts) == 0:
            raise DataError(
                "points must be [N, 3] and starts [n + 1], "
                f"got {list(points.shape)} and {list(starts.shape)}"
            )
        if starts[0] != 0 or starts[-1] != len(points) or (np.diff(starts) < 1).any():
            raise DataError("starts must rise from 0 to the number of points, no sketch empty")
        parts = np.array(self.parts if len(self.parts) else [0, len(starts) - 1], np.int64)
        if (
            parts.ndim != 1
            or parts[0]
            or parts[-1] != len(starts) - 1
            or (np.diff(parts) < 0).any()
        ):
            raise DataError(
                "parts must begin with 0, never fall, and end with the sketches' number"
            )
        for name, array in (("points", points), ("starts", starts), ("parts", parts)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_sketches(cls, sketches: Iterable[ArrayLike], name: str = "sketches") -> SketchSet:
        """Return a set with copies of stroke-3 sketches, each [n, 3]. Check them.

        Raises:
          DataError: a sketch is not [n, 3], has no point, a value that is not finite, or a lift
            other than 0 and 1. The message names it as `name[index]`.

        Example:
          >>> SketchSet.from_sketches([[[1, 0, 1]], [[2, 2, 1]]]).points.tolist()
          [[1.0, 0.0, 1.0], [2.0, 2.0, 1.0]]
        """
        items = []
        for index, sketch in enumerate(sketches):
            items.append(np.asarray(sketch))
            if items[-1].dtype.kind not in "biuf":
                raise DataError(f"{name}[{index}]: expected numbers, got {items[-1].dtype}")
            check_shape(items[-1].shape, f"{name}[{index}]")
        if not items:
            return cls(np.zeros((0, 3), np.float32), np.zeros(1, np.int64))
        starts = starts_of([len(item) for item in items])
        points = np.concatenate(items)
        check_values(points, starts, name)
        return cls(points, starts)

    @classmethod
    def concatenate(cls, sets: Sequence[SketchSet]) -> SketchSet:
        """Return the sketches of several sets in one set, in order. Their parts stay parts.

        Example:
          >>> one = SketchSet.from_sketches([[[1, 0, 1]]])
          >>> both = SketchSet.concatenate([one, one])
          >>> len(both), both.parts.tolist()
          (2, [0, 1, 2])
        """
        if len(sets) == 1:
            return sets[0]
        points = [sketches.points for sketches in sets]
        lengths = [sketches.lengths for sketches in sets]
        return cls(
            np.concatenate([np.zeros((0, 3), np.float32), *points]),
            starts_of(np.concatenate([np.zeros(0, np.int64), *lengths])),
            starts_of(np.concatenate([np.zeros(0, np.int64), *(np.diff(s.parts) for s in sets)])),
        )

    def take(self, indices: ArrayLike) -> SketchSet:
        """Return a set with copies of the sketches at these indices, in this order, in one part.

        Example:
          >>> sketches = SketchSet.from_sketches([[[1, 0, 0], [0, 2, 1]], [[5, 5, 1]]])
          >>> sketches.take([1, 0]).lengths.tolist()
          [1, 2]
        """
        indices = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[indices]
        starts = starts_of(lengths)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[:-1][indices] - starts[:-1], lengths)
        return SketchSet(self.points[rows], starts)

    def without(self, indices: NDArray[np.int64]) -> SketchSet:
        """Return a set with copies of all sketches but these, in their parts.

        Args:
          indices: of sketches, rising.

        Example:
          >>> sketches = SketchSet.from_sketches([[[1, 0, 0], [0, 2, 1]], [[5, 5, 1]]])
          >>> sketches.without(np.array([0])).lengths.tolist()
          [1]
        """
        kept = self.take(np.delete(np.arange(len(self)), indices))
        parts = self.parts - np.searchsorted(indices, self.parts)
        return SketchSet(kept.points, kept.starts, parts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of points of each sketch, int64 [n]."""
        return np.diff(self.starts)

    @property
    def num_points(self) -> int:
        """Return N, the number of points of all sketches."""
        return len(self.points)

    def blocks(self, rows: int = 1 << 18) -> Iterator[NDArray[np.float32]]:
        """Yield all points in order, in blocks [rows, 3]; the last one may be shorter.

        Example:
          >>> sketches = SketchSet.from_sketches([[[1, 0, 0], [0, 2, 1]], [[5, 5, 1]]])
          >>> [len(block) for block in sketches.blocks(2)]
          [2, 1]
        """
        return (self.points[i : i + rows] for i in range(0, len(self.points), rows))

    def blocks_of_starts(self) -> Iterator[NDArray[np.int64]]:
        """Yield `starts` in pieces, in order."""
        yield self.starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | NDArray[Any]) -> SketchSet: ...
    def __getitem__(self, index: Any) -> NDArray[np.float32] | SketchSet:
        if np.ndim(index) == 0 and not isinstance(index, slice):
            number = range(len(self))[index]
            return self.points[self.starts[number] : self.starts[number + 1]]
        return self.take(np.arange(len(self))[index])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[number] for number in range(len(self)))


Sketches = Sequence[np.ndarray] | SketchSet  # stroke-3 sketches [n, 3], as an argument


def starts_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """Return the starts [n + 1] of flat sketches with these lengths."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


ADVICE = "; to mend it, "  # begins what to do in the messages of `check_shape`


def owners_of(rows: ArrayLike, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each row of flat points the index of its sketch."""
    return np.searchsorted(starts, rows, side="right") - 1


# Other formats of sketches that people have, by the numbers in a row, and what to do about them.
_OTHER_FORMATS = {
    4: f", which is another format{ADVICE}keep dx, dy and the lift of each row, such as "
    "sketch[:, [0, 1, 3]]",
    5: f", which looks like stroke-5{ADVICE}use `sketch_rnn_convert mend OLD.npz --what=stroke5 "
    "--out=NEW.npz`",
}


def check_shape(shape: Sequence[int], where: str, columns: int = 3) -> None:
    """Raise DataError unless the shape is [n, columns] with n >= 1."""
    if len(shape) != 2 or shape[1] != columns:
        advice = "; one sketch alone goes in a list" if len(shape) == 1 else ""
        if columns == 3 and len(shape) == 2:
            advice = _OTHER_FORMATS.get(shape[1], "")
        raise DataError(
            f"{where}: expected a stroke-{columns} sketch [n, {columns}], got shape "
            f"{list(shape)}{advice}"
        )
    if shape[0] < 1:
        raise DataError(f"{where}: the sketch has no points, expected at least 1")


def check_values(points: np.ndarray, starts: NDArray[np.int64], name: str) -> None:
    """Raise DataError unless all values of points [N, 3] are finite and all lifts are 0 or 1.

    All points are checked together. The sketch's index is looked up only after an error.
    """
    if points.dtype.kind == "f":
        finite = np.isfinite(points)
        if not finite.all():
            row = int(np.argmin(finite.all(axis=1)))
            place = _place(row, starts, name)
            raise DataError(f"{place} has a value that is not finite: {points[row].tolist()}")
    lifts = points[:, 2]
    wrong = (lifts != 0) & (lifts != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        place = _place(row, starts, name)
        raise DataError(f"{place} has the lift {lifts[row].item()}, expected 0 or 1")


def _place(row: int, starts: NDArray[np.int64], name: str) -> str:
    index = int(owners_of(row, starts))
    return f"{name}[{index}]: point {row - int(starts[index])}"
