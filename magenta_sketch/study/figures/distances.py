"""Figures of drawings: how far they are from sketches and from each other, and how many end."""

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
            Curve("chamfer_repeats", "among repeats", ":"),
        ],
        "Repeats are reconstructions of one sketch, each with its own noise. Grey: two "
        "different test sketches.",
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
        "In model units. Grey: the same of real test sketches. A model that copies would be "
        "far below the solid grey line.",
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
        "Before max_seq_len, new ones and reconstructions at the run's own noise.",
    ),
)


def distances(summary: Summary) -> list[Picture]:
    """Return the figures of drawings."""
    return over_settings(summary, _DISTANCES)
