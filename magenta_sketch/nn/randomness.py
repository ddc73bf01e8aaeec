"""Seed tables: every draw is a stateless function of seed, step and purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch._backend import tf

# Rows of a seed table: one for each independent use of randomness within a step.
_ENCODER_FORWARD, _ENCODER_BACKWARD, _DECODER, _INPUT, _OUTPUT, _LATENT = range(6)


SEED_ROWS = 6


def seed_table(*key: int) -> tf.Tensor:
    """Stateless seeds, int64 [SEED_ROWS, 2], that are a function of ``key`` alone.

    ``key`` holds two or more numbers >= 0: a run's seed, a step, what it is for. Equal keys give
    equal tables; tables of different keys are independent.

    Raises:
      ValueError: for a shorter key, which would be the same as one with zeros behind it.
    """
    if len(key) < 2:
        raise ValueError(f"a seed table's key has two numbers or more, got {key}.")
    words = _sequence(key).generate_state(2 * SEED_ROWS, np.uint64)
    return tf.constant((words >> np.uint64(1)).astype(np.int64).reshape(SEED_ROWS, 2))


def _sequence(key: tuple[int, ...]) -> np.random.SeedSequence:
    # Two 32-bit words a number: left to itself NumPy takes as many as each needs, so that two
    # different keys could make the same sequence of words.
    return np.random.SeedSequence([word for n in key for word in divmod(n, 2**32)])


def _initializer_seed(seed: int, number: int) -> int:
    # Keras wants seeds below 2**32; cells add small numbers of their own.
    return int(_sequence((seed, number)).generate_state(1)[0] >> 1)


def keep_mask(
    shape: Sequence[Any], keep_prob: float, seed: tf.Tensor, dtype="float32"
) -> tf.Tensor | None:
    """A dropout mask of 0 and 1/keep_prob; None when keep_prob is 1.

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
