"""Read QuickDraw's drawings: ndjson, raw with timing or simplified, plain or gzipped.

Each line is a JSON object with the members `word`, `key_id`, `recognized` and `drawing`, a list of
strokes. A stroke is `[x, y, t]` in raw files, three lists of one length, and `[x, y]` in simplified
files, in pixels. The member `split`, "train", "valid" or "test", is our own: with it, `.npz` data
sets written as ndjson keep their splits.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.sources.drawings import Drawing, Form, Skipped, Source
from magenta_sketch.errors import DataError

SUFFIXES = (".ndjson", ".ndjson.gz")

# Bytes. The game's twenty seconds of drawing take about 20,000.
LONGEST_LINE = 4 << 20

LARGEST = 1e9  # of a coordinate, in pixels; many long moves may lead far

_GZIP = b"\x1f\x8b"
_EVERY = 128  # lines between reports of progress


class UnusableError(Exception):
    """A line that is not a drawing. The arguments are the reason and the detail."""


def source(path: Path) -> Source:
    """Return an ndjson file as an input.

    Raises:
      OSError: there is no such file.
    """
    return Source(str(path), path.stat().st_size, lambda advance: read(path, advance))


def read(
    path: str | os.PathLike[str], advance: Callable[[int], None] = lambda size: None
) -> Iterator[Drawing | Skipped]:
    """Read a file's drawings one by one, whatever its size. Blank lines are skipped.

    Args:
      path: the file; gzip is recognised by its content.
      advance: called now and then with the number of bytes read since the last call.

    Yields:
      For each line a `Drawing` in the form "timed" or "simplified", or a `Skipped` with the reason.
      If a line has no word, its class is the file's name.

    Raises:
      DataError: the file cannot be read, or its compressed data are damaged or cut short.
    """
    path = Path(path)
    stem = path.name.removesuffix(".gz").removesuffix(".ndjson")
    number = done = 0
    try:
        with open(path, "rb") as raw, _unpacked(raw) as file:
            for number, line in enumerate(_lines(file), 1):  # noqa: B007 (for the message below)
                if number % _EVERY == 0:
                    advance(raw.tell() - done)
                    done = raw.tell()
                if line is None:
                    yield Skipped(
                        str(path), number, None, f"a line of over {LONGEST_LINE >> 20} MiB"
                    )
                    continue
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield _drawing(line, str(path), number, stem)
            advance(raw.tell() - done)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: damaged or cut short after line {number:,} ({error}); "
            "copy or download it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def _unpacked(raw: io.BufferedReader) -> Iterator[BinaryIO]:
    if raw.peek(2)[:2] != _GZIP:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as unpacked:
        # GzipFile's own readline is slow Python code.
        yield io.BufferedReader(unpacked, 1 << 18)


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield the file's lines; None for a line that is too long."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None


def _drawing(line: bytes, source: str, number: int, stem: str) -> Drawing | Skipped:
    # Imported here to keep the package light. It is five times as fast as the standard library.
    from orjson import JSONDecodeError, loads

    key = name = None
    try:
        try:
            record = loads(line)
        except JSONDecodeError as error:
            raise UnusableError("not JSON", str(error)) from None
        if type(record) is not dict:
            raise UnusableError("not a JSON object", repr(record)[:40])
        word = record.get("word")
        if word is not None and type(word) is not str:
            raise UnusableError("the word is not text", repr(word)[:40])
        name = word or stem
        key = _key(record.get("key_id"))
        split = record.get("split")
        if split is not None and split not in SPLITS:
            raise UnusableError("the split is not train, valid or test", repr(split)[:40])
        recognized = record.get("recognized")
        lines, form = strokes_of(record.get("drawing"))
    except UnusableError as error:
        reason, *details = error.args
        return Skipped(source, number, key, reason, "".join(details), name)
    return Drawing(
        source,
        number,
        name,
        key,
        lines,
        form,
        recognized if type(recognized) is bool else None,
        split,
    )


def _key(value: Any) -> str | None:
    if type(value) is int:  # QuickDraw has text, because JavaScript cannot hold such numbers
        return str(value)
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise UnusableError("key_id is neither text nor a whole number", repr(value)[:40])
    return value


def strokes_of(drawing: Any) -> tuple[list[NDArray[np.float64]], Form]:
    """Return the lines [k, 2] in the member `drawing`, and its form: "timed" or "simplified".

    Strokes without points are left out.

    Raises:
      UnusableError: it is not a drawing.
    """
    if type(drawing) is not list:
        raise UnusableError("no drawing")
    sizes = {len(stroke) if type(stroke) is list else 0 for stroke in drawing}
    if not sizes:
        raise UnusableError("no strokes")
    if sizes not in ({2}, {3}):
        raise UnusableError("its strokes are not all [x, y] or all [x, y, t]")
    xs: list[Any] = []
    ys: list[Any] = []
    ends = [0]
    for index, stroke in enumerate(drawing):
        x, y = stroke[0], stroke[1]
        if type(x) is not list or type(y) is not list:
            raise UnusableError("a stroke's x or y is not a list", f"stroke {index}")
        if len(x) != len(y):
            raise UnusableError(
                "x and y are not of one length", f"stroke {index}, {len(x)} and {len(y)}"
            )
        xs += x
        ys += y
        ends.append(len(xs))
    if not xs:
        raise UnusableError("no points")
    points = _numbers(xs, ys)
    lines = [
        points[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True) if end > start
    ]
    return lines, "timed" if sizes == {3} else "simplified"


def _numbers(xs: list[Any], ys: list[Any]) -> NDArray[np.float64]:
    try:
        # Without a type: else NumPy would turn None and text into numbers.
        points = np.array([xs, ys])
    except (ValueError, OverflowError):
        points = np.array(None)
    if points.ndim != 2 or points.dtype.kind not in "iuf":
        raise UnusableError("a coordinate is not a number")
    points = points.T.astype(np.float64, order="C")
    if not np.abs(points).max() <= LARGEST:
        raise UnusableError(f"a coordinate is not finite or beyond {LARGEST:,.0f}")
    return points
