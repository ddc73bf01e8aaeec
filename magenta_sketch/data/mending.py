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
from magenta_sketch.data.offsets import MAX_OFFSET, rows_beyond
from magenta_sketch.data.sketch_set import SketchSet, check_values, starts_of
from magenta_sketch.data.splitting import SHARES, fill_empty, hash_of, splits_of
from magenta_sketch.data.statistics import drawing_sizes
from magenta_sketch.data.strokes import START_TOKEN
from magenta_sketch.errors import DataError

SIDE = 255.0  # pixels of the larger side of the median drawing, after "size"

Points = NDArray[np.float64]  # [N, 3], flat sketches
Starts = NDArray[np.int64]  # [n + 1]


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
      steps: what to do, of `STEPS`, in whose order they are done; last "splits", which splits all
        sketches anew by their content.
      shares: relative sizes of train, valid and test, for "splits".
      report: called with each line of text on what was done.

    Raises:
      DataError: the file cannot be read, or does not fit to a step, or a split would be empty; or
        the result cannot be written.

    Example:
      >>> mend("lines.npz", "large.npz", ["size"])
      size: 4 points of 4 sketches
      wrote large.npz: 2/1/1 train/valid/test sketches
    """
    raw = read_raw_npz(path, columns=5 if "stroke5" in steps else 3)
    points = np.concatenate([_finite(part, f"{path}, {split}") for split, part in raw.items()])
    lengths = np.concatenate([np.diff(part.starts) for part in raw.values()])
    of_split = np.repeat(
        [SPLITS.index(split) for split in raw], [len(part.starts) - 1 for part in raw.values()]
    )
    lengths, of_split = _without_empty(lengths, of_split, report)
    for name, step in STEPS.items():
        if name in steps:
            points, starts = step(points, starts_of(lengths))
            report(f"{name}: {len(points):,} points of {len(lengths):,} sketches")
            lengths, of_split = _without_empty(np.diff(starts), of_split, report)
    starts = starts_of(lengths)
    check_values(points, starts, f"{path}, all splits")
    sketches = SketchSet(points.astype(np.float32), starts)
    if "splits" in steps:
        sketches, of_split = _split_anew(sketches, shares, report)
    sets = {split: sketches.take(np.flatnonzero(of_split == i)) for i, split in enumerate(SPLITS)}
    _require_all(sets, path, "splits" in steps)
    write_npz(out, **sets)
    counts = "/".join(str(len(sets[split])) for split in SPLITS)
    report(f"wrote {out}: {counts} train/valid/test sketches")
    if beyond := len(rows_beyond(sketches.points)):
        report(
            f"note: {beyond:,} offsets are beyond {MAX_OFFSET}, and will be cut in training; "
            "add size to --what to scale the sketches"
        )


def _finite(raw: RawSplit, name: str) -> Points:
    if raw.refused:
        index, reason = next(iter(raw.refused.items()))
        raise DataError(reason if name in reason else f"{name}[{index}]: {reason}")
    if not np.isfinite(raw.points).all():
        raise DataError(
            f"{name}: has values that are not finite; sketch_rnn_convert inspect says where"
        )
    return raw.points.astype(np.float64)


def _without_empty(
    lengths: NDArray[np.int64], of_split: NDArray[np.int64], report: Callable[[str], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keep = lengths > 0
    if not keep.all():
        report(f"left out {np.count_nonzero(~keep):,} sketches without points")
    return lengths[keep], of_split[keep]


def _require_all(sets: dict[str, SketchSet], path: str | os.PathLike[str], are_new: bool) -> None:
    missing = [split for split, sketches in sets.items() if not len(sketches)]
    if missing:
        raise DataError(
            f"{path}: no sketch for {' and '.join(missing)}; "
            + (
                "a data set needs at least 3 different sketches"
                if are_new
                else "add splits to --what to split the sketches anew"
            )
        )


def _split_anew(
    sketches: SketchSet, shares: Sequence[int], report: Callable[[str], None]
) -> tuple[SketchSet, NDArray[np.uint8]]:
    """Return each different sketch once, with the number of its split, by its content."""
    hashes = [hash_of(np.ascontiguousarray(sketch, "<f4").tobytes()) for sketch in sketches]
    keys, first = np.unique(np.array(hashes, np.uint64), return_index=True)
    if len(keys) < len(sketches):
        report(f"left out {len(sketches) - len(keys):,} sketches that repeat another")
    splits = splits_of(keys, shares)
    fill_empty(splits, keys)
    order = np.argsort(first)
    return sketches.take(first[order]), splits[order]


# ------------------------------------- the steps: points and starts, no sketch empty -> the same


def _stroke3(points: Points, starts: Starts) -> tuple[Points, Starts]:
    """Return stroke-5, [N, 5], as stroke-3: no start token, and up to the first end row."""
    ends = np.cumsum(points[:, 4] > 0.5)
    before = np.concatenate([[0], ends])[starts[:-1]]
    keep = ends == np.repeat(before, np.diff(starts))
    keep[starts[:-1]] &= (points[starts[:-1]] != START_TOKEN).any(axis=1)
    stroke3 = np.column_stack([points[:, :2], points[:, 3] > 0.5])
    return _kept(stroke3, starts, keep)


def _offsets(points: Points, starts: Starts) -> tuple[Points, Starts]:
    """Return positions as offsets. The first position is the origin, which has no row."""
    moves = points.copy()
    moves[1:, :2] -= points[:-1, :2]
    return _without_first(moves, starts)


def _without_first(points: Points, starts: Starts) -> tuple[Points, Starts]:
    keep = np.ones(len(points), bool)
    keep[starts[:-1]] = False
    return _kept(points, starts, keep)


def _lifts(points: Points, starts: Starts) -> tuple[Points, Starts]:
    return with_sound_lifts(points, starts), starts


def _joined(points: Points, starts: Starts) -> tuple[Points, Starts]:
    """Drop moves without length after a lift, and the lift before each."""
    lifted = points[:, 2] == 1
    in_place = np.zeros(len(points), bool)
    in_place[1:] = lifted[:-1] & (points[1:, :2] == 0).all(axis=1) & ~lifted[1:]
    in_place[starts[:-1]] = False
    points = points.copy()
    points[np.flatnonzero(in_place) - 1, 2] = 0
    return _kept(points, starts, ~in_place)


def _sized(points: Points, starts: Starts) -> tuple[Points, Starts]:
    sizes = drawing_sizes(SketchSet(points.astype(np.float32), starts)).max(axis=1)
    typical = float(np.median(sizes)) if len(sizes) else 0.0
    if not typical > 0:
        raise DataError("size: the median drawing has no extent, so nothing can be scaled by it")
    return points * [SIDE / typical, SIDE / typical, 1.0], starts


def _kept(points: Points, starts: Starts, keep: NDArray[np.bool_]) -> tuple[Points, Starts]:
    """Return only the rows of a mask, bool [N]. Sketches may become empty."""
    return points[keep], np.concatenate([[0], np.cumsum(keep)])[starts]


STEPS: dict[str, Callable[[Points, Starts], tuple[Points, Starts]]] = {
    "stroke5": _stroke3,
    "positions": _offsets,
    "leading_move": _without_first,
    "lifts": _lifts,
    "pieces": _joined,
    "size": _sized,
}
