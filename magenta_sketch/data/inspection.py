"""Inspect a data set: its statistics, and everything that is odd. The file stays unchanged.

`inspect_npz` also reads files that `read_npz` refuses, and lists all oddities, not only the first.
Statistics cover the usable sketches only, as `read_npz` gives them (offsets clamped). A sketch is
usable if it has points, all values are finite, and all lifts are 0 or 1.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz import RawSplit, read_raw_npz
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.oddities import (
    KINDS,
    Finds,
    Oddity,
    Place,
    find_conventions,
    find_duplicates,
    find_jumps,
    find_odd_points,
    find_refused_and_clamped,
)
from magenta_sketch.data.offsets import clamped
from magenta_sketch.data.sketch_set import SketchSet, starts_of
from magenta_sketch.data.statistics import Statistics, drawing_sizes


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """The result of `inspect_npz`.

    Attributes:
      name: the file's name, as given.
      counts: split -> number of items, usable or not, for each split in the file.
      statistics: of the usable sketches.
      oddities: in the order of `oddities.KINDS`, each with a count above 0.
      sketches: split -> the usable sketches.
      numbers: split -> their numbers in the file, int64 [n].
      longest_offsets: split -> the longest offset of each usable sketch, in pixel units, [n].

    Example:
      >>> inspect_npz("lines.npz").statistics.lengths.mean
      1.0
    """

    name: str
    counts: dict[str, int]
    statistics: Statistics
    oddities: list[Oddity]
    sketches: dict[str, SketchSet]
    numbers: dict[str, NDArray[np.int64]]
    longest_offsets: dict[str, NDArray[np.float64]]

    def sketch(self, split: str, number: int) -> NDArray[np.float32] | None:
        """Return the sketch with this number in the file, [n, 3], or None if it is not usable.

        Example:
          >>> inspect_npz("lines.npz").sketch("test", 0).tolist()
          [[0.0, 4.0, 1.0]]
        """
        index = int(np.searchsorted(self.numbers[split], number))
        found = index < len(self.numbers[split]) and self.numbers[split][index] == number
        return self.sketches[split][index] if found else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the sketches, in JSON types.

        Example:
          >>> inspect_npz("lines.npz").as_dict()["usable"]
          {'train': 2, 'valid': 1, 'test': 1}
        """
        usable = {split: len(sketches) for split, sketches in self.sketches.items()}
        return {
            "name": self.name,
            "counts": self.counts,
            "usable": usable,
            "statistics": dataclasses.asdict(self.statistics),
            "oddities": [
                {**dataclasses.asdict(oddity), "meaning": KINDS[oddity.kind]}
                for oddity in self.oddities
            ],
        }


def inspect_npz(path: str | os.PathLike[str]) -> Inspection:
    """Read a data set and find everything that is odd in it.

    Raises:
      DataError: the file cannot be read at all (see `read_raw_npz`).

    Example:
      >>> found = inspect_npz("lines.npz")
      >>> found.counts["train"], [(oddity.kind, oddity.count) for oddity in found.oddities]
      (2, [('duplicates_across', 2)])
    """
    finds = Finds()
    raw = read_raw_npz(path)
    counts = {split: len(part.starts) - 1 for split, part in raw.items()}
    for split in SPLITS:
        if not counts.get(split):
            kind = "empty_split" if split in raw else "missing_split"
            finds.add(kind, [Place(split, None)], 1)
    sketches, numbers = {}, {}
    for split in counts:
        part = raw.pop(split)
        usable = find_refused_and_clamped(part, split, finds)
        sketches[split], numbers[split] = _taken(part, usable), np.flatnonzero(usable)
    find_conventions(sketches.get("train") or next(iter(sketches.values())), finds)
    for split, part_sketches in sketches.items():
        find_odd_points(part_sketches, split, numbers[split], finds)
    longest = {split: _longest_offsets(part) for split, part in sketches.items()}
    sizes = np.concatenate([np.zeros((0, 2)), *map(drawing_sizes, sketches.values())])
    find_jumps(longest, np.hypot(*sizes.T), numbers, finds)
    find_duplicates(sketches, numbers, finds)
    return Inspection(
        str(path),
        counts,
        Statistics.of(sketches, sizes),
        finds.oddities(),
        sketches,
        numbers,
        longest,
    )


def _taken(raw: RawSplit, usable: NDArray[np.bool_]) -> SketchSet:
    """Return the usable sketches, as `read_npz` gives them."""
    lengths = np.diff(raw.starts)
    points = raw.points if usable.all() else raw.points[np.repeat(usable, lengths)]
    return SketchSet(clamped(points), starts_of(lengths[usable]))


def _longest_offsets(sketches: SketchSet) -> NDArray[np.float64]:
    if not len(sketches):
        return np.zeros(0)
    offsets = np.hypot(sketches.points[:, 0], sketches.points[:, 1])
    return np.maximum.reduceat(offsets, sketches.starts[:-1]).astype(np.float64)
