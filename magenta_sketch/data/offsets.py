"""Offsets of many sketches: their limit, mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sketch_set import SketchSet

MAX_OFFSET = 1000  # pixels; larger offsets are clamped on reading, as in Magenta

_ROWS_AT_ONCE = 1 << 18


def clamped(points: np.ndarray) -> NDArray[np.float32]:
    """Return a float32 copy of points [N, 3] with dx and dy clamped to [-1000, 1000] pixels."""
    with np.errstate(over="ignore"):  # an overflow is clamped below
        points = points.astype(np.float32)
    np.clip(points[:, :2], -MAX_OFFSET, MAX_OFFSET, out=points[:, :2])
    return points


def rows_beyond(points: np.ndarray) -> NDArray[np.int64]:
    """Return which rows of points [N, 3] have an offset that `clamped` changes."""
    offsets = points[:, :2]  # two comparisons, because int16 has no absolute value of -32768
    return np.flatnonzero(((offsets > MAX_OFFSET) | (offsets < -MAX_OFFSET)).any(axis=1))


def normalizing_factor_of(train: SketchSet) -> float:
    """Return the standard deviation of a training set's offsets in pixels, dx and dy together.

    It has ddof 0. It is 0 if all offsets are equal or there are none.
    """
    return _moments(lambda: (block[:, :2] for block in train.blocks(_ROWS_AT_ONCE)))[1]


def mean_and_std(parts: Iterable[NDArray[np.float32]]) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of all numbers in some arrays, or 0 and 0.

    Sums are float64, but there is never a float64 copy of all numbers.
    """
    parts = list(parts)

    def blocks() -> Iterator[NDArray[np.float32]]:
        for part in parts:
            for start in range(0, len(part), _ROWS_AT_ONCE):
                yield part[start : start + _ROWS_AT_ONCE]

    return _moments(blocks)


def _moments(blocks: Callable[[], Iterator[NDArray[np.float32]]]) -> tuple[float, float]:
    """Return `mean_and_std` of all blocks, which are read twice."""
    total, size = 0.0, 0
    for block in blocks():
        total += float(block.sum(dtype=np.float64))
        size += block.size
    mean = total / max(size, 1)
    squares = 0.0
    for block in blocks():
        residuals = block.astype(np.float64) - mean
        squares += float(np.square(residuals).sum())
    return mean, math.sqrt(squares / max(size, 1))
