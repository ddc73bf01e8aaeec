"""The tables of a report: estimates with intervals, one row per setting."""

from __future__ import annotations

from typing import Any

from magenta_sketch.study import wording
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.scalars import SCALARS

# Distances that real drawings have, too: the name in `baselines.baselines`.
_OF_REAL_DRAWINGS = {
    **{f"chamfer_{name}": "chamfer_others" for name in ("with_noise", "without_noise", "repeats")},
    "novelty_standard": "novelty",
    "diversity_standard": "diversity",
}


def tables(result: StudyResult) -> list[dict[str, Any]]:
    """Return the tables for the page's template: dicts with title, names of columns, and rows."""
    made = []
    for group in dict.fromkeys(scalar.group for scalar in SCALARS.values()):
        names = [name for name, of in SCALARS.items() if of.group == group and result.has(name)]
        if not names:
            continue
        rows = [
            {
                "label": one.label,
                "n": len(result.runs_of(one)),
                "cells": [wording.with_interval(result.estimate(one, name)) for name in names],
            }
            for one in result.measured
        ]
        real = [
            result.baseline(result.measured[0], _OF_REAL_DRAWINGS.get(name, "")) for name in names
        ]
        if any(value is not None for value in real):
            cells = ["" if value is None else wording.number(value) for value in real]
            rows.append({"label": "real drawings", "n": "", "cells": cells})
        made.append({"title": group, "names": names, "rows": rows})
    return made


def comparisons(result: StudyResult) -> list[dict[str, Any]]:
    """Return one table for each measure with comparisons: rows of label, partner and texts."""
    made = []
    for name in filter(result.has, SCALARS):
        rows = []
        for setting, found in result.comparisons(name).items():
            partner = result.plan.partner(setting)
            assert partner is not None
            rows.append(
                {
                    "label": setting.label,
                    "partner": partner.label,
                    "difference": wording.compared(found),
                    "n": found.difference.n,
                    "p": wording.number(found.p, 3),
                    "improvement": wording.number(found.improvement, 2),
                    "smallest": wording.number(found.smallest, 3),
                }
            )
        if rows:
            made.append({"name": name, "rows": rows})
    return made
