"""One stroke-3 sketch as an SVG drawing, and what grids of sketches share with it.

A sketch starts at the origin with the pen down; x goes right and y down (`strokes.to_polylines`).
Each stroke becomes one ``<path>`` in the sketch's ``<g class="sketch">``, so that you can edit it.

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
      stroke3: points (dx, dy, lift), [n, 3], in any unit. With n = 0 the document is empty.
      size: width and height of the document. The sketch is centred and scaled to fit inside the
        padding; its aspect ratio is kept.
      stroke_width: width of the pen. None: 1/64 of the size.
      padding: empty margin on each side. None: 1/16 of the size.

    Returns:
      The document, with an XML declaration.

    Raises:
      ValueError: stroke3 is not [n, 3] or has a number that is not finite, or padding and pen
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

    The pen starts at (0, 0). Nothing is scaled or rounded: the positions in the file are exact sums
    of the offsets in float64. The pen's width is 1/100 of the longer side, at least 1/2.

    Args:
      stroke3: points (dx, dy, lift), [n, 3]. With n = 0 the document is empty.

    Returns:
      The document, with an XML declaration. It has a margin of 4 times the pen's width.

    Raises:
      ValueError: stroke3 is not [n, 3] or has a number that is not finite.

    >>> "M0 0L30 0" in sketch_to_pixel_svg(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]]))
    True
    """
    sketch = checked(stroke3, "the sketch")
    width = max(float(sketch.extent.max()) / 100, 0.5)
    margin = 4 * width
    low, extent = sketch.center - sketch.extent / 2 - margin, sketch.extent + 2 * margin
    size = tuple(rounded(value, 2) for value in extent)
    drawing = svgwrite.Drawing(size=size, profile="full", debug=True)
    drawing.viewbox(*(rounded(value, 2) for value in low), *size)
    drawing["style"] = "background: white"  # a reader could take a white shape for a stroke
    ink = pen(drawing, width)
    ink.add(sketch_group(drawing, sketch.polylines, _exact_number))
    drawing.add(ink)
    return document(drawing)


class Strokes(NamedTuple):
    """A checked sketch.

    polylines: strokes as absolute positions, float64 [k, 2] each, in the sketch's units. center:
    centre of the bounding box, [2]. extent: width and height of the bounding box, [2].

    >>> checked(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]]), "the sketch").extent.tolist()
    [30.0, 40.0]
    """

    polylines: list[np.ndarray]
    center: np.ndarray
    extent: np.ndarray

    def at(self, middle: np.ndarray, scale: float) -> list[np.ndarray]:
        """Return the polylines, scaled, with the bounding box's centre at ``middle``, [2]."""
        return [(line - self.center) * scale + middle for line in self.polylines]


def checked(stroke3: Any, what: str) -> Strokes:
    """Check a stroke-3 sketch [n, 3] and return its polylines.

    Raises:
      ArgumentError: it is not [n, 3], or a number is not finite. The message names ``what``.

    >>> len(checked([[3, 0, 1], [0, 4, 0], [5, 0, 1]], "the sketch").polylines)
    2
    """
    try:
        rows = np.asarray(stroke3, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{what} must be stroke-3, numbers [n, 3], got {show(stroke3)}"
        ) from None
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ArgumentError(f"{what} must be stroke-3, shape [n, 3], got shape {list(rows.shape)}")
    if len(rows) == 0:
        return Strokes([], np.zeros(2), np.zeros(2))
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ArgumentError(
            f"{what} has a number that is not finite in row {at}: {rows[at].tolist()}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        polylines = to_polylines(rows)
    points = np.concatenate(polylines)
    if not (np.abs(points) < 1e300).all():  # sums and differences below stay finite
        raise ArgumentError(f"{what} has offsets so large that its coordinates are not finite")
    low, high = points.min(axis=0), points.max(axis=0)
    return Strokes(polylines, (low + high) / 2, high - low)


class Square(NamedTuple):
    """The square that a sketch is scaled into. inner: side of the area of the pen's centre.

    >>> Square.of(64, None, None)
    Square(inner=55.0, stroke_width=1.0)
    """

    inner: float
    stroke_width: float

    @classmethod
    def of(cls, size: float, stroke_width: float | None, padding: float | None) -> Square:
        """Return the square with the side ``size``.

        Args:
          stroke_width: None for 1/64 of the size.
          padding: None for 1/16 of the size.

        Raises:
          ValueError: padding and pen leave no room.
        """
        stroke_width = size / 64 if stroke_width is None else stroke_width
        padding = size / 16 if padding is None else padding
        inner = size - 2 * padding - stroke_width
        if not (math.isfinite(inner) and inner > 0 and padding >= 0 and stroke_width > 0):
            raise ArgumentError(
                f"a cell of {size:g} has no room for a padding of {padding:g} "
                f"and a stroke_width of {stroke_width:g}; both must fit in, and the pen be above 0"
            )
        return cls(inner, stroke_width)

    def scale(self, *sketches: Strokes) -> float:
        """Return the factor that makes the largest of the sketches fill the square."""
        longest = max((float(sketch.extent.max()) for sketch in sketches), default=0.0)
        return self.inner / longest if longest > 0 else 1.0


def new_drawing(width: float, height: float) -> svgwrite.Drawing:
    """Return an empty white drawing.

    >>> new_drawing(100, 50)["viewBox"]
    '0,0,100.0,50.0'
    """
    size = rounded(width), rounded(height)
    drawing = svgwrite.Drawing(size=size, profile="full", debug=True)
    drawing.viewbox(0, 0, *size)
    drawing.add(drawing.rect((0, 0), ("100%", "100%"), fill="white"))
    return drawing


def pen(drawing: svgwrite.Drawing, width: float) -> Any:
    """Return a group whose paths are drawn with a pen of this width.

    >>> pen(new_drawing(100, 50), 2)["stroke-width"]
    2.0
    """
    return drawing.g(
        fill="none",
        stroke=INK,
        stroke_width=rounded(width, 2),
        stroke_linecap="round",  # makes a stroke without length visible, as a dot
        stroke_linejoin="round",
    )


def sketch_group(
    drawing: svgwrite.Drawing, polylines: Sequence[np.ndarray], number: Callable[[float], str]
) -> Any:
    """Return a group with one path per polyline.

    Args:
      polylines: [k, 2] each, in the document's units.
      number: writes a coordinate, as `short_number` does.

    >>> lines = [np.array([[0, 0], [3, 4]])]
    >>> len(sketch_group(new_drawing(9, 9), lines, short_number).elements)
    1
    """
    group = drawing.g(class_="sketch")
    for line in polylines:
        group.add(drawing.path(path_data(line, number)))
    return group


def document(drawing: svgwrite.Drawing) -> str:
    """Return the document as text, with an XML declaration.

    >>> document(new_drawing(100, 50)).splitlines()[0]
    '<?xml version="1.0" encoding="utf-8"?>'
    """
    return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.tostring() + "\n"


def path_data(points: np.ndarray, number: Callable[[float], str]) -> str:
    """Return the data of a path through points [k, 2]. A single point becomes a dot.

    >>> path_data(np.array([[0, 0], [3, 4.5]]), short_number)
    'M0 0L3 4.5'
    """
    corners = [f"{number(x)} {number(y)}" for x, y in points.tolist()]
    if len(corners) == 1:
        corners *= 2  # a path of one point draws nothing; a line without length draws a dot
    return f"M{corners[0]}L{' '.join(corners[1:])}"


def rounded(value: float, digits: int = 1) -> float:
    """Return the value rounded to ``digits`` decimals, never -0.0.

    >>> rounded(2.345), rounded(-0.001)
    (2.3, 0.0)
    """
    return round(value, digits) + 0.0


def short_number(value: float) -> str:
    """Return a coordinate as text, rounded to a tenth of a pixel.

    Nobody sees the difference, and files become three times smaller. Coordinates are absolute, so
    rounding errors do not add up along a stroke.

    >>> short_number(2.345), short_number(3.0)
    ('2.3', '3')
    """
    return f"{rounded(value):.1f}".removesuffix(".0")


def _exact_number(value: float) -> str:
    return repr(value + 0.0).removesuffix(".0")
