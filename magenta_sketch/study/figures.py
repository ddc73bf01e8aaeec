"""The pictures of a study, drawn by matplotlib: small SVGs, equal for equal results."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import RunResult, StudyResult, finite
from magenta_sketch.study.summary import (
    MEANINGS,
    SettingSummary,
    Slice,
    Spread,
    Summary,
    is_numeric,
)
from magenta_sketch.study.wording import decimals_for, number, plus_minus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow: told apart by colour-blind readers too.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = "osD^vP*X"
SECTIONS = ("curves", "grid", "matrix", "latent", "profiles", "distances")
_GREY = "#767676"
_SIZE = (4.2, 3.1)  # inches: legible also where the page has 400 pixels
_MOST_MULTIPLES = 6  # pictures of one kind, a value of the second axis each


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


@dataclasses.dataclass(frozen=True)
class _Line:
    """One line of a picture over the settings: a measure, its name in the legend."""

    measure: str
    label: str
    style: str = "-"


def pictures(result: StudyResult, summary: Summary) -> list[Picture]:
    """All figures that the results have something for, in the order of the report."""
    drawn = _curves(result, summary) + _matrices(summary)
    if any(one.conditional for one in summary.measured):
        drawn += _latent(summary)
    drawn += _distances(summary)
    if len(summary.axes) == 2:
        drawn += _grids(summary)
    return drawn


# --------------------------------------------------------------------------------- learning curves


def _curves(result: StudyResult, summary: Summary) -> list[Picture]:
    drawn = []
    for key, title, unit in (
        ("masked_recon", "Validation masked reconstruction loss", "nats/point"),
        ("kl", "Validation KL", "nats/dimension"),
    ):
        for label, settings in _multiples(summary, summary.settings):
            lines = [
                (one, [_series(run, key) for run in result.runs if _is_of(run, one)])
                for one in settings
            ]
            lines = [(one, found) for one, runs in lines if (found := [r for r in runs if r])]
            values = [v for _, runs in lines for run in runs for v in run.values()]
            if not values or not any(values):  # the KL of a model without an encoder is 0
                continue

            def draw(panel: Axes, lines=lines, unit=unit, key=key) -> None:
                for one, runs in lines:
                    _draw_curve(panel, runs, _style(summary, one), _main_label(summary, one))
                panel.set_xlabel("step")
                panel.set_ylabel(unit)
                _limit(panel, [run for _, runs in lines for run in runs])
                if key == "kl":
                    panel.set_ylim(bottom=0)
                panel.legend(frameon=False, title=summary.main.name)

            drawn.append(
                _picture(
                    _named(f"curves_{key}", label),
                    "curves",
                    _titled(title, label),
                    f"{title} over training steps, a line for each setting.",
                    "Mean over the seeds that got as far; the band is their spread. Early values "
                    "may lie outside.",
                    draw,
                )
            )
    return drawn


def _is_of(run: RunResult, one: SettingSummary) -> bool:
    return run.trial.setting == one.setting and bool(run.history)


def _series(run: RunResult, key: str) -> dict[int, float]:
    return {
        int(row["step"]): value
        for row in run.history
        if row.get("split") == "valid" and (value := finite(row.get(key))) is not None
    }


def _draw_curve(panel: Axes, runs: list[dict[int, float]], style: dict, label: str) -> None:
    # A step that one run alone has would make the mean jump from one set of seeds to another:
    # each run's values are taken along the steps of all, as far as it got.
    steps = np.array(sorted({step for run in runs for step in run}), float)
    rows = np.full((len(runs), len(steps)), np.nan)
    for row, run in zip(rows, runs, strict=True):
        own = np.array(sorted(run), float)
        inside = (steps >= own[0]) & (steps <= own[-1])
        row[inside] = np.interp(steps[inside], own, [run[int(step)] for step in own])
    there = np.isfinite(rows).sum(axis=0)
    steps, rows, there = steps[there > 0], rows[:, there > 0], there[there > 0]
    mean = np.nanmean(rows, axis=0)
    marker = {"marker": style["marker"], "markersize": 5} if len(steps) == 1 else {}
    panel.plot(steps, mean, color=style["color"], linewidth=1.6, label=label, **marker)
    several = there > 1
    if several.any():
        spread = np.nanstd(rows[:, several], axis=0, ddof=1)
        low, high = mean[several] - spread, mean[several] + spread
        panel.fill_between(steps[several], low, high, color=style["color"], alpha=0.18, lw=0)


def _limit(panel: Axes, runs: Sequence[dict[int, float]]) -> None:
    """Leaves room for where training goes, not for where it came from."""
    last = max(step for run in runs for step in run)
    late = [v for run in runs for step, v in run.items() if step >= 0.25 * last]
    low, high = min(late), max(late)
    room = 0.06 * (high - low) or 0.1
    panel.set_ylim(low - room, high + room)


# -------------------------------------------------------------------------------------- heat maps


def _matrices(summary: Summary) -> list[Picture]:
    rows = [one for one in summary.measured if any(v.n for v in one.matrix["masked_recon"])]
    rows = [one for one in rows if one.conditional]
    if not rows or len(summary.noises) < 2:
        return []
    table = [one.matrix["masked_recon"] for one in rows]
    labels = [", ".join(value_text(v) for _, v in _pairs(summary, one)) for one in rows]
    trained = " × ".join(axis.name for axis in summary.axes)

    def draw(panel: Axes) -> None:
        columns = [value_text(noise) for noise in summary.noises]
        _heat(panel, table, labels, columns, power=0.5)
        panel.set_xlabel("evaluated at noise")
        panel.set_ylabel(f"trained at {trained}")

    text = "; ".join(
        f"{label}: {', '.join(number(v.mean) for v in row)}"
        for label, row in zip(labels, table, strict=True)
    )
    return [
        _picture(
            "matrix_masked_recon",
            "matrix",
            "Masked reconstruction loss (nats/point)",
            f"Heat map: masked reconstruction loss for each {trained} (rows) and noise (columns). "
            f"{text}.",
            "Each model at each noise: z = mu + noise · sigma · eps, with the model's own sigma. "
            "Mean over seeds, the spread below it; lower is better. Colour goes with the root of "
            "the distance from the lowest.",
            draw,
            (_SIZE[0], max(1.0 + 0.45 * len(rows), 2.1)),
        )
    ]


def _grids(summary: Summary) -> list[Picture]:
    """Main measures over the two axes."""
    first, second = summary.axes
    names = (
        *("masked_recon", "masked_recon_without_noise", "kl", "kl_implied", "active_units"),
        *("effective_noise", "signal_to_noise", "chamfer_with_noise", "novelty", "diversity"),
    )
    drawn = []
    for name in filter(summary.has, names):
        cells = {
            (one.value(first), one.value(second)): one.scalars[name] for one in summary.settings
        }
        table = [[cells[a, b] for b in second.values] for a in first.values]

        def draw(panel: Axes, table=table) -> None:
            rows, columns = ([value_text(v) for v in axis.values] for axis in (first, second))
            _heat(panel, table, rows, columns)
            panel.set_ylabel(first.name)
            panel.set_xlabel(second.name)

        meaning, unit = MEANINGS[name]
        drawn.append(
            _picture(
                f"grid_{name}",
                "grid",
                f"{name} ({unit})" if unit else name,
                f"Heat map of {name} over {first.name} (rows) and {second.name} (columns).",
                f"{meaning[:1].upper()}{meaning[1:]}. Mean over seeds, the spread below it.",
                draw,
                (_SIZE[0], max(1.0 + 0.45 * len(first.values), 2.1)),
            )
        )
    return drawn


def _heat(
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
            panel.text(
                *(j + 0.5, i + (0.5 if value.spread is None else 0.36)), number(value.mean, decimals), ha="center", va="center",
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


# ------------------------------------------------------------------------- measures over settings


def _latent(summary: Summary) -> list[Picture]:
    drawn = []
    if summary.main.name == "scale":
        drawn.append(
            _over(
                summary,
                "sigma",
                "Mean sigma",
                [_Line("mean_sigma", "all dimensions"), _Line("active_sigma", "active ones", ":")],
                "Dashed: sigma ∝ 1/scale, the noise undone wholly. Dotted grey: sigma as at the "
                "first scale, not undone.",
                references=(-1, 0),
                log=True,
            )
        )
        drawn.append(
            _over(
                summary,
                "effective_noise",
                "Effective noise, scale · mean sigma",
                [
                    _Line("effective_noise", "all dimensions"),
                    _Line("active_effective_noise", "active ones", ":"),
                ],
                "Dashed: constant, the noise undone wholly. Dotted grey: in proportion to scale, "
                "not undone.",
                references=(0, 1),
                log=True,
            )
        )
    else:
        lines = [_Line("mean_sigma", "all dimensions"), _Line("active_sigma", "active ones", ":")]
        drawn.append(_over(summary, "sigma", "Mean sigma", lines))
    both = [_Line("kl", "optimised"), _Line("kl_implied", "implied by the noise", "--")]
    why = (
        "Optimised: of N(mu, sigma²). Implied: of N(mu, (scale · sigma)²), which the decoder's z "
        "is drawn from."
    )
    drawn += [
        _over(summary, "kl", "KL to N(0, 1), nats/dimension", both, why, floor=True),
        _over(
            summary,
            "active_units",
            "Active units",
            [_Line("active_units", "active units")],
            "Latent dimensions whose mu varies by more than 0.01 over the test set.",
            floor=True,
        ),
        _over(
            summary,
            "signal_to_noise",
            "Signal to noise",
            [_Line("signal_to_noise", "signal to noise")],
            "Spread of mu over the test set by effective noise.",
            floor=True,
        ),
    ]
    return [one for one in drawn if one is not None] + _profiles(summary)


def _distances(summary: Summary) -> list[Picture]:
    drawn = [
        _over(
            summary,
            "reconstruction_distances",
            "Reconstructions: Chamfer distance, model units",
            [
                _Line("chamfer_without_noise", "to the sketch, z = mu"),
                _Line("chamfer_with_noise", "to the sketch, with noise", "--"),
                _Line("chamfer_repeats", "among repeats", ":"),
            ],
            "Repeats are reconstructions of one sketch, each with its own noise. Grey: two "
            "different test sketches.",
            baselines=[("chamfer_with_noise", "two test sketches")],
            floor=True,
        ),
        _over(
            summary,
            "new_distances",
            "New sketches: Chamfer distance to the nearest",
            [
                _Line("novelty", "training sketch (novelty)"),
                _Line("diversity", "other new one (diversity)", "--"),
            ],
            "In model units. Grey: the same of real test sketches. A model that copies would be "
            "far below the solid grey line.",
            baselines=[("novelty", "real, to training"), ("diversity", "real, to each other")],
            floor=True,
        ),
        _over(
            summary,
            "ended",
            "Share of sketches that end",
            [
                _Line("ended", "new ones"),
                _Line("ended_reconstructions", "reconstructions", "--"),
            ],
            "Before max_seq_len, new ones and reconstructions at the run's own noise.",
            floor=True,
        ),
    ]
    return [one for one in drawn if one is not None]


def _over(
    summary: Summary,
    name: str,
    title: str,
    lines: Sequence[_Line],
    caption: str = "",
    *,
    references: Sequence[float] = (),
    baselines: Sequence[tuple[str, str]] = (),
    log: bool = False,
    floor: bool = False,
) -> Picture | None:
    """Measures along the main axis, a colour for each value of the second one.

    references: powers of the main axis, drawn from the first point on. baselines: (measure, label).
    """
    lines = [line for line in lines if summary.has(line.measure)]
    slices = summary.slices()
    if not lines or not slices:
        return None
    positions = _positions(summary)

    def draw(panel: Axes) -> None:
        for number_, one in enumerate(slices):
            for which, line in enumerate(lines):
                color = _slice_color(summary, number_) if one.label else _COLORS[which]
                _draw_line(panel, one, line, positions, color, which if not one.label else number_)
        low, high = _log_range(summary)
        if references and low:
            _draw_references(panel, slices[0], lines[0].measure, references, (low, high))
        for (measure, label), style in zip(baselines, ("-", "--"), strict=False):
            value = summary.baseline(measure)
            if value is not None:
                panel.axhline(value, color=_GREY, lw=1, ls=style, label=label)
        _set_axis(panel, summary, positions)
        if log and low and all(s.scalars[lines[0].measure].mean for s in summary.measured):
            _log_y(panel)
        elif floor:
            panel.set_ylim(bottom=0, top=panel.get_ylim()[1] * 1.02)
        if len(lines) > 1 or len(slices) > 1 or baselines:
            _legend(panel, summary, lines, slices)

    units = {MEANINGS[line.measure][1] for line in lines} - {""}
    text = "; ".join(
        f"{line.label}: "
        + ", ".join(
            f"{plus_minus(s.scalars[line.measure])} at {s.setting.label}" for s in summary.measured
        )
        for line in lines
    )
    unit = f" ({', '.join(sorted(units))})" if units else ""
    bars = "Mean over seeds; bars are the spread."
    return _picture(
        name, "distances" if baselines or name == "ended" else "latent", title,
        f"{title}{unit} over {summary.main.name}. {text}.", f"{caption} {bars}".strip(), draw,
    )  # fmt: skip


def _draw_line(
    panel: Axes, one: Slice, line: _Line, positions: dict[str, float], color: Any, which: int
) -> None:
    found = [s for s in one.settings if s.scalars[line.measure].n]
    if not found:
        return
    values = [s.scalars[line.measure] for s in found]
    panel.errorbar(
        [positions[s.setting.key] for s in found],
        [v.mean for v in values],
        [v.spread or 0 for v in values],
        color=color,
        linestyle=line.style,
        marker=_MARKERS[which % len(_MARKERS)],
        markersize=5,
        linewidth=1.4,
        elinewidth=1,
        capsize=3,
    )


def _draw_references(
    panel: Axes, one: Slice, measure: str, powers: Sequence[float], ends: tuple[float, float]
) -> None:
    known = [s for s in one.settings if s.scalars[measure].mean and dict(s.setting.values)["scale"]]
    if not known:
        return
    start = known[0].scalars[measure].mean
    x0 = float(dict(known[0].setting.values)["scale"])
    x = np.array([x0, ends[1]])
    for power, style, label in zip(
        powers, ((0, (6, 3)), (0, (1, 2))), ("undone", "not undone"), strict=True
    ):
        y = start * (x / x0) ** power
        panel.plot(x, y, color=_GREY, lw=1.1, linestyle=style, zorder=1)
        panel.annotate(
            label, (x[1], y[1]), textcoords="offset points", ha="right", color=_GREY, fontsize=8,
            # Beside a falling line and above others, where there is room.
            **({"xytext": (-14, 0), "va": "center"} if power < 0 else {"xytext": (-2, 4)}),
        )  # fmt: skip


def _legend(panel: Axes, summary: Summary, lines: Sequence[_Line], slices: Sequence[Slice]) -> None:
    from matplotlib.lines import Line2D

    handles = list(panel.get_legend_handles_labels()[0])  # the baselines
    several = len(slices) > 1 or bool(slices[0].label)
    made = []
    if len(lines) > 1:
        for which, line in enumerate(lines):
            marker = "" if several else _MARKERS[which]
            color = "#333333" if several else _COLORS[which]
            made.append(Line2D([], [], color=color, ls=line.style, marker=marker, ms=5, lw=1.4,
                               label=line.label))  # fmt: skip
    if several:
        for which, one in enumerate(slices):
            made.append(Line2D([], [], color=_slice_color(summary, which),
                               marker=_MARKERS[which % len(_MARKERS)], ms=5, lw=1.4,
                               label=one.label))  # fmt: skip
    entries = made + handles
    panel.figure.legend(
        handles=entries, loc="outside lower center", frameon=False, fontsize=8.5,
        ncols=2 if len(entries) > 1 else 1,
    )  # fmt: skip


# ---------------------------------------------------------------------------- the latent dimensions


def _profiles(summary: Summary) -> list[Picture]:
    """The aggregate posterior, dimension by dimension."""
    drawn = []
    for name, title, caption in (
        ("mean", "Aggregate posterior: mean", "The prior has 0 (grey)."),
        (
            "variance",
            "Aggregate posterior: variance",
            "Variance of mu over the test set plus sigma², as the KL term has it. The prior has 1 "
            "(grey).",
        ),
        (
            "actual_variance",
            "Aggregate posterior: variance with the noise added",
            "Variance of mu plus (scale · sigma)², of the z that the decoder gets. The prior has 1 "
            "(grey).",
        ),
        (
            "mu_variance",
            "Variance of mu",
            "Over the test set. Grey: 0.01, above which a dimension counts as active.",
        ),
    ):
        for label, settings in _multiples(summary, summary.measured):
            used = [one for one in settings if one.latent.get(name)]
            if not used:
                continue

            def draw(panel: Axes, used=used, name=name) -> None:
                reference = {"mean": 0, "mu_variance": 0.01}.get(name, 1)
                panel.axhline(reference, color=_GREY, lw=1)
                for one in used:
                    mean = [value.mean for value in one.latent[name]]
                    style = _style(summary, one)
                    panel.plot(
                        np.arange(1, len(mean) + 1), mean, color=style["color"], lw=1.2,
                        marker=style["marker"], ms=3, label=_main_label(summary, one),
                    )  # fmt: skip
                means = [v.mean for one in used for v in one.latent[name]]
                if min(means) > 0 and max(means) > 20 * min(means):
                    _log_y(panel, subs=(1,))
                panel.xaxis.get_major_locator().set_params(integer=True)
                panel.set_xlabel("dimension, sorted")
                panel.legend(frameon=False, title=summary.main.name)

            drawn.append(
                _picture(
                    _named(f"latent_{name}", label),
                    "profiles",
                    _titled(title, label),
                    f"{title} of each latent dimension in falling order, a line for each setting.",
                    f"{caption} Dimensions sorted within each run, then the mean over seeds.",
                    draw,
                )
            )
    return drawn


# ---------------------------------------------------------------------------------------- the axes


def _multiples(
    summary: Summary, settings: Sequence[SettingSummary]
) -> list[tuple[str, list[SettingSummary]]]:
    """Settings in as many pictures as are legible: by the second axis if there is one."""
    if len(summary.axes) == 1:
        return [("", list(settings))]
    other = summary.axes[1]
    return [
        (f"{other.name} {value_text(value)}", [s for s in settings if s.value(other) == value])
        for value in other.values[:_MOST_MULTIPLES]
    ]


def _pairs(summary: Summary, one: SettingSummary) -> list[tuple[str, Any]]:
    return [(axis.name, one.value(axis)) for axis in summary.axes]


def _main_label(summary: Summary, one: SettingSummary) -> str:
    text = value_text(one.value(summary.main))
    return f" {text}" if text.startswith("_") else text  # matplotlib hides those


def _style(summary: Summary, one: SettingSummary) -> dict[str, Any]:
    axis = summary.main
    rank = axis.values.index(one.value(axis))
    return {
        "color": _color(rank, len(axis.values), is_numeric(axis)),
        "marker": _MARKERS[rank % len(_MARKERS)],
    }


def _slice_color(summary: Summary, which: int) -> Any:
    if len(summary.axes) == 1:
        return _COLORS[0]
    axis = summary.axes[1]
    return _color(which, len(axis.values), is_numeric(axis))


def _color(rank: int, count: int, ordered: bool) -> Any:
    if not ordered and count <= len(_COLORS):
        return _COLORS[rank]
    import matplotlib

    # Not to the bright end, which is hard to see on white.
    return matplotlib.colormaps["viridis"](0.88 * rank / max(count - 1, 1))


def _positions(summary: Summary) -> dict[str, float]:
    """Where each setting is along the main axis, by key: numbers as they are, others in turn."""
    axis = summary.main
    where: Callable[[Any], float] = float if is_numeric(axis) else axis.values.index
    return {one.setting.key: float(where(one.value(axis))) for one in summary.settings}


def _log_range(summary: Summary) -> tuple[float, float]:
    """Ends of a main axis that is fit for a logarithmic scale; zeros for others."""
    axis = summary.main
    if not is_numeric(axis) or min(axis.values) <= 0 or max(axis.values) < 4 * min(axis.values):
        return 0.0, 0.0
    return float(min(axis.values)), float(max(axis.values))


def _set_axis(panel: Axes, summary: Summary, positions: dict[str, float]) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axis = summary.main
    places = sorted(set(positions.values()))
    low, high = _log_range(summary)
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


def _log_y(panel: Axes, subs: tuple[int, ...] = (1, 2, 5)) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=subs))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


# ------------------------------------------------------------------------------------------- files


def _named(name: str, label: str) -> str:
    """A file's name with what is special to one of several pictures."""
    return name + "".join(f"_{c}" if i == 0 else c for i, c in enumerate(_file_part(label)))


def _file_part(label: str) -> str:
    return "".join(c if c.isalnum() or c in ".+-" else "-" for c in label)


def _titled(title: str, label: str) -> str:
    return f"{title}, {label}" if label else title


def _picture(
    name: str,
    section: str,
    title: str,
    alt: str,
    caption: str,
    draw: Callable[[Axes], None],
    size: tuple[float, float] = _SIZE,
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
