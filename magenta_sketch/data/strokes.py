"""The two stroke formats, conversions between them, bounds, and augmentation.

All other modules use these formats:

stroke-3, ``[n, 3]``: one row ``(dx, dy, lift)`` for each point. ``dx, dy`` is the offset from the
    previous point, x to the right and y down, in pixel units unless another unit is named. ``lift``
    is 1 if the pen leaves the paper after this point, and 0 if it stays down.
    A sketch starts at the origin, its first point, with the pen down. The origin has no row; row 0
    leads to the second point.
stroke-5, ``[n, 5]``: ``(dx, dy, down, lift, end)``. The last three are one-hot: the pen stays down
    after this point, it leaves the paper after this point, or the sketch has ended and the row
    holds no point. The start token is ``(0, 0, 1, 0, 0)``, and padding is ``(0, 0, 0, 0, 1)``.

Many sketches together are "flat": points ``[N, 3]``, one sketch after another, and starts
``[n + 1]``. Sketch ``i`` is ``points[starts[i]:starts[i + 1]]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.errors import ArgumentError

START_TOKEN = (0.0, 0.0, 1.0, 0.0, 0.0)
END_TOKEN = (0.0, 0.0, 0.0, 0.0, 1.0)
STROKE_WIDTH = 5  # numbers in a stroke-5 row


class Bounds(NamedTuple):
    """The smallest box around a sketch, in the sketch's units. Its first point is (0, 0).

    Example:
      >>> Bounds(0, -2, 4, 2).max_x
      4
    """

    min_x: float
    min_y: float
    max_x: float
    max_y: float


def _stroke3(stroke3: ArrayLike) -> np.ndarray:
    array = np.asarray(stroke3)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ArgumentError(f"a stroke-3 sketch has the shape [n, 3], got {list(array.shape)}")
    return array


def _positions(stroke3: np.ndarray) -> NDArray[np.float64]:
    """Return the pen's positions: the origin, then after each row, [n + 1, 2]."""
    positions = np.zeros((len(stroke3) + 1, 2))
    np.cumsum(stroke3[:, :2], axis=0, dtype=np.float64, out=positions[1:])
    return positions


def to_polylines(stroke3: ArrayLike) -> list[NDArray[np.float64]]:
    """Return the strokes as polylines of absolute positions, a list of float64 ``[k, 2]``.

    The first polyline starts at (0, 0). The point after a lift starts a new one. If the pen lifts
    after that point too, the polyline is a dot, ``k == 1``.

    Raises:
      ValueError: the shape is not [n, 3].

    Example:
      >>> [line.tolist() for line in to_polylines([[1, 0, 0], [0, 2, 1], [3, 0, 1]])]
      [[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]], [[4.0, 2.0]]]
    """
    array = _stroke3(stroke3)
    positions = _positions(array)
    ends = (
        np.flatnonzero(array[:, 2] > 0.5) + 2
    )  # one after the lifted point; the origin is point 0
    return [line for line in np.split(positions, ends) if len(line)]


def from_polylines(polylines: Iterable[ArrayLike]) -> NDArray[np.float32]:
    """Return polylines of absolute positions, each ``[k, 2]``, as a stroke-3 sketch ``[n, 3]``.

    This is the inverse of `to_polylines`, except for translation: the first position becomes the
    origin. Empty polylines are skipped, and each polyline ends with a lift. If the first one is a
    dot, it becomes a line of two equal points, because the origin has no row for a lift.

    Raises:
      ValueError: a polyline is not [k, 2].

    Example:
      >>> from_polylines([[[5, 5], [6, 5], [6, 7]], [[9, 7], [9, 8]]]).tolist()
      [[1.0, 0.0, 0.0], [0.0, 2.0, 1.0], [3.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    lines = []
    for index, polyline in enumerate(polylines):
        line = np.asarray(polyline, dtype=np.float64)
        if line.size == 0:
            continue
        if line.ndim != 2 or line.shape[1] != 2:
            raise ArgumentError(f"polyline {index} has shape {list(line.shape)}, expected [k, 2]")
        lines.append(line)
    if not lines:
        return np.zeros((0, 3), np.float32)
    if len(lines[0]) == 1:
        lines[0] = np.repeat(lines[0], 2, axis=0)
    result = np.zeros((sum(map(len, lines)) - 1, 3), np.float32)
    result[:, :2] = np.diff(np.concatenate(lines), axis=0)
    result[np.cumsum([len(line) for line in lines]) - 2, 2] = 1
    return result


def to_stroke5(stroke3: ArrayLike, max_seq_len: int) -> NDArray[np.float32]:
    """Return a stroke-3 sketch ``[n, 3]`` as stroke-5 ``[max_seq_len + 1, 5]``, units unchanged.

    Row 0 is the start token, rows 1 to n are the points, the rest is padding.

    Raises:
      ValueError: the shape is not [n, 3], or n exceeds max_seq_len.

    Example:
      >>> to_stroke5([[3, 4, 1]], 2).astype(int).tolist()
      [[0, 0, 1, 0, 0], [3, 4, 0, 1, 0], [0, 0, 0, 0, 1]]
    """
    array = _stroke3(stroke3)
    if len(array) > max_seq_len:
        raise ArgumentError(f"a sketch of {len(array)} points exceeds max_seq_len {max_seq_len}")
    result = np.tile(np.array(END_TOKEN, np.float32), (max_seq_len + 1, 1))
    result[0] = START_TOKEN
    rows = result[1 : len(array) + 1]
    rows[:, :2] = array[:, :2]
    rows[:, 2] = array[:, 2] <= 0.5
    rows[:, 3] = array[:, 2] > 0.5
    rows[:, 4] = 0
    return result


def to_stroke3(stroke5: ArrayLike) -> NDArray[np.float32]:
    """Return the points of a stroke-5 sketch ``[m, 5]`` as stroke-3 ``[n, 3]``, units unchanged.

    A start token in row 0 is dropped, and so are the first end row and everything after it.

    Raises:
      ValueError: the shape is not [m, 5].

    Example:
      >>> to_stroke3([[0, 0, 1, 0, 0], [3, 4, 0, 1, 0], [0, 0, 0, 0, 1]]).tolist()
      [[3.0, 4.0, 1.0]]
    """
    array = np.asarray(stroke5, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 5:
        raise ArgumentError(f"a stroke-5 sketch has the shape [m, 5], got {list(array.shape)}")
    if len(array) and np.array_equal(array[0], START_TOKEN):
        array = array[1:]
    ended = np.flatnonzero(array[:, 4] > 0.5)
    array = array[: ended[0]] if len(ended) else array
    return np.column_stack([array[:, :2], (array[:, 3] > 0.5).astype(np.float32)])


def bounds(stroke3: ArrayLike) -> Bounds:
    """Return the box around all points of a stroke-3 sketch ``[n, 3]``, with the origin.

    Raises:
      ValueError: the shape is not [n, 3].

    Example:
      >>> bounds([[3, 2, 0], [1, -4, 1]])
      Bounds(min_x=0.0, min_y=-2.0, max_x=4.0, max_y=2.0)
    """
    array = _stroke3(stroke3)
    positions = _positions(array)
    return Bounds(*map(float, [*positions.min(axis=0), *positions.max(axis=0)]))


def scale_randomly(
    points: NDArray[np.float32], starts: NDArray[np.int64], factor: float, draws: np.ndarray
) -> NDArray[np.float32]:
    """Scale each sketch by two random factors in [1 - factor, 1 + factor), one for x and one for y.

    Args:
      points: [N, 3], flat sketches.
      starts: [n + 1].
      factor: 0 or more.
      draws: [n, 2], uniform in [0, 1), for x and y of each sketch.

    Returns:
      New points [N, 3].

    Example:
      >>> point = np.array([[2, 2, 1]], np.float32)
      >>> scale_randomly(point, np.array([0, 1]), 0.5, np.array([[0, 0.5]])).tolist()
      [[1.0, 2.0, 1.0]]
    """
    scales = np.ones((len(starts) - 1, 3), np.float32)
    scales[:, :2] = 1 + factor * (2 * draws - 1)
    return points * np.repeat(scales, np.diff(starts), axis=0)


def drop_points(
    points: NDArray[np.float32],
    starts: NDArray[np.int64],
    probability: float,
    draws: np.ndarray,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Merge randomly chosen points, each into the last kept point before it.

    A point can be merged if the pen stays down after it and at least three points of its stroke are
    before it. Its offset is added to the offset of the kept point, so strokes keep their ends.

    Args:
      points: [N, 3], flat sketches, none empty.
      starts: [n + 1].
      probability: of merging a point that can be merged, in [0, 1].
      draws: [N], uniform in [0, 1). Such a point is merged if its draw is below the probability.

    Returns:
      points [M, 3] and starts [n + 1] of the same sketches with fewer points.

    Example:
      >>> points = np.array([[1, 0, 0]] * 4 + [[0, 1, 1]], np.float32)
      >>> drop_points(points, np.array([0, 5]), 1.0, np.zeros(5))[0].tolist()
      [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    index = np.arange(len(points))
    lifted = points[:, 2] > 0.5
    first = np.zeros(len(points), bool)
    first[1:] = lifted[:-1]
    first[starts[:-1]] = True
    position = index - np.maximum.accumulate(np.where(first, index, 0))
    keep = lifted | (position <= 2) | (draws >= probability)
    kept = np.flatnonzero(keep)
    result = points[kept]
    # The first point of every sketch is kept, so no sum reaches into the next sketch.
    result[:, :2] = np.add.reduceat(points[:, :2], kept, axis=0)
    return result, np.searchsorted(kept, starts)
