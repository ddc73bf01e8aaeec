"""Text in SVG drawings, cut to fit."""

from __future__ import annotations

import unicodedata
from typing import Any

import svgwrite

from magenta_sketch.drawing.svg import rounded

FONT = "Helvetica, Arial, 'Noto Sans', sans-serif"


def add_text(
    drawing: svgwrite.Drawing,
    parent: Any,
    text: str,
    x: float,
    y: float,
    *,
    size: float,
    room: float,
    anchor: str,
) -> None:
    """Add a line of text to ``parent``. If it is wider than ``room``, cut it and add a tooltip.

    Args:
      x, y: position of the base line's start, middle or end.
      size: font size.
      anchor: which of these (x, y) is: "start", "middle" or "end".
    """
    # XML forbids control characters and halves of surrogate pairs, even escaped.
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(text).split()))
    if not text:
        return
    shown = text
    while len(shown) > 1 and text_width(shown) * size > room:
        shown = shown[:-2].rstrip() + "…"
    element = drawing.text(
        shown, insert=(rounded(x), rounded(y)), font_size=rounded(size), text_anchor=anchor
    )
    if shown != text:
        element.set_desc(title=text)
    parent.add(element)


def text_width(text: str) -> float:
    """Return an upper estimate of the width in ems. The viewer's font is unknown."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in str(text))
