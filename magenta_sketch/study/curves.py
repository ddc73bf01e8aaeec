"""Figures of measures over the settings of a study: lines with 95 % intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch.drawing.line_plot import (
    LegendBelow,
    Level,
    Line,
    LineWithBars,
    XAxis,
    YAxis,
    line_plot,
)
from magenta_sketch.drawing.plots import COLORS, GREY, marker_of
from magenta_sketch.measures import linear_theory
from magenta_sketch.measures.scalars import PRIORS
from magenta_sketch.study import wording
from magenta_sketch.study.lines import families, positions
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.statistics import Estimate, estimate

BARS = "Means over seeds; bars are 95 % intervals."


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


def over_settings(result: StudyResult) -> list[Picture | None]:
    """Return the figures of measures over the settings; None where there are no numbers."""
    return [*(_over_settings(result, one) for one in _OVER_SETTINGS), _factors(result)]


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
                with_bars(
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
        f"{figure.caption} {BARS}".strip(),
        line_plot(
            figure.name,
            figure.title,
            lines,
            XAxis(result.plan.main, ticks=ticks, logarithmic=log),
            YAxis(log_ticks=(1, 2, 5) if figure.logarithmic and least > 0 else ()),
            LegendBelow([]) if len(lines) > 1 else None,
        ),
    )


def with_bars(
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
    found = [
        [linear_theory.predict(variance, np.sqrt(square), s).signal_to_noise for s in scales]
        for variance, square in runs
    ]
    mean = np.mean(found, axis=0) if found else np.zeros(0)
    used = mean > 0
    return [Line(scales[used], mean[used], "theory, from scale 1", GREY, "--")] * bool(used.any())


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
        lines.append(with_bars([family.x[s] for s, _ in found], [v for _, v in found], **look))
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
        f"On test sketches, from z with the run's own noise. {BARS}",
        line_plot("factors", title, lines, XAxis(result.plan.main, ticks=ticks, logarithmic=log),
                  YAxis(), LegendBelow([])),
    )  # fmt: skip
