"""The figures of a report: which numbers each shows. The package `drawing` draws them.

Equal results give equal figures.
"""

from __future__ import annotations

from magenta_sketch.study.figures.distances import distances
from magenta_sketch.study.figures.heat_maps import grids, matrices
from magenta_sketch.study.figures.latent_use import latent_use
from magenta_sketch.study.figures.learning import learning_curves
from magenta_sketch.study.figures.picture import SECTIONS, Picture
from magenta_sketch.study.figures.profiles import profiles
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.summary import Summary

__all__ = ["SECTIONS", "Picture", "pictures"]


def pictures(result: StudyResult, summary: Summary) -> list[Picture]:
    """Return all figures that the results have numbers for, in the order of the report."""
    drawn = learning_curves(result, summary) + matrices(summary)
    if any(one.conditional for one in summary.measured):
        drawn += latent_use(summary) + profiles(summary)
    drawn += distances(summary)
    if len(summary.axes) == 2:
        drawn += grids(summary)
    return drawn
