"""Find the shapes that an SVG document draws, and where: groups, `use`, view boxes, transforms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import (
    Size,
    page_box,
    sizes_of,
    tag_of,
    view_box,
)
from magenta_sketch.data.sources.svg_declarations import GEOMETRY, INITIAL, OTHER_TRANSFORMS, is_set
from magenta_sketch.data.sources.svg_shapes import SHAPES
from magenta_sketch.data.sources.svg_style import Styles, is_hidden, is_painted
from magenta_sketch.data.sources.svg_transforms import moved, parse_origin, parse_transform

MOST_ELEMENTS = 150_000  # of a document
MOST_USED = 20_000  # elements that `use` draws, each time it does

# What is passed over in a drawing, for its notes.
NO_TARGET = "`use` of something that is not in the file"
CLIPPED = "clip paths and masks (what they hide is drawn)"
TEXTS = "texts and pictures"
GEOMETRY_IN_CSS = "sizes of shapes in CSS"

_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_TEXTS = {"text", "image"}
_DRAWN = SHAPES | {"svg", "g", "a", "switch", "use"}


class Place(NamedTuple):
    """What an element inherits from its parents."""

    matrix: NDArray[np.float64]  # [3, 3], from its units to the document's
    viewport: Size  # what percentages refer to, in its units
    style: dict[str, str]  # the inherited properties
    uses: tuple[int, ...] = ()  # ids of the elements that `use` has inserted around it


class Tree:
    """The shapes of an SVG document.

    Args:
      root: its root.

    Attributes:
      box: x, y, width and height of the page, in the document's units.
      passed_over: a count of what was passed over, by its name; complete when all shapes are read.

    Raises:
      ValueError: the document is damaged.
      RecursionError: a style is nested too deep.
    """

    def __init__(self, root: Element):
        self.box = page_box(root)
        self.page: Size = self.box[2:]
        self.passed_over: Counter[str] = Counter()
        self._root = root
        self._by_id = {element.get("id"): element for element in reversed(list(root.iter()))}
        self._styles = Styles(root)

    def shapes(self) -> Iterator[tuple[Element, Place]]:
        """Yield the shapes that are drawn, with their places, in the document's order.

        Raises:
          ValueError: the document is damaged, or has too many elements.
          RecursionError: a style is nested too deep.
        """
        own = self._styles.of(self._root)
        if is_hidden(own):
            return
        place = Place(np.identity(3), self.page, dict(INITIAL))
        place = self._inside(own, place)
        todo = [(child, place) for child in reversed(self._root)]
        count = used = 0
        while todo:
            element, outer = todo.pop()
            count += 1
            used += bool(outer.uses)
            if used > MOST_USED:
                raise ValueError(f"over {MOST_USED:,} elements drawn by `use`")
            if count > MOST_ELEMENTS:
                raise ValueError(f"over {MOST_ELEMENTS:,} elements")
            tag = tag_of(element)
            if tag not in _DRAWN | _TEXTS or is_hidden(own := self._styles.of(element)):
                continue
            if tag in _TEXTS:
                self.passed_over[TEXTS] += 1
                continue
            inner = self._inside(own, outer)
            if tag in SHAPES:
                if is_painted(inner.style):
                    if not GEOMETRY.isdisjoint(own):
                        self.passed_over[GEOMETRY_IN_CSS] += 1
                    yield element, inner
            elif tag == "use":
                todo += self._used(element, inner)
            else:
                if tag == "svg":
                    size = sizes_of(element, inner.viewport, self.page)
                    inner = _in_viewport(element, inner, size)
                children = list(element)
                if tag == "switch":  # only the first child that can be drawn
                    children = [child for child in children if tag_of(child) in _DRAWN][:1]
                todo += [(child, inner) for child in reversed(children)]

    def _inside(self, own: dict[str, str], outer: Place) -> Place:
        """Return the place of an element with these properties, from that around it."""
        if not own:  # as most pieces of strokes
            return outer
        if is_set(own.get("clip-path", "none")) or is_set(own.get("mask", "none")):
            self.passed_over[CLIPPED] += 1
        matrix = outer.matrix @ _transform(own, outer.viewport)
        return outer._replace(matrix=matrix, style=self._styles.within(own, outer.style))

    def _used(self, element: Element, place: Place) -> list[tuple[Element, Place]]:
        """Return the elements that a `use` draws, with their places, in reverse order."""
        link = next(filter(None, map(element.get, _HREFS)), "")
        target = self._by_id.get(link[1:]) if link.startswith("#") else None
        if target is None:
            self.passed_over[NO_TARGET] += 1
            return []
        if id(target) in place.uses:
            raise ValueError(f"use of {link[:40]!r}, which is its own part")
        size = sizes_of(element, place.viewport, self.page)
        place = place._replace(
            matrix=place.matrix @ moved(size.get("x", 0.0), size.get("y", 0.0)),
            uses=(*place.uses, id(target)),
        )
        if tag_of(target) != "symbol":
            return [(target, place)]
        own = self._styles.of(target)
        if is_hidden(own):
            return []
        place = _in_viewport(target, self._inside(own, place), {**size, "x": 0.0, "y": 0.0})
        return [(child, place) for child in reversed(target)]


def _transform(own: dict[str, str], viewport: Size) -> NDArray[np.float64]:
    """Return the matrix [3, 3] of an element's own transform.

    Raises:
      ValueError: it cannot be read.
    """
    for name in OTHER_TRANSFORMS:
        if is_set(own.get(name, "none")):
            raise ValueError(f"the property {name!r} of CSS is not read; use transform")
    text = own.get("transform", "none")
    if not is_set(text):
        return np.identity(3)
    if own.get("transform-box", "view-box") != "view-box":
        raise ValueError(f"transform-box: {own['transform-box'][:20]} is not read")
    matrix = parse_transform(text)
    origin = own.get("transform-origin", "none")
    if not is_set(origin):
        return matrix
    x, y = parse_origin(origin, viewport)
    return moved(x, y) @ matrix @ moved(-x, -y)


def _in_viewport(element: Element, place: Place, size: dict[str, float]) -> Place:
    """Return the place inside an `svg` or `symbol`, with its view box fitted into its size."""
    width = size.get("width", place.viewport[0])
    height = size.get("height", place.viewport[1])
    matrix = place.matrix @ moved(size.get("x", 0.0), size.get("y", 0.0))
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
    matrix = matrix @ moved(*shift) @ np.diag([across, down, 1.0]) @ moved(-box[0], -box[1])
    return place._replace(matrix=matrix, viewport=box[2:])
