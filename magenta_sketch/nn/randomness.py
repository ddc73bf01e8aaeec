"""Seeds, dropout masks and latent noise.

Every draw is a stateless function of seed, step and purpose. In training and evaluation it is also
one of the sketch's place in the batch (`PlacedSeeds`), so that a batch can be split among parts of
a processor or among workers without other results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.seeds import Draw, Purpose

SEED_ROWS = len(Draw)

_PHILOX = 1  # TensorFlow's number of the algorithm, which is named so that all devices draw alike
_BLOCK = 4  # 32-bit words that Philox makes at once
_SMALLEST = 1e-7  # a uniform number below this is raised to it before its logarithm is taken
_ROWS = 32  # masks are drawn for a multiple of these time steps, so that padding does not matter


class PlacedSeeds(NamedTuple):
    """Seeds for some sketches of a batch: each sketch has the draws of its place.

    Attributes:
      table: a `seed_table`; one row of it, [2], after `seed_of`.
      places: int32 [sketches]: in any order, but no place between them is missing.
    """

    table: tf.Tensor
    places: tf.Tensor


Seeds: TypeAlias = tf.Tensor | PlacedSeeds


def seed_table(
    seed: int, step: int, purpose: Purpose = Purpose.TRAINING, number: int | None = None
) -> tf.Tensor:
    """Return stateless seeds, int64 [SEED_ROWS, 2]: one row for each `Draw`.

    Equal arguments give equal tables, different arguments give independent tables.

    Args:
      seed: seed of the run, 0 <= seed < 2**63.
      step: training step, or another number for other purposes, >= 0.
      purpose: what the draws are for.
      number: number of the batch in an evaluation, >= 0; None if the step has one batch.

    >>> seed_table(seed=1, step=0).shape.as_list()
    [6, 2]
    """
    key = (seed, step, purpose) if number is None else (seed, step, purpose, number)
    words = _sequence(*key).generate_state(2 * SEED_ROWS, np.uint64)
    return tf.constant((words >> np.uint64(1)).astype(np.int64).reshape(SEED_ROWS, 2))


def seed_of(seeds: Seeds | None, draw: Draw) -> Seeds:
    """Return the stateless seed of one draw, [2], from a `seed_table` or `PlacedSeeds`.

    Raises:
      ValueError: ``seeds`` is None.

    >>> seed_of(seed_table(seed=1, step=0), Draw.LATENT).shape.as_list()
    [2]
    """
    if seeds is None:
        raise ValueError(
            "dropout and latent noise need seeds, got None; pass a randomness.seed_table"
        )
    if isinstance(seeds, PlacedSeeds):
        return seeds._replace(table=seeds.table[draw])
    return seeds[draw]


def initializer_seed(seed: int, number: int) -> int:
    """Return the seed of a Keras initializer for one part of a model or layer.

    ``number`` is the part, for example `magenta_sketch.seeds.EncoderPart`.MU.

    >>> initializer_seed(1, 0) == initializer_seed(1, 1)
    False
    """
    # Keras needs seeds below 2**32, and cells add small numbers to this one.
    return int(_sequence(seed, number).generate_state(1)[0] >> 1)


def _sequence(*key: int) -> np.random.SeedSequence:
    # Exactly two 32-bit words for each number. NumPy itself uses as many words as a number needs,
    # so that different keys could give the same words.
    return np.random.SeedSequence([word for n in key for word in divmod(int(n), 2**32)])


def keep_mask(
    shape: Sequence[Any] | tf.Tensor, keep_prob: float, seed: Seeds, dtype: Any = "float32"
) -> tf.Tensor | None:
    """Return a dropout mask of 0 and 1/keep_prob; None if keep_prob is 1.

    Args:
      shape: of the mask. With `PlacedSeeds` it is [time, sketches, units].
      keep_prob: in (0, 1].
      seed: from `seed_of`. Equal seeds give equal masks. With `PlacedSeeds`, the mask of a sketch
        depends on its place alone. Padding to a multiple of 32 time steps does not change it.
      dtype: of the mask.

    >>> sorted(set(keep_mask([100], 0.5, tf.constant([1, 2])).numpy().tolist()))
    [0.0, 2.0]
    """
    if keep_prob >= 1.0:
        return None
    # Each value needs 16 random bits, so one random number serves two values.
    if isinstance(seed, PlacedSeeds):
        time, _, units = tf.unstack(tf.convert_to_tensor(shape))
        padded, pairs = (time + _ROWS - 1) // _ROWS * _ROWS, (units + 1) // 2
        words = _placed_words(padded * pairs, seed)
        bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1, padded, 2 * pairs])
        kept = tf.transpose(_kept(bits[:, :time, :units], keep_prob), [1, 0, 2])
    else:
        count = tf.reduce_prod(tf.convert_to_tensor(shape))
        words = tf.random.stateless_uniform(
            [(count + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
        )
        bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count]
        kept = _kept(tf.reshape(bits, shape), keep_prob)
    return tf.where(kept, tf.constant(1.0 / keep_prob, dtype), tf.constant(0.0, dtype))


def standard_normal(shape: Sequence[Any] | tf.Tensor, seed: Seeds, dtype: Any) -> tf.Tensor:
    """Draw from N(0, 1).

    Args:
      shape: of the result. With `PlacedSeeds` it is [sketches, width].
      seed: from `seed_of`.
      dtype: of the result.

    >>> standard_normal([2, 3], tf.constant([1, 2]), "float32").shape.as_list()
    [2, 3]
    """
    if not isinstance(seed, PlacedSeeds):
        return tf.random.stateless_normal(shape, seed, dtype=dtype, alg="philox")
    width = shape[-1]
    bits = _placed_words((width + 1) // 2 * 2, seed)
    return tf.cast(normals_of(bits)[:, :width], dtype)


def normals_of(words: tf.Tensor) -> tf.Tensor:
    """Return numbers of N(0, 1), float32 [..., 2n], from random words, int32 [..., 2n].

    Two words make two numbers (Box & Muller 1958).
    """
    pairs = tf.reshape(uniforms_of(words), [*tf.unstack(tf.shape(words))[:-1], -1, 2])
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[..., 0], _SMALLEST)))
    angle = 2.0 * math.pi * pairs[..., 1]
    both = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=-1)
    return tf.reshape(both, tf.shape(words))


def uniforms_of(words: tf.Tensor) -> tf.Tensor:
    """Return floats in [0, 1) whose mantissa is the last 23 bits of each word.

    >>> uniforms_of(tf.constant([0, 1 << 22])).numpy().tolist()
    [0.0, 0.5]
    """
    one_to_two = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(words, 0x7FFFFF), 127 << 23)
    return tf.bitcast(one_to_two, tf.float32) - 1.0


def _kept(bits: tf.Tensor, keep_prob: float) -> tf.Tensor:
    return bits < max(1, round(keep_prob * 2**16))


def _placed_words(count: Any, seed: PlacedSeeds) -> tf.Tensor:
    """Draw ``count`` random words for each sketch: int32 [sketches, count].

    Each place has the blocks of Philox that follow those of the place before it. So the words for
    any range of places can be made by themselves: Philox can begin at any block.
    """
    blocks = (tf.convert_to_tensor(count) + _BLOCK - 1) // _BLOCK
    places, first = tf.size(seed.places), tf.reduce_min(seed.places)
    # A key of this draw, and the upper half of its counters. The lower half counts the blocks.
    own = tf.random.stateless_uniform(
        [2], seed.table, minval=None, maxval=None, dtype=tf.int64, alg="philox"
    )
    begin = tf.cast(first, tf.int64) * tf.cast(blocks, tf.int64)
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[places * blocks * _BLOCK],
        key=tf.bitcast(own[:1], tf.uint64),
        counter=tf.bitcast(tf.stack([begin, own[1]]), tf.uint64),
        alg=_PHILOX,
        dtype=tf.int32,
    )
    by_place = tf.reshape(words, [places, blocks * _BLOCK])
    return tf.gather(by_place, seed.places - first)[:, :count]
