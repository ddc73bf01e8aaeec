"""What is in a data set: its statistics, and whatever is odd about it. Looks, and changes nothing.

`inspect_npz` reads a file that `read_npz` may refuse, and tells all that is odd rather than the
first. Statistics are of the usable sketches alone, as `read_npz` would give them (offsets clamped);
a usable sketch has points, all finite, and lifts of 0 or 1.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data import RawSplit, SketchSet, normalizing_factor_of, read_raw_npz
from magenta_sketch.data.npz import MAX_OFFSET, SPLITS
from magenta_sketch.data.sketch_set import starts_of

NAMED = 10  # of the places where something odd was found, the first so many are named
JUMP = 2.0  # typical diagonals; an offset within a drawing of the usual size is at most one
MOST_BARS = 16

# Kinds of oddities -> what they are, and what follows from them.
KINDS = {
    "missing_split": "missing splits (training refuses the file)",
    "empty_split": "empty splits (training refuses the file)",
    "not_a_sketch": "items that are no [n, 3] arrays of numbers (training refuses the file)",
    "empty": "sketches without points (training refuses the file)",
    "non_finite": "sketches with values that are not finite (training refuses the file)",
    "odd_lifts": "sketches with lifts other than 0 and 1 (training refuses the file)",
    "clamped": f"sketches with offsets beyond {MAX_OFFSET} (reading clamps them)",
    "jumps": f"sketches with an offset over {JUMP:g} times the diagonal of a typical drawing",
    "no_extent": "sketches without extent (all their points are one)",
    "not_lifted": "sketches that end without a lift",
    "leading_zero": "sketches that begin with the row (0, 0, 0)",
    "duplicates_within": "sketches that repeat an earlier one of their split",
    "duplicates_across": "sketches that repeat one of an earlier split",
}


@dataclasses.dataclass(frozen=True)
class Summary:
    """Of some numbers: 0 throughout when there are none."""

    min: float
    median: float
    mean: float
    percentile_95: float
    max: float

    @classmethod
    def of(cls, numbers: NDArray) -> Summary:
        if not len(numbers):
            return cls(0.0, 0.0, 0.0, 0.0, 0.0)
        low, middle, high, top = np.percentile(numbers, [0, 50, 95, 100]).tolist()
        return cls(low, middle, float(numbers.mean(dtype=np.float64)), high, top)


@dataclasses.dataclass(frozen=True)
class Bar:
    """`count` sketches have `first` to `last` points."""

    first: int
    last: int
    count: int


@dataclasses.dataclass(frozen=True)
class Axis:
    """Offsets along x or y, in pixel units; std has ddof 0 and max_abs is the largest of |d|."""

    mean: float
    std: float
    max_abs: float


@dataclasses.dataclass(frozen=True)
class Statistics:
    """The usable sketches of all splits together.

    Attributes:
      lengths: points of a sketch; histogram: the same in at most `MOST_BARS` classes.
      strokes: lines of the pen in a sketch, dots included.
      dx, dy: offsets.
      zero_offsets: share of points that do not move, in [0, 1].
      width, height: of the box around a drawing, its origin included, in pixel units.
      whole: all offsets are whole numbers.
      normalizing_factor: as training would take it from the training split; 0 when there is none.
    """

    lengths: Summary
    histogram: list[Bar]
    strokes: Summary
    dx: Axis
    dy: Axis
    zero_offsets: float
    width: Summary
    height: Summary
    whole: bool
    normalizing_factor: float


@dataclasses.dataclass(frozen=True)
class Place:
    """A sketch, by split and its number in the file, and what is there, such as "offset 950"."""

    split: str
    number: int | None  # None for the split as a whole
    detail: str = ""

    def __str__(self) -> str:
        name = self.split if self.number is None else f"{self.split} {self.number}"
        return f"{name} {self.detail}".rstrip()


@dataclasses.dataclass(frozen=True)
class Oddity:
    """Attributes: kind, one of `KINDS`; count, of all; places, the first `NAMED` of them."""

    kind: str
    count: int
    places: list[Place]


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect_npz` found.

    Attributes:
      name: the file as it was given.
      counts: split -> items in it, usable or not; only splits that the file has.
      statistics: of the usable sketches.
      oddities: in the order of `KINDS`, none with a count of 0.
      sketches: split -> the usable sketches; numbers: split -> their numbers in the file, [n].
      longest_offsets: split -> the longest offset of each usable sketch, in pixel units, [n].
    """

    name: str
    counts: dict[str, int]
    statistics: Statistics
    oddities: list[Oddity]
    sketches: dict[str, SketchSet]
    numbers: dict[str, NDArray[np.int64]]
    longest_offsets: dict[str, NDArray[np.float64]]

    def sketch(self, split: str, number: int) -> NDArray[np.float32] | None:
        """The sketch with this number in the file, [n, 3]; None when it is not a usable one."""
        index = int(np.searchsorted(self.numbers[split], number))
        found = index < len(self.numbers[split]) and self.numbers[split][index] == number
        return self.sketches[split][index] if found else None

    def as_dict(self) -> dict[str, Any]:
        """What can be written as JSON: all but the sketches."""
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
    """Reads a data set and looks for what is odd in it.

    Raises:
      DataError: the file cannot be read at all (see `read_raw_npz`).
    """
    finds = _Finds()
    raw = read_raw_npz(path)
    counts = {split: len(part.starts) - 1 for split, part in raw.items()}
    for split in SPLITS:
        if not counts.get(split):
            kind = "empty_split" if split in raw else "missing_split"
            finds.add(kind, [Place(split, None)], 1)
    sketches, numbers = {}, {}
    for split in counts:
        sketches[split], numbers[split] = _usable(raw.pop(split), split, finds)
    for split, part in sketches.items():
        _find_small_oddities(part, split, numbers[split], finds)
    longest = {split: _longest_offsets(part) for split, part in sketches.items()}
    extents = np.concatenate([np.zeros((0, 2)), *map(_sizes, sketches.values())])
    _find_jumps(longest, np.hypot(*extents.T), numbers, finds)
    _find_duplicates(sketches, numbers, finds)
    return Inspection(
        str(path),
        counts,
        _statistics(sketches, extents),
        finds.oddities(),
        sketches,
        numbers,
        longest,
    )


class _Finds:
    """Oddities as they are found, split by split."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._places: dict[str, list[Place]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, places: Iterable[Place], count: int) -> None:
        """Counts `count` of a kind, and names the first of their places, taking no more."""
        self._counts[kind] += count
        named = self._places[kind]
        named.extend(itertools.islice(places, NAMED - len(named)))

    def oddities(self) -> list[Oddity]:
        return [
            Oddity(kind, count, self._places[kind]) for kind, count in self._counts.items() if count
        ]


# What read_npz would refuse or change


def _usable(raw: RawSplit, split: str, finds: _Finds) -> tuple[SketchSet, NDArray[np.int64]]:
    """The sketches that `read_npz` would take, as it gives them, and their numbers in the file."""
    lengths = np.diff(raw.starts)
    found = (Place(split, i, _reason(why)) for i, why in raw.refused.items())
    finds.add("not_a_sketch", found, len(raw.refused))
    empty = [i for i in np.flatnonzero(lengths == 0).tolist() if i not in raw.refused]
    finds.add("empty", (Place(split, i) for i in empty), len(empty))

    finite = np.isfinite(raw.points).all(axis=1)
    lifts = raw.points[:, 2]
    odd = finite & (lifts != 0) & (lifts != 1)
    bad = np.zeros(len(lengths), bool)
    for kind, rows in (("non_finite", np.flatnonzero(~finite)), ("odd_lifts", np.flatnonzero(odd))):
        owners, firsts = np.unique(_owner(rows, raw.starts), return_index=True)
        bad[owners] = True
        found = (
            Place(split, int(i), f"point {row - raw.starts[i]}: {raw.points[row].tolist()}")
            for i, row in zip(owners, rows[firsts], strict=True)
        )
        finds.add(kind, found, len(owners))

    offsets = raw.points[:, :2]  # compared from both sides: int16 has no absolute of -32768
    beyond = ((offsets > MAX_OFFSET) | (offsets < -MAX_OFFSET)).any(axis=1)
    rows = np.flatnonzero(finite & beyond)
    owners = np.unique(_owner(rows, raw.starts))
    found = (Place(split, int(i), _largest(raw, int(i))) for i in owners)
    finds.add("clamped", found, len(owners))

    keep = ~bad & (lengths > 0)
    with np.errstate(over="ignore"):  # clamped next
        points = raw.points if keep.all() else raw.points[np.repeat(keep, lengths)]
        points = points.astype(np.float32)
    np.clip(points[:, :2], -MAX_OFFSET, MAX_OFFSET, out=points[:, :2])
    return SketchSet(points, starts_of(lengths[keep])), np.flatnonzero(keep)


def _owner(rows: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the sketches that rows of the points are in."""
    return np.searchsorted(starts, rows, side="right") - 1


def _largest(raw: RawSplit, index: int) -> str:
    offsets = raw.points[raw.starts[index] : raw.starts[index + 1], :2].astype(np.float64)
    return f"offset {np.abs(offsets[np.isfinite(offsets)]).max():.6g}"


def _reason(message: str) -> str:
    return message.partition("]: ")[2] or message  # without the file, split and index before it


# What training takes, and may suffer from


def _find_small_oddities(
    sketches: SketchSet, split: str, numbers: NDArray[np.int64], finds: _Finds
) -> None:
    points, starts = sketches.points, sketches.starts
    if not len(sketches):
        return
    moves = (points[:, :2] != 0).any(axis=1)
    found = {
        "no_extent": ~np.logical_or.reduceat(moves, starts[:-1]),
        "not_lifted": points[starts[1:] - 1, 2] == 0,
        "leading_zero": ~points[starts[:-1]].any(axis=1),
    }
    for kind, mask in found.items():
        indices = numbers[mask]
        finds.add(kind, (Place(split, int(i)) for i in indices), len(indices))


def _longest_offsets(sketches: SketchSet) -> NDArray[np.float64]:
    if not len(sketches):
        return np.zeros(0)
    offsets = np.hypot(sketches.points[:, 0], sketches.points[:, 1])
    return np.maximum.reduceat(offsets, sketches.starts[:-1]).astype(np.float64)


def _find_jumps(
    longest: dict[str, NDArray[np.float64]],
    diagonals: NDArray[np.float64],
    numbers: dict[str, NDArray[np.int64]],
    finds: _Finds,
) -> None:
    """Offsets far longer than a typical drawing is large, by the median, which few do not move."""
    typical = float(np.median(diagonals)) if len(diagonals) else 0.0
    # Without a typical size, as when most drawings are dots, nothing is huge beside it.
    limit = JUMP * typical or np.inf
    for split, lengths in longest.items():
        huge = np.flatnonzero(lengths > limit)
        found = (Place(split, int(numbers[split][i]), f"offset {lengths[i]:.0f}") for i in huge)
        finds.add("jumps", found, len(huge))


def _find_duplicates(
    sketches: dict[str, SketchSet], numbers: dict[str, NDArray[np.int64]], finds: _Finds
) -> None:
    """Equal sketches have equal digests; the splits in order, each copy is told once."""
    first: dict[bytes, tuple[str, int]] = {}
    for split, part in sketches.items():
        own: dict[bytes, int] = {}
        within, across = [], []
        for number, digest in zip(numbers[split].tolist(), _digests(part), strict=True):
            if digest in own:
                within.append(Place(split, number, f"= {own[digest]}"))
                continue
            own[digest] = number
            if digest in first:
                other, at = first[digest]
                across.append(Place(split, number, f"= {other} {at}"))
            else:
                first[digest] = split, number
        finds.add("duplicates_within", within, len(within))
        finds.add("duplicates_across", across, len(across))


def _digests(sketches: SketchSet) -> Iterator[bytes]:
    # 0.0 + -0.0 is 0.0: sketches are equal when their numbers are.
    data = memoryview((sketches.points + np.float32(0)).tobytes())
    starts = (sketches.starts * 12).tolist()
    for start, end in zip(starts[:-1], starts[1:], strict=True):
        yield hashlib.blake2b(data[start:end], digest_size=16).digest()


# Statistics


def _statistics(sketches: dict[str, SketchSet], extents: NDArray[np.float64]) -> Statistics:
    parts = [part for part in sketches.values() if len(part)]
    lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
    strokes = [_strokes(part) for part in parts]
    size = int(lengths.sum())
    zeros = sum(int((~part.points[:, :2].any(axis=1)).sum()) for part in parts)
    train = sketches.get("train")
    return Statistics(
        lengths=Summary.of(lengths),
        histogram=histogram(lengths),
        strokes=Summary.of(np.concatenate([np.zeros(0, np.int64), *strokes])),
        dx=_axis([part.points[:, 0] for part in parts]),
        dy=_axis([part.points[:, 1] for part in parts]),
        zero_offsets=zeros / size if size else 0.0,
        width=Summary.of(extents[:, 0]),
        height=Summary.of(extents[:, 1]),
        whole=all(
            bool((part.points[:, :2] == np.rint(part.points[:, :2])).all()) for part in parts
        ),
        normalizing_factor=normalizing_factor_of(train) if train is not None else 0.0,
    )


def histogram(lengths: NDArray[np.int64]) -> list[Bar]:
    """Counts lengths, all above 0, in at most `MOST_BARS` classes of 1, 2 or 5 times 10**k."""
    if not len(lengths):
        return []
    low, high = int(lengths.min()), int(lengths.max())
    widths = (digit * 10**power for power in range(19) for digit in (1, 2, 5))
    width = next(w for w in widths if (high - 1) // w - (low - 1) // w < MOST_BARS)
    begin = (low - 1) // width
    counts = np.bincount((lengths - 1) // width - begin)
    return [
        Bar((begin + i) * width + 1, (begin + i + 1) * width, count)
        for i, count in enumerate(counts.tolist())
    ]


def _axis(columns: list[NDArray[np.float32]]) -> Axis:
    size = sum(map(len, columns))
    if not size:
        return Axis(0.0, 0.0, 0.0)
    mean = sum(float(column.sum(dtype=np.float64)) for column in columns) / size
    total = sum(float(np.square(column - mean, dtype=np.float64).sum()) for column in columns)
    return Axis(mean, (total / size) ** 0.5, max(float(np.abs(c).max()) for c in columns))


def _strokes(sketches: SketchSet) -> NDArray[np.int64]:
    """Lines of each sketch, as `strokes.to_polylines` would give."""
    lifted = sketches.points[:, 2].astype(np.int64)
    lifted[sketches.starts[1:] - 1] = 1  # the last line ends with the sketch
    return np.add.reduceat(lifted, sketches.starts[:-1])


def _sizes(sketches: SketchSet) -> NDArray[np.float64]:
    """Width and height of each drawing, its origin included, [n, 2]."""
    result = np.zeros((len(sketches), 2))
    first = 0
    while first < len(sketches):  # some sketches at a time: positions take twice the points' room
        begin = sketches.starts[first]
        last = int(np.searchsorted(sketches.starts, begin + (1 << 18), side="right")) - 1
        last = max(last, first + 1)
        offsets = sketches.points[begin : sketches.starts[last], :2]
        starts = sketches.starts[first:last] - begin
        ends = np.cumsum(offsets, axis=0, dtype=np.float64)
        before = np.concatenate([np.zeros((1, 2)), ends])[starts]  # where each sketch begins
        low = np.minimum(np.minimum.reduceat(ends, starts), before)
        high = np.maximum(np.maximum.reduceat(ends, starts), before)
        result[first:last] = high - low
        first = last
    return result
