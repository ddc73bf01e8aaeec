"""The tables of a report: estimates with intervals, one row per setting."""

from __future__ import annotations

from typing import Any

from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study import wording
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import StudyResult

# Distances that real drawings have, too: the name in `baselines.baselines`.
_OF_REAL_DRAWINGS = {
    **{f"chamfer_{name}": "chamfer_others" for name in ("with_noise", "without_noise", "repeats")},
    "novelty_standard": "novelty",
    "diversity_standard": "diversity",
}
_GREATER = ("probability greater", "probability low", "probability high")


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
        made.append({"title": group, "names": names, "rows": rows + _real(result, names)})
    return made


def _real(result: StudyResult, names: list[str]) -> list[dict[str, Any]]:
    """Return rows of the distances of real drawings, one for each data set."""
    first = {
        value_text(result.plan.config(one).hparams.data_set): one
        for one in reversed(result.measured)
    }
    rows = []
    for data, setting in reversed(first.items()):
        real = [result.baseline(setting, _OF_REAL_DRAWINGS.get(name, "")) for name in names]
        if any(value is not None for value in real):
            cells = ["" if value is None else wording.number(value) for value in real]
            label = f"real drawings, {data}" if len(first) > 1 else "real drawings"
            rows.append({"label": label, "n": "", "cells": cells})
    return rows


def comparison_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Return every comparison of every measure: a dict of plain values for each."""
    rows = []
    for name in filter(result.has, SCALARS):
        for setting, found in result.comparisons(name).items():
            partner = result.plan.partner(setting)
            assert partner is not None
            difference = found.difference
            rows.append(
                {
                    "measure": name,
                    "setting": setting.label,
                    "compared with": partner.label,
                    "kind": "ratio" if found.is_ratio else "difference",
                    "estimate": difference.value,
                    "low": difference.low,
                    "high": difference.high,
                    "n": difference.n,
                    "p": found.p,
                    **dict(zip(_GREATER, found.improvement, strict=False)),
                    "smallest": found.smallest,
                    "margin": SCALARS[name].margin,
                    "verdict": found.verdict,
                    "text": wording.compared(found),
                    "probability": wording.with_interval(found.improvement),
                }
            )
    return rows
