"""Read Sketch-RNN's `.npz` files: object arrays `train`, `valid` and `test` of [n, 3] arrays.

An object array is a pickle, and loading a pickle can run any program. So `safe_pickle` reads it,
not NumPy. Files of Python 2 and 3 and of every NumPy version can be read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import (
    SPLITS,
    missing_splits,
    open_archive,
    split_bytes,
    splits_in,
)
from magenta_sketch.data.npz_split import decode_split
from magenta_sketch.data.offsets import MAX_OFFSET, clamped, rows_beyond
from magenta_sketch.data.sketch_set import SketchSet, check_values, owners_of
from magenta_sketch.errors import DataError


def read_npz(
    path: str | os.PathLike[str],
    *,
    label: str | None = None,
    report: Callable[[str], None] | None = None,
    all_splits: bool = True,
) -> dict[str, SketchSet]:
    """Read the splits train, valid and test of a data set. No code in the file is run.

    A split is an object array of [n, 3] items of any real number type, or an array [m, n, 3] if all
    sketches have the same length. Values become float32; offsets are clamped to [-1000, 1000].

    Args:
      path: the file.
      label: its name in messages. None: its path.
      report: called with a line if offsets are clamped.
      all_splits: whether a missing split is an error; else there is one sketch set for each split
        in the file, at least one.

    Raises:
      DataError: the file is missing, damaged or not a zip archive; a split is missing, empty or too
        large; its pickle holds something other than arrays; an item is not [n, 3] with n >= 1,
        finite values and lifts of 0 or 1. The message names file, split and index.

    Example:
      >>> sketches = read_npz("lines.npz")["train"]
      >>> len(sketches), sketches[0].tolist()
      (2, [[3.0, 0.0, 1.0]])
    """
    path = Path(path)
    label = str(path) if label is None else label
    splits, cut = read_npz_counting(path, label, all_splits=all_splits)
    if cut.offsets and report is not None:
        report(cut_note(cut, path, label))
    return splits


class Cut(NamedTuple):
    """How many offsets of how many sketches were clamped."""

    offsets: int
    sketches: int


def read_npz_counting(
    path: Path, label: str, *, all_splits: bool = True
) -> tuple[dict[str, SketchSet], Cut]:
    """Return the splits as `read_npz`, which see, and how much was clamped."""
    with open_archive(path, label) as archive:
        present = splits_in(archive)
        missing = [split for split in SPLITS if split not in present]
        if missing and (all_splits or not present):
            raise missing_splits(archive, missing, label)
        result = {}
        offsets = cut = 0
        for split in present:
            name = f"{label}, {split}"
            points, starts = decode_split(split_bytes(archive, split, name), name)
            if len(starts) == 1:
                raise DataError(f"{name}: the split is empty, expected at least 1 sketch")
            check_values(points, starts, name)
            beyond = rows_beyond(points)
            offsets += len(beyond)
            cut += len(np.unique(owners_of(beyond, starts)))
            result[split] = SketchSet(clamped(points), starts)
    return result, Cut(offsets, cut)


def cut_note(cut: Cut, path: Path, label: str) -> str:
    """Return the line that tells that offsets were clamped."""
    return (
        f"note: {label}: {cut.offsets:,} offsets of {cut.sketches:,} sketches are beyond "
        f"{MAX_OFFSET} and are cut to it; `sketch_rnn_convert mend {path} --what=size "
        "--out=NEW.npz` scales all sketches"
    )


@dataclasses.dataclass(frozen=True, eq=False)
class RawSplit:
    """A split as it is in the file. `read_npz` would refuse some of its sketches.

    Attributes:
      points: [N, columns] in the file's number type; any values, also NaN.
      starts: int64 [n + 1]; sketch i is points[starts[i]:starts[i + 1]] and may be empty.
      refused: index -> reason, for each item that is not an [n, 3] array of numbers. It counts as
        an empty sketch, so that indices match those of the file.
    """

    points: np.ndarray
    starts: NDArray[np.int64]
    refused: dict[int, str]


def read_raw_npz(path: str | os.PathLike[str], columns: int = 3) -> dict[str, RawSplit]:
    """Read the splits in a file without checks, but as safely as `read_npz`.

    Use it to look at data that `read_npz` may refuse: splits may be missing or empty, and sketches
    may be empty or hold any numbers. Nothing is clamped.

    Args:
      path: the file.
      columns: numbers in a row: 3, or 5 for stroke-5.

    Raises:
      DataError: the file or a pickle cannot be read, as in `read_npz`; the file has none of the
        splits; or over 1,000 items of a split are not arrays of points.
    """
    path = Path(path)
    label = str(path)
    with open_archive(path, label) as archive:
        splits = splits_in(archive)
        if not splits:
            raise missing_splits(archive, SPLITS, label)
        result = {}
        for split in splits:
            name = f"{label}, {split}"
            refused: dict[int, str] = {}
            points, starts = decode_split(split_bytes(archive, split, name), name, refused, columns)
            result[split] = RawSplit(points, starts, refused)
        return result
