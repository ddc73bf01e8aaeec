"""One stroke-3 sketch as an SVG drawing, and the pieces that pictures of several share.

A sketch is drawn as `strokes.to_polylines` reads it: it starts at the origin with the pen down, x
to the right and y down, and nothing is drawn while the pen is lifted. Every stroke becomes one
`<path>` inside the sketch's own `<g class="sketch">`, so that a drawing can be taken apart again in
an editor.

Lengths are in SVG user units (pixels at 96 dpi).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.config.kinds import show
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import ArgumentError

INK = "#1a1a1a"


def sketch_to_svg(
    stroke3: np.ndarray,
    *,
    size: float = 256.0,
    stroke_width: float | None = None,
    padding: float | None = None,
) -> str:
    """Return one sketch as the text of an SVG document, black on white.

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

    >>> text = sketch_to_svg(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]]))
    >>> text.count("<path")
    2
    """
    sketch = checked(stroke3, "the sketch")
    square = Square.of(size, stroke_width, padding)
    drawing = new_drawing(size, size)
    ink = pen(drawing, square.stroke_width)
    middle = np.array([size / 2, size / 2])
    ink.add(sketch_group(drawing, sketch.at(middle, square.scale(sketch)), short_number))
    drawing.add(ink)
    return document(drawing)


def sketch_to_pixel_svg(stroke3: np.ndarray) -> str:
    """Return one sketch as the text of an SVG document in the sketch's own units.

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
    sketch = checked(stroke3, "the sketch")
    width = max(float(sketch.extent.max()) / 100, 0.5)
    margin = 4 * width
    low, extent = sketch.center - sketch.extent / 2 - margin, sketch.extent + 2 * margin
    size = tuple(rounded(value, 2) for value in extent)
    drawing = svgwrite.Drawing(size=size, profile="full", debug=True)
    drawing.viewbox(*(rounded(value, 2) for value in low), *size)
    drawing["style"] = "background: white"  # no shape, which a reader could take for a stroke
    ink = pen(drawing, width)
    ink.add(sketch_group(drawing, sketch.polylines, _exact_number))
    drawing.add(ink)
    return document(drawing)


class Sketch(NamedTuple):
    """A checked sketch, ready to be placed.

    polylines: float64 [k, 2] each, absolute, pixel units; none for an empty sketch. center: [2], of
    the bounding box. extent: [2], width and height of the bounding box.
    """

    polylines: list[np.ndarray]
    center: np.ndarray
    extent: np.ndarray

    def at(self, middle: np.ndarray, scale: float) -> list[np.ndarray]:
        """Return the polylines scaled, with the bounding box's center at ``middle`` [2]."""
        return [(line - self.center) * scale + middle for line in self.polylines]


def checked(stroke3: Any, what: str) -> Sketch:
    """Return a stroke-3 sketch [n, 3] to be placed. Raises ValueError with ``what`` it is."""
    try:
        rows = np.asarray(stroke3, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{what} must be stroke-3, numbers [n, 3], got {show(stroke3)}"
        ) from None
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ArgumentError(f"{what} must be stroke-3, shape [n, 3], got shape {list(rows.shape)}")
    if len(rows) == 0:
        return Sketch([], np.zeros(2), np.zeros(2))
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ArgumentError(
            f"{what} has a number that is not finite in row {at}: {rows[at].tolist()}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # told below, in words
        polylines = to_polylines(rows)
    points = np.concatenate(polylines)
    if not (np.abs(points) < 1e300).all():  # so that sums and differences below stay finite
        raise ArgumentError(f"{what} has offsets so large that its coordinates are not finite")
    low, high = points.min(axis=0), points.max(axis=0)
    return Sketch(polylines, (low + high) / 2, high - low)


class Square(NamedTuple):
    """The square that one sketch is scaled into. inner: side of what the pen's centre may reach."""

    inner: float
    stroke_width: float

    @classmethod
    def of(cls, size: float, stroke_width: float | None, padding: float | None) -> Square:
        """Return the square of a side; 1/64 of it is the default pen, 1/16 the default padding.

        Raises:
          ValueError: padding and pen leave no room.
        """
        stroke_width = size / 64 if stroke_width is None else stroke_width
        padding = size / 16 if padding is None else padding
        inner = size - 2 * padding - stroke_width  # the pen's edge clears the padding
        if not (math.isfinite(inner) and inner > 0 and padding >= 0 and stroke_width > 0):
            raise ArgumentError(
                f"a cell of {size:g} has no room for a padding of {padding:g} "
                f"and a stroke_width of {stroke_width:g}; both must fit in, and the pen be above 0"
            )
        return cls(inner, stroke_width)

    def scale(self, *sketches: Sketch) -> float:
        """Return the factor at which the largest of the sketches fills the square."""
        longest = max((float(sketch.extent.max()) for sketch in sketches), default=0.0)
        return self.inner / longest if longest > 0 else 1.0  # of points alone, any will do


def new_drawing(width: float, height: float) -> svgwrite.Drawing:
    """Return a white drawing of this size."""
    size = rounded(width), rounded(height)
    drawing = svgwrite.Drawing(size=size, profile="full", debug=True)
    drawing.viewbox(0, 0, *size)
    drawing.add(drawing.rect((0, 0), ("100%", "100%"), fill="white"))
    return drawing


def pen(drawing: svgwrite.Drawing, width: float) -> Any:
    """Return a group whose paths are lines of a pen of this width."""
    return drawing.g(
        fill="none",
        stroke=INK,
        stroke_width=rounded(width, 2),
        stroke_linecap="round",  # also what makes a stroke of no length visible, as a dot
        stroke_linejoin="round",
    )


def sketch_group(
    drawing: svgwrite.Drawing, polylines: Sequence[np.ndarray], number: Callable[[float], str]
) -> Any:
    """Return a group with a path for each polyline, in the document's units."""
    group = drawing.g(class_="sketch")
    for line in polylines:
        group.add(drawing.path(_path_data(line, number)))
    return group


def document(drawing: svgwrite.Drawing) -> str:
    """Return the text of the whole document."""
    return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.tostring() + "\n"


def _path_data(points: np.ndarray, number: Callable[[float], str]) -> str:
    corners = [f"{number(x)} {number(y)}" for x, y in points.tolist()]
    if len(corners) == 1:
        corners *= 2  # a path that only moves draws nothing; one of no length draws its round cap
    return f"M{corners[0]}L{' '.join(corners[1:])}"


def rounded(value: float, digits: int = 1) -> float:
    """Return the value to so many decimals, never -0.0."""
    return round(value, digits) + 0.0


def short_number(value: float) -> str:
    """Return a coordinate to a tenth of a pixel.

    That is below what anyone sees, and a third of the size of full numbers. Coordinates are
    absolute, so the rounding does not add up along a stroke.
    """
    return f"{rounded(value):.1f}".removesuffix(".0")


def _exact_number(value: float) -> str:
    return repr(value + 0.0).removesuffix(".0")
