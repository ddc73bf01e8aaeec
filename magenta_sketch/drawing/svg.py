"""Stroke-3 sketches as SVG drawings, and grids of them.

A sketch is drawn as `strokes.to_polylines` reads it: it starts at the origin with the pen down, x
to the right and y down, and nothing is drawn while the pen is lifted. Every stroke becomes one
`<path>` inside the sketch's own `<g class="sketch">`, so that a drawing can be taken apart again in
an editor.

Lengths are in SVG user units (pixels at 96 dpi). Files are replaced whole or not at all, and
folders that do not exist are made; an OSError (disk full, no permission) passes to the caller.
"""

from __future__ import annotations

import math
import os
import pathlib
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.files import write_bytes

__all__ = ["save_grid", "save_svg", "sketch_to_pixel_svg", "sketch_to_svg"]

_INK = "#1a1a1a"
_PALE = "#767676"  # captions: legible, and lighter than the drawings
_RULE = "#e3e3e3"  # between cells: visible on paper and screen, never taken for a stroke
_FONT = "Helvetica, Arial, 'Noto Sans', sans-serif"
_CELL = 160.0


class _Sketch(NamedTuple):
    """A checked sketch, ready to be placed."""

    polylines: list[
        np.ndarray
    ]  # float64 [k, 2] each, absolute, pixel units; none for an empty sketch
    center: np.ndarray  # [2], of the bounding box
    extent: np.ndarray  # [2], width and height of the bounding box


def sketch_to_svg(
    stroke3: np.ndarray,
    *,
    size: float = 256.0,
    stroke_width: float | None = None,
    padding: float | None = None,
) -> str:
    """One sketch as the text of an SVG document, black on white.

    Args:
      stroke3: [n, 3] rows (dx, dy, lift), any unit; n may be 0, which gives an empty white square.
      size: width and height of the document. The sketch is scaled to fit inside the padding with
        its aspect ratio kept, and centred.
      stroke_width: width of the pen; 1/64 of the size when None.
      padding: free margin on each side, outside the pen's width; 1/16 of the size when None.

    Returns:
      The document, with an XML declaration.

    Raises:
      ValueError: stroke3 is not [n, 3] or holds a number that is not finite, or padding and pen
        leave no room.
    """
    sketch = _check(stroke3, "the sketch")
    return _grid_document([[sketch]], cell=size, stroke_width=stroke_width, padding=padding)


def sketch_to_pixel_svg(stroke3: np.ndarray) -> str:
    """One sketch as the text of an SVG document whose coordinates are the sketch's own units.

    The first point is at (0, 0), wherever the viewBox around the drawing begins; nothing is scaled
    or rounded. Positions are sums of offsets in float64, written so that they read back as the same
    float64: whole offsets come back exactly from their differences. The pen's width is 1/100 of the
    longer side, at least 1/2.

    Args:
      stroke3: [n, 3] rows (dx, dy, lift); n may be 0, which gives an empty white square.

    Returns:
      The document, with an XML declaration, as large as the drawing and a margin of 4 pens.

    Raises:
      ValueError: stroke3 is not [n, 3] or holds a number that is not finite.
    """
    sketch = _check(stroke3, "the sketch")
    pen = max(float(sketch.extent.max()) / 100, 0.5)
    margin = 4 * pen
    x, y = (_round(value, 2) for value in sketch.center - sketch.extent / 2 - margin)
    width, height = (_round(value, 2) for value in sketch.extent + 2 * margin)
    drawing = svgwrite.Drawing(size=(width, height), profile="full", debug=True)
    drawing.viewbox(x, y, width, height)
    drawing["style"] = "background: white"  # no shape, which a reader could take for a stroke
    ink = _pen(drawing, pen)
    ink.add(_sketch_group(drawing, sketch.polylines, _exact))
    drawing.add(ink)
    return _document(drawing)


def save_svg(
    path: str | os.PathLike[str],
    sketches: np.ndarray | Sequence[np.ndarray],
    *,
    cell: float | None = None,
    columns: int | None = None,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> None:
    """Write one sketch, or several as a grid, to an SVG file.

    Args:
      path: a name ending in .svg.
      sketches: one stroke-3 array [n, 3], or a sequence (or SketchSet) of them.
      cell: width and height given to each sketch; 256 for one sketch, 160 in a grid when None.
      columns: sketches in a row; when None the grid is as near a square as it gets.
      stroke_width: width of the pen; 1/64 of the cell when None.
      shared_scale: one scale for all sketches, so that sizes compare, instead of each filling its
        cell.

    Raises:
      ValueError: as in sketch_to_svg, no sketches at all, columns below 1, or another file type.
      OSError: the file cannot be written.
    """
    if _is_one_sketch(sketches):
        sketches = [sketches]
        cell = 256.0 if cell is None else cell
    count = len(sketches)
    if count == 0:
        raise ValueError("sketches is empty: there is nothing to draw")
    if columns is None:
        columns = math.ceil(math.sqrt(count))
    elif columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    columns = min(columns, count)
    checked = [_check(sketches[i], f"sketch {i}") for i in range(count)]
    rows = [checked[i : i + columns] for i in range(0, count, columns)]
    text = _grid_document(
        rows,
        cell=_CELL if cell is None else cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
        rules=count > 1,
    )
    _write_svg(path, text)


def save_grid(
    path: str | os.PathLike[str],
    rows: Sequence[Sequence[np.ndarray | None]],
    *,
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    cell: float = _CELL,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> None:
    """Write rows of sketches to an SVG file, with titles: originals beside reconstructions, say.

    Args:
      path: a name ending in .svg.
      rows: stroke-3 arrays [n, 3]; None leaves a cell empty, and short rows end in empty cells.
      column_titles: at most one for each column, above it. A title too long for its place is cut
        with an ellipsis and stays whole as the tooltip.
      row_titles: at most one for each row, to the left of it.
      title: above everything.
      captions: a line of small text below each sketch, row by row as `rows`; "" for none.
      cell, stroke_width, shared_scale: as in save_svg.

    Raises:
      ValueError: as in save_svg, or more titles than columns or rows.
      OSError: the file cannot be written.
    """
    checked = [
        [
            None if s is None else _check(s, f"the sketch in row {i}, column {j}")
            for j, s in enumerate(row)
        ]
        for i, row in enumerate(rows)
    ]
    columns = max((len(row) for row in checked), default=0)
    if columns == 0:
        raise ValueError("rows is empty: there is nothing to draw")
    for name, titles, limit in (
        ("column_titles", column_titles, columns),
        ("row_titles", row_titles, len(checked)),
        ("captions", captions, len(checked)),
        *((f"captions[{i}]", row, columns) for i, row in enumerate(captions or ())),
    ):
        if titles is not None and len(titles) > limit:
            raise ValueError(f"{name} has {len(titles)} entries for {limit} places")
    text = _grid_document(
        checked,
        cell=cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
        rules=True,
        column_titles=column_titles,
        row_titles=row_titles,
        title=title,
        captions=captions,
    )
    _write_svg(path, text)


# Sketches


def _is_one_sketch(sketches: Any) -> bool:
    """True for one [n, 3] array or a plain list of its rows, False for a sequence of sketches."""
    if isinstance(sketches, np.ndarray):
        return sketches.ndim == 2
    return len(sketches) > 0 and np.ndim(sketches[0]) == 1 and len(sketches[0]) == 3


def _check(stroke3: Any, what: str) -> _Sketch:
    rows = np.asarray(stroke3, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"{what} must be stroke-3, shape [n, 3], but has shape {list(rows.shape)}")
    if len(rows) == 0:
        return _Sketch([], np.zeros(2), np.zeros(2))
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ValueError(f"{what} has a number that is not finite in row {at}: {rows[at].tolist()}")
    with np.errstate(over="ignore", invalid="ignore"):  # told below, in words
        polylines = to_polylines(rows)
    points = np.concatenate(polylines)
    if not (np.abs(points) < 1e300).all():  # so that sums and differences below stay finite
        raise ValueError(f"{what} has offsets so large that its coordinates are not finite")
    low, high = points.min(axis=0), points.max(axis=0)
    return _Sketch(polylines, (low + high) / 2, high - low)


def _grid_document(
    rows: Sequence[Sequence[_Sketch | None]],
    *,
    cell: float,
    stroke_width: float | None = None,
    padding: float | None = None,
    shared_scale: bool = False,
    rules: bool = False,
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
    captions: Sequence[Sequence[str]] | None = None,
) -> str:
    stroke_width = cell / 64 if stroke_width is None else stroke_width
    padding = cell / 16 if padding is None else padding
    inner = cell - 2 * padding - stroke_width  # for the pen's centre: its edge clears the padding
    if not (math.isfinite(inner) and inner > 0 and padding >= 0 and stroke_width > 0):
        raise ValueError(
            f"a cell of {cell:g} has no room for a padding of {padding:g} "
            f"and a stroke_width of {stroke_width:g}; both must fit in, and the pen be above 0"
        )
    columns = max(len(row) for row in rows)
    small = min(max(cell / 11, 10.0), 16.0)
    large = small * 1.3
    left = 0.0
    if row_titles:
        left = min(max(map(_text_width, row_titles)) * small, 2 * cell) + small
    top = (2 * large if title else 0.0) + (1.8 * small if column_titles else 0.0)
    row_height = cell + (small if captions else 0.0)
    layout = _Layout(left, top, columns, len(rows), cell, row_height, small)

    size = _round(layout.right), _round(layout.bottom)
    drawing = svgwrite.Drawing(size=size, profile="full", debug=True)
    drawing.viewbox(0, 0, *size)
    drawing.add(drawing.rect((0, 0), ("100%", "100%"), fill="white"))
    if rules:
        _add_rules(drawing, layout)
    texts = drawing.g(font_family=_FONT, fill=_INK)
    if title:
        x, room = layout.right / 2, layout.right - large
        _add_text(drawing, texts, title, x, 1.4 * large, large, room, "middle")
    _add_titles(drawing, texts, layout, column_titles or (), row_titles or ())
    notes = drawing.g(font_family=_FONT, fill=_PALE)
    _add_captions(drawing, notes, layout, captions or ())
    for group in (texts, notes):
        if group.elements:
            drawing.add(group)

    ink = _pen(drawing, stroke_width)
    scales = [_scale(s, inner) for row in rows for s in row if s is not None]
    common = min(scales, default=1.0)
    for i, row in enumerate(rows):
        for j, sketch in enumerate(row):
            if sketch is None:
                continue
            scale = common if shared_scale else _scale(sketch, inner)
            if math.isinf(scale):
                scale = 1.0  # only points without extent: any scale is right
            middle = np.array([layout.x(j), layout.y(i)])
            lines = [(line - sketch.center) * scale + middle for line in sketch.polylines]
            ink.add(_sketch_group(drawing, lines, _number))
    drawing.add(ink)
    return _document(drawing)


class _Layout(NamedTuple):
    """Where the cells of a grid are."""

    left: float  # of the first column
    top: float  # of the first row
    columns: int
    rows: int
    cell: float  # width and height of the square that a sketch has
    row_height: float  # the cell's and its caption's
    small: float  # font size of row and column titles

    def x(self, column: int) -> float:
        """The middle of a column's cells."""
        return self.left + (column + 0.5) * self.cell

    def y(self, row: int) -> float:
        """The middle of a row's squares."""
        return self.top + row * self.row_height + 0.5 * self.cell

    @property
    def right(self) -> float:
        return self.left + self.columns * self.cell

    @property
    def bottom(self) -> float:
        return self.top + self.rows * self.row_height


def _pen(drawing: svgwrite.Drawing, width: float) -> Any:
    """A group whose paths are lines of a pen of this width."""
    return drawing.g(
        fill="none",
        stroke=_INK,
        stroke_width=_round(width, 2),
        stroke_linecap="round",  # also what makes a stroke of no length visible, as a dot
        stroke_linejoin="round",
    )


def _sketch_group(
    drawing: svgwrite.Drawing, polylines: Sequence[np.ndarray], number: Callable[[float], str]
) -> Any:
    group = drawing.g(class_="sketch")
    for line in polylines:
        group.add(drawing.path(_path_data(line, number)))
    return group


def _document(drawing: svgwrite.Drawing) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.tostring() + "\n"


def _add_rules(drawing: svgwrite.Drawing, layout: _Layout) -> None:
    left, top, right, bottom = layout.left, layout.top, layout.right, layout.bottom
    lines = [
        f"M{_number(left + j * layout.cell)} {_number(top)}V{_number(bottom)}"
        for j in range(layout.columns + 1)
    ]
    lines += [
        f"M{_number(left)} {_number(top + i * layout.row_height)}H{_number(right)}"
        for i in range(layout.rows + 1)
    ]
    drawing.add(drawing.path("".join(lines), fill="none", stroke=_RULE, class_="rules"))


def _add_titles(
    drawing: svgwrite.Drawing,
    group: Any,
    layout: _Layout,
    columns: Sequence[str],
    rows: Sequence[str],
) -> None:
    small, cell = layout.small, layout.cell
    for j, text in enumerate(columns):
        x, y = layout.x(j), layout.top - 0.6 * small
        _add_text(drawing, group, text, x, y, small, 0.96 * cell, "middle")
    for i, text in enumerate(rows):
        x, y = layout.left - small / 2, layout.y(i) + 0.35 * small  # the letters' middle
        _add_text(drawing, group, text, x, y, small, 2 * cell, "end")


def _add_captions(
    drawing: svgwrite.Drawing, group: Any, layout: _Layout, captions: Sequence[Sequence[str]]
) -> None:
    small = layout.small
    for i, row in enumerate(captions):
        for j, text in enumerate(row):
            x, y = layout.x(j), layout.top + (i + 1) * layout.row_height - 0.6 * small
            _add_text(drawing, group, text, x, y, 0.75 * small, 0.96 * layout.cell, "middle")


def _scale(sketch: _Sketch, inner: float) -> float:
    longest = float(sketch.extent.max())
    return inner / longest if longest > 0 else math.inf


def _path_data(points: np.ndarray, number: Callable[[float], str]) -> str:
    corners = [f"{number(x)} {number(y)}" for x, y in points.tolist()]
    if len(corners) == 1:
        corners *= 2  # a path that only moves draws nothing; one of no length draws its round cap
    return f"M{corners[0]}L{' '.join(corners[1:])}"


def _round(value: float, digits: int = 1) -> float:
    return round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _exact(value: float) -> str:
    return repr(value + 0.0).removesuffix(".0")


def _number(value: float) -> str:
    # A tenth of a pixel is below what anyone sees and a third of the size of full numbers.
    # Coordinates are absolute, so the rounding does not add up along a stroke.
    text = f"{_round(value):.1f}"
    return text.removesuffix(".0")


def _add_text(
    drawing: svgwrite.Drawing,
    parent: Any,
    text: str,
    x: float,
    y: float,
    size: float,
    room: float,
    anchor: str,
) -> None:
    # Control characters and halves of surrogate pairs may not stand in XML, escaped or not.
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(text).split()))
    if not text:
        return
    shown = text
    while len(shown) > 1 and _text_width(shown) * size > room:
        shown = shown[:-2].rstrip() + "…"
    element = drawing.text(
        shown, insert=(_round(x), _round(y)), font_size=_round(size), text_anchor=anchor
    )
    if shown != text:
        element.set_desc(title=text)
    parent.add(element)


def _text_width(text: str) -> float:
    """Estimated width in ems; the fonts of the viewer are not known, so on the generous side."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in str(text))


# Files


def _write_svg(path: str | os.PathLike[str], text: str) -> None:
    path = pathlib.Path(path)
    if path.suffix.lower() != ".svg":
        raise ValueError(f"{path}: drawings are written as SVG; choose a name ending in .svg")
    write_bytes(path, text.encode("utf-8"))
