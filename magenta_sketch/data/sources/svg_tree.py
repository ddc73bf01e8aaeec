"""Find the shapes that an SVG document draws, and where: groups, `use`, view boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import sizes_of, tag_of, transform_of, view_box
from magenta_sketch.data.sources.svg_declarations import INITIAL
from magenta_sketch.data.sources.svg_shapes import SHAPES
from magenta_sketch.data.sources.svg_style import Styles, is_hidden, is_painted, is_stroked

MOST_ELEMENTS = 20_000  # an element counts each time it is used

_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_DRAWN = SHAPES | {"svg", "g", "a", "switch", "use"}


class Place(NamedTuple):
    """What an element inherits from its parents."""

    matrix: NDArray[np.float64]  # [3, 3], from its units to the document's
    viewport: tuple[float, float]  # width and height that percentages refer to, in its units
    style: dict[str, str]  # the inherited properties
    uses: tuple[int, ...] = ()  # ids of the elements that `use` has inserted around it


def drawn_shapes(root: Element) -> Iterator[tuple[Element, Place]]:
    """Yield the shapes that are drawn, with their places, in the document's order.

    Raises:
      ValueError: the document is damaged, or has too many elements.
      RecursionError: a style is nested too deep.
    """
    by_id = {element.get("id"): element for element in reversed(list(root.iter()))}
    box = view_box(root)
    if box is None:
        size = sizes_of(root, (100.0, 100.0))
        width, height = size.get("width", 100.0), size.get("height", 100.0)
        box = (0.0, 0.0, width, height)
    styles = Styles(root)
    own = styles.of(root)
    if is_hidden(own):
        return
    place = Place(transform_of(root), box[2:], styles.within(own, INITIAL))
    todo = [(child, place) for child in reversed(root)]
    count = 0
    while todo:
        element, outer = todo.pop()
        count += 1
        if count > MOST_ELEMENTS:
            raise ValueError(f"over {MOST_ELEMENTS:,} elements")
        tag = tag_of(element)
        if tag not in _DRAWN or is_hidden(own := styles.of(element)):
            continue
        inner = outer._replace(
            matrix=outer.matrix @ transform_of(element), style=styles.within(own, outer.style)
        )
        if tag in SHAPES:
            if is_painted(inner.style) and not _is_background(element, inner, box):
                yield element, inner
        elif tag == "use":
            todo += _used(element, inner, by_id, styles)
        else:
            if tag == "svg":
                inner = _in_viewport(element, inner, sizes_of(element, inner.viewport))
            children = list(element)
            if tag == "switch":  # only the first child that can be drawn
                children = [child for child in children if tag_of(child) in _DRAWN][:1]
            todo += [(child, inner) for child in reversed(children)]


def _used(
    element: Element, place: Place, by_id: dict[str | None, Element], styles: Styles
) -> list[tuple[Element, Place]]:
    """Return the elements that a `use` draws, with their places, in reverse order."""
    link = next(filter(None, map(element.get, _HREFS)), "")
    target = by_id.get(link[1:]) if link.startswith("#") else None
    if target is None or id(target) in place.uses:
        raise ValueError(f"use of {link[:40]!r}, which is not in the document, or is its own part")
    size = sizes_of(element, place.viewport)
    place = place._replace(
        matrix=place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0)),
        uses=(*place.uses, id(target)),
    )
    if tag_of(target) != "symbol":
        return [(target, place)]
    own = styles.of(target)
    if is_hidden(own):
        return []
    place = place._replace(
        matrix=place.matrix @ transform_of(target), style=styles.within(own, place.style)
    )
    place = _in_viewport(target, place, {**size, "x": 0.0, "y": 0.0})
    return [(child, place) for child in reversed(target)]


def _in_viewport(element: Element, place: Place, size: dict[str, float]) -> Place:
    """Return the place inside an `svg` or `symbol`, with its view box fitted into its size."""
    width = size.get("width", place.viewport[0])
    height = size.get("height", place.viewport[1])
    matrix = place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0))
    box = view_box(element)
    if box is None:
        return place._replace(matrix=matrix, viewport=(width, height))
    across, down = width / box[2], height / box[3]
    align = element.get("preserveAspectRatio", "xMidYMid").split() or ["xMidYMid"]
    if align[0] != "none":
        across = down = max(across, down) if "slice" in align else min(across, down)
    spare = np.array([width - across * box[2], height - down * box[3]])
    parts = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}
    shift = spare * (parts.get(align[0][1:4], 0.5), parts.get(align[0][5:8], 0.5))
    matrix = matrix @ _moved(*shift) @ np.diag([across, down, 1.0]) @ _moved(-box[0], -box[1])
    return place._replace(matrix=matrix, viewport=box[2:])


def _moved(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _is_background(element: Element, place: Place, box: tuple[float, ...]) -> bool:
    if tag_of(element) != "rect" or is_stroked(place.style):
        return False
    size = sizes_of(element, place.viewport)
    corner = np.array([size.get("x", 0.0), size.get("y", 0.0)])
    far = corner + (size.get("width", 0.0), size.get("height", 0.0))
    corners = np.array([corner, far]) @ place.matrix[:2, :2].T + place.matrix[:2, 2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    slack = 0.01 * np.array(box[2:])
    return bool((low <= box[:2] + slack).all() and (high >= np.add(box[:2], box[2:]) - slack).all())
