"""How the report writes numbers."""

from __future__ import annotations

import math

from magenta_sketch.study.statistics import Comparison, Estimate

NONE = "–"
_VERDICTS = {"greater": "▲", "less": "▼", "equal": "=", "undecided": ""}


def number(value: float | None, decimals: int | None = None, *, signed: bool = False) -> str:
    """Return a number as text, with a real minus sign; "–" if it is None or not finite.

    decimals: None for three significant digits. signed: with a plus sign where it is positive.

    >>> number(-1234.5, 0), number(0.12345), number(None), number(2.0, signed=True)
    ('−1,234', '0.123', '–', '+2.00')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if decimals is None:
        decimals = _decimals(value, 3)
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if not text.strip("+-0.,"):
        return text.lstrip("+-")
    return text.replace("-", "−")


def with_interval(value: Estimate, *, signed: bool = False) -> str:
    """Return "0.123 [0.120, 0.126]", with no-break spaces; only the mean without an interval.

    >>> with_interval(Estimate(0.5, 0.4, 0.6, 10)).split()
    ['0.50', '[0.40,', '0.60]']
    """
    if not value.has_interval:
        return number(value.value, signed=signed)
    decimals = min(_decimals((value.high - value.low) or value.value, 2), 3)
    ends = ",\u00a0".join(number(one, decimals, signed=signed) for one in (value.low, value.high))
    return f"{number(value.value, decimals, signed=signed)}\u00a0[{ends}]"


def compared(found: Comparison) -> str:
    """Return a difference, or "×" and a ratio, with its interval and the sign of the verdict.

    ▲ greater, ▼ less, = equal within the margin, nothing: undecided.

    >>> from magenta_sketch.study.statistics import compare
    >>> compared(compare([1.0, 1.1, 1.2], [1.0, 1.1, 1.2], margin=0.1))
    '0.00 ='
    """
    text = with_interval(found.difference, signed=not found.is_ratio)
    if not found.difference.has_interval or found.difference.low == found.difference.high:
        text = number(found.difference.value, 2, signed=not found.is_ratio)
    sign = _VERDICTS[found.verdict]
    return f"{'×' if found.is_ratio else ''}{text}{' ' * bool(sign)}{sign}"


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show ``digits`` significant digits of a value; at least 0."""
    if not value or not math.isfinite(value):
        return 1
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])  # after rounding: 0.0999 is 0.10
    return min(max(digits - 1 - exponent, 0), 8)
