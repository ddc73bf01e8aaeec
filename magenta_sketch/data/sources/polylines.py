"""From drawn lines to the points of a sketch: fitted into a box, resampled, simplified, rounded.

QuickDraw's published simplification, in its order: move the drawing to the top left, scale it
uniformly so that its larger side is 255, resample every stroke with a spacing of 1 pixel, simplify
with the Ramer-Douglas-Peucker algorithm at an epsilon of 2 pixels; the positions are whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 255.0  # pixels of a fitted drawing's larger side
EPSILON = 2.0  # pixels that simplification may move a line by
SPACING = 1.0  # pixels between resampled points

# Pixels of one drawing after fitting, all strokes together: 4,000 times across. What is longer is
# no drawing, and would take memory and minutes.
MOST_PIXELS = 1_000_000

# The library's algorithm is recursive and may go as deep as a line has points; a line of 100,000
# ends the process. Longer lines are simplified in pieces of this many points.
_PIECE = 4096

Lines = Sequence[NDArray[np.float64]]


def in_pixels(
    lines: Lines,
    epsilon: float = EPSILON,
    *,
    spacing: float | None,
    pixels_per_unit: float | None = None,
) -> list[NDArray[np.float64]]:
    """Fit or scale, resample, simplify and round a drawing.

    Args:
      lines: the drawing's lines, [k, 2] each with k >= 1, in any unit, finite.
      epsilon: pixels, 0 or more.
      spacing: pixels between resampled points; None leaves the points as they are, as is right for
        lines that are exact, not sampled by hand.
      pixels_per_unit: what the lines are scaled by; None fits them instead.

    Returns:
      As many lines, whole pixels, fitted ones from 0 to 255. A line that has become one point is a
      dot, [1, 2].

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
        # To a millionth first, so that points that are equal and in the middle between two pixels,
        # as the ends of a circle are, stay equal whatever their last digits are. Not where nothing
        # is fitted: it would move single points of KanjiVG, and with them the quick start's data.
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
    """Put points at equal distances along each line, from its first on; its last is kept too.

    Raises:
      ValueError: the lines are over a million pixels long.
    """
    # All lines at once: a drawing's strokes are many and short. One after another they make a
    # single long line; the moves between them count as length, but no point is put on them.
    points = np.concatenate(lines)
    steps = np.diff(points, axis=0)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
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
    """Return the polyline [k, 2] with fewer of its points, both ends kept (Ramer-Douglas-Peucker).

    No point of the line is further than `tolerance` (same unit) from what is returned. Of a line of
    over 4,096 points every 4,095th is kept too.
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
    """Round positions to whole numbers and drop the points of a line that then do not move."""
    # Positions are rounded, not offsets, whose errors would add up along the sketch.
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
