"""Where the cells and the texts of a picture are. Lengths are in pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import svgwrite

from magenta_sketch.drawing.svg import INK, rounded, short_number
from magenta_sketch.drawing.svg_text import FONT, add_text, text_width
from magenta_sketch.errors import ArgumentError

_PALE = "#767676"  # for captions: legible, and lighter than the drawings
_RULE = "#e3e3e3"  # between cells: visible, but too light to look like a stroke


@dataclasses.dataclass(frozen=True)
class Words:
    """The text of a grid. legend: texts and colours of the dots."""

    title: str | None = None
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()
    captions: Sequence[Sequence[str]] = ()
    legend: Sequence[tuple[str, str]] = ()

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
class Layout:
    """Positions and sizes in a grid.

    left, top: corner of the first cell. cell: side of a sketch's square. row_height: height of a
    cell with its caption. small: font size of row and column titles. large: that of the title.
    foot: height of the legend below the cells.
    """

    left: float
    top: float
    columns: int
    rows: int
    cell: float
    row_height: float
    small: float
    large: float
    foot: float = 0.0

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]], cell: float, words: Words) -> Layout:
        """Return the layout for rows of cells and their texts."""
        small = min(max(cell / 11, 10.0), 16.0)
        large = small * 1.3
        left = 0.0
        if words.rows:
            left = min(max(map(text_width, words.rows)) * small, 2 * cell) + small
        top = (2 * large if words.title else 0.0) + (1.8 * small if words.columns else 0.0)
        row_height = cell + (small if words.captions else 0.0)
        columns = max(map(len, rows))
        foot = 1.6 * small if words.legend else 0.0
        return cls(left, top, columns, len(rows), cell, row_height, small, large, foot)

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
        """Bottom edge of the grid. The legend is below it."""
        return self.top + self.rows * self.row_height


def add_rules(drawing: svgwrite.Drawing, layout: Layout) -> None:
    """Add pale lines between the cells."""
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


def add_words(drawing: svgwrite.Drawing, layout: Layout, words: Words) -> None:
    """Add titles, captions and the legend."""
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
    if words.legend:
        room = (layout.right - layout.left) / len(words.legend)
        for i, (text, color) in enumerate(words.legend):
            x, y = layout.left + i * room + small / 2, layout.bottom + layout.foot / 2
            titles.add(drawing.circle((rounded(x), rounded(y)), rounded(0.35 * small), fill=color))
            where = {"room": room - 1.4 * small, "anchor": "start"}
            add(titles, text, x + 0.7 * small, y + 0.35 * small, **where)
    for group in (titles, captions):
        if group.elements:
            drawing.add(group)
