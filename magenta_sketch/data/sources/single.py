"""Read one SVG file as one sketch."""

from __future__ import annotations

import numbers
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.config.kinds import show
from magenta_sketch.data.sources import pieces, polylines, svg
from magenta_sketch.data.sources.polylines import EPSILON, SIDE
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean


class SvgSketch(NamedTuple):
    """A sketch from an SVG file.

    sketch: stroke-3, float32 [n, 3]. notes: a line for each kind of thing that was not read.
    """

    sketch: NDArray[np.float32]
    notes: list[str]


def read_svg(path: str | os.PathLike[str], size: float = SIDE) -> NDArray[np.float32]:
    """Return what an SVG file draws as a stroke-3 sketch [n, 3].

    It is read as `sketch_rnn_convert data` reads SVG files: the drawing is scaled to 255 pixels,
    each stroke is simplified by up to 2 pixels, positions are rounded to whole pixels, and the pen
    is lifted after every stroke. Then the sketch is scaled to its size.

    Args:
      path: a .svg or .svgz file.
      size: the larger side of the sketch in data units, above 0. Give the size that the model's
        data have at this stage of a drawing.

    Raises:
      DataError: the file cannot be read, is no SVG, or draws nothing; or size is out of its range.

    Example:
      >>> magenta_sketch.save_svg("line.svg", np.array([[40, 0, 0], [0, 40, 1]]))
      >>> read_svg("line.svg", size=80).tolist()
      [[80.0, 0.0, 0.0], [0.0, 80.0, 1.0]]
    """
    return read_svg_sketch(path, size).sketch


def read_svg_sketch(path: str | os.PathLike[str], size: float = SIDE) -> SvgSketch:
    """Return what `read_svg` does, with notes on what was passed over."""
    if not (isinstance(size, numbers.Real) and 0 < size < 1e6):
        raise DataError(f"size must be above 0 and below 1,000,000, got {show(size)}")
    try:
        picture = svg.read_file(path)
        lines = pieces.join(picture.lines, picture.pens)
        lines = polylines.in_pixels(lines, EPSILON, spacing=None)
    except FileNotFoundError:
        meant = did_you_mean(Path(path), svg.SUFFIXES)
        raise DataError(f"{path}: no such file{meant}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: not a usable SVG file: {error}") from None
    sketch = from_polylines(lines)
    sketch[:, :2] *= np.float32(size / SIDE)
    notes = [
        f"passed over: {count:,} {what}"
        for what, count in picture.passed_over.items()
        if what != svg.BACKGROUND  # paper, such as our own pictures have
    ]
    return SvgSketch(sketch, notes)
