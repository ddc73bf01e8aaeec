"""A picture: sketches in rows with their texts, from which all kinds of files are made."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.config.kinds import show
from magenta_sketch.drawing.layout import Layout, Words, add_rules, add_words
from magenta_sketch.drawing.plots import BLUE
from magenta_sketch.drawing.svg import (
    Square,
    Strokes,
    checked,
    document,
    new_drawing,
    path_data,
    pen,
    rounded,
    short_number,
)
from magenta_sketch.errors import ArgumentError

GIVEN = BLUE  # colour of the points that a completed sketch began with
CELL = 160.0  # default side of a cell in a grid
ONE = 256.0  # default side of the cell of a single sketch


class Line(NamedTuple):
    """A polyline in a picture.

    points: positions in pixels, [k, 2]. given: whether its sketch began with these points, see
    `Sketch.given`. goes_on: whether it continues the line before it, without a lift of the pen.
    """

    points: np.ndarray
    given: bool = False
    goes_on: bool = False


class Dot(NamedTuple):
    """A dot on a picture.

    column, row: its position in cells: (0.5, 0.5) is the middle of the first cell. color: as in
    SVG. text: its tooltip.
    """

    column: float
    row: float
    color: str
    text: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Sketches in rows, with titles, captions and dots. It shows itself in notebooks.

    Attributes:
      rows: stroke-3 arrays [n, 3]. None leaves a cell empty. Rows may have different lengths.
      column_titles: texts above the columns. A text that is too long is cut, and the tooltip shows
        all of it.
      row_titles: texts to the left of the rows.
      title: text above the grid.
      captions: small text below each sketch, by row and column like ``rows``; "" for none.
      cell: width and height of each sketch's cell in pixels.
      stroke_width: width of the pen in pixels. None: 1/64 of the cell.
      shared_scale: draw all sketches to the same scale. False: each sketch fills its cell.
      rules: whether there are pale lines between the cells.
      dots: dots over the sketches.
      legend: texts and colours of the dots, written below the grid.

    Raises:
      ValueError: as for `sketch_to_svg`; or no sketches, or more texts than columns or rows.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> picture = Picture([[sketch, sketch], [sketch]], row_titles=["a", "b"])
    >>> picture.to_svg().count('class="sketch"'), picture.size
    (3, (343.0, 320.0))
    """

    rows: Sequence[Sequence[np.ndarray | None]]
    column_titles: Sequence[str] = ()
    row_titles: Sequence[str] = ()
    title: str | None = None
    captions: Sequence[Sequence[str]] = ()
    cell: float = CELL
    stroke_width: float | None = None
    shared_scale: bool = False
    rules: bool = True
    dots: Sequence[Dot] = ()
    legend: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        columns = max((len(row) for row in self.rows), default=0)
        if columns == 0:
            raise ArgumentError("rows is empty: there is nothing to draw")
        self._words.require_places(len(self.rows), columns)
        self._square  # noqa: B018  checks the cell's size
        self._strokes  # noqa: B018  checks the sketches

    @functools.cached_property
    def _words(self) -> Words:
        return Words(self.title, self.column_titles, self.row_titles, self.captions, self.legend)

    @functools.cached_property
    def _square(self) -> Square:
        return Square.of(self.cell, self.stroke_width, None)

    @functools.cached_property
    def layout(self) -> Layout:
        """Positions of cells and texts."""
        return Layout.of(self.rows, self.cell, self._words)

    @functools.cached_property
    def _strokes(self) -> list[list[Strokes | None]]:
        return [
            [
                None if s is None else checked(s, f"the sketch in row {i}, column {j}")
                for j, s in enumerate(row)
            ]
            for i, row in enumerate(self.rows)
        ]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        return rounded(self.layout.right), rounded(self.layout.bottom + self.layout.foot)

    @property
    def pen_width(self) -> float:
        """Width of the pen in pixels."""
        return self._square.stroke_width

    def lines(self) -> list[list[Line]]:
        """Return for each sketch, in reading order, its polylines in pixels."""
        common = self._square.scale(*filter(None, itertools.chain(*self._strokes)))
        result = []
        for i, (row, sketches) in enumerate(zip(self._strokes, self.rows, strict=True)):
            for j, (strokes, sketch) in enumerate(zip(row, sketches, strict=True)):
                if strokes is None:
                    continue
                scale = common if self.shared_scale else self._square.scale(strokes)
                middle = np.array([self.layout.x(j), self.layout.y(i)])
                result.append(_divided(strokes.at(middle, scale), getattr(sketch, "given", 0)))
        return result

    def background(self, drawing: svgwrite.Drawing) -> None:
        """Add all that is below the sketches: rules and texts."""
        if self.rules:
            add_rules(drawing, self.layout)
        add_words(drawing, self.layout, self._words)

    def foreground(self, drawing: svgwrite.Drawing) -> None:
        """Add the dots, which are above the sketches."""
        if not self.dots:
            return
        layout, group = self.layout, drawing.g(class_="dots", fill_opacity=0.7)
        for dot in self.dots:
            x = layout.left + dot.column * layout.cell
            y = layout.top + dot.row * layout.row_height
            radius = rounded(layout.cell / 32)
            circle = drawing.circle((rounded(x), rounded(y)), radius, fill=dot.color)
            if dot.text:
                circle.set_desc(title=dot.text)
            group.add(circle)
        drawing.add(group)

    def to_svg(self) -> str:
        """Return the text of an SVG document, one path for each polyline."""
        drawing = new_drawing(*self.size)
        self.background(drawing)
        ink = pen(drawing, self.pen_width)
        for lines in self.lines():
            group = drawing.g(class_="sketch")
            for line in lines:
                group.add(line_path(drawing, line))
            ink.add(group)
        drawing.add(ink)
        self.foreground(drawing)
        return document(drawing)

    def _repr_svg_(self) -> str:
        # Without the XML declaration, which has no place within a page.
        return self.to_svg().partition("\n")[2]


def line_path(drawing: svgwrite.Drawing, line: Line, **more: Any) -> Any:
    """Return the path of a line, in another colour if its points were given."""
    how = {"stroke": GIVEN, "class_": "given", **more} if line.given else more
    return drawing.path(path_data(line.points, short_number), **how)


def as_picture(
    drawings: Any,
    *,
    cell: float | None = None,
    columns: int | None = None,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> Picture:
    """Return the picture of one sketch, of several as a grid, or of a result that has its own.

    Args:
      drawings: a stroke-3 array [n, 3], a sequence of them, a `Picture`, or an object with a method
        ``picture``, such as the results of `TrainedModel.grid` and `TrainedModel.latent_map`.
      cell: width and height of each sketch's cell in pixels. None: 256 for one sketch, 160 in a
        grid.
      columns: sketches per row. None: a grid that is nearly square.
      stroke_width, shared_scale: see `Picture`.

    Raises:
      ValueError: as for `Picture`, or columns is below 1.

    >>> len(as_picture([np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])] * 5).rows)
    2
    """
    if isinstance(drawings, Picture) or hasattr(drawings, "picture"):
        picture = drawings if isinstance(drawings, Picture) else drawings.picture()
        if columns is not None:
            raise ArgumentError("columns is for a list of sketches; this has rows of its own")
        changes = {"cell": cell, "stroke_width": stroke_width, "shared_scale": shared_scale or None}
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(picture, **given) if given else picture
    several: Any = drawings
    if is_one_sketch(drawings):
        several = [drawings]
        cell = ONE if cell is None else cell
    count = len(several)
    if count == 0:
        raise ArgumentError("sketches is empty: there is nothing to draw")
    if columns is None:
        columns = getattr(drawings, "columns", None) or math.ceil(math.sqrt(count))
    elif columns < 1:
        raise ArgumentError(f"columns must be at least 1, got {columns}")
    columns = min(columns, count)
    for i in range(count):
        checked(several[i], f"sketch {i}")
    return Picture(
        [[several[j] for j in range(i, min(i + columns, count))] for i in range(0, count, columns)],
        cell=CELL if cell is None else cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
        rules=count > 1,
    )


def is_one_sketch(sketches: Any) -> bool:
    """Return whether this is one sketch (an array or a list of points), not a sequence of them.

    Raises:
      ArgumentError: it is no sequence at all.

    >>> is_one_sketch([[3, 0, 1]]), is_one_sketch([np.array([[3, 0, 1]])])
    (True, False)
    """
    if isinstance(sketches, np.ndarray):
        return sketches.ndim == 2
    if not (hasattr(sketches, "__len__") and hasattr(sketches, "__getitem__")):
        raise ArgumentError(f"expected a sketch or a list of sketches, got {show(sketches)}")
    return len(sketches) > 0 and np.ndim(sketches[0]) == 1 and len(sketches[0]) == 3


def _divided(polylines: list[np.ndarray], given: int) -> list[Line]:
    """Return the lines of a sketch. The line in which the given points end is divided there."""
    if not given:
        return [Line(points) for points in polylines]
    left = given + 1  # positions: the origin, and one after each given point
    result = []
    for points in polylines:
        if left >= len(points):
            result.append(Line(points, given=True))
        elif left <= 0:
            result.append(Line(points))
        else:
            result.append(Line(points[:left], given=True))
            result.append(Line(points[left - 1 :], goes_on=True))
        left -= len(points)
    return result
