"""Attributes of SVG elements: names, lengths and view boxes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from xml.etree.ElementTree import Element

import numpy as np

_NAMESPACE = "{http://www.w3.org/2000/svg}"

# CSS pixels in each unit that does not depend on a font or the page.
UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 9.6 / 2.54,
    "q": 2.4 / 2.54,
}
# Fonts are unknown here; these are those of a browser's default font.
FONT_UNITS = {"em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0}
_PAGE_UNITS = ("vw", "vh", "vmin", "vmax")  # hundredths of the page

NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LENGTH = re.compile(rf"\s*({NUMBER.pattern})\s*([a-zA-Z]*|%)\s*")
LONGEST_NUMBER = 200  # characters; the library needs quadratic time for a long one

# Attributes that are lengths. Percentages refer to the width (0), the height (1) or both (2).
_SIZES = {
    "line": {"x1": 0, "y1": 1, "x2": 0, "y2": 1},
    "rect": {"x": 0, "y": 1, "width": 0, "height": 1, "rx": 0, "ry": 1},
    "circle": {"cx": 0, "cy": 1, "r": 2},
    "ellipse": {"cx": 0, "cy": 1, "rx": 0, "ry": 1},
    "svg": {"x": 0, "y": 1, "width": 0, "height": 1},
    "use": {"x": 0, "y": 1, "width": 0, "height": 1},
}

Size = tuple[float, float]  # width and height


def tag_of(element: Element) -> str:
    """Return the element's name in SVG, also if its namespace is missing; "" for other elements."""
    tag = element.tag if isinstance(element.tag, str) else ""
    tag = tag.removeprefix(_NAMESPACE)
    return "" if tag.startswith("{") else tag


def numbers_in(text: str) -> list[str] | None:
    """Return the numbers of a list such as "1,2-3.5.5"; None if there is anything else in it."""
    rest = NUMBER.sub(lambda found: "x" if len(found[0]) > LONGEST_NUMBER else "", text)
    return None if rest.strip(" ,\t\r\n\f") else NUMBER.findall(text)


def view_box(element: Element) -> tuple[float, float, float, float] | None:
    """Return the numbers of `viewBox`, or None if it is missing or has no extent.

    Raises:
      ValueError: it is damaged.
    """
    text = element.get("viewBox")
    if text is None:
        return None
    numbers = numbers_in(text)
    if numbers is None or len(numbers) != 4:
        raise ValueError(f"viewBox={text[:40]!r} is not four numbers")
    x, y, width, height = map(float, numbers)
    usable = width > 0 and height > 0 and np.isfinite((x, y, width, height)).all()
    return (x, y, width, height) if usable else None


def page_box(root: Element) -> tuple[float, float, float, float]:
    """Return the box of the page: its `viewBox`, else its width and height, else 100 each.

    A width or height that cannot be read is ignored: most programs write a `viewBox` too.

    Raises:
      ValueError: the view box is damaged.
    """
    box = view_box(root)
    if box is not None:
        return box
    size = {"width": 100.0, "height": 100.0}
    for name in size:
        text = root.get(name, "")
        match = _LENGTH.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
        factor = (UNITS | FONT_UNITS).get(match[2].lower()) if match else None
        value = float(match[1]) * factor if match and factor else 0.0
        if 0 < value < np.inf:
            size[name] = value
    return 0.0, 0.0, size["width"], size["height"]


def sizes_of(element: Element, viewport: Size, page: Size) -> dict[str, float]:
    """Return the element's attributes that are lengths, in its units.

    Args:
      element: a shape, an `svg` or a `use`.
      viewport: what percentages refer to.
      page: what the units vw, vh, vmin and vmax refer to.

    Raises:
      ValueError: one is not a length.
    """
    sizes = {}
    for name, direction in _SIZES[tag_of(element)].items():
        text = element.get(name)
        if text and text.strip() != "auto":
            sizes[name] = _length(text, name, _units(direction, viewport, page))
    return sizes


@lru_cache
def _units(direction: int, viewport: Size, page: Size) -> Mapping[str, float]:
    """Return the pixels in each unit, for a length in a direction of `_SIZES`."""
    whole = (*viewport, math.hypot(*viewport) / math.sqrt(2))[direction]
    pages = (*page, min(page), max(page))
    hundredths = {unit: size / 100 for unit, size in zip(_PAGE_UNITS, pages, strict=True)}
    return {"%": whole / 100, **UNITS, **FONT_UNITS, **hundredths}


def _length(text: str, name: str, units: Mapping[str, float]) -> float:
    match = _LENGTH.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
    if match is None or match[2].lower() not in units:
        raise ValueError(f"{name}={text[:40]!r} is not a length, such as 3, 3px, 3mm, 3em or 3%")
    value = float(match[1]) * units[match[2].lower()]
    if not np.isfinite(value):
        raise ValueError(f"{name}={text[:40]!r} is not finite")
    return value
