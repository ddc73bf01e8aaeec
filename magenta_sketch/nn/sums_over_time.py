"""Gradients that the fast loop computes once, for all time steps together.

For each matrix there are the rows that it multiplied, [rows, K], and the gradients of its products,
[rows, N]. They hold all time steps and sketches, in the order of `magenta_sketch.nn.lengths.rows`.
Each gradient is one large product of these.

``counts`` is the number of sketches with a point at each time step, int32 [time steps]; None: all.
"""

from __future__ import annotations

from collections.abc import Sequence

from magenta_sketch._backend import tf


def matrix_gradient(rows: tf.Tensor, d_rows: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return the gradient of a matrix, [K, N]."""
    return tf.cast(tf.matmul(rows, d_rows, transpose_a=True), dtype)


def addend_gradient(
    d_rows: tf.Tensor, counts: tf.Tensor | None, batch: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Return the gradient of the addend of a product, [batch, N].

    The sum over time is computed as a matrix product, which adds in float32 for every number type.
    """
    width = d_rows.shape[-1]
    if counts is None:
        each = tf.reshape(d_rows, [-1, batch * width])
        ones = tf.ones([1, tf.shape(each)[0]], d_rows.dtype)
        total = tf.reshape(tf.matmul(ones, each), [batch, width])
    else:
        one_hot = tf.one_hot(tf.ragged.range(counts).values, batch, dtype=d_rows.dtype)
        total = tf.matmul(one_hot, d_rows, transpose_a=True)
    return tf.cast(total, dtype)


def input_gradient(
    d_rows: Sequence[tf.Tensor],
    matrices: Sequence[tf.Tensor],
    counts: tf.Tensor | None,
    x: tf.Tensor,
) -> tf.Tensor:
    """Return the gradient of the input, [time, batch, width]; zero where a sketch has no point.

    Args:
      d_rows: for each matrix that multiplies the input, the gradients of its products.
      matrices: the rows of these matrices that multiply the input, [width, N].
      x: the input, [time, ..., batch, width].
    """
    pairs = zip(d_rows, matrices, strict=True)
    d_x = sum(tf.matmul(d, matrix, transpose_b=True) for d, matrix in pairs)
    time, batch, width = tf.shape(x)[0], tf.shape(x)[-2], x.shape[-1]
    if counts is None:
        d_x = tf.reshape(d_x, [time, batch, width])
    else:
        total = tf.shape(counts)[0]
        d_x = tf.RaggedTensor.from_row_lengths(d_x, counts)
        d_x = d_x.to_tensor(shape=[total, batch, width])
        d_x = tf.pad(d_x, [[0, time - total], [0, 0], [0, 0]])
    return tf.cast(d_x, x.dtype)
