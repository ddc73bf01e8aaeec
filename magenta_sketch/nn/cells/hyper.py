"""The HyperLSTM cell: a small LSTM scales the weights of a large LSTM at each time step."""

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
from magenta_sketch.nn.cells.layer_norm import (
    LayerNormLSTMCell,
    NormalisedResiduals,
    Norms,
    normalised_lstm,
    normalised_lstm_backward,
)

HYPER_UNITS = 256
EMBEDDING = 32  # width of an embedding
SCALES = 8  # ix, jx, fx, ox, ih, jh, fh, oh
SHIFTS = 4  # i, j, f, o


class HyperVectors(NamedTuple):
    """All weights except the large matrices, of the main cell and the hyper cell.

    norms, hyper_norms: layer norms of the main cell and of the hyper cell.
    bias: [4, ..., 1, units].
    embedding_bias: [12, ..., 1, 32]; zero for the shifts.
    parts: [12, ..., 32, units], from the embeddings to the eight scales and the four shifts.
    """

    norms: Norms
    hyper_norms: Norms
    bias: tf.Tensor
    embedding_bias: tf.Tensor
    parts: tf.Tensor


class HyperResiduals(NamedTuple):
    """Residuals of a HyperLSTM time step, named as in its equations."""

    main: NormalisedResiduals
    hyper: NormalisedResiduals
    embedding: tf.Tensor
    x_part: tf.Tensor
    h_part: tf.Tensor
    scale_x: tf.Tensor
    scale_h: tf.Tensor


@keras.saving.register_keras_serializable(package="magenta_sketch")
class HyperLSTMCell(LayerNormLSTMCell):
    """HyperLSTM (Ha, Dai, Le 2016, arXiv:1609.09106, section 3.2 and appendix A).

    A layer-normalised LSTM of 256 units, the hyper cell, reads [x, h] at each time step, without
    dropout. Its output ĥ makes embeddings of width 32, which scale and shift the terms of each gate
    of the main cell:

        ĥ     = hyper_cell([x, h])
        scale = (ĥ·scale_embedding + scale_embedding_bias)·scale_kernel
        shift = (ĥ·shift_embedding)·shift_kernel
        pre   = (x·kernel)⊙scale_x + (h·recurrent_kernel)⊙scale_h + shift + bias

    Each gate has its own scale_x, scale_h and shift. c' and h' follow from pre as in
    `LayerNormLSTMCell`.

    Gate order: i, j, f, o. State: (h, c, hyper h, hyper c).

    Weights besides those of `LayerNormLSTMCell`:

    - bias [4·units]: zeros
    - hyper_cell: the weights of a `LayerNormLSTMCell`
    - scale_embedding [256, 8·32]: zeros; scale_embedding_bias [8·32]: ones
    - scale_kernel [8, 32, units]: 0.1/32; the order is ix, jx, fx, ox, ih, jh, fh, oh
    - shift_embedding [256, 4·32]: normal, standard deviation 0.01
    - shift_kernel [4, 32, units]: zeros

    Args: see `SketchCell`.

    >>> layer = keras.layers.RNN(HyperLSTMCell(8))
    >>> layer(tf.zeros([2, 10, 5])).shape.as_list()
    [2, 8]
    """

    def __init__(self, units: int, keep_prob: float = 1.0, seed: int = 0, **kwargs: Any):
        super().__init__(units, keep_prob, seed, **kwargs)
        self.hyper_cell = LayerNormLSTMCell(
            HYPER_UNITS, seed=seed + 10, dtype=self.dtype_policy, name="hyper_cell"
        )

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units, HYPER_UNITS, HYPER_UNITS]

    def build(self, input_shape: Sequence[Any]) -> None:
        super().build(input_shape)
        self.hyper_cell.build((None, input_shape[-1] + self.units))
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")
        self.scale_embedding = self.add_weight(
            shape=(HYPER_UNITS, SCALES * EMBEDDING), initializer="zeros", name="scale_embedding"
        )
        self.scale_embedding_bias = self.add_weight(
            shape=(SCALES * EMBEDDING,), initializer="ones", name="scale_embedding_bias"
        )
        self.scale_kernel = self.add_weight(
            shape=(SCALES, EMBEDDING, self.units),
            initializer=keras.initializers.Constant(0.1 / EMBEDDING),
            name="scale_kernel",
        )
        self.shift_embedding = self.add_weight(
            shape=(HYPER_UNITS, SHIFTS * EMBEDDING),
            initializer=keras.initializers.RandomNormal(stddev=0.01, seed=self.seed + 101),
            name="shift_embedding",
        )
        self.shift_kernel = self.add_weight(
            shape=(SHIFTS, EMBEDDING, self.units), initializer="zeros", name="shift_kernel"
        )

    def matrices(self) -> dict[str, Matrix]:
        hyper = self.hyper_cell  # its kernel multiplies [x, h]
        of_x, of_h = hyper.kernel[: -self.units], hyper.kernel[-self.units :]
        return {
            "hyper": Matrix(
                state=tf.concat([of_h, hyper.recurrent_kernel], axis=0),  # for [h, hyper h]
                input=of_x,
            ),
            "embedding": Matrix(
                state=tf.concat([self.scale_embedding, self.shift_embedding], axis=1),
                blocks=SCALES + SHIFTS,
            ),
            "recurrent": Matrix(state=tf.convert_to_tensor(self.recurrent_kernel)),
            "input": Matrix(input=tf.convert_to_tensor(self.kernel)),
        }

    def vectors(self) -> HyperVectors:
        embedding_bias = tf.reshape(self.scale_embedding_bias, [SCALES, 1, -1])
        return HyperVectors(
            norms=super().vectors(),
            hyper_norms=self.hyper_cell.vectors(),
            bias=tf.reshape(self.bias, [4, 1, -1]),
            embedding_bias=tf.pad(embedding_bias, [[0, SHIFTS], [0, 0], [0, 0]]),
            parts=tf.concat([self.scale_kernel, self.shift_kernel], axis=0),
        )

    @staticmethod
    def forward(
        products: Mapping[str, Product],
        vectors: HyperVectors,
        x: tf.Tensor,
        state: Tensors,
        keep_mask: tf.Tensor | None,
    ) -> Forward:
        h, c, hyper_h, hyper_c = state
        hyper_pre, hyper_rows = products["hyper"](h, hyper_h, x)
        hyper_h, hyper_c, hyper = normalised_lstm(hyper_pre, hyper_c, vectors.hyper_norms, None)

        embedding, embedding_rows = products["embedding"](hyper_h)
        embedding += vectors.embedding_bias
        parts = _matmul_in(embedding_rows.dtype, embedding, vectors.parts)
        scale_x, scale_h, shift = parts[:4], parts[4:8], parts[8:]

        x_part, x_rows = products["input"](x)
        h_part, h_rows = products["recurrent"](h)
        pre = x_part * scale_x + h_part * scale_h + (shift + vectors.bias)
        h, c, main = normalised_lstm(pre, c, vectors.norms, keep_mask)
        return Forward(
            [h, c, hyper_h, hyper_c],
            HyperResiduals(main, hyper, embedding, x_part, h_part, scale_x, scale_h),
            {
                "hyper": hyper_rows,
                "embedding": embedding_rows,
                "recurrent": h_rows,
                "input": x_rows,
            },
        )

    @staticmethod
    def backward(
        products: Mapping[str, BackProduct],
        vectors: HyperVectors,
        residuals: HyperResiduals,
        keep_mask: tf.Tensor | None,
        d_state: Tensors,
    ) -> Backward:
        d_h, d_c, d_hyper_h, d_hyper_c = d_state
        main, hyper, embedding, x_part, h_part, scale_x, scale_h = residuals
        d_pre, d_c, d_norms = normalised_lstm_backward(main, vectors.norms, d_h, d_c, keep_mask)
        _, d_x_rows = products["input"](d_pre * scale_x)
        d_h, d_h_rows = products["recurrent"](d_pre * scale_h)

        d_parts = tf.concat([d_pre * x_part, d_pre * h_part, d_pre], axis=0)
        dtype = d_h_rows.dtype
        d_embedding = _matmul_in(dtype, d_parts, vectors.parts, transpose_b=True)
        d_embedding_h, d_embedding_rows = products["embedding"](d_embedding)
        d_hyper_pre, d_hyper_c, d_hyper_norms = normalised_lstm_backward(
            hyper, vectors.hyper_norms, d_hyper_h + d_embedding_h, d_hyper_c, None
        )

        d_both, d_hyper_rows = products["hyper"](d_hyper_pre)  # for [h, hyper h]
        assert d_h is not None and d_both is not None  # both matrices have rows for the state
        units = d_h.shape[-1]
        d_vectors = HyperVectors(
            d_norms,
            d_hyper_norms,
            bias=tf.reduce_sum(d_pre, axis=-2, keepdims=True),
            embedding_bias=tf.reduce_sum(d_embedding, axis=-2, keepdims=True),
            parts=_matmul_in(dtype, embedding, d_parts, transpose_a=True),
        )
        return Backward(
            [d_h + d_both[..., :units], d_c, d_both[..., units:], d_hyper_c],
            d_vectors,
            {
                "hyper": d_hyper_rows,
                "embedding": d_embedding_rows,
                "recurrent": d_h_rows,
                "input": d_x_rows,
            },
        )


def _matmul_in(dtype: Any, a: tf.Tensor, b: tf.Tensor, **transpose: bool) -> tf.Tensor:
    """Return the matrix product, computed in ``dtype``, in the type of ``a``."""
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transpose), a.dtype)
