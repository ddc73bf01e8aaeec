"""The shapes of SVG as polylines: paths with their curves and arcs, and the simple ones."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PIECES",
    "SHAPES",
    "flatten",
    "outline",
    "sizes_of",
    "tag_of",
    "transform_of",
    "view_box",
]

# Straight pieces for each curve of a path. A cubic as large as the fitted drawing is then within a
# tenth of a pixel of its pieces, a half circle within a sixth.
PIECES = 64

SHAPES = {"path", "polyline", "polygon", "line", "rect", "circle", "ellipse"}

_NAMESPACE = "{http://www.w3.org/2000/svg}"

# CSS pixels; the rest depends on fonts that are not known here.
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 9.6 / 2.54,
}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LENGTH = re.compile(rf"\s*({_NUMBER.pattern})\s*([a-z]*|%)\s*")
_COMMAND = re.compile(r"[MmZzLlHhVvCcSsQqTtAa]")
_COMMANDS = re.compile(rf"{_COMMAND.pattern}[^{_COMMAND.pattern[1:]}*")
_ARC = re.compile(
    r"[\s,]*".join(
        [*[f"({_NUMBER.pattern})"] * 3, "([01])", "([01])", *[f"({_NUMBER.pattern})"] * 2]
    )
)
_LONG_NUMBER = re.compile(r"[0-9.]{200}")  # the library's patterns take quadratic time over these


# Paths


def flatten(path: str, pieces: int = PIECES) -> list[NDArray[np.float64]]:
    """Turns the `d` of an SVG path into polylines, one for each part that the pen draws in one go.

    Args:
      path: the text.
      pieces: straight pieces for each curve.

    Returns:
      float64 [k, 2] each, k >= 2, in the path's units.

    Raises:
      ValueError: the path is damaged or holds a number that is not finite.
    """
    _check_path(path)
    # The library does not say where the pen was lifted, so each part is parsed by itself.
    result, position = [], 0j
    for part in re.split("(?=[Mm])", path)[1:]:
        segments = _segments(part, position, path)
        position = segments.pop().end
        if segments:
            line = [_corners([segments[0].start])]
            line += [_points(segment, pieces) for segment in segments]
            result.append(np.concatenate(line))
    if not all(np.isfinite(line).all() for line in result):
        raise ValueError(f"path {path[:40]!r} has a number that is not finite")
    return result


def _check_path(path: str) -> None:
    # The library passes over what it does not know.
    if _LONG_NUMBER.search(path) or _NUMBER.sub("", _COMMAND.sub(" ", path)).strip(" ,\t\r\n\f"):
        raise ValueError(f"damaged path {path[:40]!r}")
    text = path.strip()
    if text and text[0] not in "Mm":
        raise ValueError(f"path {path[:40]!r} draws without a start")


def _segments(part: str, position: complex, path: str) -> list[Any]:
    """The segments of a part that starts with M or m, and one of no length at its end."""
    # "1." is a number, but the library's "1.e5" would be two.
    part = re.sub(r"(?<=[0-9])\.(?![0-9])", "", part)
    try:
        try:
            return _parsed(part + "l0,0", position)
        except AssertionError:
            return _parsed(_without_closed_arcs(part, position) + "l0,0", position)
    except Exception as error:  # besides ValueError what bad numbers do inside: ZeroDivisionError …
        raise ValueError(f"damaged path {path[:40]!r}: {error}") from error


def _parsed(text: str, position: complex) -> list[Any]:
    from svgpathtools import parse_path  # here: few runs read SVG

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arcs of no radius are lines, as they should be
        return list(parse_path(text, current_pos=position))


def _without_closed_arcs(part: str, position: complex) -> str:
    """The part without arcs that end where they start: they draw nothing; the library fails."""
    result = []
    first = _parsed(_COMMANDS.findall(part)[0] + "l0,0", position)[0].start
    for command in _COMMANDS.findall(part):
        if command[0] not in "Aa":
            if command[0] in "Zz":
                position = first
            else:
                # What comes before has no influence on where the command ends.
                start = "" if command[0] in "Mm" else "m0,0"
                position = _parsed(f"{start}{command}l0,0", position)[-1].end
            result.append(command)
            continue
        for arc in _ARC.finditer(command):
            end = complex(float(arc[6]), float(arc[7])) + (position if command[0] == "a" else 0)
            if end != position:
                result.append(f"{command[0]}{' '.join(arc.groups())}")
            position = end
    return "".join(result)


def _points(segment: Any, pieces: int) -> NDArray[np.float64]:
    """The segment's points but for its first."""
    from svgpathtools import CubicBezier, Line

    if isinstance(segment, Line):
        return _corners([segment.end])
    if isinstance(segment, CubicBezier):  # the most frequent; point() is several times slower
        controls = _corners([segment.start, segment.control1, segment.control2, segment.end])
        # Sums of products, not a matrix product: its rounding depends on the machine's BLAS.
        return (_bernstein(pieces)[:, :, None] * controls).sum(axis=1)
    return _corners([segment.point(t) for t in _times(pieces)])


@cache
def _times(pieces: int) -> NDArray[np.float64]:
    return np.arange(1, pieces + 1) / pieces


@cache
def _bernstein(pieces: int) -> NDArray[np.float64]:
    """Weights of a cubic curve's four control points at `_times()`, [pieces, 4]."""
    t = _times(pieces)
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def _corners(points: list[complex]) -> NDArray[np.float64]:
    """Points x + iy, as the library gives them, as [k, 2]."""
    return np.array([(point.real, point.imag) for point in points])


# Shapes


def outline(element: Element, viewport: tuple[float, float]) -> list[NDArray[np.float64]]:
    """The lines [k, 2] of a shape in its own units; none of one without extent.

    Args:
      element: one of `SHAPES`.
      viewport: width and height that percentages are of.

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
    """Points as "x,y x,y": the library does not know all the ways to write them."""
    if _LONG_NUMBER.search(text) or _NUMBER.sub("", text).strip(" ,\t\r\n\f"):
        raise ValueError(f"damaged points {text[:40]!r}")
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if not np.isfinite(numbers).all():
        raise ValueError(f"points {text[:40]!r} have a number that is not finite")
    return " ".join(f"{x!r},{y!r}" for x, y in zip(numbers[::2], numbers[1::2], strict=False))


# Attributes that are lengths, and what their percentages are of: width, height, or both.
_SIZES = {
    "line": {"x1": 0, "y1": 1, "x2": 0, "y2": 1},
    "rect": {"x": 0, "y": 1, "width": 0, "height": 1, "rx": 0, "ry": 1},
    "circle": {"cx": 0, "cy": 1, "r": 2},
    "ellipse": {"cx": 0, "cy": 1, "rx": 0, "ry": 1},
    "svg": {"x": 0, "y": 1, "width": 0, "height": 1},
    "use": {"x": 0, "y": 1, "width": 0, "height": 1},
}


def sizes_of(element: Element, viewport: tuple[float, float]) -> dict[str, float]:
    """The attributes that are lengths and are there, in the element's units.

    Raises:
      ValueError: one is no length.
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


def _clean_rect(size: dict[str, float]) -> bool:
    """Whether there is something to draw; mends the radii of its corners after SVG's rules."""
    width, height = size.get("width", 0.0), size.get("height", 0.0)
    if not (width > 0 and height > 0):
        return False
    rx, ry = size.pop("rx", None), size.pop("ry", None)
    rx = min((ry if rx is None else rx) or 0.0, width / 2)
    ry = min((rx if ry is None else ry) or 0.0, height / 2)
    if rx > 0 and ry > 0:
        size |= {"rx": rx, "ry": ry}
    return True


# Attributes


def tag_of(element: Element) -> str:
    """The element's name in SVG, also where the file forgot the namespace; "" of others."""
    tag = element.tag if isinstance(element.tag, str) else ""
    tag = tag.removeprefix(_NAMESPACE)
    return "" if tag.startswith("{") else tag


def view_box(element: Element) -> tuple[float, float, float, float] | None:
    """The numbers of `viewBox`; None where there is none, or one without an extent.

    Raises:
      ValueError: it is damaged.
    """
    text = element.get("viewBox")
    if text is None:
        return None
    numbers = text.replace(",", " ").split()
    if len(numbers) != 4 or not all(len(n) < 100 and _NUMBER.fullmatch(n) for n in numbers):
        raise ValueError(f"viewBox={text[:40]!r} is not four numbers")
    box = tuple(map(float, numbers))
    return box if box[2] > 0 and box[3] > 0 and np.isfinite(box).all() else None


def transform_of(element: Element) -> NDArray[np.float64]:
    """The matrix [3, 3] of `transform`.

    Raises:
      ValueError: it is damaged.
    """
    text = element.get("transform", "")
    if not text.strip():
        return np.identity(3)
    from svgpathtools import parse_transform

    if _LONG_NUMBER.search(text):
        raise ValueError(f"damaged transform {text[:40]!r}")
    return parse_transform(text, strict=True)
