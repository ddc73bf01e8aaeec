"""SketchSet -> padded, normalised batches; training batches are functions of (seed, step)."""

from __future__ import annotations

import concurrent.futures
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data import SketchSet, strokes

# Sets the draws made here apart from others that use the same seed and step.
_STREAM = 0x6261746368  # "batch"

Item = TypeVar("Item")


class Batch(NamedTuple):
    """Sketches for a model.

    Attributes:
      strokes: float32 [B, rows + 1, 5], stroke-5 with offsets in model units. Row 0 is the start
        token, the rows after a sketch's last are padding (`magenta_sketch.data.strokes`). rows is
        max_seq_len, or with bucket_by_length one more than the longest sketch has points.
      lengths: int32 [B], points of each sketch, the start token not counted, 1 to rows.
    """

    strokes: NDArray[np.float32]
    lengths: NDArray[np.int32]


def training_batch(
    sketches: SketchSet,
    step: int,
    *,
    seed: int,
    batch_size: int,
    max_seq_len: int,
    normalizing_factor: float,
    random_scale_factor: float = 0.0,
    augment_stroke_prob: float = 0.0,
    to_longest: bool = False,
) -> Batch:
    """Returns the batch of one training step: distinct sketches drawn uniformly, augmented.

    It depends on the arguments alone, so that a step can be repeated and a run resumed anywhere.
    Steps are independent of each other. Of a set smaller than batch_size all sketches are taken,
    in random order. Which sketches are drawn does not depend on the augmentation.

    Args:
      sketches: the training set, in pixel units.
      step: 0 <= step < 2**63.
      seed: 0 <= seed < 2**63.
      batch_size: B, 1 or more.
      max_seq_len: T; no sketch may be longer.
      normalizing_factor: pixel units in a model unit.
      random_scale_factor: f; x and y of each sketch are stretched by two numbers from
        U(1 - f, 1 + f). 0 for none.
      augment_stroke_prob: probability of merging a point (`strokes.drop_points`). 0 for none.
      to_longest: whether the batch is padded to one row more than its own longest sketch, instead
        of to T, so that every sketch has an end row.

    Raises:
      ValueError: an argument is out of its range, the set is empty, or a sketch drawn is longer
        than max_seq_len.
    """
    step, seed = _natural("step", step), _natural("seed", seed)
    if operator.index(batch_size) < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if random_scale_factor < 0 or not 0 <= augment_stroke_prob <= 1:
        raise ValueError(
            "random_scale_factor must be 0 or more and augment_stroke_prob in [0, 1], "
            f"got {random_scale_factor} and {augment_stroke_prob}"
        )
    if not len(sketches):
        raise ValueError("the training set is empty")
    random = _generator(seed, step, _STREAM)
    chosen = random.choice(len(sketches), min(batch_size, len(sketches)), replace=False)
    batch = sketches.take(chosen)
    _check_lengths(batch, max_seq_len)
    points, starts = batch.points, batch.starts
    draws = random.random((len(batch), 2))
    if random_scale_factor:
        points = strokes.scale_randomly(points, starts, random_scale_factor, draws)
    if augment_stroke_prob:
        draws = random.random(len(points))
        points, starts = strokes.drop_points(points, starts, augment_stroke_prob, draws)
    rows = int(np.diff(starts).max()) + 1 if to_longest else max_seq_len
    return _batch(points, starts, rows, normalizing_factor)


def _generator(seed: int, number: int, stream: int) -> np.random.Generator:
    # Counter-based: (seed, number) is its key, so no two steps or groups share their numbers.
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, stream]))


def made_ahead(make: Callable[[int], Item], steps: range) -> Iterator[Item]:
    """Yields make(step) for each of ``steps``, made on a thread while the one before is in use.

    Nothing is made before the first item is asked for, nor beyond the last step. An error of
    ``make`` is raised where its item would have come. Close the iterator (`contextlib.closing`)
    if it may be left before its end: the thread ends with it, after at most one item.
    """
    if not steps:
        return
    with concurrent.futures.ThreadPoolExecutor(1, "made_ahead") as thread:
        coming = thread.submit(make, steps[0])
        for following in steps[1:]:
            item, coming = coming.result(), thread.submit(make, following)
            yield item
        yield coming.result()


def evaluation_batches(
    sketches: SketchSet, *, batch_size: int, max_seq_len: int, normalizing_factor: float
) -> Iterator[Batch]:
    """Returns batches with every sketch once, unchanged, sorted by length (ties in set order).

    All batches have batch_size sketches but the last, which has what is left.

    Raises:
      ValueError: batch_size is below 1, or a sketch is longer than max_seq_len.
    """
    if operator.index(batch_size) < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    _check_lengths(sketches, max_seq_len)
    order = np.argsort(sketches.lengths, kind="stable")

    def batches() -> Iterator[Batch]:
        for start in range(0, len(order), batch_size):
            part = sketches.take(order[start : start + batch_size])
            yield _batch(part.points, part.starts, max_seq_len, normalizing_factor)

    return batches()


def pad(sketches: Sequence[ArrayLike], *, max_seq_len: int, normalizing_factor: float) -> Batch:
    """Returns stroke-3 sketches, each [n, 3] in pixel units, as one batch, in order.

    Raises:
      ValueError: a sketch is not a valid one (`SketchSet.from_sketches`) or longer than
        max_seq_len.
    """
    batch = SketchSet.from_sketches(sketches)
    _check_lengths(batch, max_seq_len)
    return _batch(batch.points, batch.starts, max_seq_len, normalizing_factor)


def _batch(
    points: NDArray[np.float32],
    starts: NDArray[np.int64],
    padded: int,
    normalizing_factor: float,
) -> Batch:
    """Sketches as flat arrays -> a `Batch` of ``padded`` rows and the start token's."""
    if not 0 < normalizing_factor < np.inf:
        raise ValueError(f"normalizing_factor must be above 0 and finite, got {normalizing_factor}")
    lengths = np.diff(starts)
    count = len(lengths)
    result = np.zeros((count, padded + 1, 5), np.float32)
    result[:, 0] = strokes.START_TOKEN
    result[:, 1:] = strokes.END_TOKEN
    # Point j of sketch i goes to row 1 + j of block i.
    rows = np.arange(len(points)) + np.repeat(
        np.arange(count) * (padded + 1) + 1 - starts[:-1], lengths
    )
    flat = result.reshape(-1, 5)
    lift = points[:, 2]
    offsets = points[:, :2] / np.float32(normalizing_factor)
    flat[rows] = np.column_stack([offsets, 1 - lift, lift, np.zeros_like(lift)])
    return Batch(result, lengths.astype(np.int32))


def _check_lengths(sketches: SketchSet, max_seq_len: int) -> None:
    longest = int(sketches.lengths.max(initial=0))
    if longest > max_seq_len:
        raise ValueError(
            f"a sketch of {longest} points exceeds max_seq_len {max_seq_len}; "
            "load the data with this max_seq_len to drop longer ones"
        )


def _natural(name: str, value: int) -> int:
    value = operator.index(value)
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{name} must be in [0, 2**63), got {value}")
    return value
