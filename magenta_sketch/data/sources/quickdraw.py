"""Read QuickDraw's drawings: ndjson, raw with timing or simplified, and kaggle's CSV.

Each record is a JSON object with the members `word`, `key_id`, `recognized` and `drawing`, a list
of strokes. A stroke is `[x, y, t]` in raw files, three lists of one length, and `[x, y]` in
simplified files, in pixels. The member `split`, "train", "valid" or "test", is our own: with it,
`.npz` data sets written as ndjson keep their splits. In place of `drawing`, a record may have
`stroke3`, rows [dx, dy, lift] in pixels, as the web page saves drawings. In CSV the members are
columns.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.sources.drawings import Drawing, Form, Skipped, Source
from magenta_sketch.data.sources.json_records import Bad, read_records
from magenta_sketch.data.strokes import to_polylines

_ENDINGS = (".ndjson", ".jsonl", ".json", ".csv")
# What is taken from a folder. There, a .json file may be anything.
IN_FOLDERS = tuple(f"{end}{gz}" for end in (".ndjson", ".jsonl", ".csv") for gz in ("", ".gz"))
SUFFIXES = (*_ENDINGS, *(f"{end}.gz" for end in _ENDINGS))

LARGEST = 1e9  # of a coordinate, in pixels; many long moves may lead far


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
      path: the file: JSON lines, a JSON array, indented JSON or CSV, see `json_records`.
      advance: called now and then with the number of bytes read since the last call.

    Yields:
      For each record a `Drawing` in the form "timed" or "simplified", or a `Skipped` with the
      reason. If a record has no word, its class is the file's name.

    Raises:
      DataError: the file cannot be read, or is damaged or cut short.
    """
    path = Path(path)
    stem = path.name.removesuffix(".gz")
    stem = next((stem.removesuffix(end) for end in _ENDINGS if stem.endswith(end)), stem)
    for number, record in read_records(path, advance):
        yield _drawing(record, str(path), number, stem)


def _drawing(record: Any, source: str, number: int, stem: str) -> Drawing | Skipped:
    key = name = None
    try:
        if isinstance(record, Bad):
            raise UnusableError(*record)
        if type(record) is not dict:
            raise UnusableError("not a JSON object", _brief(record))
        word = record.get("word")
        if word is not None and type(word) is not str:
            raise UnusableError("the word is not text", _brief(word))
        name = word or stem
        key = _key(record.get("key_id"))
        split = record.get("split")
        if split is not None and split not in SPLITS:
            raise UnusableError("the split is not train, valid or test", _brief(split))
        recognized = record.get("recognized")
        lines, form = _lines(record)
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


def _lines(record: dict[str, Any]) -> tuple[list[NDArray[np.float64]], Form]:
    if "stroke3" not in record:
        return strokes_of(record.get("drawing"))
    return lines_of_stroke3(record["stroke3"]), "simplified"


def _brief(value: Any) -> str:
    return reprlib.repr(value)[:40]  # of any depth


def _key(value: Any) -> str | None:
    if type(value) is int:  # QuickDraw has text, because JavaScript cannot hold such numbers
        return str(value)
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise UnusableError("key_id is neither text nor a whole number", _brief(value))
    return value


def strokes_of(drawing: Any) -> tuple[list[NDArray[np.float64]], Form]:
    """Return the lines [k, 2] in the member `drawing`, and its form: "timed" or "simplified".

    Strokes without points are left out.

    Raises:
      UnusableError: it is not a drawing.
    """
    if type(drawing) is not list:
        raise UnusableError("no drawing")
    drawing = [stroke for stroke in drawing if stroke != []]
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


def lines_of_stroke3(rows: Any) -> list[NDArray[np.float64]]:
    """Return the lines [k, 2] in the member `stroke3`; the first begins at (0, 0).

    Raises:
      UnusableError: it is not a drawing.
    """
    if type(rows) is not list or not rows:
        raise UnusableError("no strokes")
    if not all(type(row) is list and len(row) == 3 for row in rows):
        raise UnusableError("a row of stroke3 is not [dx, dy, lift]")
    x, y, lifts = zip(*rows, strict=True)
    if not all(type(lift) in (int, float, bool) and lift in (0, 1) for lift in lifts):
        raise UnusableError("a lift in stroke3 is neither 0 nor 1")
    lines = to_polylines(np.column_stack([_numbers(list(x), list(y)), lifts]))
    if max(np.abs(line).max() for line in lines) > LARGEST:
        raise UnusableError(f"a coordinate is not finite or beyond {LARGEST:,.0f}")
    return lines


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
