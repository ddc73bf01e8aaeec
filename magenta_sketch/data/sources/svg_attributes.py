"""Attributes of SVG elements: names, lengths, view boxes and transforms."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

_NAMESPACE = "{http://www.w3.org/2000/svg}"

# CSS pixels in each unit. Other units depend on fonts, which are unknown here.
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 9.6 / 2.54,
}
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LENGTH = re.compile(rf"\s*({NUMBER.pattern})\s*([a-z]*|%)\s*")
LONG_NUMBER = re.compile(r"[0-9.]{200}")  # the library needs quadratic time for these

# Attributes that are lengths. Percentages refer to the width (0), the height (1) or both (2).
_SIZES = {
    "line": {"x1": 0, "y1": 1, "x2": 0, "y2": 1},
    "rect": {"x": 0, "y": 1, "width": 0, "height": 1, "rx": 0, "ry": 1},
    "circle": {"cx": 0, "cy": 1, "r": 2},
    "ellipse": {"cx": 0, "cy": 1, "rx": 0, "ry": 1},
    "svg": {"x": 0, "y": 1, "width": 0, "height": 1},
    "use": {"x": 0, "y": 1, "width": 0, "height": 1},
}


def tag_of(element: Element) -> str:
    """Return the element's name in SVG, also if its namespace is missing; "" for other elements."""
    tag = element.tag if isinstance(element.tag, str) else ""
    tag = tag.removeprefix(_NAMESPACE)
    return "" if tag.startswith("{") else tag


def view_box(element: Element) -> tuple[float, float, float, float] | None:
    """Return the numbers of `viewBox`, or None if it is missing or has no extent.

    Raises:
      ValueError: it is damaged.
    """
    text = element.get("viewBox")
    if text is None:
        return None
    numbers = text.replace(",", " ").split()
    if len(numbers) != 4 or not all(len(n) < 100 and NUMBER.fullmatch(n) for n in numbers):
        raise ValueError(f"viewBox={text[:40]!r} is not four numbers")
    x, y, width, height = map(float, numbers)
    usable = width > 0 and height > 0 and np.isfinite((x, y, width, height)).all()
    return (x, y, width, height) if usable else None


def transform_of(element: Element) -> NDArray[np.float64]:
    """Return the matrix [3, 3] of `transform`.

    Raises:
      ValueError: it is damaged.
    """
    text = element.get("transform", "")
    if not text.strip():
        return np.identity(3)
    from svgpathtools import parse_transform

    if LONG_NUMBER.search(text):
        raise ValueError(f"damaged transform {text[:40]!r}")
    return parse_transform(text, strict=True)


def sizes_of(element: Element, viewport: tuple[float, float]) -> dict[str, float]:
    """Return the element's attributes that are lengths, in its units.

    Raises:
      ValueError: one is not a length.
    """
    whole = (*viewport, float(np.hypot(*viewport) / np.sqrt(2)))
    sizes = {}
    for name, direction in _SIZES[tag_of(element)].items():
        text = element.get(name)
        if text and text.strip() != "auto":
            sizes[name] = _length(text, name, whole[direction])
    return sizes


def _length(text: str, name: str, whole: float) -> float:
    match = None if len(text) > 100 else _LENGTH.fullmatch(text)
    if match is None or match[2] not in (*_UNITS, "%"):
        raise ValueError(
            f"{name}={text[:40]!r} is not a length in one of px, pt, pc, in, cm, mm, %"
        )
    value = float(match[1]) * (whole / 100 if match[2] == "%" else _UNITS[match[2]])
    if not np.isfinite(value):
        raise ValueError(f"{name}={text[:40]!r} is not finite")
    return value
