"""Sentences that compare settings, by `spread.RULE`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from magenta_sketch.study.spread import FEWEST_SEEDS, Spread, differs
from magenta_sketch.study.summary import SettingSummary
from magenta_sketch.study.wording import capital, plus_minus, seeds, with_n

Settings = Sequence[SettingSummary]
Getter = Callable[[SettingSummary], Spread]


def scalar(name: str) -> Getter:
    """Return a function that returns a setting's spread of a scalar."""
    return lambda one: one.scalars[name]


def with_scalar(settings: Settings, name: str) -> list[SettingSummary]:
    """Return the settings that have a value of a scalar."""
    return [one for one in settings if one.scalars[name].n]


def change(settings: Settings, name: str, what: str) -> str:
    """Say how a measure changes from the first setting to the last, or in between.

    what: the measure, as the subject of a sentence.
    """
    low, high = settings[0], settings[-1]
    a, b = low.scalars[name], high.scalars[name]
    if not a.n or not b.n:
        return f"{capital(what)} was not measured at both ends."
    ends = f"from {plus_minus(a)} at {low.label} to {plus_minus(b)} at {high.label}"
    ends += f" ({seeds(a.n)}{' each' if a.n == b.n else f' and {b.n}'})"
    if differs(a, b):
        return f"{capital(what)} {'rises' if b.known_mean > a.known_mean else 'falls'} {ends}."
    found = with_scalar(settings, name)
    least, most = (pick(found, key=lambda s: s.scalars[name].known_mean) for pick in (min, max))
    if differs(least.scalars[name], most.scalars[name]):
        return (
            f"{capital(what)} goes {ends}. The lowest value is {plus_minus(least.scalars[name])} "
            f"at {least.label}, the highest {plus_minus(most.scalars[name])} at {most.label}."
        )
    return f"{capital(what)} goes {ends}" + verdict(a, b)


def is_above(a: Spread, b: Spread) -> bool:
    """Return whether a is larger than b by `spread.RULE`."""
    return differs(a, b) and a.known_mean > b.known_mean


def verdict(a: Spread, b: Spread) -> str:
    """Return the end of a sentence with two numbers: whether they differ."""
    if differs(a, b):
        return "."
    if min(a.n, b.n) < FEWEST_SEEDS:
        return f"; with fewer than {FEWEST_SEEDS} seeds each, no difference is claimed."
    return "; the data do not show a difference."


def best(settings: Settings, get: Getter, which: str = "lowest") -> str:
    """Say which setting has the lowest or highest mean, and which others do not differ from it."""
    found = [one for one in settings if get(one).n]
    if len(found) == 1:
        return f"{plus_minus(get(found[0]))} at {found[0].label}; no other setting has a value."
    sign = 1 if which == "lowest" else -1
    first = min(found, key=lambda one: sign * get(one).known_mean)
    same = [one for one in found if one is not first and not differs(get(first), get(one))]
    if not same:
        return f"{which} at {first.label}, different from all others."
    if all(min(get(first).n, get(one).n) < FEWEST_SEEDS for one in same):
        return (
            f"the {which} mean is at {first.label}, but with fewer than {FEWEST_SEEDS} "
            "seeds each no difference is claimed."
        )
    if len(same) == len(found) - 1:
        return "the data do not show a difference between the best setting and any other."
    return (
        f"the {which} mean is at {first.label}; the data do not show a difference from "
        f"{names(same)}."
    )


def listed(settings: Settings, get: Getter) -> str:
    """Return "0.1 ± 0.01 at scale 0.5, 0.2 ± 0.01 at scale 1 (n = 3 each)"."""
    found = [one for one in settings if get(one).n]
    counts = {get(one).n for one in found}
    if len(counts) == 1:
        items = [f"{plus_minus(get(one))} at {one.label}" for one in found]
        return f"{', '.join(items)} ({seeds(counts.pop())}{' each' if len(found) > 1 else ''})"
    return ", ".join(f"{with_n(get(one))} at {one.label}" for one in found)


def names(settings: Settings) -> str:
    """Return "scale 0.5, 1 and 2"."""
    labels = [one.label for one in settings]
    first = labels[0].split(" ", 1)[0]
    if len(labels) > 1 and all("," not in label for label in labels):  # one axis: name it once
        labels = [labels[0], *(label.removeprefix(f"{first} ") for label in labels[1:])]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def few(n: int) -> str:
    """Return the start of a sentence about too few seeds: "One seed is" or "Two seeds are"."""
    return "One seed is" if n == 1 else f"{'Two' if n == 2 else n} seeds are"
