"""The kinds of oddities in a data set, and how each is found."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.conventions import CONVENTIONS, recognise
from magenta_sketch.data.npz import RawSplit
from magenta_sketch.data.offsets import MAX_OFFSET, rows_beyond
from magenta_sketch.data.sketch_set import ADVICE, SketchSet, owners_of

NAMED = 10  # places that are named for each kind, at most
JUMP = 2.0  # typical diagonals; an offset inside a typical drawing is at most one

# Kind -> what it is, and what follows from it.
KINDS = {
    **{name: f"looks like {what} (mend --what={name})" for name, what in CONVENTIONS.items()},
    "missing_split": "missing splits (training refuses the file; mend --what=splits)",
    "empty_split": "empty splits (training refuses the file)",
    "not_a_sketch": "items that are no [n, 3] arrays of numbers (training refuses the file)",
    "empty": "sketches without points (training refuses the file)",
    "non_finite": "sketches with values that are not finite (training refuses the file)",
    "odd_lifts": "sketches with lifts other than 0 and 1 (training refuses the file)",
    "clamped": f"sketches with offsets beyond {MAX_OFFSET} (training cuts them; mend --what=size)",
    "jumps": f"sketches with an offset over {JUMP:g} times the diagonal of a typical drawing",
    "no_extent": "sketches without extent (all their points are one)",
    "not_lifted": "sketches that end without a lift",
    "leading_zero": "sketches that begin with the row (0, 0, 0)",
    "duplicates_within": "sketches that repeat an earlier one of their split",
    "duplicates_across": "sketches that repeat one of an earlier split",
}


@dataclasses.dataclass(frozen=True)
class Place:
    """A sketch, by split and number in the file, with a detail such as "offset 950"."""

    split: str
    number: int | None  # None: the whole split
    detail: str = ""

    def __str__(self) -> str:
        name = self.split if self.number is None else f"{self.split} {self.number}"
        return f"{name} {self.detail}".rstrip()


@dataclasses.dataclass(frozen=True)
class Oddity:
    """One kind of oddity in a data set.

    Attributes:
      kind: one of `KINDS`.
      count: the number of sketches or items that have it.
      places: the first `NAMED` of them.
    """

    kind: str
    count: int
    places: list[Place]


class Finds:
    """Collect oddities, split by split."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._places: dict[str, list[Place]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, places: Iterable[Place], count: int) -> None:
        """Add `count` oddities of a kind. Take only as many places as are named."""
        self._counts[kind] += count
        named = self._places[kind]
        named.extend(itertools.islice(places, NAMED - len(named)))

    def oddities(self) -> list[Oddity]:
        """Return the oddities found, in the order of `KINDS`."""
        return [
            Oddity(kind, count, self._places[kind]) for kind, count in self._counts.items() if count
        ]


# Sketches that read_npz refuses or changes


def find_refused_and_clamped(raw: RawSplit, split: str, finds: Finds) -> NDArray[np.bool_]:
    """Find sketches that `read_npz` refuses or clamps. Return which it accepts, bool [n]."""
    lengths = np.diff(raw.starts)
    found = (Place(split, i, _reason(why)) for i, why in raw.refused.items())
    finds.add("not_a_sketch", found, len(raw.refused))
    empty = [i for i in np.flatnonzero(lengths == 0).tolist() if i not in raw.refused]
    finds.add("empty", (Place(split, i) for i in empty), len(empty))

    finite = np.isfinite(raw.points).all(axis=1)
    lifts = raw.points[:, 2]
    odd = finite & (lifts != 0) & (lifts != 1)
    usable = lengths > 0
    for kind, rows in (("non_finite", np.flatnonzero(~finite)), ("odd_lifts", np.flatnonzero(odd))):
        owners, firsts = np.unique(owners_of(rows, raw.starts), return_index=True)
        usable[owners] = False
        found = (
            Place(split, int(i), f"point {row - raw.starts[i]}: {raw.points[row].tolist()}")
            for i, row in zip(owners, rows[firsts], strict=True)
        )
        finds.add(kind, found, len(owners))

    beyond = rows_beyond(raw.points)
    owners = np.unique(owners_of(beyond[finite[beyond]], raw.starts))
    found = (Place(split, int(i), _largest(raw, int(i))) for i in owners)
    finds.add("clamped", found, len(owners))
    return usable


def _largest(raw: RawSplit, index: int) -> str:
    offsets = raw.points[raw.starts[index] : raw.starts[index + 1], :2].astype(np.float64)
    return f"offset {np.abs(offsets[np.isfinite(offsets)]).max():.6g}"


def _reason(message: str) -> str:
    reason = message.partition("]: ")[2] or message  # without file, split and index
    return reason.partition(ADVICE)[0]


def find_conventions(sketches: SketchSet, finds: Finds) -> None:
    """Find conventions other than stroke-3 that the data set seems to follow.

    Args:
      sketches: the training set, as training looks at it.
      finds: gets the conventions.
    """
    for name in recognise(sketches):
        finds.add(name, [Place("the whole data set", None)], 1)


# Sketches that training accepts, but that may harm it


def find_odd_points(
    sketches: SketchSet, split: str, numbers: NDArray[np.int64], finds: Finds
) -> None:
    """Find usable sketches without extent, without a last lift, or with zeros in their first row.

    Args:
      sketches: the usable sketches of the split.
      numbers: their numbers in the file, [n].
    """
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


def find_jumps(
    longest: Mapping[str, NDArray[np.float64]],
    diagonals: NDArray[np.float64],
    numbers: Mapping[str, NDArray[np.int64]],
    finds: Finds,
) -> None:
    """Find offsets that are far larger than a typical drawing.

    Args:
      longest: split -> the longest offset of each usable sketch, in pixel units, [n].
      diagonals: of all usable drawings, in pixel units. The median is typical: a few large drawings
        do not change it.
      numbers: split -> the sketches' numbers in the file, [n].
    """
    typical = float(np.median(diagonals)) if len(diagonals) else 0.0
    # If the typical size is 0, because most drawings are dots, there is no limit.
    limit = JUMP * typical or np.inf
    for split, lengths in longest.items():
        huge = np.flatnonzero(lengths > limit)
        found = (Place(split, int(numbers[split][i]), f"offset {lengths[i]:.0f}") for i in huge)
        finds.add("jumps", found, len(huge))


def find_duplicates(
    sketches: Mapping[str, SketchSet], numbers: Mapping[str, NDArray[np.int64]], finds: Finds
) -> None:
    """Find sketches that are equal to an earlier one, split after split. Each copy counts once."""
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
    """Yield a digest of each sketch. Equal sketches have equal digests."""
    # Adding 0.0 turns -0.0 into 0.0, so that equal numbers have equal bytes.
    data = memoryview((sketches.points + np.float32(0)).tobytes())
    starts = (sketches.starts * 12).tolist()
    for start, end in zip(starts[:-1], starts[1:], strict=True):
        yield hashlib.blake2b(data[start:end], digest_size=16).digest()
