"""Figures of measures over the settings: lines along the main axis, with bars for the spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from magenta_sketch.drawing.line_plot import (
    Guide,
    LegendBelow,
    Level,
    Line,
    LineWithBars,
    XAxis,
    YAxis,
    line_plot,
)
from magenta_sketch.drawing.plots import COLORS, marker_of
from magenta_sketch.study.figures.picture import Picture, slice_color
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.scalars import MEANINGS
from magenta_sketch.study.summary import Slice, Summary, is_numeric
from magenta_sketch.study.wording import plus_minus


@dataclasses.dataclass(frozen=True)
class Curve:
    """A line of a figure. label: name in the legend. dash: "-", "--" or ":"."""

    scalar: str
    label: str
    dash: str = "-"


@dataclasses.dataclass(frozen=True)
class Figure:
    """The description of a figure.

    powers: two powers of the main axis to draw for comparison: for noise that is undone completely,
    and for noise that is not. levels: (scalar, label) of baselines to draw as horizontal lines.
    logarithmic: make the y axis logarithmic, if the main axis is. from_zero: otherwise, start the
    y axis at 0.
    """

    name: str
    section: str
    title: str
    curves: Sequence[Curve]
    caption: str = ""
    powers: Sequence[float] = ()
    levels: Sequence[tuple[str, str]] = ()
    logarithmic: bool = False
    from_zero: bool = True


def over_settings(summary: Summary, figures: Sequence[Figure]) -> list[Picture]:
    """Return the pictures of the figures that the results have numbers for."""
    drawn = []
    for figure in figures:
        curves = [one for one in figure.curves if summary.has(one.scalar)]
        if curves and summary.slices():
            drawn.append(_picture(summary, dataclasses.replace(figure, curves=curves)))
    return drawn


def _picture(summary: Summary, figure: Figure) -> Picture:
    units = sorted({MEANINGS[one.scalar][1] for one in figure.curves} - {""})
    text = "; ".join(
        f"{one.label}: "
        + ", ".join(
            f"{plus_minus(s.scalars[one.scalar])} at {s.setting.label}" for s in summary.measured
        )
        for one in figure.curves
    )
    unit = f" ({', '.join(units)})" if units else ""
    return Picture(
        figure.name,
        figure.section,
        figure.title,
        f"{figure.title}{unit} over {summary.main.name}. {text}.",
        f"{figure.caption} Mean over seeds; bars are the spread.".strip(),
        _draw(summary, figure),
    )


def _draw(summary: Summary, figure: Figure) -> bytes:
    slices, positions = summary.slices(), _positions(summary)
    elements: list[Line | Level | Guide] = [
        _line(one, curve, positions, **_style(summary, one, number, which))
        for number, one in enumerate(slices)
        for which, curve in enumerate(figure.curves)
        if any(s.scalars[curve.scalar].n for s in one.settings)
    ]
    first = figure.curves[0].scalar
    spans = _spans_decades(summary)
    if spans:
        elements += _guides(slices[0], first, figure.powers, max(summary.main.values))
    for (scalar, label), dash in zip(figure.levels, ("-", "--"), strict=False):
        value = summary.baseline(scalar)
        if value is not None:
            elements.append(Level(value, label, dash))
    log = figure.logarithmic and spans and all(s.scalars[first].mean for s in summary.measured)
    several = len(figure.curves) > 1 or len(slices) > 1 or figure.levels
    return line_plot(
        figure.name,
        figure.title,
        elements,
        XAxis(summary.main.name, ticks=_ticks(summary, positions), logarithmic=spans),
        YAxis(log_ticks=(1, 2, 5) if log else (), from_zero=figure.from_zero),
        LegendBelow(_keys(summary, figure, slices)) if several else None,
    )


def _positions(summary: Summary) -> dict[str, float]:
    """Return key -> x of each setting: its number on the main axis, or 0, 1, 2 for names."""
    axis = summary.main
    where: Callable[[Any], float] = float if is_numeric(axis) else axis.values.index
    return {one.setting.key: float(where(one.value(axis))) for one in summary.settings}


def _ticks(summary: Summary, positions: dict[str, float]) -> dict[float, str]:
    places = sorted(set(positions.values()))
    return dict(zip(places, map(value_text, summary.main.values), strict=True))


def _spans_decades(summary: Summary) -> bool:
    """Return whether the main axis needs a logarithmic scale."""
    values = summary.main.values
    return is_numeric(summary.main) and min(values) > 0 and max(values) >= 4 * min(values)


def _style(summary: Summary, one: Slice, number: int, which: int) -> dict[str, Any]:
    """Return color and marker: those of the second axis's value or, with one axis, of the curve."""
    if one.label:
        return {"color": slice_color(summary, number), "marker": marker_of(number)}
    return {"color": COLORS[which], "marker": marker_of(which)}


def _line(one: Slice, curve: Curve, positions: dict[str, float], **style: Any) -> LineWithBars:
    found = [s for s in one.settings if s.scalars[curve.scalar].n]
    values = [s.scalars[curve.scalar] for s in found]
    return LineWithBars(
        [positions[s.setting.key] for s in found],
        [v.known_mean for v in values],
        spread=[v.spread or 0 for v in values],
        dash=curve.dash,
        **style,
    )


def _guides(one: Slice, scalar: str, powers: Sequence[float], end: float) -> list[Guide]:
    """Return lines of powers of the scale, which start at the first setting's value."""
    known = [s for s in one.settings if s.scalars[scalar].mean]
    if not known or not powers:
        return []
    start = float(dict(known[0].setting.values)["scale"])
    x = np.array([start, float(end)])
    guides = zip(powers, ("undone", "not undone"), ("dashed", "dotted"), strict=True)
    first = known[0].scalars[scalar].known_mean
    return [Guide(x, first * (x / start) ** power, text, dash) for power, text, dash in guides]


def _keys(summary: Summary, figure: Figure, slices: Sequence[Slice]) -> list[Line]:
    """Return the keys of the legend: dashes of the curves, and colours of the slices."""
    several = bool(slices[0].label)
    keys = []
    if len(figure.curves) > 1:
        for which, curve in enumerate(figure.curves):
            look = {"color": "#333333"} if several else _style(summary, slices[0], 0, which)
            keys.append(Line((), (), label=curve.label, dash=curve.dash, **look))
    if several:
        for number, one in enumerate(slices):
            keys.append(Line((), (), label=one.label, **_style(summary, one, number, 0)))
    return keys
