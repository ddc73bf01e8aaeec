"""Learning curves: validation losses over training steps, a line for each setting."""

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
    """Return a picture for each loss, or several by the second axis."""
    drawn = []
    for key, title, unit in (
        ("masked_recon", "Validation masked reconstruction loss", "nats/point"),
        ("kl", "Validation KL", "nats/dimension"),
    ):
        for multiple in multiples(summary, summary.settings):
            found = _series_of(result, multiple, key)
            values = [v for _, runs in found for run in runs for v in run.values()]
            if not any(values):  # none, or the KL of a model without an encoder, which is 0
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
                    f"{title} over training steps, a line for each setting.",
                    "Mean over the seeds that got as far; the band is their spread. Early values "
                    "may lie outside.",
                    svg,
                )
            )
    return drawn


def _series_of(
    result: StudyResult, multiple: Multiple, key: str
) -> list[tuple[SettingSummary, list[_Series]]]:
    """Return the series of each setting's runs, of those that have any."""
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
    """Return the mean of runs over the steps of all, with their spread where there are several.

    A step that one run alone has would make the mean jump from one set of seeds to another: each
    run's values are interpolated along the steps of all, as far as it got.
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
    """Return the ends of the axis: with room for where training goes, not where it came from."""
    last = max(step for run in runs for step in run)
    late = [v for run in runs for step, v in run.items() if step >= 0.25 * last]
    low, high = min(late), max(late)
    room = 0.06 * (high - low) or 0.1
    return low - room, high + room
