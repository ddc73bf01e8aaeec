"""Declarations of CSS, such as "fill: none": the properties read here, and their valid values."""

from __future__ import annotations

import re
from typing import Any

# The properties that an element inherits from its parents, and their initial values.
INITIAL = {
    "visibility": "visible",
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
}
PROPERTIES = (*INITIAL, "display", "opacity")

_PLAIN = re.compile(r"[^\\/\"'(!]*")  # declarations that need no CSS parser
_NUMBER = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,3})?)%?")

Declaration = tuple[str, str, bool]  # property, value, whether it is !important


def is_zero(opacity: str) -> bool:
    """Return whether this is a valid opacity at which nothing is visible."""
    match = None if len(opacity) > 100 else _NUMBER.fullmatch(opacity)
    return match is not None and float(match[1]) <= 0


def is_valid(name: str, value: str) -> bool:
    """Return whether a property may have this value, given in lower case."""
    if value in ("inherit", "initial", "unset", "revert", "revert-layer"):
        return True
    if name == "visibility":
        return value in ("visible", "hidden", "collapse")
    if name.endswith("opacity"):
        return len(value) <= 100 and _NUMBER.fullmatch(value) is not None
    return bool(value)


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
