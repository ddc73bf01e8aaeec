"""Offsets of many sketches: their limit, mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.opened_set import AnySet, OpenedSet

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


def normalizing_factor_of(train: AnySet) -> float:
    """Return the standard deviation of a training set's offsets in pixels, dx and dy together.

    It has ddof 0. It is 0 if all offsets are equal or there are none. It has the same bits for
    equal sketches in memory and on the disk.
    """
    if isinstance(train, OpenedSet):
        return _of_chunks(lambda: (chunk[:, :2] for chunk in train.chunks(_ROWS_AT_ONCE)))[1]
    return mean_and_std([train.points[:, :2]])[1]


def mean_and_std(parts: Iterable[NDArray[np.float32]]) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of all numbers in some arrays, or 0 and 0.

    Sums are float64, but there is never a float64 copy of all numbers.
    """
    kept = list(parts)
    return _of_chunks(
        lambda: (
            part[start : start + _ROWS_AT_ONCE]
            for part in kept
            for start in range(0, len(part), _ROWS_AT_ONCE)
        )
    )


def _of_chunks(chunks: Callable[[], Iterable[NDArray[np.float32]]]) -> tuple[float, float]:
    """Return mean and standard deviation of all numbers in the arrays of ``chunks()``."""
    size, total = 0, 0.0
    for chunk in chunks():
        size += chunk.size
        total += float(chunk.sum(dtype=np.float64))
    mean = total / max(size, 1)
    squares = 0.0
    for chunk in chunks():
        squares += float(np.square(chunk.astype(np.float64) - mean).sum())
    return mean, math.sqrt(squares / max(size, 1))
