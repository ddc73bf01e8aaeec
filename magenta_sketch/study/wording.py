"""Numbers as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable

from magenta_sketch.study.summary import Spread

NONE = "–"
PLUS_MINUS = "\u00a0±\u00a0"


def number(value: float | None, decimals: int | None = None) -> str:
    """With a real minus sign; three significant digits when decimals is None; – for None."""
    if value is None:
        return NONE
    if decimals is None:
        decimals = _decimals(value, 3)
    text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if text.strip("-0.,") else text[1:]
    return text


def decimals_for(spreads: Iterable[Spread]) -> int | None:
    """Decimals for numbers in one column: those of the middle one; None where there is no spread.

    Two digits of the spread, or fewer where the mean has three before that; at least one.
    """
    found = sorted(
        max(min(_decimals(s.spread, 2), _decimals(s.mean, 3)), _decimals(s.spread, 1))
        for s in spreads
        if s.spread
    )
    return min(found[len(found) // 2], 4) if found else None


def plus_minus(value: Spread, decimals: int | None = None) -> str:
    """ "0.123 ± 0.004", with spaces that don't break; the mean alone where there is no spread."""
    if value.mean is None:
        return NONE
    if value.spread is None:
        return number(value.mean, decimals)
    if decimals is None:
        decimals = decimals_for([value])
    if decimals is None:  # all seeds alike
        decimals = min(_decimals(value.mean, 3), 4)
    return f"{number(value.mean, decimals)}{PLUS_MINUS}{number(value.spread, decimals)}"


def with_n(value: Spread) -> str:
    """ "0.123 ± 0.004 (n = 3)"."""
    return f"{plus_minus(value)} ({seeds(value.n)})"


def seeds(n: int) -> str:
    """ "n = 3", with spaces that don't break."""
    return f"n\u00a0=\u00a0{n}"


def duration(seconds: float) -> str:
    """ "2 h 5 min", "3 min 20 s", "4.2 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _decimals(value: float, digits: int) -> int:
    """Decimals at which a value has so many significant digits; none below the point if large."""
    if not value:
        return 1
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])  # after rounding: 0.0999 is 0.10
    return min(max(digits - 1 - exponent, 0), 8)


def capital(text: str) -> str:
    """A sentence's beginning; names of hyperparameters and measures stay as they are written."""
    return text if "_" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]
