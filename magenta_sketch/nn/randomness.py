"""Seeds and dropout masks. Every draw is a stateless function of seed, step and purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.seeds import Draw, Purpose

SEED_ROWS = len(Draw)


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


def seed_of(seeds: tf.Tensor | None, draw: Draw) -> tf.Tensor:
    """Return the stateless seed of one draw, [2], from a `seed_table`.

    Raises:
      ValueError: ``seeds`` is None.

    >>> seed_of(seed_table(seed=1, step=0), Draw.LATENT).shape.as_list()
    [2]
    """
    if seeds is None:
        raise ValueError(
            "dropout and latent noise need seeds, got None; pass a randomness.seed_table"
        )
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
    shape: Sequence[Any] | tf.Tensor, keep_prob: float, seed: tf.Tensor, dtype: Any = "float32"
) -> tf.Tensor | None:
    """Return a dropout mask of 0 and 1/keep_prob; None if keep_prob is 1.

    ``seed`` is a stateless seed, an integer tensor [2]. Equal seeds give equal masks.

    >>> sorted(set(keep_mask([100], 0.5, tf.constant([1, 2])).numpy().tolist()))
    [0.0, 2.0]
    """
    if keep_prob >= 1.0:
        return None
    # Each value needs 16 random bits, so one random number serves two values. The algorithm is
    # named, because the default may differ between devices.
    count = tf.reduce_prod(tf.convert_to_tensor(shape))
    words = tf.random.stateless_uniform(
        [(count + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], shape)
    kept = bits < max(1, round(keep_prob * 2**16))
    return tf.where(kept, tf.constant(1.0 / keep_prob, dtype), tf.constant(0.0, dtype))
