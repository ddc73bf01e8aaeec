"""How drawings become a data set."""

from __future__ import annotations

import dataclasses

from magenta_sketch.data.sources import polylines, splitting

Shares = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How drawings become sketches. Each source has defaults of its own; here are the common ones.

    Attributes:
      pixels_per_unit: pixels for a unit of the source's, so that drawings keep their sizes. None:
        each is fitted, so that its larger side is 255 pixels.
      epsilon: pixels, as written, by which simplification may move a line, 0 or more.
      max_points: sketches of more points are left out; None for no limit.
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
    """Choices of a conversion.

    Attributes:
      epsilon: as in `Settings`. None: the source's default, but drawings that are simplified
        already are taken as they are.
      max_points: as in `Settings`. None: the source's default.
      recognized_only: leave out what QuickDraw's game did not recognise.
      counts: the most sketches of train, valid and test in each class; where there are more, those
        are kept whose keys have the lowest hashes. None for no limit.
      shares: parts of train, valid and test by which keys are split, whole numbers of at least 1.
        None: as `counts`, or 90, 5 and 5.
      overwrite: replace files that are there.
    """

    epsilon: float | None = None
    max_points: int | None = None
    recognized_only: bool = False
    counts: Shares | None = None
    shares: Shares | None = None
    overwrite: bool = False

    def settings(self, defaults: Settings) -> Settings:
        """Return a source's settings: its defaults, but for what is chosen here."""
        return dataclasses.replace(
            defaults,
            epsilon=defaults.epsilon if self.epsilon is None else self.epsilon,
            max_points=defaults.max_points if self.max_points is None else self.max_points,
        )

    @property
    def parts(self) -> Shares:
        """Return the shares in use."""
        return self.shares or self.counts or splitting.SHARES
