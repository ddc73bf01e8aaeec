"""Types and ranges of options: how a value is read from text and checked."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import os
from collections.abc import Iterable
from typing import Any

from magenta_sketch.config import typography


class Unfit(Exception):
    """A value breaks its option's rule. The argument is a hint, which may be empty."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """The numbers from ``low`` to ``high``; each end may be excluded."""

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.open_low else '>='} {self.low}"
        left, right = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"in {left}{self.low}, {self.high}{right}"


POSITIVE = Interval(0, open_low=True)
NOT_NEGATIVE = Interval(0)
PROBABILITY = Interval(0, 1)
KEEP_PROBABILITY = Interval(0, 1, open_low=True)
DECAY = Interval(0, 1, open_low=True)
FRACTION_BELOW_1 = Interval(0, 1, open_high=True)

LARGEST_COUNT = 2**63 - 1  # the step counter is a 64-bit integer
LARGEST_SIZE = 10**6  # larger sizes do not fit into any memory
LARGEST_REAL = 3.4e38  # about the largest float32
_TOO_LARGE = f"that is too large, the largest is {LARGEST_REAL}"


# ------------------------------------------------------------------------------------- types


class Kind:
    """A type of option. Subclasses read its values from text and check them."""

    rule: str  # completes "NAME must be ..."
    is_list = False

    def read(self, text: str) -> Any:
        """Return the value written as ``text``, without a range check. Raises `Unfit`."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """Return ``value`` as the field stores it; check type and range. Raises `Unfit`."""
        raise NotImplementedError


def _is_whole_number(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit()


def _in_digits(text: str) -> str:
    """Return a hint that writes a number such as 1e4 or 3.0 in digits."""
    try:
        value = float(text)
    except ValueError:
        return ""
    return f", as {value:.0f}" if value.is_integer() and abs(value) < 2**53 else ""


def _with_a_point(text: str) -> str:
    """Return a hint how to write 0,001 or 1e–3 as a number."""
    point = text.replace(",", ".", 1)
    try:
        float(point)
    except ValueError:
        return typography.advice(text)
    return f"write a decimal point, {point}" if point != text else ""


class Switch(Kind):
    """True or false."""

    rule = "true or false (1 or 0 in a string)"

    def read(self, text: str) -> bool:
        if text in ("true", "True"):
            return True
        if text in ("false", "False"):
            return False
        if _is_whole_number(text):
            return text.lstrip("+-").strip("0") != ""
        raise Unfit("")

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Unfit("")
        return value


class Whole(Kind):
    """A whole number from ``smallest`` to ``largest``."""

    def __init__(self, largest: int = LARGEST_COUNT, smallest: int = 1):
        self.largest, self.smallest = largest, smallest
        self.rule = f"a whole number >= {smallest}"

    def read(self, text: str) -> int:
        if not _is_whole_number(text):
            hint = typography.advice(text)
            raise Unfit(hint or "write it in digits only" + _in_digits(text))
        digits = text.lstrip("+-").lstrip("0") or "0"
        if len(digits) > 19:  # over 64 bits; int() refuses thousands of digits
            raise Unfit("" if text.startswith("-") else self._too_large())
        return -int(digits) if text.startswith("-") else int(digits)

    def check(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            raise Unfit(f"write it in digits only, as {value:.0f}")
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise Unfit("")
        value = int(value)
        if value > self.largest:
            raise Unfit(self._too_large())
        if value < self.smallest:
            raise Unfit("")
        return value

    def _too_large(self) -> str:
        return f"that is too large, the largest is {self.largest}"


class Real(Kind):
    """A finite number in an interval."""

    def __init__(self, interval: Interval):
        self.interval = interval
        self.rule = f"a finite number {interval}"

    def read(self, text: str) -> float:
        # float() would also take 1_000 and digits of other scripts.
        if not text.isascii() or "_" in text:
            raise Unfit(_with_a_point(text))
        try:
            value = float(text)
        except ValueError:
            raise Unfit(_with_a_point(text)) from None
        if math.isinf(value) and text[-1].isdigit():
            raise Unfit("" if text.startswith("-") else _TOO_LARGE)
        return value

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Unfit("")
        try:
            value = float(value) + 0.0  # -0.0 becomes 0.0
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
        if value not in self.interval or math.isinf(value):
            raise Unfit("")
        if value > LARGEST_REAL:
            raise Unfit(_TOO_LARGE)
        return value


class Choice(Kind):
    """One of a few words."""

    def __init__(self, *choices: str):
        self.choices = choices
        self.rule = f"one of {', '.join(choices)}"

    def read(self, text: str) -> str:
        return text

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            near = nearest(value, self.choices)
            raise Unfit(f"did you mean {near!r}?" if near else "")
        return value


class Names(Kind):
    """A list of one or more names, kept as a tuple."""

    is_list = True
    rule = "a list of one or more names"

    def read(self, text: str) -> tuple[str, ...]:
        if not text:
            raise Unfit("")
        return (text,)

    def check(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):  # tuple("a.npz") would be its letters
            value = (value,)
        if not isinstance(value, (list, tuple)) or not value:
            raise Unfit("")
        for item in value:
            if not isinstance(item, str) or not item.strip() or not item.isprintable():
                raise Unfit(f"replace {show(item)}, which is no name")
        return tuple(value)


class Text(Kind):
    """Any text, such as a path."""

    rule = "a text"

    def read(self, text: str) -> str:
        return text

    def check(self, value: Any) -> str:
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(value, str):
            raise Unfit("")
        return value


class Place(Text):
    """A path or URL. of_model: whether it is that of a model."""

    rule = "a path or URL"

    def __init__(self, *, of_model: bool = False):
        self.of_model = of_model


# -------------------------------------------------------------------------------------- messages


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to ``name``, or None."""
    if not isinstance(name, str) or len(name) > 100:
        return None
    word = name.strip().lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def show(value: Any) -> str:
    """Return ``value`` as one short line for a message."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to print thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:40]}... ({len(text)} characters)"
