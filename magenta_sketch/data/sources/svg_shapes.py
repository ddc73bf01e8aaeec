"""Turn SVG shapes into polylines."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import Size, numbers_in, sizes_of, tag_of
from magenta_sketch.data.sources.svg_paths import flatten

SHAPES = {"path", "polyline", "polygon", "line", "rect", "circle", "ellipse"}


def outline(element: Element, viewport: Size, page: Size) -> list[NDArray[np.float64]]:
    """Return the lines [k, 2] of a shape in its own units; none if it has no extent.

    Args:
      element: one of `SHAPES`.
      viewport: width and height that percentages refer to.
      page: width and height of the document's page.

    Raises:
      ValueError: an attribute is damaged.
    """
    from svgpathtools import CONVERSIONS

    tag = tag_of(element)
    if tag == "path":
        return flatten(element.get("d") or "")
    if tag in ("polyline", "polygon"):
        corners = _corners(element.get("points", ""))
        if tag == "polygon" and len(corners) and (corners[0] != corners[-1]).any():
            corners = np.concatenate([corners, corners[:1]])
        return [corners] if len(corners) >= 2 else []
    size = sizes_of(element, viewport, page)
    if tag == "line":
        ends = [[size.get(f"{axis}{i}", 0.0) for axis in "xy"] for i in (1, 2)]
        return [np.array(ends)]
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


def _corners(text: str) -> NDArray[np.float64]:
    """Return the attribute `points` as positions [k, 2]."""
    numbers = numbers_in(text)
    if numbers is None:
        raise ValueError(f"damaged points {text[:40]!r}")
    corners = np.array(numbers[: len(numbers) // 2 * 2], np.float64).reshape(-1, 2)
    if not np.isfinite(corners).all():
        raise ValueError(f"points {text[:40]!r} have a number that is not finite")
    return corners


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
