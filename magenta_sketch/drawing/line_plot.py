"""A plot of lines in one panel, described by plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch.drawing.plots import BLUE, GREY, panel_to_svg, use_log_y

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_DASHES = {"dashed": (0, (6, 3)), "dotted": (0, (1, 2))}


@dataclasses.dataclass(frozen=True)
class Line:
    """A line through the points (x, y), both [n].

    label: name in the legend. dash: "-", "--" or ":". marker: matplotlib's, "" for none.
    """

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    color: Any = BLUE
    dash: str = "-"
    marker: str = ""
    marker_size: float = 5
    width: float = 1.4

    @property
    def style(self) -> dict[str, Any]:
        """Properties of the line, under matplotlib's names."""
        return {
            "label": self.label,
            "color": self.color,
            "linestyle": self.dash,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": self.marker_size,
        }

    def draw(self, panel: Axes) -> None:
        """Draw the line."""
        panel.plot(self.x, self.y, **self.style)


@dataclasses.dataclass(frozen=True)
class LineWithBars(Line):
    """A line with error bars.

    y_ends, x_ends: the lower and upper ends of the bars, [2, n]; NaN for no bar.
    """

    y_ends: ArrayLike | None = None
    x_ends: ArrayLike | None = None

    def draw(self, panel: Axes) -> None:
        """Draw the line and its bars."""
        y, x = _bars(self.y, self.y_ends), _bars(self.x, self.x_ends)
        panel.errorbar(self.x, self.y, y, x, elinewidth=1, capsize=3, **self.style)


def _bars(values: ArrayLike, ends: ArrayLike | None) -> Any:
    """Return the lengths of bars below and above values, [2, n]."""
    if ends is None:
        return None
    return np.nan_to_num(np.abs(np.asarray(ends, float) - np.asarray(values, float)))


@dataclasses.dataclass(frozen=True)
class LineWithBand(Line):
    """A line with a band: from y - ``spread`` to y + ``spread``, [n]; no band where that is NaN."""

    spread: ArrayLike = ()

    def draw(self, panel: Axes) -> None:
        """Draw the line and its band."""
        super().draw(panel)
        x, y, spread = (np.asarray(values, float) for values in (self.x, self.y, self.spread))
        there = np.isfinite(spread)
        if there.any():
            low, high = y[there] - spread[there], y[there] + spread[there]
            panel.fill_between(x[there], low, high, color=self.color, alpha=0.18, lw=0)


@dataclasses.dataclass(frozen=True)
class Level:
    """A grey horizontal line across the panel."""

    y: float
    label: str = ""
    dash: str = "-"

    def draw(self, panel: Axes) -> None:
        """Draw the line."""
        how: dict[str, Any] = {"label": self.label} if self.label else {}
        panel.axhline(self.y, color=GREY, lw=1, ls=self.dash, **how)


@dataclasses.dataclass(frozen=True)
class Guide:
    """A grey line for comparison, with a text at its end. dash: "dashed" or "dotted"."""

    x: np.ndarray
    y: np.ndarray
    text: str
    dash: str

    def draw(self, panel: Axes) -> None:
        """Draw the line and its text: beside a falling line, above any other."""
        panel.plot(self.x, self.y, color=GREY, lw=1.1, linestyle=_DASHES[self.dash], zorder=1)
        falls = self.y[-1] < self.y[0]
        where = {"xytext": (-14, 0), "va": "center"} if falls else {"xytext": (-2, 4)}
        panel.annotate(
            self.text,
            (self.x[-1], self.y[-1]),
            textcoords="offset points",
            ha="right",
            color=GREY,
            fontsize=8,
            **where,
        )


@dataclasses.dataclass(frozen=True)
class XAxis:
    """The x axis.

    ticks: place -> text; None for matplotlib's own. logarithmic: only with ticks above 0.
    integer: ticks at whole numbers only.
    """

    label: str
    ticks: dict[float, str] | None = None
    logarithmic: bool = False
    integer: bool = False

    def apply(self, panel: Axes) -> None:
        """Set the panel's axis."""
        panel.set_xlabel(self.label)
        if self.integer:
            locator: Any = panel.xaxis.get_major_locator()
            locator.set_params(integer=True)
        if self.ticks is not None:
            self._apply_ticks(panel, list(self.ticks), list(self.ticks.values()))

    def _apply_ticks(self, panel: Axes, places: list[float], texts: list[str]) -> None:
        from matplotlib.ticker import NullFormatter, NullLocator

        low, high = min(places), max(places)
        if self.logarithmic:
            panel.set_xscale("log")
            panel.set_xlim(low / 1.15, high * 1.15)
        elif len(places) > 1:
            room = 0.08 * (high - low)
            panel.set_xlim(low - room, high + room)
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_minor_formatter(NullFormatter())
        long = max(map(len, texts)) * len(texts) > 44
        rotation, side = (25, "right") if long else (0, "center")
        panel.set_xticks(places, texts, rotation=rotation, ha=side)


@dataclasses.dataclass(frozen=True)
class YAxis:
    """The y axis.

    limits: its ends; None for matplotlib's own. from_zero: start at 0. log_ticks: if any, the axis
    is logarithmic, with ticks at these multiples of powers of ten.
    """

    label: str = ""
    limits: tuple[float, float] | None = None
    from_zero: bool = False
    log_ticks: tuple[int, ...] = ()

    def apply(self, panel: Axes) -> None:
        """Set the panel's axis."""
        if self.label:
            panel.set_ylabel(self.label)
        if self.limits is not None:
            panel.set_ylim(*self.limits)
        if self.log_ticks:
            use_log_y(panel, self.log_ticks)
        elif self.from_zero:
            panel.set_ylim(bottom=0, top=panel.get_ylim()[1] * 1.02)


@dataclasses.dataclass(frozen=True)
class LegendInside:
    """A legend inside the panel, for the lines that have labels."""

    title: str

    def draw(self, panel: Axes) -> None:
        """Draw the legend."""
        panel.legend(frameon=False, title=self.title)


@dataclasses.dataclass(frozen=True)
class LegendBelow:
    """A legend below the panel, for ``keys`` and for the lines that have labels.

    keys: lines without points, which explain a colour or dash that several lines share.
    """

    keys: Sequence[Line]

    def draw(self, panel: Axes) -> None:
        """Draw the legend."""
        from matplotlib.lines import Line2D

        handles: list[Artist] = [Line2D([], [], **key.style) for key in self.keys]
        handles += panel.get_legend_handles_labels()[0]
        panel.figure.legend(
            handles=handles,
            loc="outside lower center",
            frameon=False,
            fontsize=8.5,
            ncols=2 if len(handles) > 1 else 1,
        )


def line_plot(
    name: str,
    title: str,
    elements: Sequence[Line | Level | Guide],
    x: XAxis,
    y: YAxis,
    legend: LegendInside | LegendBelow | None = None,
) -> bytes:
    """Return a plot of lines as SVG. ``name`` and ``title`` are as for `plots.panel_to_svg`.

    >>> lines = [Line([1, 2, 4], [3, 2, 1.5], label="loss")]
    >>> svg = line_plot("loss", "A loss", lines, XAxis("scale"), YAxis("nats"), LegendBelow([]))
    >>> svg[:5]
    b'<?xml'
    """

    def draw(panel: Axes) -> None:
        for element in elements:
            element.draw(panel)
        x.apply(panel)
        y.apply(panel)
        if legend is not None:
            legend.draw(panel)

    return panel_to_svg(name, title, draw)
