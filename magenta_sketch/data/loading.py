"""Load data sets for training: join files, drop long sketches, find the normalizing factor."""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.data_dir import Report, advising, expanded, locate, read_located
from magenta_sketch.data.joined import Joined, join_in_memory
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.opened_set import AnySet
from magenta_sketch.data.opening import Files, fits_in_memory, join_on_disk
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.unpacking import look_at
from magenta_sketch.errors import ArgumentError, DataError


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """The data of a run.

    Attributes:
      train, valid, test: the sketches, in pixel units, offsets within [-1000, 1000]. Those of a
        data set that is larger than memory stay on the disk (`OpenedSet`).
      max_seq_len: the largest number of points that a sketch may have.
      normalizing_factor: pixel units in one model unit, above 0.
      fingerprint: SHA-256 of the loaded sketches, in hex. Equal data have equal fingerprints.
      dropped: split -> the numbers of its sketches with over max_seq_len points, which are not in
        the sets; int64, rising. A sketch's number is its place in the file (with several files, in
        all of them), from 0.
      train_counts: number of training sketches of each file, int64 [files].

    Example:
      >>> data = load_data_set("lines.npz", ".", report=lambda line: None)
      >>> len(data.train), len(data.test), data.max_seq_len
      (2, 1, 1)
    """

    train: AnySet
    valid: AnySet
    test: AnySet
    max_seq_len: int
    normalizing_factor: float
    fingerprint: str
    dropped: Mapping[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    train_counts: NDArray[np.int64] | None = None

    def sketch(self, split: str, number: int) -> NDArray[np.float32]:
        """Return a sketch [n, 3] by its split and its number in the file, from 0.

        Raises:
          DataError: there is no such sketch, or it has more than max_seq_len points.

        Example:
          >>> data = load_data_set("lines.npz", ".", report=lambda line: None)
          >>> data.sketch("test", 0).tolist()
          [[0.0, 4.0, 1.0]]
        """
        sketches: SketchSet = getattr(self, split)
        dropped = self.dropped.get(split, np.zeros(0, np.int64))
        count = len(sketches) + len(dropped)
        if not 0 <= number < count:
            raise DataError(
                f"the {split} set has {count} sketches, 0 to {count - 1}, and no {number}"
            )
        place = int(np.searchsorted(dropped, number))
        if place < len(dropped) and dropped[place] == number:
            raise DataError(
                f"{split} {number} has more than {self.max_seq_len} points (max_seq_len), and was "
                "dropped; choose another sketch"
            )
        return sketches[number - place]


def load_data_set(
    names: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data_dir: str | os.PathLike[str] = ".",
    *,
    max_seq_len: int | None = None,
    normalizing_factor: float | None = None,
    in_memory: bool | None = None,
    report: Report = print,
) -> DataSet:
    """Load `.npz` files, or open them, and join them, split by split, in the given order.

    Args:
      names: a file in data_dir, with `.npz`, or a list of them. A name with * or ? stands for the
        files that fit, in the order of their names, and @NAME for those in the text file NAME, one
        a line.
      data_dir: a folder, by default the current one, or an http(s) URL. A file at a URL is
        downloaded once, into the user's cache folder (or $MAGENTA_SKETCH_CACHE). A missing
        ready-made file, such as kanjivg.npz, is built in the folder, which is made if needed.
      max_seq_len: longer sketches are dropped. If there are none, or it is None, the data set's
        max_seq_len is the length of its longest sketch, as in Magenta.
      normalizing_factor: None: the standard deviation of all offsets of the training set, dx and dy
        together.
      in_memory: whether to load all sketches. If not, the files are unpacked once, into the user's
        cache folder (or $MAGENTA_SKETCH_CACHE), and sketches are read from there when they are
        asked for; all numbers are the same. None: if the arrays have at most 1 GiB, or as many MiB
        as $MAGENTA_SKETCH_DATA_IN_MEMORY says.
      report: called with each line of text on progress.

    Raises:
      DataError: a file is missing or cannot be downloaded, built, read (see `read_npz`) or
        unpacked; a split has no sketch that is short enough; or all offsets are equal.
      ValueError: max_seq_len or normalizing_factor is not above 0. (DataError is a ValueError.)

    Example:
      >>> data = load_data_set("lines.npz", ".")
      loaded 2/1/1 train/valid/test sketches from lines.npz
      training set: 2 sketches, 1.0 points on average; max_seq_len 1, normalizing factor 1.7854
    """
    several = [names] if isinstance(names, (str, os.PathLike)) else names
    files = [os.fspath(name) for name in several]
    if not files:
        raise DataError("no data set is named, expected at least one .npz file")
    _require_number("max_seq_len", max_seq_len, numbers.Integral, "a whole number >= 1", 1)
    _require_number("normalizing_factor", normalizing_factor, numbers.Real, "a finite number > 0")

    files = expanded(data_dir, files)
    joined = _joined(files, data_dir, max_seq_len, in_memory, report)
    return _data_set(joined, files, max_seq_len, normalizing_factor, report)


def _data_set(
    joined: Joined,
    files: Sequence[str],
    max_seq_len: int | None,
    normalizing_factor: float | None,
    report: Report,
) -> DataSet:
    sets, facts = joined.sets, joined.facts
    if max_seq_len is None or not joined.dropped:
        max_seq_len = facts.longest
    count = len(sets["train"])
    if normalizing_factor is None:
        normalizing_factor = facts.normalizing_factor
        if not normalizing_factor > 0:
            raise DataError(
                f"{', '.join(files)}, train: all offsets are equal, so there is no normalizing "
                "factor; check the data or give one"
            )
    report(
        f"training set: {count} sketches, {facts.train_points / count:.1f} points on "
        f"average; max_seq_len {max_seq_len}, normalizing factor {normalizing_factor:.4f}"
    )
    return DataSet(
        **sets,
        max_seq_len=max_seq_len,
        normalizing_factor=float(normalizing_factor),
        fingerprint=facts.fingerprint,
        dropped=joined.dropped,
        train_counts=joined.train_counts,
    )


def _require_number(
    name: str, value: Any, kind: Any, rule: str, lowest: float = math.ulp(0.0)
) -> None:
    if value is not None and not (isinstance(value, kind) and lowest <= value < math.inf):
        raise ArgumentError(f"{name} must be {rule}, got {value!r}")


def _joined(
    names: Sequence[str],
    data_dir: str | os.PathLike[str],
    max_seq_len: int | None,
    in_memory: bool | None,
    report: Report,
) -> Joined:
    """Return the splits of all files joined, in memory or on the disk."""
    paths = [locate(data_dir, name, report) for name in names]
    with advising(data_dir):
        archives = [look_at(path) for path in paths]

    def read(number: int, report: Report) -> dict[str, SketchSet]:
        return read_located(paths[number], names[number], data_dir, report)

    def loaded() -> Iterator[dict[str, SketchSet]]:
        for number, name in enumerate(names):
            splits = read(number, report)
            counts = "/".join(str(len(splits[split])) for split in SPLITS)
            report(f"loaded {counts} train/valid/test sketches from {name}")
            yield splits

    if fits_in_memory(archives) if in_memory is None else in_memory:
        joined = join_in_memory(loaded(), max_seq_len, names)
    else:
        joined = join_on_disk(Files(names, archives, read), max_seq_len, report)
        counts = "/".join(f"{len(joined.sets[split]):,}" for split in SPLITS)
        many = f"{len(names)} files" if len(names) > 1 else names[0]
        report(f"opened {counts} train/valid/test sketches of {many}; they stay on the disk")
    if joined.dropped:
        counts = "/".join(str(len(joined.dropped.get(split, ()))) for split in SPLITS)
        report(
            f"dropped {counts} train/valid/test sketches with more than {max_seq_len} points "
            "(max_seq_len)"
        )
    return joined
