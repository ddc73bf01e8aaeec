"""Which settings a line of a figure joins, and where they are on the x axis."""

from __future__ import annotations

import dataclasses
import itertools
import numbers
from typing import Any

from magenta_sketch.study.plan import Setting, value_text
from magenta_sketch.study.results import StudyResult


@dataclasses.dataclass(frozen=True)
class Family:
    """Settings on one line, with their places on the x axis. label: what they share.

    >>> Family("kl_tolerance 0", [], {}).label
    'kl_tolerance 0'
    """

    label: str
    settings: list[Setting]
    x: dict[Setting, float]


def is_numeric(result: StudyResult) -> bool:
    """Return whether the values of the main axis are numbers."""
    return all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in _values(result))


def families(result: StudyResult) -> list[Family]:
    """Return the lines: that of the sweep first, one per value of a second axis, then the others.

    Other settings are joined if they set the same hyperparameters. They stand at their own value of
    the main axis; if they share that, at the value of their partners.
    """
    plan, made = result.plan, []
    main = plan.main
    others = dict(plan.others)
    measured = sorted(result.measured, key=lambda one: _place(result, plan.config(one)[main]))
    swept = [one for one in measured if one not in others]
    if plan.axes:
        second = plan.axes[1].name if len(plan.axes) > 1 else ""
        for value in plan.axes[1].values if second else (None,):
            of_line = [one for one in swept if dict(one.values).get(second) == value]
            x = {one: _place(result, dict(one.values)[main]) for one in of_line}
            label = f"{second} {value_text(value)}" if second else f"{main} alone"
            made.append(Family(label, of_line, x))
    groups = itertools.groupby(sorted((s for s in measured if s in others), key=_names), key=_names)
    for names, group in groups:
        of_line = list(group)
        own = [plan.config(one)[main] for one in of_line]
        if len(set(map(str, own))) < len(of_line):
            own = [plan.config(others[one] or one)[main] for one in of_line]
        x = {one: _place(result, value) for one, value in zip(of_line, own, strict=True)}
        of_line.sort(key=lambda one: x[one])
        made.append(Family(_shared(names, of_line, main), of_line, x))
    return [family for family in made if family.settings]


def positions(result: StudyResult) -> tuple[dict[float, str], bool]:
    """Return the ticks of the x axis, and whether it is logarithmic."""
    values = _values(result)
    ticks = {_place(result, value): value_text(value) for value in values}
    log = is_numeric(result) and min(ticks) > 0 and max(ticks) >= 4 * min(ticks)
    return dict(sorted(ticks.items())), log


def _values(result: StudyResult) -> list[Any]:
    if result.plan.axes:
        return list(result.plan.axes[0].values)
    found = (dict(one.values).get(result.plan.main) for one in result.plan.settings())
    return list(dict.fromkeys(value for value in found if value is not None))


def _place(result: StudyResult, value: Any) -> float:
    """Return a value's x: itself, or its number among the values if these are no numbers."""
    if is_numeric(result):
        return float(value) if isinstance(value, numbers.Real) else 1.0
    values = _values(result)
    return float(values.index(value)) if value in values else float(len(values))


def _names(setting: Setting) -> tuple[str, ...]:
    return tuple(name for name, _ in setting.values)


def _shared(names: tuple[str, ...], settings: list[Setting], main: str) -> str:
    """Return what a line's settings have besides the main axis: the value if it is the same."""
    parts = []
    for name in names:
        values = {value_text(dict(one.values)[name]) for one in settings}
        if name != main or len(values) == 1:
            parts.append(f"{name} {values.pop()}" if len(values) == 1 else name)
    return ", ".join(parts) or f"{main} alone"
