"""Geometry of the latent space: paths between vectors, grids, analogies, and the map's plane."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.config.kinds import show
from magenta_sketch.errors import ArgumentError

Path = Literal["slerp", "linear"]
PATHS = ("slerp", "linear")


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> NDArray[np.float64]:
    """Interpolate spherically between vectors (White 2016, arXiv:1609.04468).

    The direction turns evenly from that of ``a`` to that of ``b``, on the shorter way, and the norm
    changes evenly from |a| to |b|. For equal norms this is Shoemake's formula,
    sin((1 - t)·ω)/sin ω·a + sin(t·ω)/sin ω·b, where ω is the angle between them. If one of them is
    0, the path is straight. If they are opposite, all ways are equally short, and one is taken.

    Args:
      a, b: vectors [..., Z].
      t: position on the path, 0 for ``a`` to 1 for ``b``; a number or an array that broadcasts
        with [...].

    Returns:
      Vectors [..., Z]. They are exactly ``a`` and ``b`` at the ends.

    >>> slerp([2.0, 0.0], [0.0, 4.0], 0.5).round(3).tolist()
    [2.121, 2.121]
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    t = np.asarray(t, np.float64)[..., None]
    norm_a, norm_b = (np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    zero = (norm_a == 0) | (norm_b == 0)
    from_a = a / np.where(zero, 1.0, norm_a)
    from_b = b / np.where(zero, 1.0, norm_b)
    cosine = np.sum(from_a * from_b, axis=-1, keepdims=True)
    side = from_b - cosine * from_a  # the part of b's direction that is at right angles to a's
    sine = np.linalg.norm(side, axis=-1, keepdims=True)
    opposite = (sine < 1e-9) & (cosine < 0)
    side = np.where(opposite, _at_right_angles(from_a), side / np.where(sine == 0, 1.0, sine))
    turned = np.arctan2(sine, cosine) * t
    direction = np.cos(turned) * from_a + np.sin(turned) * side
    path = ((1 - t) * norm_a + t * norm_b) * direction
    path = np.where(zero, (1 - t) * a + t * b, path)
    return np.where(t == 0, a, np.where(t == 1, b, path))


def _at_right_angles(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors at right angles to unit vectors [..., Z]; for Z = 1, zeros."""
    axis = np.zeros_like(unit)
    least = np.argmin(np.abs(unit), axis=-1, keepdims=True)
    np.put_along_axis(axis, least, 1.0, axis=-1)
    side = axis - np.sum(axis * unit, axis=-1, keepdims=True) * unit
    norm = np.linalg.norm(side, axis=-1, keepdims=True)
    return side / np.where(norm == 0, 1.0, norm)


def linear(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> NDArray[np.float64]:
    """Interpolate on the straight line between vectors. Arguments are those of `slerp`.

    >>> linear([2.0, 0.0], [0.0, 4.0], 0.5).tolist()
    [1.0, 2.0]
    """
    a, b, t = (np.asarray(x, np.float64) for x in (a, b, t))
    t = t[..., None]
    return np.where(t == 1, b, a + t * (b - a))


def between(a: ArrayLike, b: ArrayLike, t: ArrayLike, how: Path) -> NDArray[np.float64]:
    """Interpolate as ``how`` says, "slerp" or "linear".

    Raises:
      ArgumentError: ``how`` is neither.

    >>> between([2.0, 0.0], [0.0, 4.0], 1.0, "linear").tolist()
    [0.0, 4.0]
    """
    if how not in PATHS:
        raise ArgumentError(f"how must be one of {', '.join(PATHS)}, got {show(how)}")
    return (slerp if how == "slerp" else linear)(a, b, t)


def path(a: ArrayLike, b: ArrayLike, steps: int, how: Path = "slerp") -> NDArray[np.float64]:
    """Return ``steps`` vectors [steps, Z] at equal distances from ``a`` to ``b``, both [Z].

    >>> path([0.0], [6.0], 4, "linear").tolist()
    [[0.0], [2.0], [4.0], [6.0]]
    """
    return between(np.asarray(a)[None], np.asarray(b)[None], np.linspace(0, 1, steps), how)


def grid(corners: ArrayLike, rows: int, columns: int, how: Path = "slerp") -> NDArray[np.float64]:
    """Interpolate between four corners (Ha & Eck 2017, figure 1): [rows, columns, Z].

    The left and right columns are paths between their corners. Each row is a path between them.

    Args:
      corners: vectors [4, Z]: top left, top right, bottom left, bottom right.

    >>> grid([[0.0], [2.0], [4.0], [6.0]], 2, 3, "linear")[..., 0].tolist()
    [[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]]
    """
    top_left, top_right, bottom_left, bottom_right = np.asarray(corners)
    left, right = path(top_left, bottom_left, rows, how), path(top_right, bottom_right, rows, how)
    return between(left[:, None], right[:, None], np.linspace(0, 1, columns)[None], how)


def analogy(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Return a + (b - c) (Ha & Eck 2017, section 4.3), for vectors [..., Z].

    >>> analogy([1.0, 0.0], [0.0, 5.0], [0.0, 2.0]).tolist()
    [1.0, 3.0]
    """
    a, b, c = (np.asarray(x, np.float64) for x in (a, b, c))
    return a + (b - c)


class Plane(NamedTuple):
    """The plane in the latent space in which a set of vectors varies most.

    Attributes:
      mean: mean of the vectors, [Z].
      axes: the first two principal components, orthonormal, [2, Z].
      shares: share of the variance that each explains, [2], in [0, 1].
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    shares: NDArray[np.float64]

    def project(self, z: ArrayLike) -> NDArray[np.float64]:
        """Return the positions [n, 2] of the vectors' [n, Z] projections."""
        return (np.asarray(z, np.float64) - self.mean) @ self.axes.T

    def at(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Return the vectors [..., Z] at positions [..., 2] in the plane."""
        return self.mean + np.asarray(positions, np.float64) @ self.axes


def principal_plane(z: ArrayLike) -> Plane:
    """Return the `Plane` of the two largest principal components of vectors [n, Z].

    The sign of each axis is chosen so that its largest number is positive.

    Raises:
      ArgumentError: there are fewer than three vectors or two dimensions, or all are equal.

    >>> plane = principal_plane([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 2.0]])
    >>> plane.project([[4.0, 1.0]]).tolist(), plane.shares.round(3).tolist()
    ([[2.0, 0.0]], [0.8, 0.2])
    """
    z = np.asarray(z, np.float64)
    if len(z) < 3 or z.shape[1] < 2:
        raise ArgumentError(
            f"a map needs at least 3 sketches and 2 latent dimensions, got {len(z)} and "
            f"{z.shape[1]}"
        )
    mean = z.mean(axis=0)
    _, sizes, axes = np.linalg.svd(z - mean, full_matrices=False)
    if sizes[0] == 0:
        raise ArgumentError("all sketches have the same latent vector: there is no map of them")
    axes = axes[:2]
    largest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=1)[:, None], axis=1)
    variance = sizes**2
    return Plane(mean, axes * np.sign(largest), variance[:2] / variance.sum())


def scatter_limits(positions: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest of positions [n, 2], each [2], at least a little apart.

    >>> [limit.tolist() for limit in scatter_limits([[0.0, 1.0], [4.0, 1.0]])]
    [[0.0, 0.5], [4.0, 1.5]]
    """
    low, high = np.min(positions, axis=0), np.max(positions, axis=0)
    flat = np.where(high - low < 1e-6, 0.5, 0.0)
    return low - flat, high + flat
