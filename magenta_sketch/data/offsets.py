"""Offsets of many sketches: their limit, mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterable

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
    return mean_and_std([train.points[:, :2]])[1]


def mean_and_std(parts: Iterable[NDArray[np.float32]]) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of all numbers in some arrays, or 0 and 0.

    Sums are float64, but there is never a float64 copy of all numbers.
    """
    parts = list(parts)
    size = max(sum(part.size for part in parts), 1)
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / size
    total = 0.0
    for part in parts:
        for start in range(0, len(part), _ROWS_AT_ONCE):
            residuals = part[start : start + _ROWS_AT_ONCE].astype(np.float64) - mean
            total += float(np.square(residuals).sum())
    return mean, math.sqrt(total / size)
