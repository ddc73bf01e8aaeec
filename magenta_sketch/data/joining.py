"""Join the files of a data set, split by split, and drop sketches that are too long.

There are two ways with the same result: `load_joined` reads all into memory, and `open_joined` maps
unpacked files.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data import unpacked
from magenta_sketch.data.data_dir import FoundFile, Report, read_file
from magenta_sketch.data.flat_file import FlatFile
from magenta_sketch.data.mapped import MappedSketchSet
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.offsets import normalizing_factor_of
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class Joined:
    """The sketches of all files.

    Attributes:
      sets: split -> its sketches.
      dropped: split -> numbers of the sketches that are too long, int64, rising, from 0 over all
        files; only splits that have some.
      longest: points of the longest sketch that is left.
      normalizing_factor: the standard deviation of all offsets of the training set; it may be 0.
      fingerprint: SHA-256 of the sketches that are left, in hex.
    """

    sets: Mapping[str, SketchSet]
    dropped: Mapping[str, NDArray[np.int64]]
    longest: int
    normalizing_factor: float
    fingerprint: str


def load_joined(files: Sequence[FoundFile], max_seq_len: int | None, report: Report) -> Joined:
    """Read the files into memory and join them.

    Raises:
      DataError: a file cannot be read, or no sketch of a split is short enough.
    """
    parts: dict[str, list[SketchSet]] = {split: [] for split in SPLITS}
    for file in files:
        splits = read_file(file, report)
        report(f"loaded {_counts(splits)} train/valid/test sketches from {file.name}")
        for split in SPLITS:
            parts[split].append(splits[split])
    sets, dropped = {}, {}
    for split in SPLITS:
        sketches = SketchSet.concatenate(parts.pop(split))
        if max_seq_len is not None and (too_long := sketches.lengths > max_seq_len).any():
            dropped[split] = np.flatnonzero(too_long)
            _require_some(files, split, len(sketches) - len(dropped[split]), max_seq_len)
            sketches = sketches.without(dropped[split])
        sets[split] = sketches
    _report_dropped(dropped, max_seq_len, report)
    longest = max(int(sketches.lengths.max()) for sketches in sets.values())
    return Joined(
        sets, dropped, longest, normalizing_factor_of(sets["train"]), _fingerprint(sets.values())
    )


def open_joined(files: Sequence[FoundFile], max_seq_len: int | None, report: Report) -> Joined:
    """Open the files in the cache of unpacked files, and join them.

    The first time, all sketches are read for the fingerprint and the normalizing factor, which the
    cache then keeps.

    Raises:
      DataError: a file cannot be read or unpacked, or no sketch of a split is short enough.
    """
    opened, keys = unpacked.open_files(files, report)
    sets, dropped = {}, {}
    for split in SPLITS:
        parts = [file.splits[split] for file in opened]
        too_long = _too_long(opened, split, max_seq_len)
        if len(too_long) and max_seq_len is not None:
            dropped[split] = too_long
            count = sum(len(part.starts) - 1 for part in parts)
            _require_some(files, split, count - len(too_long), max_seq_len)
        sets[split] = MappedSketchSet(parts, too_long)
    report(f"opened {_counts(sets, dropped)} train/valid/test sketches from {shown(files)}")
    _report_dropped(dropped, max_seq_len, report)
    facts = _facts(sets, keys, max_seq_len if dropped else None, report)
    return Joined(
        sets, dropped, facts["longest"], facts["normalizing_factor"], facts["fingerprint"]
    )


def _facts(
    sets: Mapping[str, SketchSet], keys: Sequence[str], max_seq_len: int | None, report: Report
) -> dict[str, Any]:
    """Return what follows from all sketches, from the cache if it is there."""
    kinds = {"longest": int, "normalizing_factor": float, "fingerprint": str}
    facts = unpacked.joined_facts(keys, max_seq_len)
    if not all(isinstance(facts.get(name), kind) for name, kind in kinds.items()):
        report("reading all sketches, for their fingerprint and normalizing factor")
        facts = {
            "longest": max(int(sketches.lengths.max()) for sketches in sets.values()),
            "normalizing_factor": normalizing_factor_of(sets["train"]),
            "fingerprint": _fingerprint(sets.values()),
        }
        unpacked.keep_joined_facts(keys, max_seq_len, facts)
    return facts


def _too_long(opened: Sequence[FlatFile], split: str, max_seq_len: int | None) -> NDArray[np.int64]:
    """Return the numbers of a split's sketches that are too long, over all files."""
    found, first = [np.zeros(0, np.int64)], 0
    for _, starts, longest in (file.splits[split] for file in opened):
        if max_seq_len is not None and longest > max_seq_len:  # else nothing need be read
            found.append(first + np.flatnonzero(np.diff(starts) > max_seq_len))
        first += len(starts) - 1
    return np.concatenate(found)


def _require_some(files: Sequence[FoundFile], split: str, left: int, max_seq_len: int) -> None:
    if not left:
        raise DataError(
            f"{shown(files)}, {split}: no sketch has at most {max_seq_len} points (max_seq_len); "
            "give a larger one"
        )


def _report_dropped(
    dropped: Mapping[str, NDArray[np.int64]], max_seq_len: int | None, report: Report
) -> None:
    if dropped:
        counts = "/".join(str(len(dropped.get(split, ()))) for split in SPLITS)
        report(
            f"dropped {counts} train/valid/test sketches with more than {max_seq_len} points "
            "(max_seq_len)"
        )


def _counts(
    sets: Mapping[str, SketchSet], dropped: Mapping[str, NDArray[np.int64]] | None = None
) -> str:
    gone = dropped or {}
    return "/".join(str(len(sets[split]) + len(gone.get(split, ()))) for split in SPLITS)


def shown(files: Sequence[FoundFile]) -> str:
    """Return the names of files for a message; of many, the first and their number."""
    names = [file.name for file in files]
    if len(names) <= 8:
        return ", ".join(names)
    return f"{len(names)} files, {names[0]} to {names[-1]}"


def _fingerprint(sets: Iterable[SketchSet]) -> str:
    """Return the SHA-256 of sets: of each its starts, then its points."""
    digest = hashlib.sha256()
    for sketches in sets:
        for starts in sketches.blocks_of_starts():
            digest.update(starts.astype("<i8", copy=False).data)
        for block in sketches.blocks():
            digest.update(np.ascontiguousarray(block, "<f4").data)
    return digest.hexdigest()
