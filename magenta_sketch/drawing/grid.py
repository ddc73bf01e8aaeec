"""Grids of sketches as SVG drawings, with titles and captions.

Missing folders are made. If writing fails, an existing file stays as it was.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.drawing.picture import CELL, Picture, as_picture
from magenta_sketch.errors import ArgumentError
from magenta_sketch.files import write_bytes


def save_svg(
    path: str | os.PathLike[str],
    sketches: np.ndarray | Sketches,
    *,
    cell: float | None = None,
    columns: int | None = None,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> None:
    """Write one sketch, or several as a grid, to an SVG file.

    Args:
      path: a name that ends in .svg.
      sketches: one stroke-3 array [n, 3], or a sequence of them, such as a `SketchSet`.
      cell: width and height of each sketch's cell in pixels. None: 256 for one sketch, 160 in a
        grid.
      columns: sketches per row. None: a grid that is nearly square.
      stroke_width: width of the pen in pixels. None: 1/64 of the cell.
      shared_scale: draw all sketches to the same scale. False: each sketch fills its cell.

    Raises:
      ValueError: as for `sketch_to_svg`; or no sketches, columns below 1, or a name that does not
        end in .svg.
      OSError: the file cannot be written.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> save_svg("one.svg", sketch)
    >>> save_svg("three.svg", [sketch, sketch, sketch], columns=3)
    """
    picture = as_picture(
        sketches, cell=cell, columns=columns, stroke_width=stroke_width, shared_scale=shared_scale
    )
    _write_svg(path, picture.to_svg())


def save_grid(
    path: str | os.PathLike[str], rows: Sequence[Sequence[np.ndarray | None]], **how: Any
) -> None:
    """Write rows of sketches to an SVG file, with titles.

    Args:
      path: a name that ends in .svg.
      rows, how: the arguments of `grid_to_svg`.

    Raises:
      ValueError: as for `grid_to_svg`, or a name that does not end in .svg.
      OSError: the file cannot be written.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> save_grid("pair.svg", [[sketch], [sketch]], row_titles=["original", "reconstruction"])
    """
    _write_svg(path, grid_to_svg(rows, **how))


def grid_to_svg(
    rows: Sequence[Sequence[np.ndarray | None]],
    *,
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    cell: float = CELL,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> str:
    """Return rows of sketches as the text of an SVG document.

    Args:
      rows: stroke-3 arrays [n, 3]. None leaves a cell empty. Rows may have different lengths.
      column_titles: texts above the columns. A text that is too long is cut, and the tooltip shows
        all of it.
      row_titles: texts to the left of the rows.
      title: text above the grid.
      captions: small text below each sketch, by row and column like ``rows``; "" for none.
      cell, stroke_width, shared_scale: as for `save_svg`.

    Raises:
      ValueError: as for `sketch_to_svg`; or no sketches, or more texts than columns or rows.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> grid_to_svg([[sketch, sketch], [sketch]], row_titles=["a", "b"]).count('class="sketch"')
    3
    """
    return Picture(
        rows,
        column_titles or (),
        row_titles or (),
        title,
        captions or (),
        cell=cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
    ).to_svg()


def _write_svg(path: str | os.PathLike[str], text: str) -> None:
    path = pathlib.Path(path)
    if path.suffix.lower() != ".svg":
        raise ArgumentError(f"{path}: drawings are written as SVG; choose a name ending in .svg")
    write_bytes(path, text.encode("utf-8"))
