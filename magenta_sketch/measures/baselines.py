"""Distances of real drawings, for comparison with those of a model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch.data import DataSet, SketchSet
from magenta_sketch.measures import chamfer, manifold
from magenta_sketch.measures.numbers import finite
from magenta_sketch.measures.result import MeasureSettings

_TRAINING_CHOICE = 0  # seed for choosing training sketches


def baselines(data: DataSet, settings: MeasureSettings) -> dict[str, float | None]:
    """Return the distances of real drawings, in model units, by name.

    They are taken from ``settings.new`` test sketches, spread evenly over the test set; from all if
    there are fewer. "chamfer_others": mean distance between two different ones. "diversity": mean
    distance to the nearest other one. "novelty": mean distance to the nearest training sketch.
    """
    chosen = [data.test[index] for index in evenly_spread(len(data.test), settings.new)]
    apart = chamfer.among(chosen, manifold.POINTS)
    to_training = chamfer.between(chosen, training_sketches(data.train, settings), manifold.POINTS)
    found = {
        "chamfer_others": mean(apart[~np.eye(len(chosen), dtype=bool)]),
        "diversity": mean(to_nearest(apart)),
        "novelty": mean(to_training.min(axis=1)),
    }
    return {name: finite(value / data.normalizing_factor) for name, value in found.items()}


def training_indices(count: int, most: int) -> np.ndarray:
    """Return indices of ``most`` training sketches, always the same random choice, or of all."""
    if count <= most:
        return np.arange(count)
    generator = np.random.default_rng(_TRAINING_CHOICE)
    return np.sort(generator.choice(count, most, replace=False))


def training_sketches(train: SketchSet, settings: MeasureSettings) -> SketchSet:
    """Return the ``settings.training`` sketches that new sketches are compared with."""
    return train.take(training_indices(len(train), settings.training))


def to_nearest(distances: np.ndarray) -> np.ndarray:
    """Return the distance [n] of each to the nearest other one; NaN if there is no other.

    distances: [n, n].
    """
    if len(distances) < 2:
        return np.full(len(distances), np.nan)
    return np.where(np.eye(len(distances), dtype=bool), np.inf, distances).min(axis=1)


def evenly_spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices, evenly spaced from 0 to ``count`` - 1."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()


def mean(values: ArrayLike) -> float:
    """Return the mean, or NaN without values."""
    values = np.asarray(values, np.float64)
    return float(values.mean()) if values.size else math.nan
