"""Means and spreads over seeds, and the rule for a difference between two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

FEWEST_SEEDS = 3
RULE = (
    "Two settings are called different only if their means are more than 2·√(s₁² + s₂²) apart, "
    "where s₁ and s₂ are their spreads, with at least three seeds each."
)


class Spread(NamedTuple):
    """A mean over n seeds, and the sample standard deviation. None: n is too small."""

    mean: float | None
    spread: float | None
    n: int

    @property
    def known_mean(self) -> float:
        """The mean. n must be at least 1."""
        assert self.mean is not None
        return self.mean

    @property
    def known_spread(self) -> float:
        """The standard deviation. n must be at least 2."""
        assert self.spread is not None
        return self.spread

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """Return the mean and spread of the finite values.

        >>> Spread.of([1.0, None, 3.0]).mean
        2.0
        """
        found = [number for value in values if (number := finite(value)) is not None]
        if not found:
            return cls(None, None, 0)
        spread = float(np.std(found, ddof=1)) if len(found) > 1 else None
        return cls(float(np.mean(found)), spread, len(found))


def differs(a: Spread, b: Spread) -> bool:
    """Return whether two settings differ by `RULE`.

    >>> differs(Spread(1.0, 0.1, 3), Spread(2.0, 0.1, 3))
    True
    """
    if min(a.n, b.n) < FEWEST_SEEDS:
        return False
    apart = abs(a.known_mean - b.known_mean)
    return apart > 2 * math.hypot(a.known_spread, b.known_spread)


def finite(value: Any) -> float | None:
    """Return the value as a float, or None if it is not a finite number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
