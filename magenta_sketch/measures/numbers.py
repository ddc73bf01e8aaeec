"""Checking numbers from files and measures."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return the value as a float, or None if it is not a finite number.

    >>> finite("0.5"), finite(float("nan")), finite(None)
    (0.5, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
