"""SketchSet: many sketches in two flat arrays, the form in which every data source gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class SketchSet:
    """Sketches in stroke-3 form (see `magenta_sketch.data.strokes`), flat: 12 bytes a point.

    Attributes:
      points: float32 [N, 3], read-only, offsets in pixel units; one sketch after another.
      starts: int64 [n + 1], read-only; sketch i is points[starts[i]:starts[i + 1]], never empty.

    `len(set)` is n and `set[i]` sketch i, a read-only view [k, 3].

    Raises:
      DataError: the shapes are others, or starts do not rise from 0 to N.

    Example:
      >>> sketches = SketchSet.from_sketches([[[1, 0, 0], [0, 2, 1]], [[5, 5, 1]]])
      >>> len(sketches), sketches.lengths.tolist(), sketches[1].tolist()
      (2, [2, 1], [[5.0, 5.0, 1.0]])
    """

    points: NDArray[np.float32]
    starts: NDArray[np.int64]

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
        points.flags.writeable = False
        starts.flags.writeable = False
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "starts", starts)

    @classmethod
    def from_sketches(cls, sketches: Iterable[ArrayLike], name: str = "sketches") -> SketchSet:
        """Return a set with copies of stroke-3 sketches, each [n, 3], checked.

        Raises:
          DataError: one is not [n, 3], has no point, a value that is not finite, or a lift that
            is neither 0 nor 1; the message says which, as `name[index]`.
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
        """Return the sketches of several sets, in order."""
        if len(sets) == 1:
            return sets[0]
        points = [sketches.points for sketches in sets]
        lengths = [sketches.lengths for sketches in sets]
        return cls(
            np.concatenate([np.zeros((0, 3), np.float32), *points]),
            starts_of(np.concatenate([np.zeros(0, np.int64), *lengths])),
        )

    def take(self, indices: ArrayLike) -> SketchSet:
        """Return a set of copies of the sketches with these indices, in this order."""
        indices = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[indices]
        starts = starts_of(lengths)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[:-1][indices] - starts[:-1], lengths)
        return SketchSet(self.points[rows], starts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of points of each sketch, int64 [n]."""
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        index = range(len(self))[index]
        return self.points[self.starts[index] : self.starts[index + 1]]


Sketches = Sequence[np.ndarray] | SketchSet  # stroke-3 sketches [n, 3], as functions take them


def starts_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """Return where each of several sketches of these lengths starts, and the end: [n + 1]."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def check_shape(shape: Sequence[int], where: str) -> None:
    """Raise DataError unless the shape is [n, 3] with n of at least 1."""
    if len(shape) != 2 or shape[1] != 3:
        advice = "; one sketch alone goes in a list" if len(shape) == 1 else ""
        raise DataError(
            f"{where}: expected a stroke-3 sketch [n, 3], got shape {list(shape)}{advice}"
        )
    if shape[0] < 1:
        raise DataError(f"{where}: the sketch has no points, expected at least 1")


def check_values(points: np.ndarray, starts: NDArray[np.int64], name: str) -> None:
    """Raise DataError unless all of points [N, 3] is finite and every lift is 0 or 1.

    All points are looked at together; the sketch's index is only sought once something is wrong.
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
    index = int(np.searchsorted(starts, row, side="right")) - 1
    return f"{name}[{index}]: point {row - int(starts[index])}"
