"""The figures of a report: which numbers each shows. The package `drawing` draws them.

Equal results give equal figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.drawing.heat_map import heat_map
from magenta_sketch.drawing.line_plot import (
    LegendBelow,
    LegendInside,
    Line,
    LineWithBand,
    XAxis,
    YAxis,
    line_plot,
)
from magenta_sketch.drawing.plots import COLORS, GREY, color_of, marker_of
from magenta_sketch.measures.latent import ACTIVE
from magenta_sketch.measures.numbers import finite
from magenta_sketch.study import wording
from magenta_sketch.study.curves import BARS, Picture, over_settings, with_bars
from magenta_sketch.study.lines import families, is_numeric
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.statistics import estimate


def pictures(result: StudyResult) -> list[Picture]:
    """Return all figures that the results have numbers for, in the order of the report."""
    made = [_rate_and_distortion(result), *over_settings(result), _matrix(result)]
    made += [*_profiles(result), _learning(result)]
    return [picture for picture in made if picture is not None]


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
            lines.append(with_bars([r.value], [d], [r], dash="", **look))
            text.append(f"{one.label}: {wording.number(r.value)}, {wording.number(d.value)}")
    title = "Rate and distortion"
    return Picture(
        "rate_distortion",
        title,
        f"{title}: mutual information (nats/sketch) and loss (nats/point). {'; '.join(text)}.",
        f"What z says about a sketch, and the loss that is left, at the run's own noise. {BARS}",
        line_plot(
            "rate_distortion",
            title,
            lines,
            XAxis("mutual information, nats/sketch"),
            YAxis("masked recon, nats/point"),
            LegendBelow([]),
        ),
    )


def _matrix(result: StudyResult) -> Picture | None:
    """Return the matrix of losses: models in rows, noises in columns."""
    noises = result.settings.noises
    rows = [s for s in result.swept if np.isfinite(result.at_noise(s, noises[0])).any()]
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
    for rank, one in enumerate(result.swept):
        curves = [curve(row) for row in result.latent(one, measure)]
        if curves and len({len(y) for _, y in curves}) == 1:
            color = color_of(rank, len(result.swept), is_numeric(result))
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
                if row.get("split") == "valid"
                and (value := finite(row.get("masked_recon"))) is not None
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
