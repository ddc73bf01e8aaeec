"""Pages for pen plotters: SVG documents in millimetres that hold strokes and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.config.kinds import show
from magenta_sketch.drawing.picture import Line, Picture
from magenta_sketch.drawing.svg import document, path_data, pen, rounded
from magenta_sketch.errors import ArgumentError

PEN = 0.3  # mm, a common pen; plotters draw along the middle of a path, whatever its width
SMALLEST, LARGEST = 10.0, 5000.0  # mm of a page's side


class Page(NamedTuple):
    """A sheet of paper. width, height: millimetres.

    >>> PAGES["a4"]
    Page(width=210.0, height=297.0)
    """

    width: float
    height: float


PAGES = {
    "a2": Page(420.0, 594.0),
    "a3": Page(297.0, 420.0),
    "a4": Page(210.0, 297.0),
    "a5": Page(148.0, 210.0),
    "a6": Page(105.0, 148.0),
    "letter": Page(215.9, 279.4),
    "legal": Page(215.9, 355.6),
    "tabloid": Page(279.4, 431.8),
}


def page_named(name: str) -> Page:
    """Return the page with a name or a size.

    Args:
      name: a key of `PAGES`, which may end in "-landscape"; or WIDTHxHEIGHT in millimetres, as in
        "300x200", each from `SMALLEST` to `LARGEST`. Upper and lower case are the same.

    Raises:
      ValueError: there is no such page, or a side is too short or too long.

    >>> page_named("A4-landscape"), page_named("300x200")
    (Page(width=297.0, height=210.0), Page(width=300.0, height=200.0))
    """
    text = name.strip().lower() if isinstance(name, str) else ""
    page = PAGES.get(text.removesuffix("-landscape"))
    if page is not None:
        return Page(page.height, page.width) if text.endswith("-landscape") else page
    size = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)x([0-9]+(?:\.[0-9]+)?)", text)
    if size is not None:
        page = Page(float(size[1]), float(size[2]))
        if all(SMALLEST <= side <= LARGEST for side in page):
            return page
    raise ArgumentError(
        f"page must be {', '.join(PAGES)}, one of these with -landscape, or WIDTHxHEIGHT with "
        f"sides of {SMALLEST:g} to {LARGEST:g} mm, such as 300x200; got {show(name)}"
    )


def to_page(picture: Picture, page: Page, *, margin: float = 10.0) -> str:
    """Return the sketches of a picture as an SVG document for a pen plotter.

    The user unit is 1 mm. The sketches keep their places in the picture's grid; all of them are
    scaled as large as the margins allow, and centred. Each stroke is one path, of one colour.
    Titles, captions, rules and dots are omitted, and there is no background.

    Args:
      picture: the picture.
      page: the sheet.
      margin: least distance of the strokes from the sheet's edges in millimetres.

    Raises:
      ValueError: margin is below 0 or leaves no room.

    >>> from magenta_sketch.drawing.picture import as_picture
    >>> cross = as_picture(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]]))
    >>> text = to_page(cross, page_named("a6"))
    >>> 'width="105mm"' in text, "M10 45.67L95 45.67" in text
    (True, True)
    """
    room = np.array(page) - 2 * margin
    if not (margin >= 0 and (room > 0).all()):
        raise ArgumentError(
            f"margin must be at least 0 and below {min(page) / 2:g} mm, half of the page's shorter "
            f"side, to leave room for the sketches; got {show(margin)}"
        )
    width, height = (f"{side:g}" for side in page)
    drawing = svgwrite.Drawing(size=(f"{width}mm", f"{height}mm"), profile="full", debug=True)
    drawing["viewBox"] = f"0 0 {width} {height}"
    sketches = _placed([_strokes(lines) for lines in picture.lines()], np.array(page) / 2, room)
    ink = pen(drawing, PEN)
    for strokes in sketches:
        group = drawing.g(class_="sketch")
        for stroke in strokes:
            group.add(drawing.path(path_data(stroke, _hundredth)))
        ink.add(group)
    drawing.add(ink)
    return document(drawing)


def _strokes(lines: Sequence[Line]) -> list[np.ndarray]:
    """Return the strokes of a sketch; one that is part given and part new is whole again."""
    strokes: list[np.ndarray] = []
    for line in lines:
        if line.goes_on:
            strokes[-1] = np.concatenate([strokes[-1], line.points[1:]])
        else:
            strokes.append(line.points)
    return strokes


def _placed(
    sketches: list[list[np.ndarray]], middle: np.ndarray, room: np.ndarray
) -> list[list[np.ndarray]]:
    """Return sketches, scaled so that their common bounding box fills ``room`` around ``middle``.

    room: width and height, [2]. A box without width and height is not scaled.
    """
    if not any(sketches):
        return sketches
    points = np.concatenate([stroke for strokes in sketches for stroke in strokes])
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    scale = min((r / e for r, e in zip(room, extent, strict=True) if e > 0), default=1.0)
    center = (low + high) / 2
    return [[(stroke - center) * scale + middle for stroke in strokes] for strokes in sketches]


def _hundredth(value: float) -> str:
    """Return a coordinate as text, rounded to a hundredth of a millimetre."""
    return f"{rounded(value, 2):.2f}".rstrip("0").rstrip(".")
