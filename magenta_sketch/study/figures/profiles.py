"""The aggregate posterior, latent dimension by latent dimension."""

from __future__ import annotations

import numpy as np

from magenta_sketch.drawing.line_plot import LegendInside, Level, Line, XAxis, YAxis, line_plot
from magenta_sketch.study.figures.picture import Multiple, Picture, multiples, style_of
from magenta_sketch.study.latent import ACTIVE
from magenta_sketch.study.summary import Summary

# Name, title, caption, and the value of a grey line.
_PROFILES = (
    ("mean", "Aggregate posterior: mean", "The prior has 0 (grey).", 0),
    (
        "variance",
        "Aggregate posterior: variance",
        "Variance of mu over the test set plus sigma², as the KL term has it. The prior has 1 "
        "(grey).",
        1,
    ),
    (
        "actual_variance",
        "Aggregate posterior: variance with the noise added",
        "Variance of mu plus (scale · sigma)², of the z that the decoder gets. The prior has 1 "
        "(grey).",
        1,
    ),
    (
        "mu_variance",
        "Variance of mu",
        "Over the test set. Grey: 0.01, above which a dimension counts as active.",
        ACTIVE,
    ),
)


def profiles(summary: Summary) -> list[Picture]:
    """Return a picture of each moment, or several by the second axis."""
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
                    f"{title} of each latent dimension in falling order, a line for each setting.",
                    f"{caption} Dimensions sorted within each run, then the mean over seeds.",
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
