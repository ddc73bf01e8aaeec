"""What the files of a data set are together: their sketches, and numbers about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.offsets import normalizing_factor_of
from magenta_sketch.data.opened_set import AnySet
from magenta_sketch.data.sketch_set import SketchSet, owners_of, starts_of
from magenta_sketch.errors import DataError

_POINTS_AT_ONCE = 1 << 18


class Facts(NamedTuple):
    """Numbers about a joined data set.

    Attributes:
      longest: points of the longest sketch of all splits.
      train_points: points of the training set.
      normalizing_factor: standard deviation of the training set's offsets.
      fingerprint: SHA-256 of all sketches, in hex.
    """

    longest: int
    train_points: int
    normalizing_factor: float
    fingerprint: str


class Joined(NamedTuple):
    """The sketches of several files, split by split.

    Attributes:
      sets: split -> sketches, in memory or on the disk.
      dropped: split -> numbers of the sketches that are too long, int64, rising; only of splits
        that have such sketches.
      train_counts: training sketches of each file, int64 [files].
      facts: numbers about them.
    """

    sets: Mapping[str, AnySet]
    dropped: Mapping[str, NDArray[np.int64]]
    train_counts: NDArray[np.int64]
    facts: Facts


def too_long(
    lengths: NDArray[np.int64], max_seq_len: int | None, names: Sequence[str], split: str
) -> NDArray[np.int64]:
    """Return the numbers of the sketches with more than max_seq_len points.

    Raises:
      DataError: all have more.
    """
    if max_seq_len is None:
        return np.zeros(0, np.int64)
    found = np.flatnonzero(lengths > max_seq_len)
    if len(found) == len(lengths):
        raise DataError(
            f"{', '.join(names)}, {split}: no sketch has at most {max_seq_len} points "
            "(max_seq_len); give a larger one"
        )
    return found


def join_in_memory(
    files: Iterable[Mapping[str, SketchSet]], max_seq_len: int | None, names: Sequence[str]
) -> Joined:
    """Join the splits of files, and leave out sketches that are too long.

    Raises:
      DataError: a split has no sketch that is short enough.
    """
    parts: dict[str, list[SketchSet]] = {split: [] for split in SPLITS}
    for splits in files:
        for split in SPLITS:
            parts[split].append(splits[split])
    counts = np.array([len(sketches) for sketches in parts["train"]], np.int64)
    sets: dict[str, SketchSet] = {}
    dropped = {}
    for split in SPLITS:
        sets[split] = SketchSet.concatenate(parts.pop(split))
        lengths = sets[split].lengths
        if len(long := too_long(lengths, max_seq_len, names, split)):
            dropped[split] = long
            sets[split] = sets[split].take(np.delete(np.arange(len(lengths)), long))
    if "train" in dropped:
        owners = owners_of(dropped["train"], starts_of(counts))
        counts = counts - np.bincount(owners, minlength=len(counts))
    return Joined(sets, dropped, counts, facts_of(sets))


def facts_of(sets: Mapping[str, AnySet]) -> Facts:
    """Return the numbers about a data set. All its points are read."""
    lengths = [sets[split].lengths for split in SPLITS]
    return Facts(
        max(int(each.max()) for each in lengths),
        int(lengths[0].sum()),
        normalizing_factor_of(sets["train"]),
        _fingerprint(sets),
    )


def _fingerprint(sets: Mapping[str, AnySet]) -> str:
    digest = hashlib.sha256()
    for split in SPLITS:
        sketches = sets[split]
        digest.update(starts_of(sketches.lengths).astype("<i8", copy=False).data)
        if isinstance(sketches, SketchSet):
            digest.update(sketches.points.astype("<f4", copy=False).data)
        else:
            for points in sketches.chunks(_POINTS_AT_ONCE):
                digest.update(points.astype("<f4", copy=False).data)
    return digest.hexdigest()
