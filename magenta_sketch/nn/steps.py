"""One step of each cell, forwards and backwards: pure functions of input, state and weights.

The maths of a cell stands here once. `magenta_sketch.nn.cells` owns the variables and calls the
forward half when a step is wanted alone; `magenta_sketch.nn.recurrence` calls both halves when it
runs a cell over whole sketches.

Shapes: gate pre-activations are block-major, ``[4, ..., batch, units]`` in the order i, j, f, o
(input, candidate, forget, output), so that a gate is one contiguous piece; ``...`` is nothing, or
the two directions of an encoder. Weights and biases have the same axes, ``[4, ..., 1, units]``.
``keep_mask`` holds 0 or 1/keep probability, [..., batch, units]; None drops nothing.

What a forward half keeps for its backward half is a list of tensors, flat, so that a loop can
store it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from magenta_sketch._backend import tf

FORGET_BIAS = 1.0
LAYER_NORM_EPSILON = 1e-3  # inside the square root; large, as the original has it

# The eight scalings of a hyper cell (ix, jx, fx, ox, ih, jh, fh, oh) and its four shifts.
HYPER_SCALES = 8
HYPER_SHIFTS = 4

Tensors = list[Any]


# ------------------------------------------------------------------------------ building blocks


def gates(
    pre: tf.Tensor, c: tf.Tensor, keep_mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Tensors]:
    """From gate pre-activations: (new c, output gate, kept); 5 tensors are kept.

    c' = c·σ(f) + σ(i)·dropout(tanh(j)); the forget bias is in f already.
    """
    i, f, o = tf.sigmoid(pre[0]), tf.sigmoid(pre[2]), tf.sigmoid(pre[3])
    j = tf.tanh(pre[1])
    candidate = j if keep_mask is None else j * keep_mask
    return c * f + i * candidate, o, [i, j, f, o, c]


def gates_backward(
    kept: Tensors, d_c: tf.Tensor, d_o: tf.Tensor, keep_mask: tf.Tensor | None
) -> tuple[Tensors, tf.Tensor]:
    """From the gradients of new c and of the output gate: those of (i, j, f, o) and of old c."""
    i, j, f, o, c = kept
    d_candidate = d_c if keep_mask is None else d_c * keep_mask
    d_pre = [
        _sigmoid_gradient(i, d_candidate * j),
        _tanh_gradient(j, d_candidate * i),
        _sigmoid_gradient(f, d_c * c),
        _sigmoid_gradient(o, d_o),
    ]
    return d_pre, d_c * f


def _sigmoid_gradient(y, dy):
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def _tanh_gradient(y, dy):
    return tf.raw_ops.TanhGrad(y=y, dy=dy)


def layer_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, Tensors]:
    """Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450, eq. 4).

    x ``[..., n]``; gamma and beta broadcast against it. 2 tensors are kept.
    """
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    rate = tf.math.rsqrt(variance + LAYER_NORM_EPSILON)
    normal = centred * rate
    return normal * gamma + beta, [normal, rate]


def layer_norm_backward(
    kept: Tensors, gamma: tf.Tensor, d_y: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of (x, gamma, beta); those of gamma and beta are summed over the batch."""
    normal, rate = kept
    d_gamma = tf.reduce_sum(d_y * normal, axis=-2, keepdims=True)
    d_beta = tf.reduce_sum(d_y, axis=-2, keepdims=True)
    d_normal = d_y * gamma
    mean = tf.reduce_mean(d_normal, axis=-1, keepdims=True)
    along = tf.reduce_mean(d_normal * normal, axis=-1, keepdims=True)
    return (d_normal - mean - normal * along) * rate, d_gamma, d_beta


class Norms(NamedTuple):
    """Gains and offsets of a layer-normalised LSTM: of its four gates and of its cell state."""

    gates_gamma: tf.Tensor
    gates_beta: tf.Tensor
    cell_gamma: tf.Tensor
    cell_beta: tf.Tensor


def normalised(
    pre: tf.Tensor, c: tf.Tensor, norms: Norms, keep_mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Tensors]:
    """The layer-normalised LSTM from its raw pre-activations on: (h', c', kept); 10 are kept."""
    pre, kept_pre = layer_norm(pre, norms.gates_gamma, norms.gates_beta)
    new_c, o, kept_gates = gates(pre, c, keep_mask)
    y, kept_c = layer_norm(new_c, norms.cell_gamma, norms.cell_beta)
    y = tf.tanh(y)
    return y * o, new_c, [*kept_pre, *kept_gates, *kept_c, y]


def normalised_backward(
    kept: Tensors, norms: Norms, d_h: tf.Tensor, d_c: tf.Tensor, keep_mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Norms]:
    """From the gradients of h' and c': those of the pre-activations, of c, and of the norms."""
    kept_pre, kept_gates, kept_c, y = kept[:2], kept[2:7], kept[7:9], kept[9]
    o = kept_gates[3]
    d_y = _tanh_gradient(y, d_h * o)
    d_new_c, d_cell_gamma, d_cell_beta = layer_norm_backward(kept_c, norms.cell_gamma, d_y)
    d_pre, d_c = gates_backward(kept_gates, d_c + d_new_c, d_h * y, keep_mask)
    d_pre, d_gamma, d_beta = layer_norm_backward(kept_pre, norms.gates_gamma, tf.stack(d_pre))
    return d_pre, d_c, Norms(d_gamma, d_beta, d_cell_gamma, d_cell_beta)


NORMALISED_KEPT = 10


# ------------------------------------------------------------------------- steps of a recurrence
#
# A step sees its matrices through two functions of the recurrence, which holds them in the type
# and layout that is fastest and makes their gradients from all points at once:
#
#   product(name, *parts)   the parts side by side, [..., batch, K], times matrix ``name``, plus
#                           what the input's unchanging columns add (`context`): block-major,
#                           [blocks, ..., batch, N / blocks]
#   back(name, d_blocks)    from the gradient of that (a tensor or a list of blocks): the gradient
#                           of the parts that belong to the state, [..., batch, S]
#
# Matrices that need no such care, and vectors, are in ``small``; their gradients are summed point
# by point. An input x ends in a column of ones, so that a bias is a row of a matrix.


class Matrix(NamedTuple):
    """A matrix of a step: rows for parts of the state [S, N], then rows for x [width + 1, N].

    Either may be None. ``blocks``: how many blocks the N columns are cut into.
    """

    state: tf.Tensor | None
    x: tf.Tensor | None
    blocks: int = 4


class LSTMStep:
    """A step of `magenta_sketch.nn.cells.LSTMCell`."""

    kept = 6

    def matrices(self, cell: Any, width: int) -> dict[str, Matrix]:
        """The matrices of ``cell`` for an input of ``width`` columns that changes with time."""
        x = tf.concat([cell.kernel[:width], (cell.bias + _forget_bias(cell))[None]], axis=0)
        return {"gates": Matrix(tf.convert_to_tensor(cell.recurrent_kernel), x)}

    def small(self, cell: Any) -> dict[str, tf.Tensor]:
        return {}

    def context(self, cell: Any, constant: tf.Tensor) -> dict[str, tf.Tensor]:
        """What input columns [batch, width] that never change add to products, [batch, N]."""
        return {"gates": tf.matmul(constant, cell.kernel[-constant.shape[-1] :])}

    def forward(self, product, small, x, state, keep_mask):
        """(new state, kept)."""
        h, c = state
        c, o, kept = gates(product("gates", h, x), c, keep_mask)
        y = tf.tanh(c)
        return [y * o, c], [*kept, y]

    def backward(self, back, small, kept, keep_mask, d_state):
        """From the gradients of the new state: those of (state, ``small``)."""
        d_h, d_c = d_state
        kept, y = kept[:5], kept[5]
        d_c += _tanh_gradient(y, d_h * kept[3])
        d_pre, d_c = gates_backward(kept, d_c, d_h * y, keep_mask)
        return [back("gates", d_pre), d_c], {}


class LayerNormStep:
    """A step of `magenta_sketch.nn.cells.LayerNormLSTMCell`."""

    kept = NORMALISED_KEPT

    def matrices(self, cell, width):
        x = tf.pad(cell.kernel[:width], [[0, 1], [0, 0]])  # no bias
        return {"gates": Matrix(tf.convert_to_tensor(cell.recurrent_kernel), x)}

    def small(self, cell):
        return norms(cell)._asdict()

    def context(self, cell, constant):
        return {"gates": tf.matmul(constant, cell.kernel[-constant.shape[-1] :])}

    def forward(self, product, small, x, state, keep_mask):
        h, c = state
        h, c, kept = normalised(product("gates", h, x), c, Norms(**small), keep_mask)
        return [h, c], kept

    def backward(self, back, small, kept, keep_mask, d_state):
        d_pre, d_c, d_norms = normalised_backward(kept, Norms(**small), *d_state, keep_mask)
        return [back("gates", d_pre), d_c], d_norms._asdict()


class HyperStep:
    """A step of `magenta_sketch.nn.cells.HyperLSTMCell`."""

    kept = 2 * NORMALISED_KEPT + 5

    def matrices(self, cell, width):
        inner, units = cell.hyper_cell, cell.units
        of_x, of_h = inner.kernel[: cell.input_width], inner.kernel[-units:]
        return {
            "hyper": Matrix(
                tf.concat([of_h, inner.recurrent_kernel], axis=0),
                tf.pad(of_x[:width], [[0, 1], [0, 0]]),
            ),
            "embedding": Matrix(
                tf.concat([cell.scale_embedding, cell.shift_embedding], axis=1),
                None,
                HYPER_SCALES + HYPER_SHIFTS,
            ),
            "recurrent": Matrix(tf.convert_to_tensor(cell.recurrent_kernel), None),
            "input": Matrix(None, tf.pad(cell.kernel[:width], [[0, 1], [0, 0]])),
        }

    def small(self, cell):
        inner = {f"hyper_{name}": value for name, value in norms(cell.hyper_cell)._asdict().items()}
        bias = tf.reshape(cell.scale_embedding_bias, [HYPER_SCALES, 1, -1])
        return {
            **norms(cell)._asdict(),
            **inner,
            "bias": tf.reshape(cell.bias, [4, 1, -1]),
            "embedding_bias": tf.pad(bias, [[0, HYPER_SHIFTS], [0, 0], [0, 0]]),
            "parts": tf.concat([cell.scale_kernel, cell.shift_kernel], axis=0),
        }

    def context(self, cell, constant):
        width = constant.shape[-1]
        of_x = cell.hyper_cell.kernel[: cell.input_width]
        return {
            "hyper": tf.matmul(constant, of_x[-width:]),
            "input": tf.matmul(constant, cell.kernel[-width:]),
        }

    def forward(self, product, small, x, state, keep_mask):
        h, c, hyper_h, hyper_c = state
        inner, own = _hyper_norms(small)
        pre = product("hyper", h, hyper_h, x)
        hyper_h, hyper_c, kept_inner = normalised(pre, hyper_c, inner, None)
        embedding = product("embedding", hyper_h) + small["embedding_bias"]
        parts = _matmul_as(product.dtype, embedding, small["parts"])
        x_part, h_part = product("input", x), product("recurrent", h)
        scale_x, scale_h, shift = parts[:4], parts[4:8], parts[8:]
        pre = x_part * scale_x + h_part * scale_h + (shift + small["bias"])
        h, c, kept_own = normalised(pre, c, own, keep_mask)
        kept = [*kept_inner, *kept_own, embedding, x_part, h_part, scale_x, scale_h]
        return [h, c, hyper_h, hyper_c], kept

    def backward(self, back, small, kept, keep_mask, d_state):
        d_h, d_c, d_hyper_h, d_hyper_c = d_state
        inner, own = _hyper_norms(small)
        kept_inner, kept_own = kept[:NORMALISED_KEPT], kept[NORMALISED_KEPT : 2 * NORMALISED_KEPT]
        embedding, x_part, h_part, scale_x, scale_h = kept[2 * NORMALISED_KEPT :]
        d_pre, d_c, d_own = normalised_backward(kept_own, own, d_h, d_c, keep_mask)
        d_parts = tf.concat([d_pre * x_part, d_pre * h_part, d_pre], axis=0)
        back("input", d_pre * scale_x)
        d_h = back("recurrent", d_pre * scale_h)
        d_embedding = _matmul_as(back.dtype, d_parts, small["parts"], transpose_b=True)
        d_hyper_h += back("embedding", d_embedding)
        d_hyper_pre, d_hyper_c, d_inner = normalised_backward(
            kept_inner, inner, d_hyper_h, d_hyper_c, None
        )
        d_state_parts = back("hyper", d_hyper_pre)
        units = d_h.shape[-1]
        d_h += d_state_parts[..., :units]
        d_small = {
            **d_own._asdict(),
            **{f"hyper_{name}": value for name, value in d_inner._asdict().items()},
            "bias": tf.reduce_sum(d_pre, axis=-2, keepdims=True),
            "embedding_bias": tf.reduce_sum(d_embedding, axis=-2, keepdims=True),
            "parts": _matmul_as(back.dtype, embedding, d_parts, transpose_a=True),
        }
        return [d_h, d_c, d_state_parts[..., units:], d_hyper_c], d_small


def norms(cell: Any) -> Norms:
    """The gains and offsets of a layer-normalised cell, block-major, forget bias added."""
    return Norms(
        tf.reshape(cell.gates_gamma, [4, 1, -1]),
        tf.reshape(cell.gates_beta + _forget_bias(cell), [4, 1, -1]),
        cell.cell_gamma[None],
        cell.cell_beta[None],
    )


def _hyper_norms(small):
    inner = Norms(*(small[f"hyper_{name}"] for name in Norms._fields))
    return inner, Norms(*(small[name] for name in Norms._fields))


def _forget_bias(cell) -> tf.Tensor:
    """FORGET_BIAS for the f block and 0 for the others, [4·units]."""
    return tf.repeat(tf.constant([0.0, 0.0, FORGET_BIAS, 0.0], cell.kernel.dtype), cell.units)


def _matmul_as(dtype, a, b, **transpose) -> tf.Tensor:
    """The product computed from numbers of ``dtype``, in the type of ``a``."""
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transpose), a.dtype)
