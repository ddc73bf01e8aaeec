"""Make stroke-3 data sets of `.npz` files that follow another convention, see `conventions`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.conventions import with_sound_lifts
from magenta_sketch.data.npz import RawSplit, read_raw_npz
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.npz_writer import write_npz
from magenta_sketch.data.offsets import MAX_OFFSET
from magenta_sketch.data.sketch_set import SketchSet, check_values, starts_of
from magenta_sketch.data.splitting import SHARES, fill_empty, hash_of, splits_of
from magenta_sketch.errors import DataError

SIDE = 255.0  # pixels of the larger side of a typical drawing, with "size"

# Name -> what it does, in the order in which they are done.
STEPS = {
    "stroke5": "make stroke-3 of stroke-5: (dx, dy, down, lift, end)",
    "positions": "make offsets of positions, and drop the first row, which becomes the origin",
    "leading_move": "drop the first row, which leads from (0, 0) to the first point",
    "lifts": "make lifts of a column that has 1 where the pen is down",
    "pieces": "remove lifts after which the pen does not move",
    "size": f"scale all sketches by one factor, so that the median drawing has {SIDE:g} pixels",
    "splits": "split the sketches anew, by their content",
}

Flat = tuple[NDArray[np.float64], NDArray[np.int64]]  # points [N, 3], starts [n + 1]


def mend(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    steps: Sequence[str],
    *,
    shares: Sequence[int] = SHARES,
    report: Callable[[str], None] = print,
) -> None:
    """Write a mended copy of a data set.

    Args:
      path: the `.npz` file. Splits may be missing if `steps` has "splits".
      out: the new file, replaced if it exists.
      steps: what to do, of `STEPS`.
      shares: relative sizes of train, valid and test, for "splits".
      report: called with each line of text on what was done.

    Raises:
      DataError: the file cannot be read, or does not fit to a step, or a split would be empty; or
        the result cannot be written.

    Example:
      >>> mend("lines.npz", "large.npz", ["size"])
      size: scaled by 72.8571; the median drawing had 3.5
      wrote large.npz: 2/1/1 train/valid/test sketches
    """
    raw = read_raw_npz(path, columns=5 if "stroke5" in steps else 3)
    flat = {split: _usable(part, f"{path}, {split}", steps) for split, part in raw.items()}
    for name in STEPS:
        if name not in steps or name not in (*_EACH, "lifts"):
            continue
        if name == "lifts":
            flat = _with_lifts(flat)
        else:
            flat = {split: _EACH[name](*part) for split, part in flat.items()}
        report(f"{name}: {_count(flat)}")
    flat = {split: _without_empty(part, split, report) for split, part in flat.items()}
    if "size" in steps:
        flat = _sized(flat, report)
    sets = {split: _checked(part, f"{path}, {split}") for split, part in flat.items()}
    if "splits" in steps:
        sets = _split_anew(sets, shares, report)
    _require_all(sets, path, "splits" in steps)
    whole = "/".join(str(len(sets[split])) for split in SPLITS)
    write_npz(out, **sets)
    report(f"wrote {out}: {whole} train/valid/test sketches")
    beyond = sum(
        int((np.abs(part.points[:, :2]) > MAX_OFFSET).any(axis=1).sum()) for part in sets.values()
    )
    if beyond:
        report(
            f"note: {beyond:,} offsets are beyond {MAX_OFFSET}, and will be cut in training; "
            "add size to --what to scale the sketches"
        )


def _require_all(sets: dict[str, SketchSet], path: str | os.PathLike[str], are_new: bool) -> None:
    missing = [split for split in SPLITS if split not in sets or not len(sets[split])]
    if missing:
        raise DataError(
            f"{path}: no sketch for {' and '.join(missing)}; "
            + (
                "a data set needs at least 3 different sketches"
                if are_new
                else "add splits to --what to split the sketches anew"
            )
        )


def _count(flat: dict[str, Flat]) -> str:
    points = sum(len(points) for points, _ in flat.values())
    sketches = sum(len(starts) - 1 for _, starts in flat.values())
    return f"{points:,} points of {sketches:,} sketches"


def _usable(raw: RawSplit, name: str, steps: Sequence[str]) -> Flat:
    if raw.refused:
        index, why = next(iter(raw.refused.items()))
        raise DataError(why if name in why else f"{name}[{index}]: {why}")
    points = raw.points.astype(np.float64)
    if not np.isfinite(points).all():
        raise DataError(
            f"{name}: has values that are not finite; sketch_rnn_convert inspect says where"
        )
    return points, raw.starts


# ------------------------------------------------------------------- steps on single splits


def _stroke3(points: NDArray[np.float64], starts: NDArray[np.int64]) -> Flat:
    """Return stroke-5 as stroke-3: without a start token, and up to the first end row."""
    ended = points[:, 4] > 0.5
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    before = np.cumsum(ended) - np.concatenate([[0], np.cumsum(ended)])[starts[:-1]][owner]
    keep = before == 0
    first = starts[:-1][np.diff(starts) > 0]
    is_token = (points[first] == (0, 0, 1, 0, 0)).all(axis=1)
    keep[first[is_token]] = False
    mended = np.column_stack([points[:, :2], points[:, 3] > 0.5])[keep]
    return mended, starts_of(np.bincount(owner[keep], minlength=len(starts) - 1))


def _with_lifts(flat: dict[str, Flat]) -> dict[str, Flat]:
    """Mend the lifts of all splits together: what 0 stands for is the same in all."""
    lengths = np.concatenate([np.diff(starts) for _, starts in flat.values()])
    points = np.concatenate([points for points, _ in flat.values()])
    mended = with_sound_lifts(points, starts_of(lengths[lengths > 0]))
    ends = np.cumsum([len(points) for points, _ in flat.values()])
    parts = zip(flat.items(), np.split(mended, ends[:-1]), strict=True)
    return {split: (part, starts) for (split, (_, starts)), part in parts}


def _offsets(points: NDArray[np.float64], starts: NDArray[np.int64]) -> Flat:
    """Return positions as offsets. The first position is the origin, which has no row."""
    moves = points.copy()
    moves[1:, :2] -= points[:-1, :2]
    return _without_first(moves, starts)


def _without_first(points: NDArray[np.float64], starts: NDArray[np.int64]) -> Flat:
    keep = np.ones(len(points), bool)
    keep[starts[:-1][np.diff(starts) > 0]] = False
    return points[keep], starts_of(np.maximum(np.diff(starts) - 1, 0))


def _joined(points: NDArray[np.float64], starts: NDArray[np.int64]) -> Flat:
    """Drop moves without length after a lift, and the lift before each."""
    lifted = points[:, 2] == 1
    in_place = np.zeros(len(points), bool)
    in_place[1:] = lifted[:-1] & (points[1:, :2] == 0).all(axis=1) & ~lifted[1:]
    in_place[starts[:-1][np.diff(starts) > 0]] = False
    points = points.copy()
    points[np.flatnonzero(in_place) - 1, 2] = 0
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return points[~in_place], starts_of(np.bincount(owner[~in_place], minlength=len(starts) - 1))


_EACH: dict[str, Callable[[NDArray[np.float64], NDArray[np.int64]], Flat]] = {
    "stroke5": _stroke3,
    "positions": _offsets,
    "leading_move": _without_first,
    "pieces": _joined,
}


# ------------------------------------------------------------------------- steps on the whole


def _without_empty(flat: Flat, split: str, report: Callable[[str], None]) -> Flat:
    points, starts = flat
    lengths = np.diff(starts)
    if (lengths == 0).any():
        report(f"left out {int((lengths == 0).sum()):,} {split} sketches without points")
    return points, starts_of(lengths[lengths > 0])


def _sized(flat: dict[str, Flat], report: Callable[[str], None]) -> dict[str, Flat]:
    sides = [side for part in flat.values() for side in _sides(*part)]
    typical = float(np.median(sides)) if sides else 0.0
    if not typical > 0:
        raise DataError("size: the median drawing has no extent, so nothing can be scaled by it")
    factor = SIDE / typical
    report(f"size: scaled by {factor:.6g}; the median drawing had {typical:.6g}")
    scale = np.array([factor, factor, 1.0])
    return {split: (points * scale, starts) for split, (points, starts) in flat.items()}


def _sides(points: NDArray[np.float64], starts: NDArray[np.int64]) -> list[float]:
    """Return the larger side of each drawing."""
    sides = []
    for start, end in zip(starts[:-1], starts[1:], strict=True):
        positions = np.concatenate([np.zeros((1, 2)), np.cumsum(points[start:end, :2], axis=0)])
        sides.append(float(np.ptp(positions, axis=0).max()))
    return sides


def _checked(flat: Flat, name: str) -> SketchSet:
    points, starts = flat
    if len(points):
        check_values(points, starts, name)
    return SketchSet(points.astype(np.float32), starts)


def _split_anew(
    sets: dict[str, SketchSet], shares: Sequence[int], report: Callable[[str], None]
) -> dict[str, SketchSet]:
    """Return all sketches in splits by their content; each different sketch once."""
    whole = SketchSet.concatenate(list(sets.values()))
    hashes = [hash_of(np.ascontiguousarray(sketch, "<f4").tobytes()) for sketch in whole]
    keys, first = np.unique(np.array(hashes, np.uint64), return_index=True)
    if len(keys) < len(whole):
        report(f"left out {len(whole) - len(keys):,} sketches that repeat another")
    splits = splits_of(keys, shares)
    fill_empty(splits, keys)
    return {
        split: whole.take(np.sort(first[splits == number])) for number, split in enumerate(SPLITS)
    }
