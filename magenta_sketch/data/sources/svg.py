"""Read what SVG files draw, in the order of the document, as polylines.

These are read: `path`, `line`, `polyline`, `polygon`, `rect`, `circle` and `ellipse`, in groups,
links, nested `svg`s and what `use` refers to, with all transforms. A filled shape gives its
outline. These are not drawn: contents of `defs`, `symbol`, clip paths and the like, unless `use`
refers to them; what is invisible (see `svg_style`); and backgrounds (see `svg_backgrounds`). Texts
and images are not drawn either, and clip paths and masks not applied; this is noted. Filters are
ignored.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.svg_attributes import tag_of
from magenta_sketch.data.sources.svg_backgrounds import Outline, backgrounds
from magenta_sketch.data.sources.svg_shapes import outline
from magenta_sketch.data.sources.svg_style import is_stroked, pen_of
from magenta_sketch.data.sources.svg_tree import NO_TARGET, Place, Tree
from magenta_sketch.data.sources.svg_xml import parse_xml
from magenta_sketch.errors import DataError

SUFFIXES = (".svg", ".svgz")
MOST_POINTS = 4_000_000  # of one file, curves flattened
MOST_PIECES = 300_000  # shapes, and parts of paths

BACKGROUND = "backgrounds (filled areas that cover the page or the drawing)"


class Picture(NamedTuple):
    """What an SVG file draws.

    Attributes:
      lines: polylines, float64 [k, 2] each, k >= 2, in the file's units, transforms applied.
      pens: for each line what the pieces of one stroke have in common.
      passed_over: a count of what was not drawn, by its name.
    """

    lines: list[NDArray[np.float64]]
    pens: list[tuple[str, ...]]
    passed_over: Counter[str]


def source(folder: Path) -> Source:
    """Return a folder of SVG files, `.svg` or `.svgz`, as an input.

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
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
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
            picture = read_file(path)
        except OSError as error:
            yield Skipped(
                str(path), 0, None, "cannot be read", error.strerror or str(error), called
            )
        except ValueError as error:
            yield Skipped(str(path), 0, None, "not a usable SVG file", str(error), called)
        else:
            yield Drawing(
                str(path),
                0,
                called,
                key,
                picture.lines,
                "exact",
                file=str(path.resolve()),
                pens=picture.pens,
                passed_over=picture.passed_over,
            )


def read_file(path: str | os.PathLike[str]) -> Picture:
    """Return what an SVG file draws.

    Raises:
      ValueError: the file is not SVG, is damaged, draws nothing, or is too large.
      OSError: it cannot be read.
    """
    return read_root(parse_xml(path))


def read_root(root: Element) -> Picture:
    """Return what an SVG document draws.

    Raises:
      ValueError: as `read_file`.
    """
    if tag_of(root) != "svg":
        raise ValueError("the document is not SVG")
    try:
        with np.errstate(all="ignore"):  # an overflow is found in the result
            tree = Tree(root)
            shapes = list(_outlines(tree))
    except RecursionError:  # from the CSS libraries; the tree may have any depth
        raise ValueError("a style is nested too deep") from None
    covered = backgrounds(
        [lines for lines, _ in shapes], [is_stroked(style) for _, style in shapes], tree.box
    )
    if any(covered):
        tree.passed_over[BACKGROUND] += sum(covered)
    picture = Picture([], [], tree.passed_over)
    for (lines, style), is_background in zip(shapes, covered, strict=True):
        if not is_background:
            picture.lines.extend(lines)
            picture.pens.extend([pen_of(style)] * len(lines))
    if not picture.lines:
        raise ValueError(_nothing(root, tree.passed_over))
    return picture


def _outlines(tree: Tree) -> Iterator[tuple[Outline, dict[str, str]]]:
    """Yield the lines of each shape, in the document's units, and its style."""
    points = pieces = 0
    for element, place in tree.shapes():
        path = element.get("d", "")
        pieces += 1 + path.count("M") + path.count("m")
        if pieces > MOST_PIECES:
            raise ValueError(f"over {MOST_PIECES:,} pieces of strokes")
        lines = [_placed(line, place) for line in outline(element, place.viewport, tree.page)]
        points += sum(map(len, lines))
        if points > MOST_POINTS:
            raise ValueError(f"over {MOST_POINTS:,} points")
        if lines:
            yield lines, place.style


def _placed(line: NDArray[np.float64], place: Place) -> NDArray[np.float64]:
    line = line @ place.matrix[:2, :2].T + place.matrix[:2, 2]
    if not np.abs(line).max() < 1e100:  # false for NaN; sizes are squared later
        raise ValueError("a coordinate is not finite or beyond all measure")
    return line


def _nothing(root: Element, passed_over: Counter[str]) -> str:
    """Return why nothing is drawn."""
    tags = {tag_of(element) for element in root.iter()}
    held = [
        name
        for tag, name in (("image", "a picture"), ("text", "text"), ("foreignObject", "a web page"))
        if tag in tags
    ]
    if NO_TARGET in passed_over:
        held.append("a `use` of something that is not in the file")
    if held:
        return f"draws nothing: it holds {' and '.join(held)}, which has no strokes"
    return "draws nothing but a background" if BACKGROUND in passed_over else "draws nothing"
