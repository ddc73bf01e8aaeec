"""The pictures of a study, drawn by matplotlib: small SVGs, equal for equal results."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_sketch.study.latent import ACTIVE
from magenta_sketch.study.panels import (
    COLORS,
    GREY,
    MARKERS,
    SIZE,
    Picture,
    heat_map,
    log_range,
    log_y,
    main_label,
    named,
    picture,
    positions_of,
    set_axis,
    slice_color,
    style_of,
    titled,
)
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import RunResult, StudyResult, finite
from magenta_sketch.study.summary import MEANINGS, SettingSummary, Slice, Summary
from magenta_sketch.study.wording import capital, number, plus_minus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_MULTIPLES = 6  # pictures of one kind, a value of the second axis each


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
                    _draw_curve(panel, runs, style_of(summary, one), main_label(summary, one))
                panel.set_xlabel("step")
                panel.set_ylabel(unit)
                _limit(panel, [run for _, runs in lines for run in runs])
                if key == "kl":
                    panel.set_ylim(bottom=0)
                panel.legend(frameon=False, title=summary.main.name)

            drawn.append(
                picture(
                    named(f"curves_{key}", label),
                    "curves",
                    titled(title, label),
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
    labels = [", ".join(value_text(v) for _, v in one.setting.values) for one in rows]
    trained = " × ".join(name for name, _ in rows[0].setting.values)

    def draw(panel: Axes) -> None:
        columns = [value_text(noise) for noise in summary.noises]
        heat_map(panel, table, labels, columns, power=0.5)
        panel.set_xlabel("evaluated at noise")
        panel.set_ylabel(f"trained at {trained}")

    text = "; ".join(
        f"{label}: {', '.join(number(v.mean) for v in row)}"
        for label, row in zip(labels, table, strict=True)
    )
    return [
        picture(
            "matrix_masked_recon",
            "matrix",
            "Masked reconstruction loss (nats/point)",
            f"Heat map: masked reconstruction loss for each {trained} (rows) and noise (columns). "
            f"{text}.",
            "Each model at each noise: z = mu + noise · sigma · eps, with the model's own sigma. "
            "Mean over seeds, the spread below it; lower is better. Colour goes with the root of "
            "the distance from the lowest.",
            draw,
            (SIZE[0], max(1.0 + 0.45 * len(rows), 2.1)),
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
            heat_map(panel, table, rows, columns)
            panel.set_ylabel(first.name)
            panel.set_xlabel(second.name)

        meaning, unit = MEANINGS[name]
        drawn.append(
            picture(
                f"grid_{name}",
                "grid",
                f"{name} ({unit})" if unit else name,
                f"Heat map of {name} over {first.name} (rows) and {second.name} (columns).",
                f"{capital(meaning)}. Mean over seeds, the spread below it.",
                draw,
                (SIZE[0], max(1.0 + 0.45 * len(first.values), 2.1)),
            )
        )
    return drawn


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
    positions = positions_of(summary)

    def draw(panel: Axes) -> None:
        for number_, one in enumerate(slices):
            for which, line in enumerate(lines):
                color = slice_color(summary, number_) if one.label else COLORS[which]
                _draw_line(panel, one, line, positions, color, which if not one.label else number_)
        low, high = log_range(summary)
        if references and low:
            _draw_references(panel, slices[0], lines[0].measure, references, (low, high))
        for (measure, label), style in zip(baselines, ("-", "--"), strict=False):
            value = summary.baseline(measure)
            if value is not None:
                panel.axhline(value, color=GREY, lw=1, ls=style, label=label)
        set_axis(panel, summary, positions)
        if log and low and all(s.scalars[lines[0].measure].mean for s in summary.measured):
            log_y(panel)
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
    return picture(
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
        marker=MARKERS[which % len(MARKERS)],
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
        panel.plot(x, y, color=GREY, lw=1.1, linestyle=style, zorder=1)
        panel.annotate(
            label, (x[1], y[1]), textcoords="offset points", ha="right", color=GREY, fontsize=8,
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
            marker = "" if several else MARKERS[which]
            color = "#333333" if several else COLORS[which]
            made.append(Line2D([], [], color=color, ls=line.style, marker=marker, ms=5, lw=1.4,
                               label=line.label))  # fmt: skip
    if several:
        for which, one in enumerate(slices):
            made.append(Line2D([], [], color=slice_color(summary, which),
                               marker=MARKERS[which % len(MARKERS)], ms=5, lw=1.4,
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
                reference = {"mean": 0, "mu_variance": ACTIVE}.get(name, 1)
                panel.axhline(reference, color=GREY, lw=1)
                for one in used:
                    mean = [value.mean for value in one.latent[name]]
                    style = style_of(summary, one)
                    panel.plot(
                        np.arange(1, len(mean) + 1), mean, color=style["color"], lw=1.2,
                        marker=style["marker"], ms=3, label=main_label(summary, one),
                    )  # fmt: skip
                means = [v.mean for one in used for v in one.latent[name]]
                if min(means) > 0 and max(means) > 20 * min(means):
                    log_y(panel, subs=(1,))
                panel.xaxis.get_major_locator().set_params(integer=True)
                panel.set_xlabel("dimension, sorted")
                panel.legend(frameon=False, title=summary.main.name)

            drawn.append(
                picture(
                    named(f"latent_{name}", label),
                    "profiles",
                    titled(title, label),
                    f"{title} of each latent dimension in falling order, a line for each setting.",
                    f"{caption} Dimensions sorted within each run, then the mean over seeds.",
                    draw,
                )
            )
    return drawn


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
