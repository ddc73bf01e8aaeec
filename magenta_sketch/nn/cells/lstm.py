"""The LSTM cell."""

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


class LSTMResiduals(NamedTuple):
    """Residuals of an LSTM time step; y is tanh(c')."""

    gates: Gates
    y: tf.Tensor


@keras.saving.register_keras_serializable(package="magenta_sketch")
class LSTMCell(SketchCell):
    """LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) with recurrent dropout.

        i, j, f, o = x·kernel + h·recurrent_kernel + bias
        c' = c·σ(f + 1) + σ(i)·dropout(tanh(j))
        h' = tanh(c')·σ(o)

    Gate order: i, j, f, o. State: (h, c), each [batch, units].

    Weights:

    - kernel [input, 4·units]: Glorot uniform
    - recurrent_kernel [units, 4·units]: four orthogonal blocks
    - bias [4·units]: zeros

    Args: see `SketchCell`.

    >>> layer = keras.layers.RNN(LSTMCell(8))
    >>> layer(tf.zeros([2, 10, 5])).shape.as_list()
    [2, 8]
    """

    def build(self, input_shape: Sequence[Any]) -> None:
        super().build(input_shape)
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")

    def matrices(self) -> dict[str, Matrix]:
        return {
            "gates": Matrix(
                state=tf.convert_to_tensor(self.recurrent_kernel),
                input=tf.convert_to_tensor(self.kernel),
                bias=add_forget_bias(self.bias),
            )
        }

    def vectors(self) -> tuple[()]:
        return ()

    @staticmethod
    def forward(
        products: Mapping[str, Product],
        vectors: tuple[()],
        x: tf.Tensor,
        state: Tensors,
        keep_mask: tf.Tensor | None,
    ) -> Forward:
        h, c = state
        pre, rows = products["gates"](h, x)
        c, gates = memory(pre, c, keep_mask)
        y = tf.tanh(c)
        return Forward([y * gates.o, c], LSTMResiduals(gates, y), {"gates": rows})

    @staticmethod
    def backward(
        products: Mapping[str, BackProduct],
        vectors: tuple[()],
        residuals: LSTMResiduals,
        keep_mask: tf.Tensor | None,
        d_state: Tensors,
    ) -> Backward:
        gates, y = residuals
        d_h, d_c = d_state
        d_c += tanh_gradient(y, d_h * gates.o)
        d_pre, d_c = memory_backward(gates, d_c, d_h * y, keep_mask)
        d_h, d_rows = products["gates"](d_pre)
        return Backward([d_h, d_c], (), {"gates": d_rows})
