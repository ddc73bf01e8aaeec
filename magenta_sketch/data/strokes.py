"""The two stroke formats, conversions between them, bounds, and augmentation.

The formats, which everything else passes around:

stroke-3, ``[n, 3]``: one row ``(dx, dy, lift)`` a point. ``dx, dy`` is the offset from the point
    before, x to the right and y down, in pixel units unless said otherwise; ``lift`` is 1 when the
    pen leaves the paper after this point and 0 when it stays down.
    A sketch starts at its first point, the origin, with the pen down: that point has no row, and
    row 0 leads from it to the second point.
stroke-5, ``[n, 5]``: ``(dx, dy, down, lift, end)``. The last three are one-hot: the pen stays down
    after this point, leaves the paper after it, or the sketch is over and the row holds no point.
    The start token is ``(0, 0, 1, 0, 0)`` and padding is ``(0, 0, 0, 0, 1)``.

Many sketches together are "flat": points ``[N, 3]``, one sketch after another, and starts
``[n + 1]``, so that sketch ``i`` is ``points[starts[i]:starts[i + 1]]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.errors import ArgumentError

START_TOKEN = (0.0, 0.0, 1.0, 0.0, 0.0)
END_TOKEN = (0.0, 0.0, 0.0, 0.0, 1.0)
STROKE_WIDTH = 5  # of a stroke-5 row


class Bounds(NamedTuple):
    """The smallest box around a sketch, in the sketch's units, its first point at (0, 0)."""

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
    """Return where the pen is at the origin and after each row, [n + 1, 2]."""
    positions = np.zeros((len(stroke3) + 1, 2))
    np.cumsum(stroke3[:, :2], axis=0, dtype=np.float64, out=positions[1:])
    return positions


def to_polylines(stroke3: ArrayLike) -> list[NDArray[np.float64]]:
    """Return the pen's lines as absolute positions, a list of float64 ``[k, 2]``.

    The first line starts at (0, 0). After a lift the pen moves through the air and the point it
    reaches starts a new line; a point that starts a line and lifts at once is a dot, ``k == 1``.

    Raises:
      ValueError: the shape is not [n, 3].

    Example:
      >>> [line.tolist() for line in to_polylines([[1, 0, 0], [0, 2, 1], [3, 0, 1]])]
      [[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]], [[4.0, 2.0]]]
    """
    array = _stroke3(stroke3)
    positions = _positions(array)
    ends = np.flatnonzero(array[:, 2] > 0.5) + 2  # one past the lifted point; the origin is point 0
    return [line for line in np.split(positions, ends) if len(line)]


def from_polylines(polylines: Iterable[ArrayLike]) -> NDArray[np.float32]:
    """Return lines of absolute positions, each ``[k, 2]``, as a stroke-3 sketch ``[n, 3]``.

    The inverse of `to_polylines` up to translation: the first position becomes the origin. Empty
    lines are skipped; every line ends with a lift. A dot that comes first becomes a line of two
    equal points, because the origin has no row that could hold its lift.

    Raises:
      ValueError: a line is not [k, 2].

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

    Row 0 is the start token, rows 1 to n the points, the rest padding.

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

    A start token in row 0 is dropped; the first row whose pen is at its end, and all after it, too.

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
    """Return the box around all points of a stroke-3 sketch ``[n, 3]``, the origin included.

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
    """Stretch each of many sketches in x and in y, each by a factor in [1 - f, 1 + f).

    Args:
      points: [N, 3] and starts: [n + 1], sketches as flat arrays.
      factor: f, 0 or more.
      draws: [n, 2], uniform in [0, 1), for x and for y of each sketch.

    Returns:
      New points [N, 3].
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
    """Merge points of many sketches, at random, each into the last kept point before it.

    A point may be merged when the pen stays down after it and at least three points lie before it
    in its stroke; its offset is added to the kept one's, so that no displacement is lost and
    strokes keep their ends.

    Args:
      points: [N, 3] and starts: [n + 1], sketches as flat arrays, none empty.
      probability: of merging a point that may be merged, in [0, 1].
      draws: [N], uniform in [0, 1); a point that may be merged is when its draw is below
        probability.

    Returns:
      points [M, 3] and starts [n + 1] of the same sketches with fewer points.
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
