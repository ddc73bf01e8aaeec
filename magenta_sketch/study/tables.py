"""The tables of a report: means and spreads, one row per setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch.study import wording
from magenta_sketch.study.spread import Spread
from magenta_sketch.study.summary import Summary

_TABLES = {
    "Loss and KL": (
        *("cost", "recon", "masked_recon", "masked_recon_without_noise"),
        *("kl", "kl_with_tolerance", "kl_implied"),
    ),
    "Latent vector": (
        *("active_units", "mean_sigma", "active_sigma", "effective_noise"),
        *("active_effective_noise", "mu_spread", "signal_to_noise"),
    ),
    "Drawings": (
        *("chamfer_without_noise", "chamfer_with_noise", "chamfer_repeats", "diversity"),
        *("novelty", "ended", "ended_reconstructions"),
    ),
}


def tables(summary: Summary) -> list[dict[str, Any]]:
    """Return the tables for the page's template: dicts with title, names of columns, and rows."""
    made = []
    for title, of_title in _TABLES.items():
        names = [name for name in of_title if summary.has(name)]
        if not names:
            continue
        decimals = {
            name: wording.decimals_for(one.scalars[name] for one in summary.settings)
            for name in names
        }
        rows = [
            {
                "label": one.setting.label,
                "n": len(one.runs),
                "planned": one.planned,
                "cells": [
                    _cell(one.scalars[name], decimals[name], len(one.runs)) for name in names
                ],
            }
            for one in summary.settings
        ]
        if title == "Drawings":
            rows += _real_drawings(summary, names, decimals)
        made.append({"title": title, "names": names, "rows": rows})
    return made


def _real_drawings(
    summary: Summary, names: Sequence[str], decimals: dict[str, int | None]
) -> list[dict[str, Any]]:
    """Return a row with the distances of real drawings, or one row per data set."""
    found: dict[tuple[float | None, ...], list[str]] = {}
    for one in summary.settings:
        values = tuple(one.baseline(name) for name in names)
        if any(value is not None for value in values):
            found.setdefault(values, []).append(one.setting.label)
    rows = []
    for values, labels in found.items():
        cells = [
            {
                "mean": "" if value is None else wording.number(value, decimals[name]),
                "spread": "",
                "n": "",
            }
            for name, value in zip(names, values, strict=True)
        ]
        label = "real drawings" + (f", {' / '.join(labels)}" if len(found) > 1 else "")
        rows.append({"label": label, "n": "", "planned": "", "cells": cells})
    return rows


def _cell(value: Spread, decimals: int | None, runs: int) -> dict[str, str]:
    text = wording.plus_minus(value, decimals)
    mean, _, spread = text.partition(wording.PLUS_MINUS)
    # n is shown only if fewer runs than the row's have this number.
    return {"mean": mean, "spread": spread, "n": str(value.n) if value.n not in (0, runs) else ""}
