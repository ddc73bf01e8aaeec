"""Read what SVG files draw, in the order of the document, as polylines.

These are read: `path`, `line`, `polyline`, `polygon`, `rect`, `circle` and `ellipse`, in groups,
links, nested `svg`s and what `use` refers to, with all transforms. A filled shape gives its
outline. These are not drawn: contents of `defs`, `symbol`, clip paths and the like, unless `use`
refers to them; what is invisible (see `svg_style`); and a background, which is a rectangle without
outline that covers everything. Text, images, clip paths, masks, filters and transforms in CSS are
ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.svg_attributes import tag_of
from magenta_sketch.data.sources.svg_shapes import outline
from magenta_sketch.data.sources.svg_tree import drawn_shapes
from magenta_sketch.errors import DataError

LARGEST_FILE = 16 << 20  # bytes
MOST_POINTS = 1_000_000  # of one file, curves flattened


def source(folder: Path) -> Source:
    """Return a folder of SVG files as an input.

    Files directly in the folder are one class, named like the folder. Files at any depth in a
    subfolder are a class named like the subfolder. A drawing's key is its path from the folder of
    its class.

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
    """Return the root of an XML file that declares no entities.

    Raises:
      ValueError: it is not well-formed, has an unknown encoding, or declares entities.
      OSError: it cannot be read.
    """
    # Many files have a DOCTYPE, which is allowed. Entities are not: the standard library may expand
    # them, so defusedxml refuses them (with a ValueError).
    import defusedxml.ElementTree

    try:
        return defusedxml.ElementTree.parse(path).getroot()
    except defusedxml.DefusedXmlException:
        raise ValueError("declares entities") from None
    except (ParseError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(f"not well-formed XML: {error}") from error


def read_file(path: str | os.PathLike[str]) -> list[NDArray[np.float64]]:
    """Return what an SVG file draws.

    Returns:
      Polylines, float64 [k, 2] each, k >= 2, in the file's units, transforms applied.

    Raises:
      ValueError: the file is not SVG, is damaged, draws nothing, or is too large.
      OSError: it cannot be read.
    """
    if os.path.getsize(path) > LARGEST_FILE:
        raise ValueError(f"over {LARGEST_FILE >> 20} MiB")
    root = parse_xml(path)
    if tag_of(root) != "svg":
        raise ValueError("the document is not SVG")
    try:
        with np.errstate(all="ignore"):  # an overflow is found in the result
            lines = list(_lines(root))
    except RecursionError:  # from the CSS libraries; the tree may have any depth
        raise ValueError("a style is nested too deep") from None
    if not lines:
        raise ValueError("draws nothing")
    return lines


def _lines(root: Element) -> Iterator[NDArray[np.float64]]:
    points = 0
    for element, place in drawn_shapes(root):
        for line in outline(element, place.viewport):
            points += len(line)
            if points > MOST_POINTS:
                raise ValueError(f"over {MOST_POINTS:,} points")
            line = line @ place.matrix[:2, :2].T + place.matrix[:2, 2]
            if not np.abs(line).max() < 1e100:  # false for NaN; sizes are squared later
                raise ValueError("a coordinate is not finite or beyond all measure")
            yield line
