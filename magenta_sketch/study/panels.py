"""What the figures of a study share: their form, colours, axes and heat maps."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_sketch.study.plan import value_text
from magenta_sketch.study.summary import SettingSummary, Spread, Summary, is_numeric
from magenta_sketch.study.wording import decimals_for, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow: told apart by colour-blind readers too.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vP*X"
SECTIONS = ("curves", "grid", "matrix", "latent", "profiles", "distances")
GREY = "#767676"
SIZE = (4.2, 3.1)  # inches: legible also where the page has 400 pixels


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of the report. name: of its file, without the ending. section: where it belongs.
    alt: what it shows, for who can't see it. caption: below it."""

    name: str
    section: str
    title: str
    alt: str
    caption: str
    svg: bytes


# ---------------------------------------------------------------------------------------- the axes


def main_label(summary: Summary, one: SettingSummary) -> str:
    text = value_text(one.value(summary.main))
    return f" {text}" if text.startswith("_") else text  # matplotlib hides those


def style_of(summary: Summary, one: SettingSummary) -> dict[str, Any]:
    axis = summary.main
    rank = axis.values.index(one.value(axis))
    return {
        "color": color_of(rank, len(axis.values), is_numeric(axis)),
        "marker": MARKERS[rank % len(MARKERS)],
    }


def slice_color(summary: Summary, which: int) -> Any:
    if len(summary.axes) == 1:
        return COLORS[0]
    axis = summary.axes[1]
    return color_of(which, len(axis.values), is_numeric(axis))


def color_of(rank: int, count: int, ordered: bool) -> Any:
    if not ordered and count <= len(COLORS):
        return COLORS[rank]
    import matplotlib

    # Not to the bright end, which is hard to see on white.
    return matplotlib.colormaps["viridis"](0.88 * rank / max(count - 1, 1))


def positions_of(summary: Summary) -> dict[str, float]:
    """Where each setting is along the main axis, by key: numbers as they are, others in turn."""
    axis = summary.main
    where: Callable[[Any], float] = float if is_numeric(axis) else axis.values.index
    return {one.setting.key: float(where(one.value(axis))) for one in summary.settings}


def log_range(summary: Summary) -> tuple[float, float]:
    """Ends of a main axis that is fit for a logarithmic scale; zeros for others."""
    axis = summary.main
    if not is_numeric(axis) or min(axis.values) <= 0 or max(axis.values) < 4 * min(axis.values):
        return 0.0, 0.0
    return float(min(axis.values)), float(max(axis.values))


def set_axis(panel: Axes, summary: Summary, positions: dict[str, float]) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axis = summary.main
    places = sorted(set(positions.values()))
    low, high = log_range(summary)
    if low:
        panel.set_xscale("log")
        panel.set_xlim(low / 1.15, high * 1.15)
    elif len(places) > 1:
        room = 0.08 * (places[-1] - places[0])
        panel.set_xlim(places[0] - room, places[-1] + room)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())
    labels = [value_text(value) for value in axis.values]
    long = max(map(len, labels)) * len(labels) > 44
    panel.set_xticks(places, labels, rotation=25 if long else 0, ha="right" if long else "center")
    panel.set_xlabel(axis.name)


def log_y(panel: Axes, subs: tuple[int, ...] = (1, 2, 5)) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=subs))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


# ------------------------------------------------------------------------------------------- files


def named(name: str, label: str) -> str:
    """A file's name with what is special to one of several pictures."""
    return name + "".join(f"_{c}" if i == 0 else c for i, c in enumerate(_file_part(label)))


def _file_part(label: str) -> str:
    return "".join(c if c.isalnum() or c in "._+-" else "-" for c in label)


def titled(title: str, label: str) -> str:
    return f"{title}, {label}" if label else title


def picture(
    name: str,
    section: str,
    title: str,
    alt: str,
    caption: str,
    draw: Callable[[Axes], None],
    size: tuple[float, float] = SIZE,
) -> Picture:
    import matplotlib
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same results give the same file.
    fixed = {"svg.hashsalt": f"magenta_sketch {name}", "svg.fonttype": "path"}
    fonts = {"font.size": 9.5, "legend.fontsize": 8.5, "legend.title_fontsize": 8.5}
    # Names of data sets are no formulas, and may have letters that the font lacks.
    with (
        matplotlib.rc_context({**fixed, **fonts, "text.parse_math": False}),
        warnings.catch_warnings(action="ignore", category=UserWarning),
    ):
        figure: Figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        panel.grid(True, color="#ececec", linewidth=0.8)
        panel.set_axisbelow(True)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
        draw(panel)
        panel.set_title(title, fontsize=10, loc="left", wrap=True)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Picture(name, section, title, alt, caption, buffer.getvalue())


# -------------------------------------------------------------------------------------- heat maps


def heat_map(
    panel: Axes,
    table: list[list[Spread]],
    rows: Sequence[str],
    columns: Sequence[str],
    power: float = 1.0,
) -> None:
    from matplotlib.colors import PowerNorm

    values = np.array([[np.nan if v.mean is None else v.mean for v in row] for row in table])
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0, 1)
    if low == high:
        low, high = low - 0.5, high + 0.5
    norm = PowerNorm(power, low, high)
    panel.pcolormesh(
        np.ma.masked_invalid(values), cmap="cividis", norm=norm, edgecolors="white", lw=1
    )
    decimals = decimals_for(v for row in table for v in row)
    decimals = 3 if decimals is None else min(decimals, 3)
    size = 9 if len(columns) <= 5 else 7
    for i, row in enumerate(table):
        for j, value in enumerate(row):
            light = value.mean is None or norm(value.mean) > 0.5
            color = "#1a1a1a" if light else "white"
            middle = i + (0.5 if value.spread is None else 0.36)
            panel.text(
                *(j + 0.5, middle), number(value.mean, decimals), ha="center", va="center",
                color=color, fontsize=size,
            )  # fmt: skip
            if value.spread is not None:
                spread = f"± {number(value.spread, decimals)}"
                panel.text(
                    *(j + 0.5, i + 0.7), spread, ha="center", va="center", color=color,
                    fontsize=size - 2,
                )  # fmt: skip
    panel.set_xticks(np.arange(len(columns)) + 0.5, columns)
    panel.set_yticks(np.arange(len(rows)) + 0.5, rows)
    panel.tick_params(length=0)
    panel.invert_yaxis()
    panel.grid(False)
    for side in panel.spines.values():
        side.set_visible(False)
