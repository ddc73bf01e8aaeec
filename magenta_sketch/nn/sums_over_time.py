"""Gradients of what is the same at all time steps, or comes in before the loop: made after it.

The fast loop leaves, for each matrix, the rows that it multiplied and the gradients of the
products, of all time steps and sketches one below the other: [rows, K] and [rows, N], in the order
of `magenta_sketch.nn.lengths.rows`. Each gradient here is one large product of those.

``counts`` is how many sketches have a point at each time, int32 [time steps]; None: all have.
"""

from __future__ import annotations

from collections.abc import Sequence

from magenta_sketch._backend import tf


def of_matrix(rows: tf.Tensor, d_rows: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The gradient of a matrix, [K, N]."""
    return tf.cast(tf.matmul(rows, d_rows, transpose_a=True), dtype)


def of_addend(
    d_rows: tf.Tensor, counts: tf.Tensor | None, batch: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """The gradient of what is added to a product at each time step, [batch, N].

    The sum over time is a product too, because that adds in float32 whatever the type of the rows.
    """
    width = d_rows.shape[-1]
    if counts is None:
        each = tf.reshape(d_rows, [-1, batch * width])
        ones = tf.ones([1, tf.shape(each)[0]], d_rows.dtype)
        total = tf.reshape(tf.matmul(ones, each), [batch, width])
    else:
        is_of = tf.one_hot(tf.ragged.range(counts).values, batch, dtype=d_rows.dtype)
        total = tf.matmul(is_of, d_rows, transpose_a=True)
    return tf.cast(total, dtype)


def of_input(
    d_rows: Sequence[tf.Tensor],
    matrices: Sequence[tf.Tensor],
    counts: tf.Tensor | None,
    x: tf.Tensor,
) -> tf.Tensor:
    """The gradient of the input, [time, batch, width]; zero where a sketch has no point.

    Args:
      d_rows: of each matrix that multiplies the input.
      matrices: the rows of each that do, [width, N].
      x: the input, [time, ..., batch, width].
    """
    pairs = zip(d_rows, matrices, strict=True)
    d_x = sum(tf.matmul(d, matrix, transpose_b=True) for d, matrix in pairs)
    time, batch, width = tf.shape(x)[0], tf.shape(x)[-2], x.shape[-1]
    if counts is None:
        d_x = tf.reshape(d_x, [time, batch, width])
    else:
        steps = tf.shape(counts)[0]
        d_x = tf.RaggedTensor.from_row_lengths(d_x, counts)
        d_x = d_x.to_tensor(shape=[steps, batch, width])
        d_x = tf.pad(d_x, [[0, time - steps], [0, 0], [0, 0]])
    return tf.cast(d_x, x.dtype)
