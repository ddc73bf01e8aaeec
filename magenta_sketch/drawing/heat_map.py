"""A heat map that also shows its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_sketch.drawing.plots import SIZE, panel_to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def heat_map(
    name: str,
    title: str,
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[tuple[str, str]]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str,
    column_label: str,
    power: float = 1.0,
) -> bytes:
    """Return a heat map as SVG.

    Args:
      name, title: as for `plots.panel_to_svg`.
      values: numbers by row and column; None for a white cell.
      texts: for each cell, its text and a smaller one below it, which may be "".
      rows, columns: names of the rows and columns.
      row_label, column_label: names of the two axes.
      power: colours show this power of the distance from the lowest value.

    >>> texts = [[("1", ""), ("2", "± 0.1")]]
    >>> names = dict(rows=["a"], columns=["x", "y"], row_label="row", column_label="column")
    >>> heat_map("one", "A row", [[1, 2]], texts, **names)[:5]
    b'<?xml'
    """

    def draw(panel: Axes) -> None:
        _fill(panel, values, texts, power)
        panel.set_xticks(np.arange(len(columns)) + 0.5, columns)
        panel.set_yticks(np.arange(len(rows)) + 0.5, rows)
        panel.tick_params(length=0)
        panel.invert_yaxis()
        panel.grid(False)
        for side in panel.spines.values():
            side.set_visible(False)
        panel.set_xlabel(column_label)
        panel.set_ylabel(row_label)

    return panel_to_svg(name, title, draw, (SIZE[0], max(1.0 + 0.45 * len(rows), 2.1)))


def _fill(
    panel: Axes,
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[tuple[str, str]]],
    power: float,
) -> None:
    from matplotlib.colors import PowerNorm

    table = np.array(values, float)  # NaN for None
    known = table[np.isfinite(table)]
    low, high = (known.min(), known.max()) if len(known) else (0, 1)
    if low == high:
        low, high = low - 0.5, high + 0.5
    norm = PowerNorm(power, low, high)
    panel.pcolormesh(
        np.ma.masked_invalid(table), cmap="cividis", norm=norm, edgecolors="white", lw=1
    )
    size = 9 if table.shape[1] <= 5 else 7
    for i, row in enumerate(texts):
        for j, (text, below) in enumerate(row):
            light = not np.isfinite(table[i, j]) or norm(table[i, j]) > 0.5
            style: dict[str, Any] = {"ha": "center", "va": "center"}
            style["color"] = "#1a1a1a" if light else "white"
            panel.text(j + 0.5, i + (0.36 if below else 0.5), text, fontsize=size, **style)
            if below:
                panel.text(j + 0.5, i + 0.7, below, fontsize=size - 2, **style)
