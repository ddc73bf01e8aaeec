"""Random draws in a program that XLA compiles: the numbers of TensorFlow's own kernels.

XLA's version of ``tf.random.stateless_uniform`` and ``stateless_normal`` makes other numbers of the
same random words. The words themselves are equal. These functions make the numbers of the words in
the way of TensorFlow's kernels: uniform numbers are equal to the bit, normal ones to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from magenta_sketch._backend import tf

_SMALLEST = 1e-7  # a uniform number below this is raised to it before its logarithm is taken


def words(count: int, seed: tf.Tensor) -> tf.Tensor:
    """Return random words, int32 [count]. ``seed`` is a stateless seed, an integer tensor [2].

    >>> words(3, tf.constant([1, 2])).shape.as_list()
    [3]
    """
    return tf.random.stateless_uniform(
        [count], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )


def uniform(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Return what ``tf.random.stateless_uniform`` returns outside XLA: float32 in [0, 1).

    >>> seed = tf.constant([1, 2])
    >>> expected = tf.random.stateless_uniform([4, 2], seed, alg="philox")
    >>> bool(tf.reduce_all(uniform([4, 2], seed) == expected))
    True
    """
    return tf.reshape(_to_uniform(words(math.prod(shape), seed)), shape)


def normal(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Return what ``tf.random.stateless_normal`` returns outside XLA, to rounding: float32.

    Two words make two numbers (Box & Muller 1958).

    >>> seed = tf.constant([1, 2])
    >>> expected = tf.random.stateless_normal([4, 2], seed, alg="philox")
    >>> float(tf.reduce_max(tf.abs(normal([4, 2], seed) - expected))) < 1e-5
    True
    """
    count = math.prod(shape)
    pairs = tf.reshape(_to_uniform(words(count + count % 2, seed)), [-1, 2])
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, 0], _SMALLEST)))
    angle = 2.0 * math.pi * pairs[:, 1]
    both = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
    return tf.reshape(tf.reshape(both, [-1])[:count], shape)


def _to_uniform(bits: tf.Tensor) -> tf.Tensor:
    """Return floats in [0, 1) whose mantissa is the last 23 bits of each word."""
    one_to_two = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, 0x7FFFFF), 127 << 23)
    return tf.bitcast(one_to_two, tf.float32) - 1.0
