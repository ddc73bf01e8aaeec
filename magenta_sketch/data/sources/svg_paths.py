"""Turn SVG paths (lines, curves and arcs) into polylines, one for each part without a lift."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.svg_attributes import NUMBER, numbers_in

# Straight pieces for each curve of a path. For a curve as large as the fitted drawing, the error is
# then at most a tenth of a pixel for a cubic, and a sixth for a half circle.
PIECES = 64

_COMMAND = re.compile(r"[MmZzLlHhVvCcSsQqTtAa]")
_STRAIGHT = re.compile("[ML]")
_COMMANDS = re.compile(rf"{_COMMAND.pattern}[^{_COMMAND.pattern[1:]}*")
_ARC = re.compile(
    r"[\s,]*".join([*[f"({NUMBER.pattern})"] * 3, "([01])", "([01])", *[f"({NUMBER.pattern})"] * 2])
)


def flatten(path: str, pieces: int = PIECES) -> list[NDArray[np.float64]]:
    """Return an SVG path as polylines, one for each part that the pen draws without a lift.

    Args:
      path: the attribute `d`.
      pieces: straight pieces for each curve.

    Returns:
      float64 [k, 2] each, k >= 2, in the path's units.

    Raises:
      ValueError: the path is damaged or holds a number that is not finite.
    """
    if (straight := _straight(path)) is not None:
        return [straight]
    _check_path(path)
    # The library does not say where the pen lifts, so each part is parsed by itself.
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


def _straight(path: str) -> NDArray[np.float64] | None:
    """Return a path of one M and Ls alone; None for another one. Pieces of strokes are such."""
    start, *rest = _STRAIGHT.split(path)
    if start.strip() or path.count("M") != 1 or not path.lstrip().startswith("M"):
        return None
    parts = [numbers_in(part) for part in rest]
    numbers = [number for part in parts for number in part or ()]
    if None in parts or any(len(part or ()) % 2 for part in parts) or len(numbers) < 4:
        return None
    line = np.array(numbers, np.float64).reshape(-1, 2)
    return line if parts[0] and np.isfinite(line).all() else None


def _check_path(path: str) -> None:
    # The library ignores what it does not know, and is slow for long numbers.
    if numbers_in(_COMMAND.sub(" ", path)) is None:
        raise ValueError(f"damaged path {path[:40]!r}")
    text = path.strip()
    if text and text[0] not in "Mm":
        raise ValueError(f"path {path[:40]!r} draws without a start")


def _segments(part: str, position: complex, path: str) -> list[Any]:
    """Return the segments of a part that starts with M or m, then one segment of length 0."""
    # The library would read "1.e5" as two numbers, so the dot of "1." is removed.
    part = re.sub(r"(?<=[0-9])\.(?![0-9])", "", part)
    try:
        try:
            return _parsed(part + "l0,0", position)
        except AssertionError:
            return _parsed(_without_closed_arcs(part, position) + "l0,0", position)
    except Exception as error:  # bad numbers also raise ZeroDivisionError and others
        raise ValueError(f"damaged path {path[:40]!r}: {error}") from error


def _parsed(text: str, position: complex) -> list[Any]:
    from svgpathtools import parse_path  # imported here: few runs read SVG

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arcs without a radius become lines, which is right
        return list(parse_path(text, current_pos=position))


def _without_closed_arcs(part: str, position: complex) -> str:
    """Return the part without arcs that end where they start: the library fails on them."""
    result = []
    first = _parsed(_COMMANDS.findall(part)[0] + "l0,0", position)[0].start
    for command in _COMMANDS.findall(part):
        if command[0] not in "Aa":
            if command[0] in "Zz":
                position = first
            else:
                # Earlier commands have no influence on where this one ends.
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
    """Return the segment's points without its first one."""
    from svgpathtools import CubicBezier, Line, QuadraticBezier

    if isinstance(segment, Line):
        return _corners([segment.end])
    if isinstance(segment, CubicBezier):  # the most frequent; point() is several times slower
        controls = _corners([segment.start, segment.control1, segment.control2, segment.end])
        # Not a matrix product, because its rounding depends on the machine's BLAS.
        return (_bernstein(pieces)[:, :, None] * controls).sum(axis=1)
    if isinstance(segment, QuadraticBezier):
        controls = _corners([segment.start, segment.control, segment.end])
        t = _times(pieces)[:, None]
        return (1 - t) ** 2 * controls[0] + 2 * t * (1 - t) * controls[1] + t**2 * controls[2]
    return _corners([segment.point(t) for t in _times(pieces)])


@cache
def _times(pieces: int) -> NDArray[np.float64]:
    return np.arange(1, pieces + 1) / pieces


@cache
def _bernstein(pieces: int) -> NDArray[np.float64]:
    """Return the weights of a cubic curve's four control points at `_times()`, [pieces, 4]."""
    t = _times(pieces)
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def _corners(points: list[complex]) -> NDArray[np.float64]:
    """Return the library's points x + iy as an array [k, 2]."""
    return np.array([(point.real, point.imag) for point in points])
