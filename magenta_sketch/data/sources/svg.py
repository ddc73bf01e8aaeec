"""Drawings from SVG files: what is drawn in them, in the order of the document, as polylines.

Read are `path`, `line`, `polyline`, `polygon`, `rect`, `circle` and `ellipse`, within groups,
links, nested `svg`s and what `use` refers to, all with their transforms. A filled shape gives its
outline, as a pen would draw it. Not drawn: what waits in `defs`, `symbol`, clip paths and the like
to be referred to; what cannot be seen, by attributes, style sheets or a `style` (see `svg_style`);
and a background, a rectangle without outline that covers all. Passed over are texts and images,
and the effect of clip paths, masks, filters and transforms in CSS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.svg_shapes import (
    SHAPES,
    outline,
    sizes_of,
    tag_of,
    transform_of,
    view_box,
)
from magenta_sketch.data.sources.svg_style import INITIAL, Styles, is_hidden, is_painted, is_stroked
from magenta_sketch.errors import DataError

__all__ = ["parse_xml", "read_file", "source"]

LARGEST_FILE = 16 << 20  # bytes
MOST_POINTS = 1_000_000  # of one file, curves flattened
MOST_ELEMENTS = 20_000  # with all that is used several times

_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_DRAWN = SHAPES | {"svg", "g", "a", "switch", "use"}

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
        called = name or own
        try:
            advance(path.stat().st_size)
            lines = read_file(path)
        except OSError as error:
            yield Skipped(
                str(path), 0, None, "cannot be read", error.strerror or str(error), called
            )
        except ValueError as error:
            yield Skipped(str(path), 0, None, "not a usable SVG file", str(error), called)
        else:
            yield Drawing(str(path), 0, called, key, lines, "exact", file=str(path.resolve()))


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
    except defusedxml.DefusedXmlException:
        raise ValueError("declares entities") from None
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
    if tag_of(root) != "svg":
        raise ValueError("the document is not SVG")
    try:
        with np.errstate(all="ignore"):  # what overflows is found in the result
            lines = list(_lines(root))
    except RecursionError:  # of the CSS libraries; the tree itself may have any depth
        raise ValueError("a style is nested too deep") from None
    if not lines:
        raise ValueError("draws nothing")
    return lines


def _lines(root: Element) -> Iterator[NDArray[np.float64]]:
    points = 0
    for element, place in _shapes(root):
        for line in outline(element, place.viewport):
            points += len(line)
            if points > MOST_POINTS:
                raise ValueError(f"over {MOST_POINTS:,} points")
            line = line @ place.matrix[:2, :2].T + place.matrix[:2, 2]
            if not np.abs(line).max() < 1e100:  # NaN, too; the sizes of drawings are squared
                raise ValueError("a coordinate is not finite or beyond all measure")
            yield line


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
    box = view_box(root)
    if box is None:
        size = sizes_of(root, (100.0, 100.0))
        width, height = size.get("width", 100.0), size.get("height", 100.0)
        box = (0.0, 0.0, width, height)
    styles = Styles(root)
    own = styles.of(root)
    if is_hidden(own):
        return
    place = _Place(transform_of(root), box[2:], styles.within(own, INITIAL))
    todo = [(child, place) for child in reversed(root)]
    count = 0
    while todo:
        element, outer = todo.pop()
        count += 1
        if count > MOST_ELEMENTS:
            raise ValueError(f"over {MOST_ELEMENTS:,} elements")
        tag = tag_of(element)
        if tag not in _DRAWN or is_hidden(own := styles.of(element)):
            continue
        inner = outer._replace(
            matrix=outer.matrix @ transform_of(element), style=styles.within(own, outer.style)
        )
        if tag in SHAPES:
            if is_painted(inner.style) and not _is_background(element, inner, box):
                yield element, inner
        elif tag == "use":
            todo += _used(element, inner, by_id, styles)
        else:
            if tag == "svg":
                inner = _in_viewport(element, inner, sizes_of(element, inner.viewport))
            children = list(element)
            if tag == "switch":  # the first that can be drawn
                children = [child for child in children if tag_of(child) in _DRAWN][:1]
            todo += [(child, inner) for child in reversed(children)]


def _used(
    element: Element, place: _Place, by_id: dict[str | None, Element], styles: Styles
) -> list[tuple[Element, _Place]]:
    """What a `use` draws, with the place it has there, the first last."""
    link = next((element.get(name) for name in _HREFS if element.get(name)), "")
    target = by_id.get(link[1:]) if link.startswith("#") else None
    if target is None or id(target) in place.uses:
        raise ValueError(f"use of {link[:40]!r}, which is not in the document, or is its own part")
    size = sizes_of(element, place.viewport)
    place = place._replace(
        matrix=place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0)),
        uses=(*place.uses, id(target)),
    )
    if tag_of(target) != "symbol":
        return [(target, place)]
    own = styles.of(target)
    if is_hidden(own):
        return []
    place = place._replace(
        matrix=place.matrix @ transform_of(target), style=styles.within(own, place.style)
    )
    place = _in_viewport(target, place, {**size, "x": 0.0, "y": 0.0})
    return [(child, place) for child in reversed(target)]


def _in_viewport(element: Element, place: _Place, size: dict[str, float]) -> _Place:
    """The place of what is inside an `svg` or `symbol`: its view box fitted into its size."""
    width = size.get("width", place.viewport[0])
    height = size.get("height", place.viewport[1])
    matrix = place.matrix @ _moved(size.get("x", 0.0), size.get("y", 0.0))
    box = view_box(element)
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


def _is_background(element: Element, place: _Place, box: tuple[float, ...]) -> bool:
    if tag_of(element) != "rect" or is_stroked(place.style):
        return False
    size = sizes_of(element, place.viewport)
    corner = np.array([size.get("x", 0.0), size.get("y", 0.0)])
    far = corner + (size.get("width", 0.0), size.get("height", 0.0))
    corners = np.array([corner, far]) @ place.matrix[:2, :2].T + place.matrix[:2, 2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    slack = 0.01 * np.array(box[2:])
    return bool((low <= box[:2] + slack).all() and (high >= np.add(box[:2], box[2:]) - slack).all())
