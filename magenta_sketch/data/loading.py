"""Data sets for training, loaded or opened: `load_data_set` and its `DataSet`."""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data import joining
from magenta_sketch.data.data_dir import FoundFile, Report, bytes_of, find_file
from magenta_sketch.data.file_names import file_names
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import ArgumentError, DataError

LIMIT_VARIABLE = "MAGENTA_SKETCH_DATA_IN_MEMORY"


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """The data of a run.

    Attributes:
      train, valid, test: the sketches, in pixel units, offsets within [-1000, 1000].
      max_seq_len: the largest number of points that a sketch may have.
      normalizing_factor: pixel units in one model unit, above 0.
      fingerprint: SHA-256 of the loaded sketches, in hex. Equal data have equal fingerprints.
      dropped: split -> the numbers of its sketches with over max_seq_len points, which are not in
        the sets; int64, rising. A sketch's number is its place in the file (with several files, in
        all of them), from 0.
      files: the names of the files, in order; part k of each set is of file k.

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
    dropped: Mapping[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    files: tuple[str, ...] = ()

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
    """Load `.npz` files and join them, split by split, in the given order.

    A large data set is opened, not loaded: its files are unpacked once into the user's cache folder
    (`magenta_sketch.data.unpacked`), and sketches are read from there when they are used. The data
    are the same to the bit.

    Args:
      names: a file in data_dir, with `.npz`, or a list of them. Patterns such as `quick/*.npz`, and
        `@NAME` for the names in a text file, stand for several files (`file_names`).
      data_dir: a folder, by default the current one, or an http(s) URL. A file at a URL is
        downloaded once, into the user's cache folder (or $MAGENTA_SKETCH_CACHE). A missing
        ready-made file, such as kanjivg.npz, is built in the folder, which is made if needed.
      max_seq_len: longer sketches are dropped. If there are none, or it is None, the data set's
        max_seq_len is the length of its longest sketch, as in Magenta.
      normalizing_factor: None: the standard deviation of all offsets of the training set, dx and dy
        together.
      in_memory: True: load the data. False: open them. None: open them if the files hold at least
        1 GiB when unpacked, or as many MiB as $MAGENTA_SKETCH_DATA_IN_MEMORY says.
      report: called with each line of text on progress.

    Raises:
      DataError: a file is missing or cannot be downloaded, built or read (see `read_npz`); a split
        has no sketch that is short enough; all offsets are equal; or the files cannot be unpacked.
      ValueError: max_seq_len or normalizing_factor is not above 0, or the variable is no number.
        (DataError is a ValueError.)

    Example:
      >>> data = load_data_set("lines.npz", ".")
      loaded 2/1/1 train/valid/test sketches from lines.npz
      training set: 2 sketches, 1.0 points on average; max_seq_len 1, normalizing factor 1.7854
    """
    several = [names] if isinstance(names, (str, os.PathLike)) else names
    if not several:
        raise DataError("no data set is named, expected at least one .npz file")
    _require_number("max_seq_len", max_seq_len, numbers.Integral, "a whole number >= 1", 1)
    _require_number("normalizing_factor", normalizing_factor, numbers.Real, "a finite number > 0")
    files = [find_file(data_dir, name, report) for name in file_names(several, data_dir)]
    if in_memory is None:
        in_memory = bytes_of(files) < _in_memory_limit()
    join = joining.load_joined if in_memory else joining.open_joined
    return _measured(
        files, join(files, max_seq_len, report), max_seq_len, normalizing_factor, report
    )


def _measured(
    files: Sequence[FoundFile],
    found: joining.Joined,
    max_seq_len: int | None,
    normalizing_factor: float | None,
    report: Report,
) -> DataSet:
    """Return the data set of joined files. Raise DataError if it has no normalizing factor."""
    if max_seq_len is None or not found.dropped:
        max_seq_len = found.longest
    factor = found.normalizing_factor if normalizing_factor is None else normalizing_factor
    if not factor > 0:
        raise DataError(
            f"{joining.shown(files)}, train: all offsets are equal, so there is no normalizing "
            "factor; check the data or give one"
        )
    train = found.sets["train"]
    report(
        f"training set: {len(train)} sketches, {train.num_points / len(train):.1f} points on "
        f"average; max_seq_len {max_seq_len}, normalizing factor {factor:.4f}"
    )
    return DataSet(
        **found.sets,
        max_seq_len=max_seq_len,
        normalizing_factor=float(factor),
        fingerprint=found.fingerprint,
        dropped=found.dropped,
        files=tuple(file.name for file in files),
    )


def _in_memory_limit() -> int:
    """Return from how many bytes on a data set is opened, not loaded."""
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return 1 << 30
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        raise ArgumentError(
            f"the variable {LIMIT_VARIABLE} must be a whole number of MiB >= 0, got {text!r}; use "
            "for example 1024"
        )
    return int(text) << 20


def _require_number(
    name: str, value: Any, kind: Any, rule: str, lowest: float = math.ulp(0.0)
) -> None:
    if value is not None and not (isinstance(value, kind) and lowest <= value < math.inf):
        raise ArgumentError(f"{name} must be {rule}, got {value!r}")
