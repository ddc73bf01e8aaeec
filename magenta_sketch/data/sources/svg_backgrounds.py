"""Find the backgrounds of a drawing: filled areas that cover its page, or all of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SLACK = 0.01  # how far an area may stay inside the page or the drawing, as a share of its size
FULL = 0.9  # share of its own box that an area must fill; a circle fills 0.79

Outline = list[NDArray[np.float64]]  # the lines [k, 2] of one shape


def backgrounds(
    outlines: Sequence[Outline], stroked: Sequence[bool], page: tuple[float, float, float, float]
) -> list[bool]:
    """Return for each shape whether it is a background.

    That is a shape without a stroke, one closed line, that almost fills its box. The box covers the
    page; or it covers all shapes, and there are others.

    Args:
      outlines: the shapes that are painted, in the document's units.
      stroked: whether each has a painted stroke.
      page: x, y, width and height of the page.
    """
    boxes = np.array([_box(outline) for outline in outlines])
    if not len(boxes):
        return []
    whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    full = np.array(
        [
            not has_stroke and len(outline) == 1 and _fills(outline[0], box)
            for outline, has_stroke, box in zip(outlines, stroked, boxes, strict=True)
        ]
    )
    x, y, width, height = page
    on_page = full & _covers(boxes, np.array([x, y, x + width, y + height]))
    on_drawing = full & _covers(boxes, whole)
    if (on_page | on_drawing).all():  # nothing else is drawn: a filled square is a drawing
        on_drawing[:] = False
    return (on_page | on_drawing).tolist()


def _box(outline: Outline) -> NDArray[np.float64]:
    points = np.concatenate(outline)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _covers(boxes: NDArray[np.float64], area: NDArray[np.float64]) -> NDArray[np.bool_]:
    slack = SLACK * (area[2:] - area[:2])
    inside = (boxes[:, :2] <= area[:2] + slack) & (boxes[:, 2:] >= area[2:] - slack)
    return np.all(inside, axis=1)


def _fills(line: NDArray[np.float64], box: NDArray[np.float64]) -> bool:
    """Return whether a closed line [k, 2] encloses most of its box (by the shoelace formula)."""
    x, y = (line - box[:2]).T
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    whole = np.prod(box[2:] - box[:2])
    return bool(whole > 0 and area >= FULL * whole)
