"""Statistics of a data set's sketches: lengths, strokes, offsets and sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.offsets import mean_and_std, normalizing_factor_of
from magenta_sketch.data.sketch_set import SketchSet

MOST_BARS = 16

_POINTS_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True)
class Summary:
    """A summary of some numbers; all 0 if there are none."""

    min: float
    median: float
    mean: float
    percentile_95: float
    max: float

    @classmethod
    def of(cls, numbers: np.ndarray) -> Summary:
        """Return the summary of numbers [n]."""
        if not len(numbers):
            return cls(0.0, 0.0, 0.0, 0.0, 0.0)
        low, middle, high, top = np.percentile(numbers, [0, 50, 95, 100]).tolist()
        return cls(low, middle, float(numbers.mean(dtype=np.float64)), high, top)


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar of a histogram: `count` sketches have `first` to `last` points."""

    first: int
    last: int
    count: int


@dataclasses.dataclass(frozen=True)
class Axis:
    """Offsets along x or y, in pixel units; std has ddof 0, max_abs is the largest |d|."""

    mean: float
    std: float
    max_abs: float

    @classmethod
    def of(cls, columns: list[NDArray[np.float32]]) -> Axis:
        """Return the statistics of all offsets in some arrays [n]."""
        mean, std = mean_and_std(columns)
        return cls(mean, std, max((float(np.abs(c).max()) for c in columns), default=0.0))


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Statistics of the sketches of all splits together.

    Attributes:
      lengths: points of a sketch.
      histogram: the same, in at most `MOST_BARS` bars.
      strokes: strokes of a sketch, dots included.
      dx, dy: offsets.
      zero_offsets: share of points with the offset (0, 0), in [0, 1].
      width, height: size of the box around a drawing and its origin, in pixel units.
      whole: whether all offsets are whole numbers.
      normalizing_factor: the one for training, from the training split; 0 if there is none.
    """

    lengths: Summary
    histogram: list[Bar]
    strokes: Summary
    dx: Axis
    dy: Axis
    zero_offsets: float
    width: Summary
    height: Summary
    whole: bool
    normalizing_factor: float

    @classmethod
    def of(cls, sketches: Mapping[str, SketchSet], sizes: NDArray[np.float64]) -> Statistics:
        """Return the statistics of splits. `sizes` are the drawings' widths and heights [n, 2]."""
        parts = [part for part in sketches.values() if len(part)]
        lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
        strokes = np.concatenate([np.zeros(0, np.int64), *map(_stroke_counts, parts)])
        size = int(lengths.sum())
        zeros = sum(int((~part.points[:, :2].any(axis=1)).sum()) for part in parts)
        train = sketches.get("train")
        return cls(
            lengths=Summary.of(lengths),
            histogram=histogram(lengths),
            strokes=Summary.of(strokes),
            dx=Axis.of([part.points[:, 0] for part in parts]),
            dy=Axis.of([part.points[:, 1] for part in parts]),
            zero_offsets=zeros / size if size else 0.0,
            width=Summary.of(sizes[:, 0]),
            height=Summary.of(sizes[:, 1]),
            whole=all(
                bool((part.points[:, :2] == np.rint(part.points[:, :2])).all()) for part in parts
            ),
            normalizing_factor=normalizing_factor_of(train) if train is not None else 0.0,
        )


def histogram(lengths: NDArray[np.int64]) -> list[Bar]:
    """Count lengths >= 1 in at most `MOST_BARS` bars. Their width is 1, 2 or 5 times 10**k."""
    if not len(lengths):
        return []
    low, high = int(lengths.min()), int(lengths.max())
    widths = (digit * 10**power for power in range(19) for digit in (1, 2, 5))
    width = next(w for w in widths if (high - 1) // w - (low - 1) // w < MOST_BARS)
    begin = (low - 1) // width
    counts = np.bincount((lengths - 1) // width - begin)
    return [
        Bar((begin + i) * width + 1, (begin + i + 1) * width, count)
        for i, count in enumerate(counts.tolist())
    ]


def drawing_sizes(sketches: SketchSet) -> NDArray[np.float64]:
    """Return width and height of each drawing, with its origin, in pixel units, [n, 2]."""
    result = np.zeros((len(sketches), 2))
    first = 0
    while first < len(sketches):  # in parts, because positions take twice the memory of points
        begin = sketches.starts[first]
        last = int(np.searchsorted(sketches.starts, begin + _POINTS_AT_ONCE, side="right")) - 1
        last = max(last, first + 1)
        offsets = sketches.points[begin : sketches.starts[last], :2]
        starts = sketches.starts[first:last] - begin
        ends = np.cumsum(offsets, axis=0, dtype=np.float64)
        before = np.concatenate([np.zeros((1, 2)), ends])[starts]  # where each sketch begins
        low = np.minimum(np.minimum.reduceat(ends, starts), before)
        high = np.maximum(np.maximum.reduceat(ends, starts), before)
        result[first:last] = high - low
        first = last
    return result


def _stroke_counts(sketches: SketchSet) -> NDArray[np.int64]:
    """Return the number of strokes of each sketch, as in `strokes.to_polylines`."""
    lifted = sketches.points[:, 2].astype(np.int64)
    lifted[sketches.starts[1:] - 1] = 1  # the last line ends with the sketch
    return np.add.reduceat(lifted, sketches.starts[:-1])
