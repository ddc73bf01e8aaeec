"""From drawn lines to the points of a sketch: fit into a box, resample, simplify, round.

These are the operations of QuickDraw's published simplification, in its order. Move the drawing to
the top left. Scale it uniformly, so that its larger side is 255. Resample every stroke with a
spacing of 1 pixel. Simplify with the Ramer-Douglas-Peucker algorithm at an epsilon of 2 pixels.
Positions are whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 255.0  # pixels of a fitted drawing's larger side
EPSILON = 2.0  # how far simplification may move a line, in pixels
SPACING = 1.0  # pixels between resampled points

# Length of all strokes of a fitted drawing: 4,000 times its side. Anything longer is not a drawing,
# and would take minutes and much memory.
MOST_PIXELS = 1_000_000

# The library's recursion may be as deep as a line has points, and 100,000 points crash the process.
# Longer lines are simplified in pieces of this many points.
_PIECE = 4096

Lines = Sequence[NDArray[np.float64]]


def in_pixels(
    lines: Lines,
    epsilon: float = EPSILON,
    *,
    spacing: float | None,
    pixels_per_unit: float | None = None,
) -> list[NDArray[np.float64]]:
    """Return a drawing that is fitted or scaled, resampled, simplified and rounded.

    Args:
      lines: the drawing's lines, [k, 2] each with k >= 1, in any unit, finite.
      epsilon: pixels, 0 or more.
      spacing: pixels between resampled points. None: no resampling, for exact lines that were not
        sampled by hand.
      pixels_per_unit: factor that scales the lines. None: fit them instead.

    Returns:
      As many lines, in whole pixels; fitted ones from 0 to 255. A line that has shrunk to one point
      is a dot, [1, 2].

    Raises:
      ValueError: all points of lines to be fitted are equal, or resampled lines are over a million
        pixels long.
    """
    if pixels_per_unit is None:
        lines = fit(lines)
    else:
        lines = [line * pixels_per_unit for line in lines]
    if spacing is not None:
        lines = resample(lines, spacing)
    lines = [simplify(line, epsilon) for line in lines]
    if pixels_per_unit is None:
        # Round to a millionth first. Equal points midway between two pixels, such as the ends of a
        # circle, then stay equal in spite of rounding errors. Not for scaled lines: it would move
        # single points of KanjiVG, and so change the quick start's data.
        lines = [line.round(6) for line in lines]
    return whole_pixels(lines)


def fit(lines: Lines) -> list[NDArray[np.float64]]:
    """Move a drawing to the top left, (0, 0), and scale it so that its larger side is 255.

    Raises:
      ValueError: all points are equal.
    """
    points = np.concatenate(lines)
    low = points.min(axis=0)
    size = (points.max(axis=0) - low).max()
    if not size > 1e-9:  # below, scaling would overflow
        raise ValueError("all points are equal")
    return _cut((points - low) * (SIDE / size), [len(line) for line in lines])


def resample(lines: Lines, spacing: float = SPACING) -> list[NDArray[np.float64]]:
    """Return lines with points at equal distances; the first and last of each line are kept.

    Raises:
      ValueError: the lines are over a million pixels long.
    """
    # All lines at once, because a drawing has many short strokes. Joined, they make one long line.
    # The moves between them count as length, but get no points.
    points = np.concatenate(lines)
    moves = np.diff(points, axis=0)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(moves[:, 0], moves[:, 1]))])
    ends = np.cumsum([len(line) for line in lines])
    first, last = along[np.append(0, ends[:-1])], along[ends - 1]
    lengths = (last - first) / spacing
    if not lengths.sum() <= MOST_PIXELS:
        raise ValueError(f"its lines are over {MOST_PIXELS:,} pixels long")
    counts = np.floor(lengths).astype(np.int64) + 2
    stops = np.cumsum(counts)
    places = np.arange(stops[-1]) - np.repeat(stops - counts, counts)
    places = np.repeat(first, counts) + spacing * places
    places[stops - 1] = last
    sampled = [np.interp(places, along, points[:, axis]) for axis in (0, 1)]
    return _cut(np.stack(sampled, axis=1), counts.tolist())


def simplify(line: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return a polyline [k, 2] with fewer points, both ends kept (Ramer-Douglas-Peucker).

    No point of the line is further than `tolerance` (in the same unit) from the result. A line of
    over 4,096 points also keeps every 4,095th point.
    """
    from simplification.cutil import simplify_coords

    line = np.ascontiguousarray(line, np.float64)
    if len(line) <= _PIECE:
        return np.asarray(simplify_coords(line, tolerance))
    pieces = [
        np.asarray(simplify_coords(np.ascontiguousarray(line[i : i + _PIECE]), tolerance))
        for i in range(0, len(line) - 1, _PIECE - 1)
    ]
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def whole_pixels(lines: Lines) -> list[NDArray[np.float64]]:
    """Return lines with positions rounded to whole numbers, without points that then repeat."""
    # Positions are rounded, not offsets: errors of offsets would add up.
    points = np.rint(np.concatenate(lines))
    ends = np.cumsum([len(line) for line in lines])
    keep = np.ones(len(points), bool)
    np.any(points[1:] != points[:-1], axis=1, out=keep[1:])
    keep[ends[:-1]] = True  # every line keeps its first point
    return _cut(points[keep], np.add.reduceat(keep, np.append(0, ends[:-1])).tolist())


def _cut(points: NDArray[np.float64], lengths: list[int]) -> list[NDArray[np.float64]]:
    lines, start = [], 0
    for length in lengths:
        lines.append(points[start : start + length])
        start += length
    return lines
