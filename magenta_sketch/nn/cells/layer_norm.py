"""Layer normalisation, and the LSTM cell with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.cell_protocol import (
    BackProduct,
    Backward,
    Forward,
    Matrix,
    Product,
    Tensors,
)
from magenta_sketch.nn.cells.base import SketchCell
from magenta_sketch.nn.cells.gates import (
    Gates,
    add_forget_bias,
    memory,
    memory_backward,
    tanh_gradient,
)

EPSILON = 1e-3  # inside the square root; as large as in the original


class NormResiduals(NamedTuple):
    """Residuals of `layer_norm`: x normalised [..., n], and 1/standard deviation [..., 1]."""

    normal: tf.Tensor
    rate: tf.Tensor


def layer_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, NormResiduals]:
    """Normalise x [..., n] over its last axis (Ba et al. 2016, arXiv:1607.06450, eq. 4).

    ``gamma`` and ``beta`` broadcast against x. Return the result and its residuals.
    """
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    rate = tf.math.rsqrt(variance + EPSILON)
    normal = centred * rate
    return normal * gamma + beta, NormResiduals(normal, rate)


def layer_norm_backward(
    residuals: NormResiduals, gamma: tf.Tensor, d_y: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gradients of x, gamma and beta, the last two summed over the batch."""
    normal, rate = residuals
    d_gamma = tf.reduce_sum(d_y * normal, axis=-2, keepdims=True)
    d_beta = tf.reduce_sum(d_y, axis=-2, keepdims=True)
    d_normal = d_y * gamma
    mean = tf.reduce_mean(d_normal, axis=-1, keepdims=True)
    along = tf.reduce_mean(d_normal * normal, axis=-1, keepdims=True)
    return (d_normal - mean - normal * along) * rate, d_gamma, d_beta


class Norms(NamedTuple):
    """Weights of the layer norms: of the gates, [4, ..., 1, units], and of c, [..., 1, units]."""

    gates_gamma: tf.Tensor
    gates_beta: tf.Tensor
    cell_gamma: tf.Tensor
    cell_beta: tf.Tensor


class NormalisedResiduals(NamedTuple):
    """Residuals of `normalised_lstm`; y is tanh(LN(c'))."""

    pre: NormResiduals
    gates: Gates
    cell: NormResiduals
    y: tf.Tensor


def normalised_lstm(
    pre: tf.Tensor, c: tf.Tensor, norms: Norms, keep_mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, NormalisedResiduals]:
    """Return h', c' and the residuals of a layer-normalised LSTM.

    ``pre`` holds the pre-activations before they are normalised, [4, ..., batch, units].
    """
    pre, pre_residuals = layer_norm(pre, norms.gates_gamma, norms.gates_beta)
    c, gates = memory(pre, c, keep_mask)
    y, cell_residuals = layer_norm(c, norms.cell_gamma, norms.cell_beta)
    y = tf.tanh(y)
    return y * gates.o, c, NormalisedResiduals(pre_residuals, gates, cell_residuals, y)


def normalised_lstm_backward(
    residuals: NormalisedResiduals,
    norms: Norms,
    d_h: tf.Tensor,
    d_c: tf.Tensor,
    keep_mask: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor, Norms]:
    """Return the gradients of the pre-activations, the old c and the norms.

    ``d_h`` and ``d_c`` are the gradients of h' and c'.
    """
    gates, y = residuals.gates, residuals.y
    d_y = tanh_gradient(y, d_h * gates.o)
    d_new_c, d_cell_gamma, d_cell_beta = layer_norm_backward(residuals.cell, norms.cell_gamma, d_y)
    d_pre, d_c = memory_backward(gates, d_c + d_new_c, d_h * y, keep_mask)
    d_pre, d_gamma, d_beta = layer_norm_backward(residuals.pre, norms.gates_gamma, tf.stack(d_pre))
    return d_pre, d_c, Norms(d_gamma, d_beta, d_cell_gamma, d_cell_beta)


@keras.saving.register_keras_serializable(package="magenta_sketch")
class LayerNormLSTMCell(SketchCell):
    """LSTM with layer normalisation (Ba et al. 2016, arXiv:1607.06450) and recurrent dropout.

        pre = LN(x·kernel + h·recurrent_kernel)         each gate by itself; i, j, f, o = pre
        c'  = c·σ(f + 1) + σ(i)·dropout(tanh(j))
        h'  = tanh(LN(c'))·σ(o)

    LN normalises over the units (epsilon 0.001), then multiplies by gamma and adds beta.

    Gate order: i, j, f, o. State: (h, c), each [batch, units].

    Weights:

    - kernel [input, 4·units]: Glorot uniform
    - recurrent_kernel [units, 4·units]: four orthogonal blocks
    - gates_gamma, gates_beta [4·units]: ones, zeros
    - cell_gamma, cell_beta [units]: ones, zeros

    Args: see `SketchCell`.

    >>> layer = keras.layers.RNN(LayerNormLSTMCell(8))
    >>> layer(tf.zeros([2, 10, 5])).shape.as_list()
    [2, 8]
    """

    def build(self, input_shape: Sequence[Any]) -> None:
        super().build(input_shape)
        gates, cell = (4 * self.units,), (self.units,)
        self.gates_gamma = self.add_weight(shape=gates, initializer="ones", name="gates_gamma")
        self.gates_beta = self.add_weight(shape=gates, initializer="zeros", name="gates_beta")
        self.cell_gamma = self.add_weight(shape=cell, initializer="ones", name="cell_gamma")
        self.cell_beta = self.add_weight(shape=cell, initializer="zeros", name="cell_beta")

    def matrices(self) -> dict[str, Matrix]:
        return {
            "gates": Matrix(
                state=tf.convert_to_tensor(self.recurrent_kernel),
                input=tf.convert_to_tensor(self.kernel),
            )
        }

    def vectors(self) -> Any:
        """Return the `Norms`; a subclass may return more."""
        return Norms(
            tf.reshape(self.gates_gamma, [4, 1, -1]),
            tf.reshape(add_forget_bias(self.gates_beta), [4, 1, -1]),
            self.cell_gamma[None],
            self.cell_beta[None],
        )

    @staticmethod
    def forward(
        products: Mapping[str, Product],
        vectors: Any,
        x: tf.Tensor,
        state: Tensors,
        keep_mask: tf.Tensor | None,
    ) -> Forward:
        h, c = state
        pre, rows = products["gates"](h, x)
        h, c, residuals = normalised_lstm(pre, c, vectors, keep_mask)
        return Forward([h, c], residuals, {"gates": rows})

    @staticmethod
    def backward(
        products: Mapping[str, BackProduct],
        vectors: Any,
        residuals: Any,
        keep_mask: tf.Tensor | None,
        d_state: Tensors,
    ) -> Backward:
        d_h, d_c = d_state
        d_pre, d_c, d_norms = normalised_lstm_backward(residuals, vectors, d_h, d_c, keep_mask)
        d_h, d_rows = products["gates"](d_pre)
        return Backward([d_h, d_c], d_norms, {"gates": d_rows})
