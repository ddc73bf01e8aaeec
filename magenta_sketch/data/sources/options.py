"""Options for turning drawings into a data set."""

from __future__ import annotations

import dataclasses

from magenta_sketch.data import splitting
from magenta_sketch.data.sources import pieces, polylines

Shares = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How drawings become sketches. Here are the common defaults; sources may have others.

    Attributes:
      pixels_per_unit: pixels for one unit of the source, so that drawings keep their sizes. None:
        each drawing is fitted, so that its larger side is 255 pixels.
      epsilon: how far simplification may move a line, in pixels as written, 0 or more.
      max_points: sketches with more points are left out. None: no limit.
    """

    pixels_per_unit: float | None = None
    epsilon: float = polylines.EPSILON
    max_points: int | None = None

    def __str__(self) -> str:
        size = (
            f"fitted to {polylines.SIDE:g} px"
            if self.pixels_per_unit is None
            else f"{self.pixels_per_unit:g} px a unit"
        )
        limit = (
            "any number of points"
            if self.max_points is None
            else f"at most {self.max_points:,} points"
        )
        return f"{size}, epsilon {self.epsilon:g} px, {limit}"


@dataclasses.dataclass(frozen=True)
class Options:
    """The user's choices for a conversion.

    Attributes:
      epsilon: as in `Settings`. None: the source's default, and drawings that are simplified
        already stay as they are.
      max_points: as in `Settings`. None: the source's default.
      recognized_only: leave out what QuickDraw's game did not recognise.
      counts: the largest number of train, valid and test sketches in each class. Sketches whose
        keys have the lowest hashes are kept. None: no limit.
      shares: relative sizes of train, valid and test, whole numbers >= 1. None: as `counts`, or 90,
        5 and 5.
      overwrite: replace existing files.
      classes: the classes to convert, as the sources name them. None: all.
      join: the largest gap between two pieces of a stroke, see `pieces.join`. 0: join nothing.
    """

    epsilon: float | None = None
    max_points: int | None = None
    recognized_only: bool = False
    counts: Shares | None = None
    shares: Shares | None = None
    overwrite: bool = False
    join: float = pieces.GAP
    classes: tuple[str, ...] | None = None

    def settings(self, defaults: Settings) -> Settings:
        """Return a source's defaults, changed by the choices made here."""
        return dataclasses.replace(
            defaults,
            epsilon=defaults.epsilon if self.epsilon is None else self.epsilon,
            max_points=defaults.max_points if self.max_points is None else self.max_points,
        )

    @property
    def parts(self) -> Shares:
        """Return the relative sizes of the splits."""
        return self.shares or self.counts or splitting.SHARES
