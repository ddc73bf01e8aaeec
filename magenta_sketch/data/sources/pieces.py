"""Join the pieces of strokes: pens with pressure write every bit of a stroke by itself."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

GAP = 0.001  # between two pieces of one stroke, as a share of the drawing's larger side


def join(
    lines: Sequence[NDArray[np.float64]], pens: Sequence[Hashable], gap: float = GAP
) -> list[NDArray[np.float64]]:
    """Join each line that begins where the one before it ended.

    Lines that are closed, such as circles, are drawings of their own and stay as they are.

    Args:
      lines: a drawing's lines, [k, 2] each with k >= 1, in any unit.
      pens: the pen of each line; pieces of one stroke have the same.
      gap: the largest gap, as a share of the drawing's larger side. 0 joins nothing.
    """
    if not gap > 0 or len(lines) < 2:
        return list(lines)
    corners = np.array([(line.min(axis=0), line.max(axis=0)) for line in lines])
    largest = gap * (corners[:, 1].max(axis=0) - corners[:, 0].min(axis=0)).max()
    first = np.array([line[0] for line in lines])
    last = np.array([line[-1] for line in lines])
    # Not a closed line: a dot, or a line whose ends differ.
    is_open = [len(line) < 3 or bool((line[0] != line[-1]).any()) for line in lines]
    near = np.hypot(*(first[1:] - last[:-1]).T) <= largest
    strokes: list[list[NDArray[np.float64]]] = [[lines[0]]]
    for i in range(1, len(lines)):
        if near[i - 1] and pens[i] == pens[i - 1] and is_open[i] and is_open[i - 1]:
            strokes[-1].append(lines[i][1:])
        else:
            strokes.append([lines[i]])
    return [np.concatenate(stroke) for stroke in strokes]
