"""Learning curves: validation losses over training steps, one line per setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch.drawing.line_plot import LegendInside, LineWithBand, XAxis, YAxis, line_plot
from magenta_sketch.study.figures.picture import Multiple, Picture, multiples, style_of
from magenta_sketch.study.results import RunResult, StudyResult
from magenta_sketch.study.spread import finite
from magenta_sketch.study.summary import SettingSummary, Summary

_Series = dict[int, float]  # step -> value, of one run


def learning_curves(result: StudyResult, summary: Summary) -> list[Picture]:
    """Return a figure for each loss, or several with a second axis."""
    drawn = []
    for key, title, unit in (
        ("masked_recon", "Validation masked reconstruction loss", "nats/point"),
        ("kl", "Validation KL", "nats/dimension"),
    ):
        for multiple in multiples(summary, summary.settings):
            found = _series_of(result, multiple, key)
            values = [v for _, runs in found for run in runs for v in run.values()]
            if not any(values):  # no values, or the KL of unconditional models, which is 0
                continue
            name = multiple.named(f"curves_{key}")
            low, high = _limits([run for _, runs in found for run in runs])
            svg = line_plot(
                name,
                multiple.titled(title),
                [mean_line(runs, **style_of(summary, one)) for one, runs in found],
                XAxis("step"),
                YAxis(unit, (0 if key == "kl" else low, high)),
                LegendInside(summary.main.name),
            )
            drawn.append(
                Picture(
                    name,
                    "curves",
                    multiple.titled(title),
                    f"{title} over training steps, one line per setting.",
                    "Mean over the seeds that have reached a step; the band is their spread. Early "
                    "values may be outside the plot.",
                    svg,
                )
            )
    return drawn


def _series_of(
    result: StudyResult, multiple: Multiple, key: str
) -> list[tuple[SettingSummary, list[_Series]]]:
    """Return the settings that have values, each with the series of its runs."""
    found = []
    for one in multiple.settings:
        runs = [run for run in result.runs if run.trial.setting == one.setting]
        series = [values for run in runs if (values := _series(run, key))]
        if series:
            found.append((one, series))
    return found


def _series(run: RunResult, key: str) -> _Series:
    return {
        int(row["step"]): value
        for row in run.history
        if row.get("split") == "valid" and (value := finite(row.get(key))) is not None
    }


def mean_line(
    runs: Sequence[_Series], *, label: str = "", color: Any = "", marker: str = ""
) -> LineWithBand:
    """Return the mean of runs over all their steps, with the spread where there are several runs.

    Runs may be evaluated at different steps. So each run's values are interpolated at the steps of
    all runs, within its own range. Otherwise the mean would jump between sets of runs.
    """
    steps = np.array(sorted({step for run in runs for step in run}), float)
    rows = np.full((len(runs), len(steps)), np.nan)
    for row, run in zip(rows, runs, strict=True):
        own = np.array(sorted(run), float)
        inside = (steps >= own[0]) & (steps <= own[-1])
        row[inside] = np.interp(steps[inside], own, [run[int(step)] for step in own])
    count = np.isfinite(rows).sum(axis=0)
    steps, rows, count = steps[count > 0], rows[:, count > 0], count[count > 0]
    spread = np.full(len(steps), np.nan)
    spread[count > 1] = np.nanstd(rows[:, count > 1], axis=0, ddof=1)
    return LineWithBand(
        steps,
        np.nanmean(rows, axis=0),
        label=label,
        color=color,
        marker=marker if len(steps) == 1 else "",  # a line through one point is invisible
        width=1.6,
        spread=spread,
    )


def _limits(runs: Sequence[_Series]) -> tuple[float, float]:
    """Return the ends of the y axis, for the values after the first quarter of training."""
    last = max(step for run in runs for step in run)
    late = [v for run in runs for step, v in run.items() if step >= 0.25 * last]
    low, high = min(late), max(late)
    room = 0.06 * (high - low) or 0.1
    return low - room, high + room
