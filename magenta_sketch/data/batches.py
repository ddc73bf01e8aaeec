"""Make padded, normalised batches of a SketchSet, longest sketch first.

Sketches are sorted only here. A training batch is a function of the configuration and the step, so
a step can be repeated and a run can be resumed anywhere.
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
    """A padded batch of sketches, longest first. Sketches of equal length keep their order.

    Attributes:
      strokes: float32 [B, rows + 1, 5], stroke-5 with offsets in model units. Row 0 is the start
        token; the rows after a sketch's last point are padding (`magenta_sketch.data.strokes`).
        rows is max_seq_len, or in training with bucket_by_length at least the longest sketch's
        points + 1.
      lengths: int32 [B], points of each sketch, 1 to rows. The start token does not count.
      order: int64 [B], the index of each sketch in the input. ``result[batch.order] = values``
        puts one row of values for each sketch back into the order of the input.

    Example:
      >>> batch = pad([[[1, 0, 1]], [[2, 0, 0], [0, 2, 1]]], RunConfig.of(max_seq_len=3))
      >>> batch.strokes.shape, batch.lengths.tolist(), batch.order.tolist()
      ((2, 4, 5), [2, 1], [1, 0])
    """

    strokes: NDArray[np.float32]
    lengths: NDArray[np.int32]
    order: NDArray[np.int64]


def training_batch(
    sketches: SketchSet,
    step: int,
    config: RunConfig,
    *,
    rows_apart: int = 1,
) -> Batch:
    """Draw the batch of one training step: distinct sketches, chosen uniformly and augmented.

    Steps are independent of each other. If the set has fewer than batch_size sketches, all are
    taken. Augmentation does not change which sketches are chosen. With the option balance, sketches
    are chosen by `balanced`, of the set's parts.

    Args:
      sketches: the training set, in pixel units.
      step: 0 <= step < 2**63.
      config: of the run, with max_seq_len and normalizing factor of the data.
      rows_apart: with bucket_by_length, the number of rows is rounded up to a multiple of this, but
        not above max_seq_len + 1, so that batches have few shapes. Losses do not depend on it.

    Raises:
      ValueError: the step is out of range, the set is empty, or a chosen sketch is longer than
        max_seq_len.

    Example:
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
    # A counter-based generator with the key (seed, step): no two steps share random numbers.
    key = np.array([config.seed, step], np.uint64)
    random = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, Purpose.BATCH]))
    count = min(hps.batch_size, len(sketches))
    if config.balance:
        chosen = balanced(random, sketches.parts, count)
    else:
        chosen = random.choice(len(sketches), count, replace=False)
    batch = sketches.take(chosen)
    _check_lengths(batch, hps.max_seq_len)
    points, starts = batch.points, batch.starts
    draws = random.random((len(batch), 2))
    if hps.random_scale_factor:
        points = strokes.scale_randomly(points, starts, hps.random_scale_factor, draws)
    if hps.augment_stroke_prob:
        draws = random.random(len(points))
        points, starts = strokes.drop_points(points, starts, hps.augment_stroke_prob, draws)
    rows = _rows_of(starts, config, rows_apart)
    return _sorted_batch(points, starts, rows, config.normalizing_factor)


def _rows_of(starts: NDArray[np.int64], config: RunConfig, rows_apart: int) -> int:
    """Return the number of rows of a training batch."""
    if not config.bucket_by_length:
        return config.max_seq_len
    rows = int(np.diff(starts).max()) + 1
    return min(-(-rows // rows_apart) * rows_apart, config.max_seq_len + 1)


def balanced(
    random: np.random.Generator, parts: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Choose sketches so that each part is chosen equally often, however many sketches it has.

    Of f parts with sketches, each gives ``count // f`` of them, and ``count % f`` parts, chosen
    uniformly, give one more. Within a part, sketches are chosen uniformly and are distinct. Only
    where a part has fewer sketches than it gives, all are taken as often as that goes, and distinct
    ones make up the rest.

    Args:
      random: the generator.
      parts: [f + 1], sketches parts[k] to parts[k + 1] - 1 are part k. Empty parts give nothing.
      count: how many to choose, 1 or more.

    Returns:
      Indices [count].

    Example:
      >>> chosen = balanced(np.random.default_rng(0), np.array([0, 1, 1000]), 4)
      >>> sorted((chosen > 0).tolist())
      [False, False, True, True]
    """
    filled = np.flatnonzero(np.diff(parts))
    firsts, sizes = parts[:-1][filled], np.diff(parts)[filled]
    each, more = divmod(count, len(filled))
    others = random.choice(len(filled), more, replace=False)
    # One at a time needs no loop over parts, of which there may be hundreds.
    chosen = [firsts[others] + random.integers(0, sizes[others])] if not each else []
    shares = np.full(len(filled), each)
    shares[others] += 1
    for first, size, share in zip(firsts, sizes, shares, strict=True) if each else ():
        whole = np.tile(np.arange(size), share // size)
        chosen += [first + whole, first + random.choice(size, share % size, replace=False)]
    return np.concatenate(chosen)


def evaluation_batches(sketches: SketchSet, config: RunConfig) -> Iterator[Batch]:
    """Return batches with every sketch once, without augmentation, similar lengths together.

    The first batch has the shortest sketches. Only the last batch may have fewer than batch_size.

    Raises:
      ValueError: a sketch is longer than max_seq_len.

    Example:
      >>> sketches = SketchSet.from_sketches([[[2, 0, 0], [0, 2, 1]], [[1, 0, 1]]])
      >>> batches = evaluation_batches(sketches, RunConfig.of(batch_size=1))
      >>> [batch.order.tolist() for batch in batches]
      [[1], [0]]
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


def pad(
    sketches: Sequence[ArrayLike] | SketchSet, config: RunConfig, rows: int | None = None
) -> Batch:
    """Return stroke-3 sketches, each [n, 3] in pixel units, as one batch of rows + 1 rows.

    Args:
      sketches: the sketches.
      config: has max_seq_len and the normalizing factor.
      rows: rows after the start token. None: max_seq_len.

    Raises:
      ValueError: a sketch is invalid (`SketchSet.from_sketches`), or has more points than ``rows``.

    Example:
      >>> pad([[[4, 0, 1]]], RunConfig.of(max_seq_len=1, normalizing_factor=2)).strokes[0].tolist()
      [[0.0, 0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 1.0, 0.0]]
    """
    rows = config.max_seq_len if rows is None else rows
    batch = sketches if isinstance(sketches, SketchSet) else SketchSet.from_sketches(sketches)
    _check_lengths(batch, rows)
    return _sorted_batch(batch.points, batch.starts, rows, config.normalizing_factor)


def _sorted_batch(
    points: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: int,
    normalizing_factor: float | None,
) -> Batch:
    """Return flat sketches as a `Batch` with ``rows`` rows after the start token."""
    lengths = np.diff(starts)
    count = len(lengths)
    order = np.argsort(-lengths, kind="stable")
    block = np.empty(count, np.int64)
    block[order] = np.arange(count)
    result = np.zeros((count, rows + 1, 5), np.float32)
    result[:, 0] = strokes.START_TOKEN
    result[:, 1:] = strokes.END_TOKEN
    # Point j of a sketch goes to row 1 + j of its block of rows.
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
