"""Made-up drawings with known factors: polygons and ellipses, each one stroke of a pen.

A shape stands on a side. The pen begins near the middle of that side, follows the outline clockwise
and ends near its beginning. It may leave a gap there. Every drawing is a function of a seed and its
number alone. Its factors are independent, each drawn uniformly:

  - ellipse: 1 for an ellipse, 0 for a polygon; one drawing in five is an ellipse
  - corners: 3, 4, 5 or 6; NaN for an ellipse
  - size: the radius before stretching, 40 to 120 pixels; the corners lie on that circle
  - aspect: log of the stretch of the width over that of the height, -0.6 to 0.6; area is kept
  - rotation: radians, clockwise on the screen, -0.4 to 0.4; after the stretching
  - gap: the share of the outline that is not drawn, 0 to 0.3; its middle is the side's middle
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.sources.drawings import Drawing, KnownFactors, Source
from magenta_sketch.data.sources.options import Settings

SEED = 0
COUNTS = {"train": 2000, "valid": 200, "test": 500}

CORNERS = (3, 4, 5, 6, 0)  # 0 is an ellipse
RANGES = {"size": (40, 120), "aspect": (-0.6, 0.6), "rotation": (-0.4, 0.4), "gap": (0, 0.3)}
FACTORS = ("ellipse", "corners", *RANGES)

PIECES = 20  # of a whole outline, about; every corner is a point, too
HAND = 0.015  # how far a hand misses a point in x and y, at most, as a share of the size
UNEVEN = 0.25  # how far a point lies from its even place on the line, at most, in pieces

# Sizes are in pixels already. Points are not simplified: those of a hand are never in line.
DEFAULTS = Settings(pixels_per_unit=1, epsilon=0)


class Shape(NamedTuple):
    """The factors of a drawing.

    Attributes:
      corners: 3 or more; 0 is an ellipse.
      size, aspect, rotation, gap: see the module.
    """

    corners: int
    size: float
    aspect: float
    rotation: float
    gap: float

    @property
    def row(self) -> list[float]:
        """Return the values of `FACTORS`.

        Example:
          >>> Shape(0, 50, 0.1, 0, 0.2).row
          [1.0, nan, 50, 0.1, 0, 0.2]
        """
        corners = float(self.corners or np.nan)
        return [float(not self.corners), corners, *self[1:]]


def source() -> Source:
    """Return the drawings as an input with the class "shapes"."""
    count = sum(COUNTS.values())
    return Source(
        label="this program",
        size=count,
        read=_read,
        defaults=DEFAULTS,
        contents=f"{count:,} drawings",
        factors=KnownFactors(FACTORS, _rows),
    )


def _read(advance: Callable[[int], None]) -> Iterator[Drawing]:
    splits = [split for split, count in COUNTS.items() for _ in range(count)]
    for index, split in enumerate(splits):
        advance(1)
        _, line = draw(index)
        where = "shapes", index + 1, "shapes", str(index)
        yield Drawing(*where, [line], "exact", split=split)


def _rows(lines: NDArray[np.integer]) -> ArrayLike:
    return [_shape(_generator(int(line) - 1, SEED)).row for line in lines]


def draw(index: int, seed: int = SEED) -> tuple[Shape, NDArray[np.float64]]:
    """Return the factors and the line of a drawing.

    Args:
      index: its number, 0 or more.
      seed: 0 or more.

    Returns:
      Its factors, and its positions float64 [k, 2] in pixels around (0, 0), x to the right and y
      down, with k from 12 to 24.

    Example:
      >>> shape, line = draw(0)
      >>> shape.corners, round(shape.size), line.shape
      (6, 62, (17, 2))
    """
    generator = _generator(index, seed)
    shape = _shape(generator)
    return shape, outline(shape, generator)


def _generator(index: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, index])


def _shape(generator: np.random.Generator) -> Shape:
    kind, *shares = generator.random(1 + len(RANGES)).tolist()  # uniform in [0, 1)
    values = [
        low + share * (high - low)
        for share, (low, high) in zip(shares, RANGES.values(), strict=True)
    ]
    return Shape(CORNERS[int(kind * len(CORNERS))], *values)


def outline(shape: Shape, hand: np.random.Generator | None = None) -> NDArray[np.float64]:
    """Return the line of a shape, float64 [k, 2] in pixels around (0, 0), y down.

    Args:
      shape: its factors.
      hand: moves the points a little, as a hand does. None: they are exact and evenly spaced.

    Example:
      >>> square = Shape(corners=4, size=50, aspect=0, rotation=0, gap=0.05)
      >>> outline(square)[[0, 2, 7]].round().tolist()  # the end of the gap, and two corners
      [[-7.0, 35.0], [-35.0, 35.0], [-35.0, -35.0]]
    """
    corners = _closed(shape.corners or 180)
    corners *= np.exp([shape.aspect / 2, -shape.aspect / 2])
    along = np.append(0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T)))
    along /= along[-1]
    begin, end = shape.gap / 2, 1 - shape.gap / 2
    drawn = along[(along > begin) & (along < end)] if shape.corners else along[:0]
    places = _places(np.array([begin, *drawn, end]), hand)
    line = np.stack([np.interp(places, along, corners[:, axis]) for axis in (0, 1)], axis=1)
    if hand is not None:
        line += HAND * (2 * hand.random(line.shape) - 1)
    cos, sin = np.cos(shape.rotation), np.sin(shape.rotation)
    return shape.size * line @ np.array([[cos, sin], [-sin, cos]])


def _closed(corners: int) -> NDArray[np.float64]:
    """Return a regular polygon on the unit circle, clockwise, from the middle of its lowest side.

    Returns:
      That middle, the corners and the middle again, [corners + 2, 2].
    """
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    points = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    middle = (points[:1] + points[-1:]) / 2
    return np.concatenate([middle, points, middle])


def _places(fixed: NDArray[np.float64], hand: np.random.Generator | None) -> NDArray[np.float64]:
    """Return the places of points along an outline of length 1: the fixed ones and some between."""
    pieces = np.maximum(1, np.rint(PIECES * np.diff(fixed))).astype(int)
    ends = np.append(0, np.cumsum(pieces))
    numbers = np.arange(ends[-1] + 1, dtype=float)
    if hand is not None:
        between = ~np.isin(numbers, ends)
        numbers[between] += UNEVEN * (2 * hand.random(np.count_nonzero(between)) - 1)
    return np.interp(numbers, ends, fixed)
