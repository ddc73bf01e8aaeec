"""How drawings become a data set."""

from __future__ import annotations

import dataclasses

from magenta_sketch.data.sources import polylines, splitting

Shares = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Options:
    """Choices of a conversion.

    Attributes:
      epsilon: pixels by which simplification may move a line, 0 or more. None: 2, but drawings
        that are simplified already are taken as they are.
      max_points: sketches of more points are left out; None for no limit.
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

    @property
    def pixels(self) -> float:
        """Return the epsilon in use, pixels."""
        return polylines.EPSILON if self.epsilon is None else self.epsilon

    @property
    def parts(self) -> Shares:
        """Return the shares in use."""
        return self.shares or self.counts or splitting.SHARES
