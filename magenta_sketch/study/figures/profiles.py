"""Figures of the aggregate posterior, dimension by dimension."""

from __future__ import annotations

import numpy as np

from magenta_sketch.drawing.line_plot import LegendInside, Level, Line, XAxis, YAxis, line_plot
from magenta_sketch.study.figures.picture import Multiple, Picture, multiples, style_of
from magenta_sketch.measures.latent import ACTIVE
from magenta_sketch.study.summary import Summary

# Name, title, caption, and the value of the grey line.
_PROFILES = (
    ("mean", "Aggregate posterior: mean", "Grey: the prior, 0.", 0),
    (
        "variance",
        "Aggregate posterior: variance",
        "Variance of mu over the test set plus mean sigma², as in the KL term. Grey: the prior, 1.",
        1,
    ),
    (
        "actual_variance",
        "Aggregate posterior: variance with the noise added",
        "Variance of mu plus mean (scale · sigma)²: the variance of the decoder's z. Grey: the "
        "prior, 1.",
        1,
    ),
    (
        "mu_variance",
        "Variance of mu",
        "Over the test set. Grey: 0.01; dimensions above it are active.",
        ACTIVE,
    ),
)


def profiles(summary: Summary) -> list[Picture]:
    """Return a figure for each moment, or several with a second axis."""
    drawn = []
    for moment, title, caption, level in _PROFILES:
        for multiple in multiples(summary, summary.measured):
            if not any(one.latent.get(moment) for one in multiple.settings):
                continue
            drawn.append(
                Picture(
                    multiple.named(f"latent_{moment}"),
                    "profiles",
                    multiple.titled(title),
                    f"{title} of each latent dimension, largest first, one line per setting.",
                    f"{caption} Dimensions are sorted in each run; lines are means over seeds.",
                    _draw(summary, multiple, moment, title, level),
                )
            )
    return drawn


def _draw(summary: Summary, multiple: Multiple, moment: str, title: str, level: float) -> bytes:
    lines = []
    heights: list[float] = []
    for one in multiple.settings:
        mean = [value.known_mean for value in one.latent.get(moment, [])]
        if mean:
            heights += mean
            dimensions = np.arange(1, len(mean) + 1)
            style = style_of(summary, one)
            lines.append(Line(dimensions, mean, marker_size=3, width=1.2, **style))
    least, most = min(heights), max(heights)
    return line_plot(
        multiple.named(f"latent_{moment}"),
        multiple.titled(title),
        [Level(level), *lines],
        XAxis("dimension, sorted", integer=True),
        YAxis(log_ticks=(1,) if least > 0 and most > 20 * least else ()),
        LegendInside(summary.main.name),
    )
