"""SketchSet -> padded, normalised batches, longest sketch first: the one place that sorts them.

Training batches are functions of the configuration and the step, so that a step can be repeated and
a run resumed anywhere.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import strokes
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import ArgumentError
from magenta_sketch.seeds import Purpose


class Batch(NamedTuple):
    """Sketches for a model, longest first; of equal lengths, the one given first.

    Attributes:
      strokes: float32 [B, rows + 1, 5], stroke-5 with offsets in model units. Row 0 is the start
        token, the rows after a sketch's last are padding (`magenta_sketch.data.strokes`). rows is
        max_seq_len, or when the configuration buckets by length one more than the longest sketch
        has points.
      lengths: int32 [B], points of each sketch, the start token not counted, 1 to rows.
      order: int64 [B], the place of each sketch among those that the batch was made of;
        ``result[batch.order] = values`` puts a row of values for each sketch back into that order.
    """

    strokes: NDArray[np.float32]
    lengths: NDArray[np.int32]
    order: NDArray[np.int64]


def training_batch(sketches: SketchSet, step: int, config: RunConfig) -> Batch:
    """Draw the batch of one training step: distinct sketches, chosen uniformly, augmented.

    Steps are independent of each other. Of a set smaller than batch_size all sketches are taken.
    Which sketches are drawn does not depend on the augmentation.

    Args:
      sketches: the training set, in pixel units.
      step: 0 <= step < 2**63.
      config: of the run, with max_seq_len and normalizing factor of the data.

    Raises:
      ValueError: the step is out of its range, the set is empty, or a sketch drawn is longer than
        max_seq_len.

    >>> sketches = SketchSet.from_sketches([[[3, 0, 1]], [[1, 2, 0], [0, 4, 1]]])
    >>> training_batch(sketches, 0, RunConfig.of(max_seq_len=4)).lengths.tolist()
    [2, 1]
    """
    step = operator.index(step)
    if not 0 <= step < 1 << 63:
        raise ArgumentError(f"step must be in [0, 2**63), got {step}")
    if not len(sketches):
        raise ArgumentError("the training set is empty")
    hps = config.hparams
    # Counter-based: (seed, step) is its key, so no two steps share their numbers.
    key = np.array([config.seed, step], np.uint64)
    random = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, Purpose.BATCH]))
    chosen = random.choice(len(sketches), min(hps.batch_size, len(sketches)), replace=False)
    batch = sketches.take(chosen)
    _check_lengths(batch, hps.max_seq_len)
    points, starts = batch.points, batch.starts
    draws = random.random((len(batch), 2))
    if hps.random_scale_factor:
        points = strokes.scale_randomly(points, starts, hps.random_scale_factor, draws)
    if hps.augment_stroke_prob:
        draws = random.random(len(points))
        points, starts = strokes.drop_points(points, starts, hps.augment_stroke_prob, draws)
    rows = int(np.diff(starts).max()) + 1 if config.bucket_by_length else hps.max_seq_len
    return _sorted_batch(points, starts, rows, config.normalizing_factor)


def evaluation_batches(sketches: SketchSet, config: RunConfig) -> Iterator[Batch]:
    """Return batches with every sketch once, unchanged; each batch has sketches of like lengths.

    The first batch has the shortest ones. All have batch_size sketches but the last, which has what
    is left.

    Raises:
      ValueError: a sketch is longer than max_seq_len.
    """
    hps = config.hparams
    _check_lengths(sketches, hps.max_seq_len)
    by_length = np.argsort(sketches.lengths, kind="stable")

    def batches() -> Iterator[Batch]:
        for start in range(0, len(by_length), hps.batch_size):
            chosen = by_length[start : start + hps.batch_size]
            part = sketches.take(chosen)
            batch = _sorted_batch(
                part.points, part.starts, hps.max_seq_len, config.normalizing_factor
            )
            yield batch._replace(order=chosen[batch.order])

    return batches()


def pad(sketches: Sequence[ArrayLike], config: RunConfig) -> Batch:
    """Return stroke-3 sketches, each [n, 3] in pixel units, as one batch.

    Raises:
      ValueError: a sketch is not a valid one (`SketchSet.from_sketches`) or longer than
        max_seq_len.
    """
    batch = SketchSet.from_sketches(sketches)
    _check_lengths(batch, config.max_seq_len)
    return _sorted_batch(batch.points, batch.starts, config.max_seq_len, config.normalizing_factor)


def _sorted_batch(
    points: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: int,
    normalizing_factor: float | None,
) -> Batch:
    """Return sketches, flat arrays, as a `Batch` of ``rows`` rows and the start token's."""
    lengths = np.diff(starts)
    count = len(lengths)
    order = np.argsort(-lengths, kind="stable")
    block = np.empty(count, np.int64)
    block[order] = np.arange(count)
    result = np.zeros((count, rows + 1, 5), np.float32)
    result[:, 0] = strokes.START_TOKEN
    result[:, 1:] = strokes.END_TOKEN
    # Point j of sketch i goes to row 1 + j of its block.
    first = block * (rows + 1) + 1
    place = np.arange(len(points)) + np.repeat(first - starts[:-1], lengths)
    lift = points[:, 2]
    offsets = points[:, :2] / np.float32(normalizing_factor or 1.0)
    result.reshape(-1, 5)[place] = np.column_stack([offsets, 1 - lift, lift, np.zeros_like(lift)])
    return Batch(result, lengths[order].astype(np.int32), order)


def _check_lengths(sketches: SketchSet, max_seq_len: int) -> None:
    longest = int(sketches.lengths.max(initial=0))
    if longest > max_seq_len:
        raise ArgumentError(
            f"a sketch of {longest} points exceeds max_seq_len {max_seq_len}; "
            "load the data with this max_seq_len to drop longer ones"
        )
