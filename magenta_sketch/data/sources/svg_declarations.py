"""Declarations of CSS, such as "fill: none": the properties read here, and their valid values."""

from __future__ import annotations

import re
from typing import Any

# The properties that an element inherits from its parents, and their initial values.
INITIAL = {
    "visibility": "visible",
    "color": "black",
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
    "stroke-width": "1",
}
# Those that move an element, and are not `transform`.
OTHER_TRANSFORMS = ("translate", "rotate", "scale")
# Those that SVG 2 allows in CSS for the size of shapes. They are not applied.
GEOMETRY = {"x", "y", "cx", "cy", "r", "rx", "ry", "width", "height", "d"}
ATTRIBUTES = {
    *INITIAL,
    "display",
    "opacity",
    "transform",
    "transform-origin",
    "transform-box",
    "clip-path",
    "mask",
}
PROPERTIES = ATTRIBUTES | GEOMETRY | set(OTHER_TRANSFORMS)  # in CSS

_PLAIN = re.compile(r"[^\\/\"'(!]*")  # declarations that need no CSS parser
_NUMBER = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,3})?)(%|[a-z]*)")
_KEYWORDS = ("inherit", "initial", "unset", "revert", "revert-layer")

Declaration = tuple[str, str, bool]  # property, value, whether it is !important


def is_zero(size: str) -> bool:
    """Return whether this is a valid opacity or width at which nothing is visible."""
    match = None if len(size) > 100 else _NUMBER.fullmatch(size)
    return match is not None and float(match[1]) <= 0


def is_valid(name: str, value: str) -> bool:
    """Return whether a property may have this value, given in lower case."""
    if value in _KEYWORDS:
        return True
    if name == "visibility":
        return value in ("visible", "hidden", "collapse")
    if name.endswith("opacity") or name == "stroke-width":
        match = None if len(value) > 100 else _NUMBER.fullmatch(value)
        return match is not None and (name == "stroke-width" or match[2] in ("", "%"))
    return bool(value)


def is_set(value: str) -> bool:
    """Return whether a property whose initial value is "none" has another one."""
    return value != "none" and value not in _KEYWORDS


def declarations(css: str | list[Any]) -> list[Declaration]:
    """Return the valid declarations of a `style` attribute or rule for the properties read here."""
    found: list[Declaration] = []
    if isinstance(css, str) and _PLAIN.fullmatch(css):
        parts = (part.partition(":") for part in css.split(";"))
        found = [(name.strip().lower(), value.strip().lower(), False) for name, _, value in parts]
    else:
        import tinycss2  # imported here: few files need it

        parsed = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
        for one in parsed:
            if one.type == "declaration":
                value = [token for token in one.value if token.type != "comment"]
                text = tinycss2.serialize(value).strip().lower()
                found.append((one.lower_name, text, one.important))
    return [one for one in found if one[0] in PROPERTIES and is_valid(*one[:2])]
