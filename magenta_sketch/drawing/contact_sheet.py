"""Many sketches of a data set on one page, each with its split and number below it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.inspection import Inspection
from magenta_sketch.drawing.grid import save_grid
from magenta_sketch.errors import ArgumentError

COLUMNS = 10
ORDINARY = 50  # sketches on an inspection's sheet that are spread evenly over the set
_CELL = 120.0

# Visible kinds of oddities -> title of their row.
_ROWS = {
    "clamped": "beyond the clamp",
    "jumps": "jumps",
    "no_extent": "no extent",
    "duplicates_within": "repeats",
    "duplicates_across": "in two splits",
}


class Entry(NamedTuple):
    """A stroke-3 sketch [n, 3] and the line of text below it."""

    sketch: NDArray[np.float32]
    caption: str


def evenly_spread(count: int, limit: int | None) -> list[int]:
    """Return at most ``limit`` indices, evenly spaced from 0 to ``count`` - 1; all for None.

    >>> evenly_spread(9, 3)
    [0, 4, 8]
    """
    if limit is None or limit >= count:
        return list(range(count))
    return np.rint(np.linspace(0, count - 1, limit)).astype(int).tolist()


def save_sheet(
    path: str | os.PathLike[str], entries: Sequence[Entry], *, title: str, columns: int = COLUMNS
) -> None:
    """Write an SVG file with the entries, row by row.

    Args:
      path: a name that ends in .svg.
      title: text above the sheet.
      columns: entries per row, at least 1.

    Raises:
      ValueError: no entries, columns below 1, or a name that does not end in .svg.
      OSError: the file cannot be written.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> save_sheet("sheet.svg", [Entry(sketch, "test 0"), Entry(sketch, "test 1")], title="Two")
    """
    if columns < 1:
        raise ArgumentError(f"columns must be at least 1, got {columns}")
    _save(path, _in_rows(entries, columns), None, title)


def save_inspection_sheet(path: str | os.PathLike[str], inspection: Inspection) -> bool:
    """Write an SVG file with sketches from all over a data set, and titled rows of odd ones.

    Args:
      path: a name that ends in .svg.

    Returns:
      False if the set has no usable sketch. Then no file is written.

    Raises:
      ValueError: a name that does not end in .svg.
      OSError: the file cannot be written.

    >>> from magenta_sketch.data.inspection import inspect_npz
    >>> save_inspection_sheet("sheet.svg", inspect_npz("lines.npz"))
    True
    """
    rows = _in_rows(_ordinary(inspection), COLUMNS)
    if not rows:
        return False
    titles = ["spread over the set"] + [""] * (len(rows) - 1)
    for name, entries in _odd(inspection).items():
        if entries:
            rows.append(entries)
            titles.append(name)
    counts = ", ".join(f"{count:,} {split}" for split, count in inspection.counts.items())
    _save(path, rows, titles, f"{os.path.basename(inspection.name)}: {counts}")
    return True


def _ordinary(inspection: Inspection) -> list[Entry]:
    places = [(s, i) for s, part in inspection.sketches.items() for i in range(len(part))]
    chosen = [places[i] for i in evenly_spread(len(places), ORDINARY)]
    return [_entry(inspection, split, index) for split, index in chosen]


def _odd(inspection: Inspection) -> dict[str, list[Entry]]:
    lengths = {split: part.lengths for split, part in inspection.sketches.items()}
    rows = {
        "most points": [
            _entry(inspection, split, i, _points(lengths[split][i]))
            for split, i in _largest(lengths)
        ],
        "fewest points": [
            _entry(inspection, split, i, _points(lengths[split][i]))
            for split, i in _largest({split: -values for split, values in lengths.items()})
        ],
        "longest offsets": [
            _entry(inspection, split, i, f", {inspection.longest_offsets[split][i]:.0f} px")
            for split, i in _largest(inspection.longest_offsets)
        ],
    }
    for oddity in inspection.oddities:
        if oddity.kind in _ROWS:
            found = [
                (inspection.sketch(place.split, place.number), place)
                for place in oddity.places[:COLUMNS]
                if place.number is not None
            ]
            rows[_ROWS[oddity.kind]] = [Entry(s, str(p)) for s, p in found if s is not None]
    return rows


def _points(count: int) -> str:
    return f", {count} point{'s' if count != 1 else ''}"


def _largest(values: dict[str, np.ndarray]) -> list[tuple[str, int]]:
    """Return (split, index) of the `COLUMNS` largest values, largest first."""
    splits = [(split, i) for split, part in values.items() for i in range(len(part))]
    order = np.argsort(-np.concatenate(list(values.values())), kind="stable")[:COLUMNS]
    return [splits[i] for i in order]


def _entry(inspection: Inspection, split: str, index: int, note: str = "") -> Entry:
    number = inspection.numbers[split][index]
    return Entry(inspection.sketches[split][index], f"{split} {number}{note}")


def _in_rows(entries: Sequence[Entry], columns: int) -> list[Sequence[Entry]]:
    return [entries[i : i + columns] for i in range(0, len(entries), columns)]


def _save(
    path: str | os.PathLike[str],
    rows: Sequence[Sequence[Entry]],
    titles: list[str] | None,
    title: str,
) -> None:
    save_grid(
        path,
        [[entry.sketch for entry in row] for row in rows],
        row_titles=titles,
        title=title,
        captions=[[entry.caption for entry in row] for row in rows],
        cell=_CELL,
    )
