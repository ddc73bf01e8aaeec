"""Recognise data sets that follow another convention than stroke-3, by their numbers.

A file with positions in place of offsets, or with 1 for a pen that is down, looks like a data set,
and trains a model that draws nonsense. `mending` makes stroke-3 of such data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.offsets import MAX_OFFSET
from magenta_sketch.data.sketch_set import SketchSet

# Convention -> what the data have. Each is something that `mending.mend` can mend.
CONVENTIONS = {
    "lifts": "1 for a pen that is down",
    "positions": "positions, not offsets",
    "leading_move": "a first row from (0, 0) to the first point",
    "pieces": "strokes cut into pieces",
}


class _Numbers(NamedTuple):
    """A data set for the rules below."""

    points: NDArray[np.float64]  # [N, 3]
    starts: NDArray[np.int64]  # [n + 1]
    begins: NDArray[np.bool_]  # [N], whether a row begins a sketch
    after_lift: NDArray[np.bool_]  # [N], whether the pen was lifted before a row's move


def recognise(sketches: SketchSet) -> list[str]:
    """Return which of `CONVENTIONS` a data set seems to follow; usually none.

    Args:
      sketches: all sketches, or many of them, at least 3.

    Example:
      >>> box = [[10, 10, 0], [60, 10, 0], [60, 40, 0], [10, 40, 0], [11, 12, 1]]
      >>> recognise(SketchSet.from_sketches([box] * 3))
      ['positions']
    """
    if len(sketches) < 3:
        return []
    found = []
    points = sketches.points.astype(np.float64)
    starts = sketches.starts
    if _lifts_are_inverted(points, starts):
        found.append("lifts")
        points = with_sound_lifts(points, starts)
    begins = np.zeros(len(points), bool)
    begins[starts[:-1]] = True
    after_lift = np.zeros(len(points), bool)
    after_lift[1:] = points[:-1, 2] == 1
    after_lift &= ~begins
    numbers = _Numbers(points, starts, begins, after_lift)
    if _are_positions(numbers):
        found.append("positions")
    elif _begin_with_a_move(numbers):
        found.append("leading_move")
    if _are_pieces(numbers):
        found.append("pieces")
    return found


def _lifts_are_inverted(points: NDArray[np.float64], starts: NDArray[np.int64]) -> bool:
    # Most rows have 1, and the last rows, whose strokes end there, have 0; or nearly all have 1.
    last = points[starts[1:] - 1, 2]
    share = points[:, 2].mean()
    return bool((share > 0.5 and last.mean() < 0.1) or (0.65 < share < 1 and len(points) > 50))


def with_sound_lifts(points: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return points whose third column was 1 for a pen that is down, with lifts.

    Either 0 stands after the last line of a stroke, or it stands for a move without drawing, after
    which a stroke begins. Moves are longer than lines, which tells the two apart.
    """
    points = points.copy()
    up = points[:, 2] == 0
    before = np.append(up[1:], False)  # the row before one with 0
    before[starts[1:] - 1] = False
    after = np.append(False, up[:-1])
    after[starts[:-1]] = False
    lengths = np.hypot(points[:, 0], points[:, 1])
    is_move = up.any() and after.any() and np.median(lengths[up]) > np.median(lengths[after])
    points[:, 2] = before if is_move else up
    points[starts[1:] - 1, 2] = 1
    return points


def _are_positions(numbers: _Numbers) -> bool:
    xy = numbers.points[:, :2]
    steps = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    lengths = np.hypot(*xy.T)
    drawn = ~numbers.begins & ~numbers.after_lift
    if drawn.sum() < 10 or not np.median(lengths) > 0:
        return False
    # Offsets go back as often as forth, but on a stair or a slope.
    if (xy < 0).mean(axis=0).max() < 0.02:
        return bool(np.median(steps[drawn]) < np.median(lengths))
    # Positions around 0: neighbours are near each other, and those after a lift as far from 0 as
    # others. A test tries all of QuickDraw's classes, and their positions.
    cut = (np.abs(xy) >= MAX_OFFSET).mean()  # numbers that are cut are all of one length
    if numbers.after_lift.sum() < 20 or cut > 0.05:
        return False
    near = np.median(steps[drawn]) / np.median(lengths)
    farther = np.median(lengths[numbers.after_lift]) / max(np.median(lengths[drawn]), 1e-12)
    return bool(near < 0.45 and farther < 1.4)


def _begin_with_a_move(numbers: _Numbers) -> bool:
    first = numbers.starts[:-1]
    if (numbers.points[first, 2] == 1).mean() > 0.1:  # the pen is down after that move
        return False
    lengths = np.hypot(*numbers.points[:, :2].T)
    # All positions are right of and below where the first row begins.
    positions = np.cumsum(numbers.points[:, :2], axis=0)
    before = positions[first] - numbers.points[first, :2]
    lowest = np.minimum.reduceat(positions, first) - before
    slack = 0.01 * np.median(lengths[first])
    return bool((lowest >= -slack).all(axis=1).mean() > 0.95)


def _are_pieces(numbers: _Numbers) -> bool:
    moves = numbers.points[numbers.after_lift, :2]
    return len(moves) > 2 * (len(numbers.starts) - 1) and bool(
        (moves == 0).all(axis=1).mean() > 0.5
    )
