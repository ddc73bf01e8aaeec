"""Seed tables and dropout masks: every draw is a stateless function of seed, step and purpose."""

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
    """Return stateless seeds, int64 [SEED_ROWS, 2]: a row for each `Draw`.

    They are a function of the arguments alone; tables of different arguments are independent.

    Args:
      seed: of a run, 0 <= seed < 2**63.
      step: 0 or more: a training step, or what counts in its place.
      purpose: what is drawn.
      number: of a batch within an evaluation, 0 or more; None for a step of one batch.
    """
    key = (seed, step, purpose) if number is None else (seed, step, purpose, number)
    words = _sequence(*key).generate_state(2 * SEED_ROWS, np.uint64)
    return tf.constant((words >> np.uint64(1)).astype(np.int64).reshape(SEED_ROWS, 2))


def seed_of(seeds: tf.Tensor | None, draw: Draw) -> tf.Tensor:
    """Return the stateless seed of one draw, [2], from a `seed_table`.

    Raises:
      ValueError: there is no table.
    """
    if seeds is None:
        raise ValueError(
            "dropout and latent noise need seeds, got None; pass a randomness.seed_table"
        )
    return seeds[draw]


def initializer_seed(seed: int, number: int) -> int:
    """Return a seed for a Keras initializer.

    ``number`` is the part of a layer that it is for, such as `magenta_sketch.seeds.EncoderPart`.MU.
    """
    # Keras wants seeds below 2**32; cells add small numbers of their own.
    return int(_sequence(seed, number).generate_state(1)[0] >> 1)


def _sequence(*key: int) -> np.random.SeedSequence:
    # Two 32-bit words a number: left to itself NumPy takes as many as each needs, so that two
    # different keys could make the same sequence of words.
    return np.random.SeedSequence([word for n in key for word in divmod(int(n), 2**32)])


def keep_mask(
    shape: Sequence[Any] | tf.Tensor, keep_prob: float, seed: tf.Tensor, dtype: Any = "float32"
) -> tf.Tensor | None:
    """Return a dropout mask of 0 and 1/keep_prob; None when keep_prob is 1.

    ``seed`` is a stateless seed, an integer tensor [2]: equal seeds give equal masks.
    """
    if keep_prob >= 1.0:
        return None
    # 16 random bits decide, which is fine enough for a probability and two draws a number. A named
    # algorithm, because the default one may differ from device to device.
    count = tf.reduce_prod(tf.convert_to_tensor(shape))
    words = tf.random.stateless_uniform(
        [(count + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], shape)
    kept = bits < max(1, round(keep_prob * 2**16))
    return tf.where(kept, tf.constant(1.0 / keep_prob, dtype), tf.constant(0.0, dtype))
