"""Data sets by name: found in a folder, fetched, or built; joined, filtered and measured."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from magenta_sketch.data import download
from magenta_sketch.data.npz import SPLITS, read_npz
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """What a model is trained on.

    Attributes:
      train, valid, test: the sketches, in pixel units, offsets within [-1000, 1000].
      max_seq_len: no sketch has more points.
      normalizing_factor: pixel units in a model unit, above 0.
      fingerprint: SHA-256 of the sketches as loaded, in hex: equal exactly for equal data.
    """

    train: SketchSet
    valid: SketchSet
    test: SketchSet
    max_seq_len: int
    normalizing_factor: float
    fingerprint: str


def _build_kanjivg(path: Path, report: Report) -> None:
    from magenta_sketch.data.sources import kanjivg

    kanjivg.build(path, report)


# Data sets that are made when they are missing: name -> build(path, report).
BUILDERS: dict[str, Callable[[Path, Report], None]] = {"kanjivg.npz": _build_kanjivg}


def load_data_set(
    names: str | Sequence[str],
    data_dir: str | os.PathLike[str],
    *,
    max_seq_len: int | None = None,
    normalizing_factor: float | None = None,
    report: Report = print,
) -> DataSet:
    """Loads `.npz` files and joins them, split by split, in the order of their names.

    Args:
      names: file names, each with its `.npz`, in data_dir.
      data_dir: a folder, or an http(s) URL, whose files are fetched once into the user's cache
        folder (or $MAGENTA_SKETCH_CACHE). A missing file that a builder makes (`BUILDERS`) is
        built in the folder, which is created if need be.
      max_seq_len: longer sketches are dropped; when None, the length of the longest sketch.
      normalizing_factor: when None, the standard deviation of all offsets of the training set,
        dx and dy pooled.
      report: gets lines on what was loaded and dropped.

    Raises:
      DataError: a file is missing, cannot be fetched, built or read (see `read_npz`), nothing
        short enough is left of a split, or all offsets are equal. ValueError, its base: a
        max_seq_len or normalizing_factor that is not above 0.
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise DataError("no data set is named, expected at least one .npz file")
    if max_seq_len is not None and max_seq_len < 1:
        raise ValueError(f"max_seq_len must be at least 1, got {max_seq_len}")
    if normalizing_factor is not None and not 0 < normalizing_factor < math.inf:
        raise ValueError(f"normalizing_factor must be above 0 and finite, got {normalizing_factor}")

    parts: dict[str, list[SketchSet]] = {split: [] for split in SPLITS}
    for name in names:
        splits = _read(name, data_dir, report)
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
                "(max_seq_len)"
            )
    if max_seq_len is None:
        max_seq_len = max(int(sketches.lengths.max()) for sketches in sets.values())
    if normalizing_factor is None:
        normalizing_factor = normalizing_factor_of(sets["train"])
        if not normalizing_factor > 0:
            raise DataError(
                f"{', '.join(names)}, train: all offsets are equal, so there is no normalizing "
                "factor; check the data or give one"
            )
    train = sets["train"]
    report(
        f"training set: {len(train)} sketches, {len(train.points) / len(train):.1f} points on "
        f"average; max_seq_len {max_seq_len}, normalizing factor {normalizing_factor:.4f}"
    )
    return DataSet(
        **sets,
        max_seq_len=max_seq_len,
        normalizing_factor=float(normalizing_factor),
        fingerprint=_fingerprint([sets[split] for split in SPLITS]),
    )


def normalizing_factor_of(train: SketchSet) -> float:
    """Returns the standard deviation (ddof 0) of all offsets of a training set, dx and dy pooled.

    0 for a set whose offsets are all equal, or that has none.
    """
    points = train.points
    size = max(2 * len(points), 1)
    mean = float(points[:, :2].sum(dtype=np.float64)) / size
    total = 0.0
    for start in range(0, len(points), 1 << 18):  # in float64, without a float64 copy of it all
        offsets = points[start : start + (1 << 18), :2].astype(np.float64) - mean
        total += float(np.square(offsets).sum())
    return math.sqrt(total / size)


def _read(name: str, data_dir: str | os.PathLike[str], report: Report) -> dict[str, SketchSet]:
    if download.is_url(data_dir):
        path = download.fetch(download.join_url(str(data_dir), name), report=report)
        try:
            return read_npz(path)
        except DataError as error:
            raise DataError(f"{error}; delete this cached file to have it fetched again") from None
    folder = Path(data_dir).expanduser()
    path = folder / name
    if not path.exists():
        if name not in BUILDERS:
            raise DataError(_missing_file(folder, name))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be created: {error.strerror or error}") from None
        BUILDERS[name](path, report)
    return read_npz(path)


def _missing_file(folder: Path, name: str) -> str:
    """The line for a file that is not there: what is, and what may have been meant."""
    path = folder / name
    if path.with_name(f"{path.name}.npz").is_file():
        return f"{path}: no such file; did you mean {name}.npz?"
    if not path.parent.is_dir():
        return f"{path}: no such file, because there is no folder {path.parent}; check data_dir"
    files = sorted(file.name for file in path.parent.glob("*.npz"))
    if not files:
        return f"{path}: no such file; {path.parent} has no .npz file, check data_dir"
    if meant := did_you_mean(path, (".npz",)):
        return f"{path}: no such file{meant}"
    more = f" and {len(files) - 8} more" if len(files) > 8 else ""
    return f"{path}: no such file; the folder has {', '.join(files[:8])}{more}"


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


def _fingerprint(sets: Sequence[SketchSet]) -> str:
    digest = hashlib.sha256()
    for sketches in sets:
        digest.update(sketches.starts.astype("<i8", copy=False))
        digest.update(sketches.points.astype("<f4", copy=False))
    return digest.hexdigest()
