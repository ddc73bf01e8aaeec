"""Load data sets for training: join files, drop long sketches, find the normalizing factor."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import numbers
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from magenta_sketch.data.data_dir import Report, read_from
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.offsets import normalizing_factor_of
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import ArgumentError, DataError


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """The data of a run.

    Attributes:
      train, valid, test: the sketches, in pixel units, offsets within [-1000, 1000].
      max_seq_len: the largest number of points that a sketch may have.
      normalizing_factor: pixel units in one model unit, above 0.
      fingerprint: SHA-256 of the loaded sketches, in hex. Equal data have equal fingerprints.

    Example:
      >>> data = load_data_set("lines.npz", ".", report=lambda line: None)
      >>> len(data.train), len(data.test), data.max_seq_len
      (2, 1, 1)
    """

    train: SketchSet
    valid: SketchSet
    test: SketchSet
    max_seq_len: int
    normalizing_factor: float
    fingerprint: str


def load_data_set(
    names: str | Sequence[str],
    data_dir: str | os.PathLike[str],
    *,
    max_seq_len: int | None = None,
    normalizing_factor: float | None = None,
    report: Report = print,
) -> DataSet:
    """Load `.npz` files and join them, split by split, in the given order.

    Args:
      names: file names in data_dir, with `.npz`.
      data_dir: a folder or an http(s) URL. A file at a URL is downloaded once, into the user's
        cache folder (or $MAGENTA_SKETCH_CACHE). A missing kanjivg.npz is built in the folder, which
        is made if needed.
      max_seq_len: longer sketches are dropped. None: the length of the longest sketch.
      normalizing_factor: None: the standard deviation of all offsets of the training set, dx and dy
        together.
      report: called with each line of text on progress.

    Raises:
      DataError: a file is missing or cannot be downloaded, built or read (see `read_npz`); a split
        has no sketch that is short enough; or all offsets are equal.
      ValueError: max_seq_len or normalizing_factor is not above 0. (DataError is a ValueError.)

    Example:
      >>> data = load_data_set("lines.npz", ".")
      loaded 2/1/1 train/valid/test sketches from lines.npz
      training set: 2 sketches, 1.0 points on average; max_seq_len 1, normalizing factor 1.7854
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise DataError("no data set is named, expected at least one .npz file")
    _require_number("max_seq_len", max_seq_len, numbers.Integral, "a whole number >= 1", 1)
    _require_number("normalizing_factor", normalizing_factor, numbers.Real, "a finite number > 0")

    sets = _joined(names, data_dir, max_seq_len, report)
    if max_seq_len is None:
        max_seq_len = max(int(sketches.lengths.max()) for sketches in sets.values())
    train = sets["train"]
    if normalizing_factor is None:
        normalizing_factor = normalizing_factor_of(train)
        if not normalizing_factor > 0:
            raise DataError(
                f"{', '.join(names)}, train: all offsets are equal, so there is no normalizing "
                "factor; check the data or give one"
            )
    report(
        f"training set: {len(train)} sketches, {len(train.points) / len(train):.1f} points on "
        f"average; max_seq_len {max_seq_len}, normalizing factor {normalizing_factor:.4f}"
    )
    return DataSet(
        **sets,
        max_seq_len=max_seq_len,
        normalizing_factor=float(normalizing_factor),
        fingerprint=_fingerprint(sets[split] for split in SPLITS),
    )


def _require_number(
    name: str, value: Any, kind: Any, rule: str, lowest: float = math.ulp(0.0)
) -> None:
    if value is not None and not (isinstance(value, kind) and lowest <= value < math.inf):
        raise ArgumentError(f"{name} must be {rule}, got {value!r}")


def _joined(
    names: Sequence[str], data_dir: str | os.PathLike[str], max_seq_len: int | None, report: Report
) -> dict[str, SketchSet]:
    """Return the splits of all files joined, without sketches longer than max_seq_len."""
    parts: dict[str, list[SketchSet]] = {split: [] for split in SPLITS}
    for name in names:
        splits = read_from(data_dir, name, report)
        counts = "/".join(str(len(splits[split])) for split in SPLITS)
        report(f"loaded {counts} train/valid/test sketches from {name}")
        for split in SPLITS:
            parts[split].append(_shorter(splits.pop(split), max_seq_len, name, split, report))
    sets = {}
    for split in SPLITS:
        sets[split] = SketchSet.concatenate(parts.pop(split))
        if not len(sets[split]):
            raise DataError(
                f"{', '.join(names)}, {split}: no sketch has at most {max_seq_len} points "
                "(max_seq_len); give a larger one"
            )
    return sets


def _shorter(
    sketches: SketchSet, max_seq_len: int | None, name: str, split: str, report: Report
) -> SketchSet:
    if max_seq_len is None:
        return sketches
    keep = np.flatnonzero(sketches.lengths <= max_seq_len)
    dropped = len(sketches) - len(keep)
    if not dropped:
        return sketches
    report(f"dropped {dropped} {split} sketches of {name} with more than {max_seq_len} points")
    return sketches.take(keep)


def _fingerprint(sets: Iterable[SketchSet]) -> str:
    digest = hashlib.sha256()
    for sketches in sets:
        digest.update(sketches.starts.astype("<i8", copy=False).data)
        digest.update(sketches.points.astype("<f4", copy=False).data)
    return digest.hexdigest()
