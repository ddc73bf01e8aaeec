"""How far drawings are from each other: the symmetric Chamfer distance of their ink.

A drawing is taken as points equally spaced along its ink (the pen's lines; moves through the air
leave none), moved so that the centroid of the ink is the origin: where on the paper it is does not
matter, nor how its lines are cut into points or in which order they are drawn. With P and Q such
points of two drawings,

    d(P, Q) = ½·(mean over p in P of min over q in Q of |p - q|
               + mean over q in Q of min over p in P of |p - q|),

in the drawings' own unit, 0 exactly for equal points. It is the Chamfer distance of Fan, Su and
Guibas (2017, arXiv:1612.00603, section 4.2) with means in place of sums, so that the number of
points does not matter; plain distances in place of squared ones, so that it has a unit of length
and one stray line does not outweigh the rest; and half of both directions.

Ink is measured by its length, so a dot counts for nothing beside lines. Of a drawing without any
length its dots are taken, each alike; an empty drawing is the one dot where the pen begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.strokes import to_polylines

# Of a drawing. On kanji of 40 points, distances of two different ones are 2 % smaller with twice as
# many points and 6 % larger with half as many.
POINTS = 256
# `nearest` looks among all with so few points, and then compares so many of the best in full.
_COARSE = 64
_CANDIDATES = 32
_BLOCK = 256  # sketches compared at once in that search: what the processor's cache holds
_PAIRS = 4  # and pairs at full size

Sketches = Sequence[np.ndarray]  # stroke-3 [n, 3] each; or a SketchSet


def ink_points(stroke3: ArrayLike, count: int = POINTS) -> NDArray[np.float64]:
    """Points [count, 2] equally spaced along a sketch's ink, the ink's centroid at the origin.

    They are the middles of ``count`` pieces of equal length. All are NaN where an offset is not
    finite.
    """
    lines = to_polylines(stroke3)
    begin = np.concatenate([line[:-1] for line in lines])
    step = np.concatenate([line[1:] for line in lines]) - begin
    ends = np.cumsum(np.hypot(step[:, 0], step[:, 1]))
    total = ends[-1] if len(ends) else 0.0
    if not np.isfinite(total):
        return np.full((count, 2), np.nan)
    wanted = (np.arange(count) + 0.5) / count
    if total == 0.0:
        dots = np.stack([line[0] for line in lines])
        return (dots - dots.mean(axis=0))[(wanted * len(dots)).astype(int)]
    lengths = np.diff(ends, prepend=0.0)
    centroid = lengths @ (begin + 0.5 * step) / total
    wanted *= total
    at = np.searchsorted(ends, wanted)  # the first of equal ends: no piece without length
    at = np.minimum(at, len(ends) - 1)
    along = 1.0 - (ends[at] - wanted) / lengths[at]
    return begin[at] + along[:, None] * step[at] - centroid


def paired(first: Sketches, second: Sketches) -> NDArray[np.float64]:
    """Distances [n] of sketches to those at the same place of another sequence."""
    if len(first) != len(second):
        raise ValueError(f"there must be as many of both, got {len(first)} and {len(second)}.")
    return _distances(_all_points(first), _all_points(second))


def among(sketches: Sketches) -> NDArray[np.float64]:
    """Distances [n, n] of sketches to each other; 0 on the diagonal."""
    points = _all_points(sketches)
    rows, columns = np.triu_indices(len(points), 1)
    result = np.zeros((len(points), len(points)))
    result[rows, columns] = result[columns, rows] = _distances(points, points, rows, columns)
    return result


def nearest(sketches: Sketches, others: Sketches) -> NDArray[np.float64]:
    """Distance [n] of each sketch to the nearest of ``others``; NaN where there are none.

    All are compared with few points, and those that are nearest so with all points, so that now
    and then a sketch is found that is not quite the nearest; its distance is exact.
    """
    if not len(sketches) or not len(others):
        return np.full(len(sketches), np.nan)
    keep = min(_CANDIDATES, len(others))
    coarse = _coarse(_all_points(sketches, _COARSE), _all_points(others, _COARSE))
    candidates = np.argpartition(coarse, keep - 1, axis=1)[:, :keep]
    used, place = np.unique(candidates, return_inverse=True)
    found = _distances(
        _all_points(sketches),
        _all_points([others[int(i)] for i in used]),
        np.repeat(np.arange(len(sketches)), keep),
        place.ravel(),
    )
    return found.reshape(-1, keep).min(axis=1)


def _all_points(sketches: Sketches, count: int = POINTS) -> NDArray[np.float64]:
    """`ink_points` of each, [n, count, 2]."""
    result = np.zeros((len(sketches), count, 2))
    for i in range(len(sketches)):
        result[i] = ink_points(sketches[i], count)
    return result


def _distances(a, b, rows=None, columns=None) -> NDArray[np.float64]:
    """Distances [k] of a[rows] and b[columns], points [n, p, 2] and [m, q, 2]; all when None."""
    rows = np.arange(len(a)) if rows is None else rows
    columns = np.arange(len(b)) if columns is None else columns
    result = np.zeros(len(rows))
    for start in range(0, len(rows), _PAIRS):
        p, q = a[rows[start : start + _PAIRS]], b[columns[start : start + _PAIRS]]
        squares = np.square(p[:, :, None, 0] - q[:, None, :, 0])
        squares += np.square(p[:, :, None, 1] - q[:, None, :, 1])
        ways = [np.sqrt(squares.min(axis=axis)).mean(axis=1) for axis in (1, 2)]
        result[start : start + _PAIRS] = 0.5 * (ways[0] + ways[1])
    return result


def _coarse(a, b) -> NDArray[np.float32]:
    """Distances [n, m] of all a [n, p, 2] and b [m, q, 2], to about a thousandth of their size.

    The squared distance of two points is one product of (-2x, -2y, 1, x² + y²) and
    (x, y, x² + y², 1), in float32; sketches of b run fastest, so that minima are of whole rows.
    """
    size = np.sqrt(np.mean(np.square(b))) or 1.0
    a, b = (a / size).astype(np.float32), (b / size).astype(np.float32)
    n, p = a.shape[:2]
    m, q = b.shape[:2]
    norm = np.square(a).sum(axis=2, keepdims=True)
    left = np.concatenate([-2 * a, np.ones_like(norm), norm], axis=2)
    result = np.zeros((n, m), np.float32)
    for start in range(0, m, _BLOCK):
        block = b[start : start + _BLOCK].transpose(2, 1, 0)  # [2, q, sketches]
        norm = np.square(block).sum(axis=0, keepdims=True)
        right = np.concatenate([block, norm, np.ones_like(norm)]).reshape(4, -1)
        for i in range(n):
            squares = (left[i] @ right).reshape(p, q, -1)
            ways = [np.sqrt(np.maximum(squares.min(axis=axis), 0)).mean(axis=0) for axis in (0, 1)]
            result[i, start : start + _BLOCK] = ways[0] + ways[1]
    return result * (0.5 * size)
