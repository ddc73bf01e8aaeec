"""Check the chosen sketches: no split may be empty, or too large to read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from magenta_sketch.data import npz_archive
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.npz_writer import too_large
from magenta_sketch.data.sources.choosing import Chosen
from magenta_sketch.data.sources.spool import Spool
from magenta_sketch.errors import DataError

NAMED = 5  # classes with an empty split that a message names, at most


def check_none_is_empty(chosen: Mapping[str, Chosen]) -> None:
    """Check that every class has sketches in all splits.

    Raises:
      DataError: a split is empty. The message names classes and says what to do.
    """
    failing = [name for name, one in chosen.items() if not all(one.counts)]
    if failing:
        told = "; ".join(f"{name}: {chosen[name]}" for name in failing[:NAMED])
        more = f"; and {len(failing) - NAMED:,} more classes" if failing[NAMED:] else ""
        few = [name for name in failing if sum(chosen[name].counts) < len(SPLITS)]
        advice = ["a class needs at least 3 drawings"] if few else []
        if len(few) < len(failing):
            advice.append(
                "the lines name their splits themselves: add those of the other splits, or take "
                'out the members "split"'
            )
        raise DataError(
            f"{told}{more}; no split may be empty: {'; else '.join(advice)}; nothing was written"
        )


def check_none_is_too_large(spool: Spool, chosen: Mapping[str, Chosen]) -> None:
    """Check that no split is far too large. Splits slightly too large are found on writing.

    Raises:
      DataError: a split is too large for `read_npz`.
    """
    for name, one in chosen.items():
        points = spool.classes[name].column("points")
        item = 12 if spool.classes[name].any_float(one.all) else 6
        for split, mask in zip(SPLITS, one, strict=True):
            if item * points[mask].sum(dtype=np.int64) > npz_archive.MAX_SPLIT_BYTES:
                raise too_large(f"{name}, {split}, {np.count_nonzero(mask):,} sketches")
