"""The memory c of an LSTM, computed from its gates. All cells share this."""

from __future__ import annotations

from typing import NamedTuple

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import Tensors

FORGET_BIAS = 1.0


class Gates(NamedTuple):
    """The four gates after their nonlinearities, and the old c; each [..., batch, units].

    These are the residuals of `memory`.
    """

    i: tf.Tensor
    j: tf.Tensor
    f: tf.Tensor
    o: tf.Tensor
    c: tf.Tensor


def memory(pre: tf.Tensor, c: tf.Tensor, keep_mask: tf.Tensor | None) -> tuple[tf.Tensor, Gates]:
    """Return c' = c·σ(f) + σ(i)·dropout(tanh(j)), and the residuals.

    ``pre`` holds the four pre-activations, [4, ..., batch, units]; f includes the forget bias.
    """
    i, f, o = tf.sigmoid(pre[0]), tf.sigmoid(pre[2]), tf.sigmoid(pre[3])
    j = tf.tanh(pre[1])
    candidate = j if keep_mask is None else j * keep_mask
    return c * f + i * candidate, Gates(i, j, f, o, c)


def memory_backward(
    gates: Gates, d_c: tf.Tensor, d_o: tf.Tensor, keep_mask: tf.Tensor | None
) -> tuple[Tensors, tf.Tensor]:
    """Return the gradients of the pre-activations and the old c.

    ``d_c`` is the gradient of c', ``d_o`` that of σ(o).
    """
    i, j, f, o, c = gates
    d_candidate = d_c if keep_mask is None else d_c * keep_mask
    d_pre = [
        sigmoid_gradient(i, d_candidate * j),
        tanh_gradient(j, d_candidate * i),
        sigmoid_gradient(f, d_c * c),
        sigmoid_gradient(o, d_o),
    ]
    return d_pre, d_c * f


def sigmoid_gradient(y: tf.Tensor, d_y: tf.Tensor) -> tf.Tensor:
    """Return the gradient of x for y = σ(x)."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=d_y)


def tanh_gradient(y: tf.Tensor, d_y: tf.Tensor) -> tf.Tensor:
    """Return the gradient of x for y = tanh(x)."""
    return tf.raw_ops.TanhGrad(y=y, dy=d_y)


def add_forget_bias(bias: tf.Tensor) -> tf.Tensor:
    """Return ``bias`` [4·units] with `FORGET_BIAS` added to its f block."""
    bias = tf.convert_to_tensor(bias)
    blocks = tf.constant([0.0, 0.0, FORGET_BIAS, 0.0], bias.dtype)
    return bias + tf.repeat(blocks, bias.shape[0] // 4)
