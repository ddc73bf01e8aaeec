"""Grids of sketches as SVG drawings, with titles and captions.

Missing folders are made. If writing fails, an existing file stays as it was.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import svgwrite

from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.drawing.svg import (
    INK,
    Sketch,
    Square,
    checked,
    document,
    new_drawing,
    pen,
    short_number,
    sketch_group,
)
from magenta_sketch.drawing.svg_text import FONT, add_text, text_width
from magenta_sketch.errors import ArgumentError
from magenta_sketch.files import write_bytes

_PALE = "#767676"  # for captions: legible, and lighter than the drawings
_RULE = "#e3e3e3"  # between cells: visible, but too light to look like a stroke
_ONE = 256.0  # default side of the cell of a single sketch
_CELL = 160.0  # default side of a cell in a grid


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
    several: Any = sketches
    if _is_one_sketch(sketches):
        several = [sketches]
        cell = _ONE if cell is None else cell
    count = len(several)
    if count == 0:
        raise ArgumentError("sketches is empty: there is nothing to draw")
    if columns is None:
        columns = math.ceil(math.sqrt(count))
    elif columns < 1:
        raise ArgumentError(f"columns must be at least 1, got {columns}")
    columns = min(columns, count)
    drawn = [checked(several[i], f"sketch {i}") for i in range(count)]
    rows = [drawn[i : i + columns] for i in range(0, count, columns)]
    layout = _Layout.of(rows, _CELL if cell is None else cell, _Words())
    _write_svg(path, _document(rows, layout, _Words(), stroke_width, shared_scale, count > 1))


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
    cell: float = _CELL,
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
    drawn = [
        [
            None if s is None else checked(s, f"the sketch in row {i}, column {j}")
            for j, s in enumerate(row)
        ]
        for i, row in enumerate(rows)
    ]
    words = _Words(title, column_titles or (), row_titles or (), captions or ())
    columns = max((len(row) for row in drawn), default=0)
    if columns == 0:
        raise ArgumentError("rows is empty: there is nothing to draw")
    words.require_places(len(drawn), columns)
    layout = _Layout.of(drawn, cell, words)
    return _document(drawn, layout, words, stroke_width, shared_scale, rules=True)


@dataclasses.dataclass(frozen=True)
class _Words:
    """The text of a grid."""

    title: str | None = None
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()
    captions: Sequence[Sequence[str]] = ()

    def require_places(self, rows: int, columns: int) -> None:
        """Raise ValueError if there are more texts than places."""
        for name, texts, places in (
            ("column_titles", self.columns, columns),
            ("row_titles", self.rows, rows),
            ("captions", self.captions, rows),
            *((f"captions[{i}]", row, columns) for i, row in enumerate(self.captions)),
        ):
            if len(texts) > places:
                raise ArgumentError(f"{name} has {len(texts)} entries for {places} places")


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Positions and sizes in a grid.

    left, top: corner of the first cell. cell: side of a sketch's square. row_height: height of a
    cell with its caption. small: font size of row and column titles. large: that of the title.
    """

    left: float
    top: float
    columns: int
    rows: int
    cell: float
    row_height: float
    small: float
    large: float

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]], cell: float, words: _Words) -> _Layout:
        """Return the layout for rows of cells and their texts."""
        small = min(max(cell / 11, 10.0), 16.0)
        large = small * 1.3
        left = 0.0
        if words.rows:
            left = min(max(map(text_width, words.rows)) * small, 2 * cell) + small
        top = (2 * large if words.title else 0.0) + (1.8 * small if words.columns else 0.0)
        row_height = cell + (small if words.captions else 0.0)
        columns = max(map(len, rows))
        return cls(left, top, columns, len(rows), cell, row_height, small, large)

    def x(self, column: int) -> float:
        """Return the x of the middle of a column."""
        return self.left + (column + 0.5) * self.cell

    def y(self, row: int) -> float:
        """Return the y of the middle of a row's squares."""
        return self.top + row * self.row_height + 0.5 * self.cell

    @property
    def right(self) -> float:
        """Right edge of the grid and of the drawing."""
        return self.left + self.columns * self.cell

    @property
    def bottom(self) -> float:
        """Bottom edge of the grid and of the drawing."""
        return self.top + self.rows * self.row_height


def _document(
    rows: Sequence[Sequence[Sketch | None]],
    layout: _Layout,
    words: _Words,
    stroke_width: float | None,
    shared_scale: bool,
    rules: bool,
) -> str:
    square = Square.of(layout.cell, stroke_width, None)
    drawing = new_drawing(layout.right, layout.bottom)
    if rules:
        _add_rules(drawing, layout)
    _add_words(drawing, layout, words)
    ink = pen(drawing, square.stroke_width)
    common = square.scale(*(one for one in itertools.chain(*rows) if one is not None))
    for i, row in enumerate(rows):
        for j, sketch in enumerate(row):
            if sketch is not None:
                scale = common if shared_scale else square.scale(sketch)
                lines = sketch.at(np.array([layout.x(j), layout.y(i)]), scale)
                ink.add(sketch_group(drawing, lines, short_number))
    drawing.add(ink)
    return document(drawing)


def _add_rules(drawing: svgwrite.Drawing, layout: _Layout) -> None:
    left, top, right, bottom = layout.left, layout.top, layout.right, layout.bottom
    lines = [
        f"M{short_number(left + j * layout.cell)} {short_number(top)}V{short_number(bottom)}"
        for j in range(layout.columns + 1)
    ]
    lines += [
        f"M{short_number(left)} {short_number(top + i * layout.row_height)}H{short_number(right)}"
        for i in range(layout.rows + 1)
    ]
    drawing.add(drawing.path("".join(lines), fill="none", stroke=_RULE, class_="rules"))


def _add_words(drawing: svgwrite.Drawing, layout: _Layout, words: _Words) -> None:
    small, large, cell = layout.small, layout.large, layout.cell
    titles = drawing.g(font_family=FONT, fill=INK)
    captions = drawing.g(font_family=FONT, fill=_PALE)

    def add(parent: Any, text: str, x: float, y: float, **how: Any) -> None:
        add_text(drawing, parent, text, x, y, **{"size": small, "anchor": "middle", **how})

    if words.title:
        room = layout.right - large
        add(titles, words.title, layout.right / 2, 1.4 * large, size=large, room=room)
    for j, text in enumerate(words.columns):
        add(titles, text, layout.x(j), layout.top - 0.6 * small, room=0.96 * cell)
    for i, text in enumerate(words.rows):
        y = layout.y(i) + 0.35 * small  # centre the letters
        add(titles, text, layout.left - small / 2, y, room=2 * cell, anchor="end")
    for i, row in enumerate(words.captions):
        for j, text in enumerate(row):
            y = layout.top + (i + 1) * layout.row_height - 0.6 * small
            add(captions, text, layout.x(j), y, size=0.75 * small, room=0.96 * cell)
    for group in (titles, captions):
        if group.elements:
            drawing.add(group)


def _is_one_sketch(sketches: Any) -> bool:
    """Return whether this is one sketch (an array or a list of points), not a sequence of them."""
    if isinstance(sketches, np.ndarray):
        return sketches.ndim == 2
    return len(sketches) > 0 and np.ndim(sketches[0]) == 1 and len(sketches[0]) == 3


def _write_svg(path: str | os.PathLike[str], text: str) -> None:
    path = pathlib.Path(path)
    if path.suffix.lower() != ".svg":
        raise ArgumentError(f"{path}: drawings are written as SVG; choose a name ending in .svg")
    write_bytes(path, text.encode("utf-8"))
