"""Checks of users' arguments."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from magenta_sketch.config.kinds import show
from magenta_sketch.errors import ArgumentError


def natural(name: str, value: Any) -> int:
    """Return ``value`` as an int.

    Raises:
      ValueError: it is not a whole number from 0 to 2**63 - 1. The message calls it ``name``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise ArgumentError(f"{name} must be a whole number from 0 to 2**63 - 1, got {value!r}")
    return number


def positive(name: str, value: Any) -> int:
    """Return ``value`` as an int. Raise ValueError if it is not a whole number of 1 or more."""
    number = natural(name, value)
    if number == 0:
        raise ArgumentError(f"{name} must be at least 1, got 0")
    return number


def one_sketch(name: str, sketch: Any) -> np.ndarray:
    """Return a copy of a stroke-3 sketch as a plain float32 array [n, 3], n >= 1.

    Raises:
      ValueError: it has another shape, no points, a number that is not finite, or a lift other than
        0 and 1. The message calls it ``name``.
    """
    try:
        array = np.array(sketch, np.float32)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{name} must be stroke-3, numbers [n, 3], got {show(sketch)}"
        ) from None
    if array.ndim != 2 or array.shape[1] != 3:
        raise ArgumentError(f"{name} must be stroke-3, shape [n, 3], got shape {list(array.shape)}")
    if not len(array):
        raise ArgumentError(f"{name} has no points, expected at least 1")
    for row, (dx, dy, lift) in enumerate(array.tolist()):
        if not (math.isfinite(dx) and math.isfinite(dy) and lift in (0.0, 1.0)):
            raise ArgumentError(
                f"{name} must have finite offsets and lifts of 0 or 1, got {[dx, dy, lift]} as "
                f"point {row}"
            )
    return array


def noise_scale(scale: Any) -> float:
    """Return ``scale`` as a float. Raise ValueError if it is negative or not finite."""
    try:
        value = float(scale)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise ArgumentError(f"scale must be finite and at least 0, got {scale!r}")
    return value


def latent_vectors(z: Any, z_size: int) -> np.ndarray:
    """Return ``z`` as float32 [batch, z_size].

    Raises:
      ValueError: it has another shape, or a number that is not finite. The message says where.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, which is refused below
        try:
            z = np.asarray(z, np.float32)
        except (TypeError, ValueError):
            raise ArgumentError(f"z must be numbers [batch, {z_size}], got {show(z)}") from None
    if z.ndim != 2 or z.shape[1] != z_size:
        raise ArgumentError(f"z must have the shape [batch, {z_size}], got {list(z.shape)}")
    bad = np.argwhere(~np.isfinite(z))
    if len(bad):
        row, column = bad[0]
        raise ArgumentError(f"z must be finite, got {z[row, column]} at z[{row}, {column}]")
    return z
