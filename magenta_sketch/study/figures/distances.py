"""Figures about drawings: their distances, and how many of them end."""

from __future__ import annotations

from magenta_sketch.study.figures.over_settings import Curve, Figure, over_settings
from magenta_sketch.study.figures.picture import Picture
from magenta_sketch.study.summary import Summary

_DISTANCES = (
    Figure(
        "reconstruction_distances",
        "distances",
        "Reconstructions: Chamfer distance, model units",
        [
            Curve("chamfer_without_noise", "to the sketch, z = mu"),
            Curve("chamfer_with_noise", "to the sketch, with noise", "--"),
            Curve("chamfer_repeats", "between repeats", ":"),
        ],
        "Repeats are reconstructions of one sketch, each with its own noise. Grey: distance "
        "between two different test sketches.",
        levels=[("chamfer_with_noise", "two test sketches")],
    ),
    Figure(
        "new_distances",
        "distances",
        "New sketches: Chamfer distance to the nearest",
        [
            Curve("novelty", "training sketch (novelty)"),
            Curve("diversity", "other new one (diversity)", "--"),
        ],
        "In model units. Grey: the same distances for real test sketches. A model that copies "
        "training sketches would be far below the solid grey line.",
        levels=[("novelty", "real, to training"), ("diversity", "real, to each other")],
    ),
    Figure(
        "ended",
        "distances",
        "Share of sketches that end",
        [
            Curve("ended", "new ones"),
            Curve("ended_reconstructions", "reconstructions", "--"),
        ],
        "Sketches with fewer than max_seq_len points: new ones, and reconstructions at the run's "
        "own noise.",
    ),
)


def distances(summary: Summary) -> list[Picture]:
    """Return the figures about drawings."""
    return over_settings(summary, _DISTANCES)
