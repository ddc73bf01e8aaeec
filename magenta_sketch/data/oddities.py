"""What may be odd about a data set's sketches: the kinds, and how each is found."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz import RawSplit
from magenta_sketch.data.offsets import MAX_OFFSET
from magenta_sketch.data.sketch_set import SketchSet

NAMED = 10  # of the places where something odd was found, the first so many are named
JUMP = 2.0  # typical diagonals; an offset within a drawing of the usual size is at most one

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
    """What is odd about some sketches.

    Attributes:
      kind: one of `KINDS`.
      count: how many there are.
      places: the first `NAMED` of them.
    """

    kind: str
    count: int
    places: list[Place]


class Finds:
    """Oddities as they are found, split by split."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._places: dict[str, list[Place]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, places: Iterable[Place], count: int) -> None:
        """Count `count` of a kind, and name the first of their places, taking no more."""
        self._counts[kind] += count
        named = self._places[kind]
        named.extend(itertools.islice(places, NAMED - len(named)))

    def oddities(self) -> list[Oddity]:
        """Return what was found, in the order of `KINDS`."""
        return [
            Oddity(kind, count, self._places[kind]) for kind, count in self._counts.items() if count
        ]


# What read_npz would refuse or change


def find_refused_and_clamped(raw: RawSplit, split: str, finds: Finds) -> NDArray[np.bool_]:
    """Find what `read_npz` would refuse or clamp, and return which sketches it would take, [n]."""
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
        owners, firsts = np.unique(_owner(rows, raw.starts), return_index=True)
        usable[owners] = False
        found = (
            Place(split, int(i), f"point {row - raw.starts[i]}: {raw.points[row].tolist()}")
            for i, row in zip(owners, rows[firsts], strict=True)
        )
        finds.add(kind, found, len(owners))

    offsets = raw.points[:, :2]  # compared from both sides: int16 has no absolute of -32768
    beyond = ((offsets > MAX_OFFSET) | (offsets < -MAX_OFFSET)).any(axis=1)
    owners = np.unique(_owner(np.flatnonzero(finite & beyond), raw.starts))
    found = (Place(split, int(i), _largest(raw, int(i))) for i in owners)
    finds.add("clamped", found, len(owners))
    return usable


def _owner(rows: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of the sketches that rows of the points are in."""
    return np.searchsorted(starts, rows, side="right") - 1


def _largest(raw: RawSplit, index: int) -> str:
    offsets = raw.points[raw.starts[index] : raw.starts[index + 1], :2].astype(np.float64)
    return f"offset {np.abs(offsets[np.isfinite(offsets)]).max():.6g}"


def _reason(message: str) -> str:
    return message.partition("]: ")[2] or message  # without the file, split and index before it


# What training takes, and may suffer from


def find_odd_points(
    sketches: SketchSet, split: str, numbers: NDArray[np.int64], finds: Finds
) -> None:
    """Find usable sketches without extent or last lift, or that begin with a row of zeros.

    Args:
      sketches: the usable ones of the split; numbers: their numbers in the file, [n].
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
    """Find offsets far longer than a typical drawing is large.

    Args:
      longest: split -> the longest offset of each usable sketch, in pixel units, [n].
      diagonals: of all usable drawings; the median is typical, as few large ones do not move it.
      numbers: split -> the sketches' numbers in the file, [n].
    """
    typical = float(np.median(diagonals)) if len(diagonals) else 0.0
    # Without a typical size, as when most drawings are dots, nothing is huge beside it.
    limit = JUMP * typical or np.inf
    for split, lengths in longest.items():
        huge = np.flatnonzero(lengths > limit)
        found = (Place(split, int(numbers[split][i]), f"offset {lengths[i]:.0f}") for i in huge)
        finds.add("jumps", found, len(huge))


def find_duplicates(
    sketches: Mapping[str, SketchSet], numbers: Mapping[str, NDArray[np.int64]], finds: Finds
) -> None:
    """Find sketches that are equal to an earlier one; the splits in order, each copy once."""
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
    """Yield a digest of each sketch; those of equal sketches are equal."""
    # 0.0 + -0.0 is 0.0: sketches are equal when their numbers are.
    data = memoryview((sketches.points + np.float32(0)).tobytes())
    starts = (sketches.starts * 12).tolist()
    for start, end in zip(starts[:-1], starts[1:], strict=True):
        yield hashlib.blake2b(data[start:end], digest_size=16).digest()
