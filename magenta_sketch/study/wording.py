"""How the report writes numbers."""

from __future__ import annotations

from collections.abc import Iterable

from magenta_sketch.study.spread import Spread

NONE = "–"
PLUS_MINUS = "\u00a0±\u00a0"


def number(value: float | None, decimals: int | None = None) -> str:
    """Return a number as text, with a real minus sign; "–" for None.

    decimals: None for three significant digits.

    >>> number(-1234.5, 0), number(0.12345), number(None)
    ('−1,234', '0.123', '–')
    """
    if value is None:
        return NONE
    if decimals is None:
        decimals = _decimals(value, 3)
    text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if text.strip("-0.,") else text[1:]
    return text


def decimals_for(spreads: Iterable[Spread]) -> int | None:
    """Return the number of decimals for a column, the median over its values; None without spreads.

    A value needs two significant digits of its spread; one is enough if the mean has three digits.
    """
    found = sorted(
        max(min(_decimals(s.spread, 2), _decimals(s.known_mean, 3)), _decimals(s.spread, 1))
        for s in spreads
        if s.spread
    )
    return min(found[len(found) // 2], 4) if found else None


def plus_minus(value: Spread, decimals: int | None = None) -> str:
    """Return "0.123 ± 0.004", with no-break spaces; only the mean if there is no spread."""
    if value.mean is None:
        return NONE
    if value.spread is None:
        return number(value.mean, decimals)
    if decimals is None:
        decimals = decimals_for([value])
    if decimals is None:  # the spread is 0
        decimals = min(_decimals(value.mean, 3), 4)
    return f"{number(value.mean, decimals)}{PLUS_MINUS}{number(value.spread, decimals)}"


def with_n(value: Spread) -> str:
    """Return "0.123 ± 0.004 (n = 3)"."""
    return f"{plus_minus(value)} ({seeds(value.n)})"


def seeds(n: int) -> str:
    """Return "n = 3", with no-break spaces."""
    return f"n\u00a0=\u00a0{n}"


def duration(seconds: float) -> str:
    """Return a time as text for people.

    >>> duration(7500), duration(200), duration(4.2)
    ('2 h 5 min', '3 min 20 s', '4.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show ``digits`` significant digits of a value; at least 0."""
    if not value:
        return 1
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])  # after rounding: 0.0999 is 0.10
    return min(max(digits - 1 - exponent, 0), 8)


def capital(text: str) -> str:
    """Return the text with a capital first letter, unless it starts with a name such as z_size."""
    return text if "_" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]
