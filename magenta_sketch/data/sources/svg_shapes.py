"""Turn SVG shapes into polylines."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import LONG_NUMBER, NUMBER, sizes_of, tag_of
from magenta_sketch.data.sources.svg_paths import flatten

SHAPES = {"path", "polyline", "polygon", "line", "rect", "circle", "ellipse"}


def outline(element: Element, viewport: tuple[float, float]) -> list[NDArray[np.float64]]:
    """Return the lines [k, 2] of a shape in its own units; none if it has no extent.

    Args:
      element: one of `SHAPES`.
      viewport: width and height that percentages refer to.

    Raises:
      ValueError: an attribute is damaged.
    """
    from svgpathtools import CONVERSIONS

    tag = tag_of(element)
    if tag == "path":
        return flatten(element.get("d") or "")
    if tag in ("polyline", "polygon"):
        return flatten(CONVERSIONS[tag](Element(tag, points=_pairs(element.get("points", "")))))
    size = sizes_of(element, viewport)
    if tag == "rect":
        if not _clean_rect(size):
            return []
    elif tag == "circle":
        if not size.get("r", 0) > 0:
            return []
    elif tag == "ellipse":
        size.setdefault("rx", size.get("ry", 0.0))
        size.setdefault("ry", size["rx"])
        if not (size["rx"] > 0 and size["ry"] > 0):
            return []
    return flatten(
        CONVERSIONS[tag](Element(tag, {name: repr(value) for name, value in size.items()}))
    )


def _pairs(text: str) -> str:
    """Return points as "x,y x,y": the library does not know all ways to write them."""
    if LONG_NUMBER.search(text) or NUMBER.sub("", text).strip(" ,\t\r\n\f"):
        raise ValueError(f"damaged points {text[:40]!r}")
    numbers = [float(number) for number in NUMBER.findall(text)]
    if not np.isfinite(numbers).all():
        raise ValueError(f"points {text[:40]!r} have a number that is not finite")
    return " ".join(f"{x!r},{y!r}" for x, y in zip(numbers[::2], numbers[1::2], strict=False))


def _clean_rect(size: dict[str, float]) -> bool:
    """Return whether a rectangle has an area. Correct the radii of its corners by SVG's rules."""
    width, height = size.get("width", 0.0), size.get("height", 0.0)
    if not (width > 0 and height > 0):
        return False
    rx, ry = size.pop("rx", None), size.pop("ry", None)
    rx = min((ry if rx is None else rx) or 0.0, width / 2)
    ry = min((rx if ry is None else ry) or 0.0, height / 2)
    if rx > 0 and ry > 0:
        size |= {"rx": rx, "ry": ry}
    return True
