"""Drawings from SVG files: what is drawn in them, in the order of the document, as polylines.

Read are `path`, `line`, `polyline`, `polygon`, `rect`, `circle` and `ellipse`, within groups,
links, nested `svg`s and what `use` refers to, all with their transforms. A filled shape gives its
outline, as a pen would draw it. Not drawn: what waits in `defs`, `symbol`, clip paths and the like
to be referred to; what is hidden or painted neither inside nor along its outline, by attributes or
a `style` of its own or of its parents; and a background, a rectangle without outline that covers
all. Style sheets, texts and images are passed over.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.datasets.drawings import Drawing, Skipped, Source
from magenta_sketch.datasets.sketch_set import DataError

__all__ = ["flatten", "parse_xml", "read_file", "source"]

# Straight pieces for each curve of a path. A cubic as large as the fitted drawing is then within a
# tenth of a pixel of its pieces, a half circle within a sixth.
PIECES = 64

LARGEST_FILE = 16 << 20  # bytes
MOST_POINTS = 1_000_000  # of one file, curves flattened
MOST_ELEMENTS = 20_000  # with all that is used several times

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_INHERITED = ("fill", "stroke", "visibility")
_SHAPES = {"path", "polyline", "polygon", "line", "rect", "circle", "ellipse"}
_DRAWN = _SHAPES | {"svg", "g", "a", "switch", "use"}

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
_LONG_NUMBER = re.compile(r"[0-9.]{200}")  # the library's patterns take quadratic time over these


# Files and folders


def source(folder: Path) -> Source:
    """Returns a folder of SVG files as an input.

    The files in the folder are of one class, called as it is; those in a subfolder, or anywhere
    below it, of the class that is called as the subfolder. A drawing's key is its path from the
    folder of its class.

    Raises:
      OSError: the folder cannot be read.
      DataError: there are no SVG files in it.
    """
    files: list[tuple[str, str, Path]] = []
    size = 0
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        below = Path(root).relative_to(folder).parts
        for name in sorted(names):
            if name.lower().endswith(".svg") and not name.startswith("."):
                path = Path(root, name)
                files.append((below[0] if below else "", "/".join([*below[1:], name]), path))
                size += path.stat().st_size if path.exists() else 0
    if not files:
        raise DataError(f"{folder}: no SVG files in this folder or below it")
    own = folder.resolve().name or "svg"
    return Source(str(folder), size, partial(_read, files, own))


def _raise(error: OSError) -> None:
    raise error


def _read(
    files: list[tuple[str, str, Path]], own: str, advance: Callable[[int], None]
) -> Iterator[Drawing | Skipped]:
    for name, key, path in files:
        try:
            advance(path.stat().st_size)
            lines = read_file(path)
        except OSError as error:
            yield Skipped(str(path), 0, None, "cannot be read", error.strerror or str(error))
        except ValueError as error:
            yield Skipped(str(path), 0, None, "not a usable SVG file", str(error))
        else:
            yield Drawing(str(path), 0, name or own, key, lines, "exact", file=str(path.resolve()))


def parse_xml(path: str | os.PathLike[str]) -> Element:
    """Returns the root of an XML file that declares no entities.

    Raises:
      ValueError: it is not well-formed, of an unknown encoding, or declares entities.
      OSError: it cannot be read.
    """
    # A DOCTYPE, which many files have, is fine; entities are not: defusedxml refuses them (as a
    # ValueError) where the standard library may expand them.
    import defusedxml.ElementTree

    try:
        return defusedxml.ElementTree.parse(path).getroot()
    except (ParseError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(f"not well-formed XML: {error}") from error


def read_file(path: str | os.PathLike[str]) -> list[NDArray[np.float64]]:
    """Reads what an SVG file draws.

    Returns:
      Polylines, float64 [k, 2] each, k >= 2, in the file's units, transforms applied.

    Raises:
      ValueError: the file is not SVG, is damaged, draws nothing, or is too large; one line.
      OSError: it cannot be read.
    """
    if os.path.getsize(path) > LARGEST_FILE:
        raise ValueError(f"over {LARGEST_FILE >> 20} MiB")
    root = parse_xml(path)
    if _tag(root) != "svg":
        raise ValueError("the document is not SVG")
    with np.errstate(all="ignore"):  # what overflows is found in the result
        lines = list(_lines(root))
    if not lines:
        raise ValueError("draws nothing")
    return lines


def _lines(root: Element) -> Iterator[NDArray[np.float64]]:
    points = 0
    for element, place in _shapes(root):
        for line in _outline(element, place.viewport):
            points += len(line)
            if points > MOST_POINTS:
                raise ValueError(f"over {MOST_POINTS:,} points")
            line = line @ place.matrix[:2, :2].T + place.matrix[:2, 2]
            if not np.abs(line).max() < 1e100:  # NaN, too; the sizes of drawings are squared
                raise ValueError("a coordinate is not finite or beyond all measure")
            yield line


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
    from svgpathtools import parse_path  # here: few runs read SVG

    # "1." is a number, but the library's "1.e5" would be two.
    part = re.sub(r"(?<=[0-9])\.(?![0-9])", "", part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # arcs of no radius are lines, as they should be
            return list(parse_path(part + "l0,0", current_pos=position))
    except AssertionError:
        raise ValueError(f"damaged path {path[:40]!r}: an arc ends where it starts") from None
    except Exception as error:  # besides ValueError what bad numbers do inside: ZeroDivisionError …
        raise ValueError(f"damaged path {path[:40]!r}: {error}") from error


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


def _outline(element: Element, viewport: tuple[float, float]) -> list[NDArray[np.float64]]:
    """The lines of a shape in its own units; none of one without extent."""
    from svgpathtools import CONVERSIONS

    tag = _tag(element)
    if tag == "path":
        return flatten(element.get("d") or "")
    if tag in ("polyline", "polygon"):
        return flatten(CONVERSIONS[tag](Element(tag, points=_pairs(element.get("points", "")))))
    size = _sizes(element, viewport)
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


def _sizes(element: Element, viewport: tuple[float, float]) -> dict[str, float]:
    whole = (*viewport, float(np.hypot(*viewport) / np.sqrt(2)))
    sizes = {}
    for name, direction in _SIZES[_tag(element)].items():
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


# The tree


class _Place(NamedTuple):
    """What an element has from its parents."""

    matrix: NDArray[np.float64]  # [3, 3], from its units to the document's
    viewport: tuple[float, float]  # width and height that percentages are of, in its units
    style: dict[str, str]  # the properties that are inherited
    uses: tuple[int, ...] = ()  # the elements whose use it is drawn in


def _shapes(root: Element) -> Iterator[tuple[Element, _Place]]:
    """Yields the shapes that are drawn, in the document's order."""
    by_id = {element.get("id"): element for element in reversed(list(root.iter()))}
    box = _view_box(root)
    if box is None:
        size = _sizes(root, (100.0, 100.0))
        width, height = size.get("width", 100.0), size.get("height", 100.0)
        box = (0.0, 0.0, width, height)
    style = _style(root, {"fill": "black", "stroke": "none", "visibility": "visible"})
    place = _Place(_transform(root), box[2:], style)
    if _property(root, "display") == "none":
        return
    todo = [(child, place) for child in reversed(root)]
    count = 0
    while todo:
        element, outer = todo.pop()
        count += 1
        if count > MOST_ELEMENTS:
            raise ValueError(f"over {MOST_ELEMENTS:,} elements")
        tag = _tag(element)
        if tag not in _DRAWN or _property(element, "display") == "none":
            continue
        inner = outer._replace(
            matrix=outer.matrix @ _transform(element), style=_style(element, outer.style)
        )
        if tag in _SHAPES:
            if _is_visible(inner.style) and not _is_background(element, inner, box):
                yield element, inner
        elif tag == "use":
            todo += _used(element, inner, by_id)
        else:
            if tag == "svg":
                inner = _in_viewport(element, inner, _sizes(element, inner.viewport))
            children = list(element)
            if tag == "switch":  # the first that can be drawn
                children = [child for child in children if _tag(child) in _DRAWN][:1]
            todo += [(child, inner) for child in reversed(children)]


def _used(
    element: Element, place: _Place, by_id: dict[str | None, Element]
) -> list[tuple[Element, _Place]]:
    """What a `use` draws, with the place it has there, the first last."""
    link = next((element.get(name) for name in _HREFS if element.get(name)), "")
    target = by_id.get(link[1:]) if link.startswith("#") else None
    if target is None or id(target) in place.uses:
        raise ValueError(f"use of {link[:40]!r}, which is not in the document, or is its own part")
    size = _sizes(element, place.viewport)
    place = place._replace(
        matrix=place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0)),
        uses=(*place.uses, id(target)),
    )
    if _tag(target) != "symbol":
        return [(target, place)]
    if _property(target, "display") == "none":
        return []
    place = place._replace(
        matrix=place.matrix @ _transform(target), style=_style(target, place.style)
    )
    place = _in_viewport(target, place, {**size, "x": 0.0, "y": 0.0})
    return [(child, place) for child in reversed(target)]


def _in_viewport(element: Element, place: _Place, size: dict[str, float]) -> _Place:
    """The place of what is inside an `svg` or `symbol`: its view box fitted into its size."""
    width = size.get("width", place.viewport[0])
    height = size.get("height", place.viewport[1])
    matrix = place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0))
    box = _view_box(element)
    if box is None:
        return place._replace(matrix=matrix, viewport=(width, height))
    across, down = width / box[2], height / box[3]
    align = element.get("preserveAspectRatio", "xMidYMid").split() or ["xMidYMid"]
    if align[0] != "none":
        across = down = max(across, down) if "slice" in align else min(across, down)
    spare = np.array([width - across * box[2], height - down * box[3]])
    parts = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}
    shift = spare * (parts.get(align[0][1:4], 0.5), parts.get(align[0][5:8], 0.5))
    matrix = matrix @ _moved(*shift) @ np.diag([across, down, 1.0]) @ _moved(-box[0], -box[1])
    return place._replace(matrix=matrix, viewport=box[2:])


def _moved(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _view_box(element: Element) -> tuple[float, float, float, float] | None:
    text = element.get("viewBox")
    if text is None:
        return None
    numbers = text.replace(",", " ").split()
    if len(numbers) != 4 or not all(len(n) < 100 and _NUMBER.fullmatch(n) for n in numbers):
        raise ValueError(f"viewBox={text[:40]!r} is not four numbers")
    box = tuple(map(float, numbers))
    return box if box[2] > 0 and box[3] > 0 and np.isfinite(box).all() else None


def _transform(element: Element) -> NDArray[np.float64]:
    text = element.get("transform", "")
    if not text.strip():
        return np.identity(3)
    from svgpathtools import parse_transform

    if _LONG_NUMBER.search(text):
        raise ValueError(f"damaged transform {text[:40]!r}")
    return parse_transform(text, strict=True)


# Style


def _tag(element: Element) -> str:
    """The element's name in SVG, also where the file forgot the namespace; "" of others."""
    tag = element.tag if isinstance(element.tag, str) else ""
    tag = tag.removeprefix(_NAMESPACE)
    return "" if tag.startswith("{") else tag


def _property(element: Element, name: str) -> str | None:
    for part in element.get("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() == name:
            return value.replace("!important", "").strip()
    return element.get(name)


def _style(element: Element, outer: dict[str, str]) -> dict[str, str]:
    own = {name: _property(element, name) for name in _INHERITED}
    return outer | {name: value for name, value in own.items() if value not in (None, "inherit")}


def _is_visible(style: dict[str, str]) -> bool:
    if style["visibility"] in ("hidden", "collapse"):
        return False
    return not {style["fill"], style["stroke"]} <= {"none", "transparent"}


def _is_background(element: Element, place: _Place, box: tuple[float, ...]) -> bool:
    if _tag(element) != "rect" or place.style["stroke"] not in ("none", "transparent"):
        return False
    size = _sizes(element, place.viewport)
    corner = np.array([size.get("x", 0.0), size.get("y", 0.0)])
    far = corner + (size.get("width", 0.0), size.get("height", 0.0))
    corners = np.array([corner, far]) @ place.matrix[:2, :2].T + place.matrix[:2, 2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    slack = 0.01 * np.array(box[2:])
    return bool((low <= box[:2] + slack).all() and (high >= np.add(box[:2], box[2:]) - slack).all())
