"""The figures of a report: which numbers each shows. The package `drawing` draws them.

Equal results give equal figures. Points are means over seeds; bars are 95 % intervals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.drawing.heat_map import heat_map
from magenta_sketch.drawing.line_plot import (
    LegendBelow,
    LegendInside,
    Level,
    Line,
    LineWithBand,
    LineWithBars,
    XAxis,
    YAxis,
    line_plot,
)
from magenta_sketch.drawing.plots import COLORS, GREY, color_of, marker_of
from magenta_sketch.measures import linear_theory
from magenta_sketch.measures.latent import ACTIVE
from magenta_sketch.measures.numbers import finite
from magenta_sketch.measures.scalars import PRIORS
from magenta_sketch.study import wording
from magenta_sketch.study.lines import families, is_numeric, positions
from magenta_sketch.study.plan import Setting, value_text
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.statistics import Estimate, estimate

_BARS = "Means over seeds; bars are 95 % intervals."


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of the report.

    name: its file's name without the ending. alt: text for readers who cannot see it. caption: text
    below it.
    """

    name: str
    title: str
    alt: str
    caption: str
    svg: bytes


@dataclasses.dataclass(frozen=True)
class _Curves:
    """A figure of measures over the settings: for each, its name and its label in the legend."""

    name: str
    title: str
    curves: dict[str, str]
    caption: str = ""
    logarithmic: bool = False
    level: str = ""  # a baseline to draw as a grey line


_OVER_SETTINGS = (
    _Curves(
        "loss",
        "Masked reconstruction loss, nats/point",
        {"masked_recon": "own noise", "masked_recon_without_noise": "z = mu"},
    ),
    _Curves(
        "information",
        "Mutual information and rates, nats/sketch",
        {
            "mutual_information": "mutual information",
            **{f"rate_{prior}": f"rate, {prior} prior" for prior in PRIORS},
        },
        "A rate is the KL of the decoder's z to a prior: information plus the KL of the aggregate "
        "posterior to that prior.",
    ),
    _Curves(
        "bound",
        "Importance-weighted bound, nats/sketch",
        {f"bound_{prior}": f"{prior} prior" for prior in PRIORS},
        "Lower bounds of the log density of test sketches, in data units; higher is better.",
    ),
    _Curves("active_units", "Active units", {"active_units": "active units"}),
    _Curves(
        "signal_to_noise",
        "Signal to noise",
        {"signal_to_noise": "signal to noise"},
        "Spread of mu over the test set, divided by scale · mean sigma.",
        logarithmic=True,
    ),
    _Curves(
        "sigma",
        "Sigma",
        {"mean_sigma": "all dimensions", "active_sigma": "active", "other_sigma": "others"},
        "The noise would be undone if sigma fell as 1/scale.",
    ),
    _Curves(
        "new_sketches",
        "New sketches: F of precision and recall",
        {f"f_{prior}": f"{prior} prior" for prior in PRIORS},
        "By nearest neighbours in the Chamfer distance; 1 is best.",
    ),
    _Curves(
        "reconstructions",
        "Reconstructions: Chamfer distance, model units",
        {
            "chamfer_without_noise": "to the sketch, z = mu",
            "chamfer_with_noise": "to the sketch, own noise",
            "chamfer_repeats": "between repeats",
        },
        "Grey: between two different test sketches.",
        level="chamfer_others",
    ),
)


def pictures(result: StudyResult) -> list[Picture]:
    """Return all figures that the results have numbers for, in the order of the report."""
    made = [_rate_and_distortion(result)]
    made += [_over_settings(result, one) for one in _OVER_SETTINGS]
    made += [_factors(result), _matrix(result), *_profiles(result), _learning(result)]
    return [picture for picture in made if picture is not None]


# ------------------------------------------------------------------------------ over settings


def _over_settings(result: StudyResult, figure: _Curves) -> Picture | None:
    curves = {name: label for name, label in figure.curves.items() if result.has(name)}
    if not curves:
        return None
    lines: list[Line | Level] = []
    text = []
    # The other settings are shown where there is one curve: more lines cannot be told apart.
    shown = families(result)[: None if len(curves) == 1 else 1]
    for number, family in enumerate(shown):
        for which, (name, label) in enumerate(curves.items()):
            rank = number + which
            found = [(one, result.estimate(one, name)) for one in family.settings]
            found = [(one, value) for one, value in found if value.known]
            text += [f"{one.label}, {label}: {wording.number(v.value)}" for one, v in found]
            lines.append(
                _with_bars(
                    [family.x[one] for one, _ in found],
                    [value for _, value in found],
                    label=label if len(curves) > 1 else family.label,
                    color=COLORS[rank % len(COLORS)],
                    marker=marker_of(rank),
                    dash=":" if number else "-",
                )
            )
    lines += _prediction(result) if figure.name == "signal_to_noise" else []
    levels = {result.baseline(one, figure.level) for one in result.measured if figure.level}
    if len(levels) == 1 and (level := levels.pop()) is not None:  # one data set
        lines.append(Level(level))
    ticks, log = positions(result)
    least = min((float(np.min(line.y)) for line in lines if isinstance(line, Line)), default=0)
    return Picture(
        figure.name,
        figure.title,
        f"{figure.title}. {'; '.join(text)}.",
        f"{figure.caption} {_BARS}".strip(),
        line_plot(
            figure.name,
            figure.title,
            lines,
            XAxis(result.plan.main, ticks=ticks, logarithmic=log),
            YAxis(log_ticks=(1, 2, 5) if figure.logarithmic and least > 0 else ()),
            LegendBelow([]) if len(lines) > 1 else None,
        ),
    )


def _with_bars(
    x: Sequence[float], values: Sequence[Estimate], of_x: Sequence[Estimate] = (), **style: Any
) -> LineWithBars:
    ends = [np.array([[v.low, v.high] for v in some]).T for some in (values, of_x)]
    return LineWithBars(
        x,
        [value.value for value in values],
        y_ends=ends[0] if values else None,
        x_ends=ends[1] if of_x else None,
        **style,
    )


def _prediction(result: StudyResult) -> list[Line]:
    """Return signal to noise as docs/noise_theory.md predicts it from the models of scale 1."""
    start = next((s for s in result.measured if s.values == (("scale", 1.0),)), None)
    if start is None or result.plan.main != "scale":
        return []
    scales = np.array([value for value in positions(result)[0] if value > 0])
    runs = zip(result.latent(start, "mu_variance"), result.latent(start, "sigma_square"),
               strict=True)  # fmt: skip
    found = []
    for variance, square in runs:
        made = [linear_theory.predict(variance, np.sqrt(square), scale) for scale in scales]
        found.append(
            [
                np.sqrt(one.mu_variance.mean()) / (scale * one.sigma.mean())
                for one, scale in zip(made, scales, strict=True)
            ]
        )
    mean = np.mean(found, axis=0) if found else np.zeros(0)
    used = mean > 0
    return [Line(scales[used], mean[used], "theory, from scale 1", GREY, "--")] * bool(used.any())


# ------------------------------------------------------------------------------- other figures


def _rate_and_distortion(result: StudyResult) -> Picture | None:
    if not (result.has("mutual_information") and result.has("masked_recon")):
        return None
    lines: list[Line] = []
    text = []
    for number, family in enumerate(families(result)):
        found = [
            (one, result.estimate(one, "mutual_information"), result.estimate(one, "masked_recon"))
            for one in family.settings
        ]
        found = [(one, r, d) for one, r, d in found if r.known and d.known]
        x, y = [r.value for _, r, _ in found], [d.value for _, _, d in found]
        color = GREY if not number else COLORS[(number + 4) % len(COLORS)]
        lines.append(Line(x, y, family.label if number else "", color, ":" if number else "-"))
        for rank, (one, r, d) in enumerate(found):
            look: dict[str, Any] = {"color": color, "marker": marker_of(number + 3)}
            if not number:
                look = {"color": color_of(rank, len(found), True), "marker": marker_of(rank)}
                look["label"] = one.label
            lines.append(_with_bars([r.value], [d], [r], dash="", **look))
            text.append(f"{one.label}: {wording.number(r.value)}, {wording.number(d.value)}")
    title = "Rate and distortion"
    return Picture(
        "rate_distortion",
        title,
        f"{title}: mutual information (nats/sketch) and loss (nats/point). {'; '.join(text)}.",
        f"What z says about a sketch, and the loss that is left, at the run's own noise. {_BARS}",
        line_plot(
            "rate_distortion",
            title,
            lines,
            XAxis("mutual information, nats/sketch"),
            YAxis("masked recon, nats/point"),
            LegendBelow([]),
        ),
    )


def _factors(result: StudyResult) -> Picture | None:
    names = list(
        dict.fromkeys(n for run in result.runs if run.measures for n in run.measures.factors)
    )
    if not names:
        return None
    family = families(result)[0]
    lines = []
    for rank, name in enumerate(names):
        found = [(one, estimate(result.factor(one, name))) for one in family.settings]
        found = [(one, value) for one, value in found if value.known]
        look: dict[str, Any] = {"label": name}
        look |= {"color": COLORS[rank % len(COLORS)], "marker": marker_of(rank)}
        lines.append(_with_bars([family.x[s] for s, _ in found], [v for _, v in found], **look))
    title = "Known factors: R² of a linear probe of z"
    ticks, log = positions(result)
    text = "; ".join(
        f"{line.label}: {', '.join(map(wording.number, map(float, np.asarray(line.y))))}"
        for line in lines
    )
    return Picture(
        "factors",
        title,
        f"{title}. {text}.",
        f"On test sketches, from z with the run's own noise. {_BARS}",
        line_plot(
            "factors",
            title,
            lines,
            XAxis(result.plan.main, ticks=ticks, logarithmic=log),
            YAxis(),
            LegendBelow([]),
        ),  # fmt: skip
    )


def _matrix(result: StudyResult) -> Picture | None:
    """Return the matrix of losses: models in rows, noises in columns."""
    noises = result.settings.noises
    rows = [s for s in _swept(result) if np.isfinite(result.at_noise(s, noises[0])).any()]
    if not rows or len(noises) < 2:
        return None
    table = [[estimate(result.at_noise(one, noise)) for noise in noises] for one in rows]
    labels = [", ".join(value_text(v) for _, v in one.values) for one in rows]
    title = "Masked reconstruction loss, trained at one noise and evaluated at another"
    texts = [
        [
            (wording.number(v.value, 3),
             f"± {wording.number(0.5 * (v.high - v.low), 3)}" if v.has_interval else "")
            for v in row
        ]
        for row in table
    ]  # fmt: skip
    svg = heat_map(
        "matrix",
        "Masked reconstruction loss, nats/point",
        [[finite(v.value) for v in row] for row in table],
        texts,
        rows=labels,
        columns=list(map(value_text, noises)),
        row_label=f"trained at {result.plan.main}",
        column_label="evaluated at noise",
        power=0.5,
    )
    text = "; ".join(
        f"{label}: {', '.join(wording.number(v.value) for v in row)}"
        for label, row in zip(labels, table, strict=True)
    )
    caption = (
        "Each model at each noise: z = mu + noise · sigma · eps, with the model's own sigma. Mean "
        "over seeds, with half the 95 % interval; lower is better."
    )
    return Picture("matrix", title, f"{title}. {text}.", caption, svg)


def _profiles(result: StudyResult) -> list[Picture | None]:
    """Return the curve of active units over thresholds, and the KL term of each dimension."""
    thresholds = np.geomspace(1e-4, 1.0, 41)
    return [
        _profile(
            result,
            ("active_curve", "mu_variance", "Units whose mu varies more than a threshold"),
            lambda row: (thresholds, np.count_nonzero(row > thresholds[:, None], axis=1)),
            f"Variance of mu over the test set; a unit counts as active above {ACTIVE}.",
            XAxis("threshold", {t: f"{t:g}" for t in (1e-4, 1e-3, 1e-2, 0.1, 1.0)}, True),
        ),
        _profile(
            result,
            ("kl", "kl", "KL term of each dimension, nats"),
            lambda row: (np.arange(1, len(row) + 1), np.sort(row)[::-1]),
            "As training pays it, before the tolerance; dimensions are sorted in each run.",
            XAxis("dimension, sorted", integer=True),
        ),
    ]


def _profile(
    result: StudyResult,
    names: tuple[str, str, str],
    curve: Callable[[NDArray[np.float64]], tuple[NDArray[Any], NDArray[Any]]],
    caption: str,
    x: XAxis,
) -> Picture | None:
    """Return a figure of one curve per setting, each the mean of the curves of its runs.

    names: of the figure, of the latent measure, and the title. curve: from the measure to x and y.
    """
    name, measure, title = names
    lines: list[Line] = []
    for rank, one in enumerate(swept := _swept(result)):
        curves = [curve(row) for row in result.latent(one, measure)]
        if curves and len({len(y) for _, y in curves}) == 1:
            color = color_of(rank, len(swept), is_numeric(result))
            mean = np.mean([y for _, y in curves], axis=0)
            lines.append(Line(curves[0][0], mean, one.label, color))
    if not lines:
        return None
    svg = line_plot(name, title, lines, x, YAxis(), LegendInside(""))
    alt = f"{title}, one line per setting."
    return Picture(name, title, alt, f"{caption} Means over seeds.", svg)


def _learning(result: StudyResult) -> Picture | None:
    """Return validation losses over training steps, with the spread of the seeds as bands."""
    lines: list[Line] = []
    late: list[float] = []
    settings = [s for s in result.plan.settings() if s not in dict(result.plan.others)]
    for rank, one in enumerate(settings or result.plan.settings()):
        runs = [
            {
                int(row["step"]): value
                for row in run.history
                if row.get("split") == "valid" and (value := finite(row.get("masked_recon")))
            }
            for run in result.runs
            if run.trial.setting == one
        ]
        runs = list(filter(None, runs))
        shared = sorted(set.intersection(*map(set, runs))) if runs else []
        if not shared:
            continue
        values = np.array([[run[step] for step in shared] for run in runs])
        late += values[:, np.array(shared) >= 0.25 * shared[-1]].ravel().tolist()
        color = color_of(rank, len(settings), is_numeric(result))
        lines.append(LineWithBand(shared, values.mean(axis=0), one.label, color, width=1.6,
                                  marker="o" if len(shared) == 1 else "",
                                  spread=values.std(axis=0)))  # fmt: skip
    if not lines:
        return None
    title = "Validation masked reconstruction loss"
    room = 0.06 * (max(late) - min(late)) or 0.1
    return Picture(
        "learning",
        title,
        f"{title} over training steps, one line per setting.",
        "Means over seeds; bands are one standard deviation. Early values may be outside the plot.",
        line_plot("learning", title, lines, XAxis("step"),
                  YAxis("nats/point", (min(late) - room, max(late) + room)), LegendInside("")),
    )  # fmt: skip


def _swept(result: StudyResult) -> list[Setting]:
    """Return the measured settings of the axes; without axes, all."""
    others = dict(result.plan.others)
    return [one for one in result.measured if one not in others] or result.measured
