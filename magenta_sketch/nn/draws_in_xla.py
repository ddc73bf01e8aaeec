"""Random draws in a program that XLA compiles: the numbers of TensorFlow's own kernels.

XLA's version of ``tf.random.stateless_uniform`` and ``stateless_normal`` makes other numbers of the
same random words. The words themselves are equal. These functions make the numbers of the words in
the way of TensorFlow's kernels: uniform numbers are equal to the bit, normal ones to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from magenta_sketch._backend import tf
from magenta_sketch.nn.randomness import normals_of, uniforms_of


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
    return tf.reshape(uniforms_of(words(math.prod(shape), seed)), shape)


def normal(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Return what ``tf.random.stateless_normal`` returns outside XLA, to rounding: float32.

    >>> seed = tf.constant([1, 2])
    >>> expected = tf.random.stateless_normal([4, 2], seed, alg="philox")
    >>> float(tf.reduce_max(tf.abs(normal([4, 2], seed) - expected))) < 1e-5
    True
    """
    count = math.prod(shape)
    return tf.reshape(normals_of(words(count + count % 2, seed))[:count], shape)
