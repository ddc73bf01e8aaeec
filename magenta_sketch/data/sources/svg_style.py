"""Decide which shapes of an SVG document are visible: attributes, style sheets and `style`.

The properties in `svg_declarations.PROPERTIES` are read, with the priorities of CSS. Attributes are
weakest; then come the rules of style sheets, by specificity and order; then `style`; `!important`
is strongest. Invalid CSS, sheets in other files and `@` rules are ignored, but not `@media all` and
`@media screen`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from magenta_sketch.data.sources.svg_attributes import tag_of
from magenta_sketch.data.sources.svg_declarations import (
    ATTRIBUTES,
    INITIAL,
    declarations,
    is_valid,
    is_zero,
)
from magenta_sketch.data.sources.svg_sheets import Sheets

_OPAQUE = re.compile(r"[a-z]*|#[0-9a-f]{3}|#[0-9a-f]{6}")  # colours without opacity


def is_hidden(own: dict[str, str]) -> bool:
    """Return whether an element with these properties, and everything in it, is invisible."""
    return own.get("display") == "none" or is_zero(own.get("opacity", "1"))


def is_stroked(style: dict[str, str]) -> bool:
    """Return whether the outline of a shape with this style is painted."""
    return _has_paint("stroke", style) and not is_zero(style["stroke-width"])


def is_painted(style: dict[str, str]) -> bool:
    """Return whether any part of a shape with this style is painted."""
    if style["visibility"] in ("hidden", "collapse"):
        return False
    return is_stroked(style) or _has_paint("fill", style)


def pen_of(style: dict[str, str]) -> tuple[str, ...]:
    """Return what the pieces of one stroke have in common. Their widths and opacities may vary."""
    return _ink(style["stroke"]), _ink(style["fill"]), style["color"]


def _has_paint(name: str, style: dict[str, str]) -> bool:
    paint = style["color"] if style[name] == "currentcolor" else style[name]
    return paint != "none" and not _is_transparent(paint) and not is_zero(style[f"{name}-opacity"])


@lru_cache
def _ink(color: str) -> str:
    """Return a colour without its opacity: pens write pressure into that, too."""
    if _OPAQUE.fullmatch(color):
        return color
    from tinycss2.color4 import parse_color

    parsed = parse_color(color)
    return str(getattr(parsed, "coordinates", color))


@lru_cache
def _is_transparent(color: str) -> bool:
    if _OPAQUE.fullmatch(color) and color != "transparent":
        return False
    from tinycss2.color4 import parse_color  # imported here: few files need it

    alpha = getattr(parse_color(color), "alpha", None)  # None: a gradient, or no colour
    return alpha is not None and alpha <= 0


class Styles:
    """The properties of a document's elements.

    Args:
      root: the document's root.

    Raises:
      ValueError: a style sheet exceeds a limit of `svg_sheets`.
      RecursionError: a style sheet is nested too deep.
    """

    def __init__(self, root: Element):
        texts = [_text(element) for element in root.iter() if tag_of(element) == "style"]
        self._sheets = Sheets(root, texts) if any(texts) else None
        self._own: dict[Element, dict[str, str]] = {}

    def of(self, element: Element) -> dict[str, str]:
        """Return an element's own properties, from attributes, style sheets and `style`.

        Raises:
          ValueError: it would take too long.
          RecursionError: a style is nested too deep.
        """
        if element in self._own:
            return self._own[element]
        own = {}
        for name, value in element.attrib.items():
            if name in ATTRIBUTES and is_valid(name, value := value.strip().lower()):
                own[name] = value
        found = [] if self._sheets is None else self._sheets.of(element)
        if "style" in element.attrib:
            found += declarations(element.attrib["style"])
        # The sort is stable: declarations of one weight keep their order.
        for name, value, _ in sorted(found, key=lambda declaration: declaration[2]):
            own[name] = value
        self._own[element] = own  # `use` may draw an element many times
        return own

    def within(self, own: dict[str, str], outer: dict[str, str]) -> dict[str, str]:
        """Return the inherited properties of an element, from its own and its parent's."""
        result = dict(outer)
        for name, initial in INITIAL.items():
            value = own.get(name, "inherit")
            if value == "initial":
                result[name] = initial
            elif value not in ("inherit", "unset", "revert", "revert-layer"):
                result[name] = value
        return result


def _text(element: Element) -> str:
    """Return the style sheet in a `style` element; "" if it is not CSS or not for the screen."""
    kind = element.get("type", "").partition(";")[0].strip().lower()
    media = {part.strip().lower() for part in element.get("media", "all").split(",")}
    if kind not in ("", "text/css") or not media & {"", "all", "screen"}:
        return ""
    return "".join(element.itertext())
