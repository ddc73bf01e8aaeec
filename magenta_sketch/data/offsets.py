"""Pen offsets of many sketches: how large they may be, and how much they vary."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sketch_set import SketchSet

MAX_OFFSET = 1000  # pixels; larger offsets are clamped on reading, as the original does

_ROWS_AT_ONCE = 1 << 18


def clamped(points: np.ndarray) -> NDArray[np.float32]:
    """Return a float32 copy of points [N, 3] with dx and dy clamped to [-1000, 1000] pixels."""
    with np.errstate(over="ignore"):  # what overflows float32 is clamped next
        points = points.astype(np.float32)
    np.clip(points[:, :2], -MAX_OFFSET, MAX_OFFSET, out=points[:, :2])
    return points


def normalizing_factor_of(train: SketchSet) -> float:
    """Return the standard deviation of all offsets of a training set, dx and dy pooled, in pixels.

    It has ddof 0, and is 0 for a set whose offsets are all equal, or that has none.
    """
    return mean_and_std([train.points[:, :2]])[1]


def mean_and_std(parts: Iterable[NDArray[np.float32]]) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of all numbers of some arrays; 0 for none.

    Sums are float64, without a float64 copy of everything.
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
