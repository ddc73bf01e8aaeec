"""The decoder: previous points and z -> what the next point may be."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.nn import mixture, recurrence
from magenta_sketch.nn.any_cell import (
    CellMaker,
    build_cell,
    keep_masks,
    make_cell,
    small_dense,
    state_sizes,
    zero_state,
)
from magenta_sketch.nn.randomness import initializer_seed, keep_mask, seed_of
from magenta_sketch.nn.time_step import prepare, time_step
from magenta_sketch.seeds import DecoderPart, Draw


@keras.saving.register_keras_serializable(package="magenta_sketch")
class Decoder(keras.layers.Layer):
    """Autoregressive decoder (Ha & Eck 2017, section 3.2): previous points and z -> output vectors.

    The cell reads [point, z] at each time step; its output goes through output_kernel
    [units, 3 + 6·M] and output_bias (both Glorot uniform, as in the original) to the parameters of
    the next point, see `mixture.split_output`. z also makes the first state: tanh(state_dense(z)),
    cut into the cell's state tensors.

    Args:
      cell: lstm, layer_norm or hyper, or see `any_cell.CellMaker`.
      units: size of the cell.
      num_mixture: mixture components M.
      z_size: size of z; 0 makes an unconditional decoder, which starts from zeros.
      keep_prob, input_keep_prob, output_keep_prob: keep probabilities, in (0, 1], of the recurrent
        dropout, of that on the concatenated input [stroke-5, z], and of that on the cell's output.
      seed: of the initial weights.
    """

    def __init__(
        self,
        cell: CellMaker,
        units: int,
        num_mixture: int,
        z_size: int,
        keep_prob: float = 1.0,
        input_keep_prob: float = 1.0,
        output_keep_prob: float = 1.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell, self.units, self.num_mixture, self.z_size = cell, units, num_mixture, z_size
        self.keep_prob, self.seed = keep_prob, seed
        self.input_keep_prob, self.output_keep_prob = input_keep_prob, output_keep_prob
        cell_seed = initializer_seed(seed, DecoderPart.CELL)
        self.rnn_cell = make_cell(cell, units, keep_prob, cell_seed, self.dtype_policy, "cell")
        self.state_dense = None
        if z_size:
            width = sum(state_sizes(self.rnn_cell))
            dense_seed = initializer_seed(seed, DecoderPart.STATE_DENSE)
            self.state_dense = small_dense(width, dense_seed, self.dtype_policy, "state_dense")

    def build(self, input_shape: Any = None) -> None:
        width = STROKE_WIDTH + self.z_size
        build_cell(self.rnn_cell, width, initializer_seed(self.seed, DecoderPart.CELL))
        if self.state_dense is not None:
            self.state_dense.build((None, self.z_size))
        width = mixture.output_width(self.num_mixture)
        # The original's default initializer reaches the bias too.
        self.output_kernel = self._output_weight(
            "output_kernel", (self.units, width), DecoderPart.OUTPUT_KERNEL
        )
        self.output_bias = self._output_weight("output_bias", (width,), DecoderPart.OUTPUT_BIAS)

    def _output_weight(
        self, name: str, shape: tuple[int, ...], number: DecoderPart
    ) -> keras.Variable:
        initializer = keras.initializers.GlorotUniform(initializer_seed(self.seed, number))
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def initial_state(self, z: tf.Tensor | None, batch: Any = None) -> list[tf.Tensor]:
        """Return tanh(state_dense(z)) cut into the cell's state; zeros [batch, size] without z."""
        if self.state_dense is None:
            return zero_state(self.rnn_cell, batch)
        return tf.split(tf.tanh(self.state_dense(z)), state_sizes(self.rnn_cell), axis=-1)

    def call(
        self,
        strokes: tf.Tensor,
        z: tf.Tensor | None = None,
        training: bool = False,
        seeds: tf.Tensor | None = None,
        product_dtype: Any = None,
        lengths: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return output vectors [batch, time, 3 + 6·M], each about the point after the one given.

        Args:
          strokes: previous points, stroke-5 in model units [batch, time, 5], start token first.
          z: latent vectors [batch, Z], or None when unconditional.
          training: whether to drop.
          seeds: `randomness.seed_table` of the masks; needed when something is dropped.
          product_dtype, lengths: see `recurrence.run`; with lengths the output vectors are rows
            [points, 3 + 6·M].
        """
        batch, time = tf.shape(strokes)[0], tf.shape(strokes)[1]
        inputs, constant, mask = tf.transpose(strokes, [1, 0, 2]), z, None
        if training:
            if self.input_keep_prob < 1.0:  # z is dropped anew at each time step
                inputs, constant = self.with_z(inputs, z), None
                inputs = _drop(inputs, self.input_keep_prob, seeds, Draw.INPUT)
            if self.keep_prob < 1.0:
                mask = keep_masks(self.rnn_cell, [time, batch], seed_of(seeds, Draw.DECODER))
        outputs, _ = recurrence.run(
            self.rnn_cell,
            inputs,
            self.initial_state(z, batch),
            constant=constant,
            lengths=lengths,
            keep_mask=mask,
            product_dtype=product_dtype,
        )
        if training:
            outputs = _drop(outputs, self.output_keep_prob, seeds, Draw.OUTPUT)
        vectors = self.output(outputs, product_dtype)
        return vectors if lengths is not None else tf.transpose(vectors, [1, 0, 2])

    def step(
        self, points: tf.Tensor, z: tf.Tensor | None, state: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the output vectors and the new state after one point more, without dropout.

        ``points`` is stroke-5 in model units, [batch, 5]; any cell can do this.
        """
        h, state = time_step(self.rnn_cell, prepare(self.rnn_cell, z), points, state)
        return self.output(h), state

    def with_z(self, strokes: tf.Tensor, z: tf.Tensor | None) -> tf.Tensor:
        """Return the cell's input [..., batch, 5 + Z]: each point, with z beside it if any."""
        if z is None:
            return strokes
        z = tf.broadcast_to(z, [*tf.unstack(tf.shape(strokes)[:-1]), self.z_size])
        return tf.concat([strokes, z], axis=-1)

    def output(self, h: tf.Tensor, product_dtype: Any = None) -> tf.Tensor:
        """Return the output vectors [..., 3 + 6·M] of cell outputs [..., units]."""
        kernel = tf.convert_to_tensor(self.output_kernel)
        product_dtype = product_dtype or h.dtype
        product = tf.matmul(tf.cast(h, product_dtype), tf.cast(kernel, product_dtype))
        return tf.cast(product, h.dtype) + self.output_bias

    def get_config(self) -> dict[str, Any]:
        names = ["cell", "units", "num_mixture", "z_size", "keep_prob", "input_keep_prob"]
        names += ["output_keep_prob", "seed"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _drop(x: tf.Tensor, keep_prob: float, seeds: tf.Tensor | None, draw: Draw) -> tf.Tensor:
    if keep_prob >= 1.0:
        return x
    return x * keep_mask(tf.shape(x), keep_prob, seed_of(seeds, draw), x.dtype)
