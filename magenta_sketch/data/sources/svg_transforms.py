"""Transforms of SVG elements: the attribute `transform`, and the same property in CSS.

CSS Transforms 1, https://www.w3.org/TR/css-transforms-1/. The functions for the plane are read,
with lengths in px (or another absolute unit, or none) and angles in deg, rad, grad or turn (or
none, which is deg). Numbers may follow each other without a separator: `translate(-10-5)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import FONT_UNITS, UNITS

_LENGTHS = UNITS | FONT_UNITS
_DEGREES = {"": 1.0, "deg": 1.0, "rad": 180 / math.pi, "grad": 0.9, "turn": 360.0}
_LONGEST = 10_000  # characters

# Keywords of `transform-origin`, as shares of the viewport's width (0) or height (1).
_PLACES = {"left": (0, 0.0), "right": (0, 1.0), "top": (1, 0.0), "bottom": (1, 1.0)}


def moved(x: float, y: float) -> NDArray[np.float64]:
    """Return the matrix [3, 3] of a translation."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


@lru_cache(256)
def parse_transform(text: str) -> NDArray[np.float64]:
    """Return the matrix [3, 3] of a list of transform functions; "" and "none" change nothing.

    Raises:
      ValueError: it is damaged, or has a function, unit or percentage that is not read.
    """
    import tinycss2

    # As old programs write them; not in CSS.
    text = re.sub(r"(?<=[a-zA-Z])\s+\(", "(", re.sub(r"(?<=[0-9])\.(?![0-9])", "", text))
    result = np.identity(3)
    if text.strip().lower() in ("", "none"):
        return result
    if len(text) > _LONGEST or text.count("(") != text.count(")"):
        raise ValueError(f"damaged transform {text[:40]!r}")
    for token in tinycss2.parse_component_value_list(text, skip_comments=True):
        if token.type == "function":
            result = result @ _matrix(token, text)
        elif token.type != "whitespace" and token != ",":
            raise ValueError(f"damaged transform {text[:40]!r}")
    return result


def parse_origin(text: str, viewport: tuple[float, float]) -> tuple[float, float]:
    """Return the point that the property `transform-origin` names; percentages are of the viewport.

    Raises:
      ValueError: it is not one of the forms that are read.
    """
    import tinycss2

    found: list[float | None] = [None, None]
    number = 0
    for token in tinycss2.parse_component_value_list(text, skip_comments=True):
        if token.type == "whitespace":
            continue
        if token.type == "ident" and token.lower_value in _PLACES:
            axis, share = _PLACES[token.lower_value]
            found[axis] = share * viewport[axis]
        elif number < 2:
            if token.type == "percentage":
                found[number] = token.value / 100 * viewport[number]
            elif token.type != "ident" or token.lower_value != "center":
                found[number] = _number(token, _LENGTHS, text)
        number += 1
    if not 1 <= number <= 3:
        raise ValueError(f"damaged transform-origin {text[:40]!r}")
    x, y = (0.5 * whole if at is None else at for at, whole in zip(found, viewport, strict=True))
    return x, y


def _matrix(function: Any, text: str) -> NDArray[np.float64]:
    name = function.lower_name
    if name not in _FUNCTIONS:
        raise ValueError(f"transform {text[:40]!r}: {name[:20]}() is not read")
    counts, units, make = _FUNCTIONS[name]
    values = [token for token in function.arguments if token.type != "whitespace" and token != ","]
    if len(values) not in counts:
        raise ValueError(f"damaged transform {text[:40]!r}")
    # Only the first value of rotate is an angle; its centre is in lengths.
    kinds = [units] if name != "rotate" else [_DEGREES, _LENGTHS, _LENGTHS]
    numbers = [
        _number(token, kinds[min(i, len(kinds) - 1)], text) for i, token in enumerate(values)
    ]
    return np.array([*make(*numbers), (0.0, 0.0, 1.0)])


def _number(token: Any, units: dict[str, float], text: str) -> float:
    unit = token.lower_unit if token.type == "dimension" else ""
    if token.type not in ("number", "dimension") or unit not in units:
        what = "a percentage" if token.type == "percentage" else token.serialize()[:20]
        raise ValueError(f"transform {text[:40]!r}: {what} is not read")
    value = token.value * units[unit]
    if not math.isfinite(value):
        raise ValueError(f"transform {text[:40]!r} has a number that is not finite")
    return value


Rows = Sequence[Sequence[float]]  # the first two rows of a matrix


def _rotated(degrees: float, x: float = 0.0, y: float = 0.0) -> Rows:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y)


def _skewed(across: float, down: float = 0.0) -> Rows:
    tan = math.tan(math.radians(across)), math.tan(math.radians(down))
    return (1.0, tan[0], 0.0), (tan[1], 1.0, 0.0)


def _scaled(across: float, down: float | None = None) -> Rows:
    return (across, 0.0, 0.0), (0.0, across if down is None else down, 0.0)


_NUMBERS = {"": 1.0}
_FUNCTIONS: dict[str, tuple[tuple[int, ...], dict[str, float], Callable[..., Rows]]] = {
    "matrix": ((6,), _LENGTHS, lambda a, b, c, d, e, f: ((a, c, e), (b, d, f))),
    "translate": ((1, 2), _LENGTHS, lambda x, y=0.0: ((1.0, 0.0, x), (0.0, 1.0, y))),
    "translatex": ((1,), _LENGTHS, lambda x: ((1.0, 0.0, x), (0.0, 1.0, 0.0))),
    "translatey": ((1,), _LENGTHS, lambda y: ((1.0, 0.0, 0.0), (0.0, 1.0, y))),
    "scale": ((1, 2), _NUMBERS, _scaled),
    "scalex": ((1,), _NUMBERS, lambda x: _scaled(x, 1.0)),
    "scaley": ((1,), _NUMBERS, lambda y: _scaled(1.0, y)),
    "rotate": ((1, 3), _DEGREES, _rotated),
    "skew": ((1, 2), _DEGREES, _skewed),
    "skewx": ((1,), _DEGREES, _skewed),
    "skewy": ((1,), _DEGREES, lambda down: _skewed(0.0, down)),
}
