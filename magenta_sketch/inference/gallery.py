"""The picture of a run: test sketches, their reconstructions, and new sketches."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from magenta_sketch.data import SketchSet
from magenta_sketch.drawing.grid import save_grid
from magenta_sketch.inference.trained_model import TrainedModel

COLUMNS = 8
TEMPERATURE = 0.3  # low, to show what was learnt and not the randomness of drawing


def save_gallery(
    path: str | os.PathLike[str], trained: TrainedModel, test: SketchSet, *, title: str, seed: int
) -> None:
    """Write an SVG grid: `COLUMNS` test sketches above their reconstructions, and new sketches.

    Reconstructions use z = mu, without noise. For an unconditional model there are only new
    sketches.
    """
    rows: list[Sequence[np.ndarray]] = []
    titles = []
    if trained.conditional:
        # Spread over the set, because it may be sorted by class.
        chosen = np.linspace(0, len(test) - 1, min(COLUMNS, len(test))).astype(int)
        originals = [test[int(i)] for i in chosen]
        again = trained.reconstruct(originals, temperature=TEMPERATURE, seed=seed)
        rows += [originals, again]
        titles += ["test sketch", "reconstruction"]
    new = trained.sample(2 * COLUMNS, temperature=TEMPERATURE, seed=seed)
    rows += [new[:COLUMNS], new[COLUMNS:]]
    titles += ["new", "new"]
    save_grid(path, rows, row_titles=titles, title=title)
