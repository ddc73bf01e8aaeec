"""Heat maps: losses of every model at every noise, and measures over two axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch.drawing.heat_map import heat_map
from magenta_sketch.study.figures.picture import Picture
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.scalars import MEANINGS
from magenta_sketch.study.spread import Spread
from magenta_sketch.study.summary import Summary
from magenta_sketch.study.wording import capital, decimals_for, number

_OVER_TWO_AXES = (
    *("masked_recon", "masked_recon_without_noise", "kl", "kl_implied", "active_units"),
    *("effective_noise", "signal_to_noise", "chamfer_with_noise", "novelty", "diversity"),
)


def matrices(summary: Summary) -> list[Picture]:
    """Return the matrix of losses: models in rows, noises in columns."""
    rows = [one for one in summary.measured if any(v.n for v in one.matrix["masked_recon"])]
    rows = [one for one in rows if one.conditional]
    if not rows or len(summary.noises) < 2:
        return []
    table = [one.matrix["masked_recon"] for one in rows]
    labels = [", ".join(value_text(v) for _, v in one.setting.values) for one in rows]
    trained = " × ".join(name for name, _ in rows[0].setting.values)
    name, title = "matrix_masked_recon", "Masked reconstruction loss (nats/point)"
    svg = _heat_map(
        name,
        title,
        table,
        rows=labels,
        columns=list(map(value_text, summary.noises)),
        row_label=f"trained at {trained}",
        column_label="evaluated at noise",
        power=0.5,
    )
    text = "; ".join(
        f"{label}: {', '.join(number(v.mean) for v in row)}"
        for label, row in zip(labels, table, strict=True)
    )
    alt = (
        f"Heat map: masked reconstruction loss for each {trained} (rows) and noise (columns). "
        f"{text}."
    )
    caption = (
        "Each model at each noise: z = mu + noise · sigma · eps, with the model's own sigma. "
        "Mean over seeds, with the spread below it; lower is better. Colours show the square "
        "root of the distance from the lowest value."
    )
    return [Picture(name, "matrix", title, alt, caption, svg)]


def grids(summary: Summary) -> list[Picture]:
    """Return heat maps of the main measures over the two axes."""
    first, second = summary.axes
    drawn = []
    for measure in filter(summary.has, _OVER_TWO_AXES):
        cells = {
            (one.value(first), one.value(second)): one.scalars[measure] for one in summary.settings
        }
        meaning, unit = MEANINGS[measure]
        name, title = f"grid_{measure}", f"{measure} ({unit})" if unit else measure
        svg = _heat_map(
            name,
            title,
            [[cells[a, b] for b in second.values] for a in first.values],
            rows=list(map(value_text, first.values)),
            columns=list(map(value_text, second.values)),
            row_label=first.name,
            column_label=second.name,
        )
        alt = f"Heat map of {measure} over {first.name} (rows) and {second.name} (columns)."
        caption = f"{capital(meaning)}. Mean over seeds, with the spread below it."
        drawn.append(Picture(name, "grid", title, alt, caption, svg))
    return drawn


def _heat_map(name: str, title: str, table: Sequence[Sequence[Spread]], **how: Any) -> bytes:
    """Return a heat map of means, with spreads below them."""
    decimals = decimals_for(v for row in table for v in row)
    decimals = 3 if decimals is None else min(decimals, 3)
    texts = [
        [
            (
                number(v.mean, decimals),
                "" if v.spread is None else f"± {number(v.spread, decimals)}",
            )
            for v in row
        ]
        for row in table
    ]
    return heat_map(name, title, [[v.mean for v in row] for row in table], texts, **how)
