"""Previous points and z -> output vectors."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.nn import mixture, recurrence
from magenta_sketch.nn.parts import (
    CellMaker,
    _make_cell,
    _masks,
    _small_dense,
    _state_sizes,
    _time_first,
    _zero_state,
)
from magenta_sketch.nn.randomness import (
    _DECODER,
    _INPUT,
    _OUTPUT,
    _initializer_seed,
    keep_mask,
)


class Decoder(keras.layers.Layer):
    """Autoregressive decoder (Ha & Eck 2017, section 3.2): previous points and z -> output vectors.

    Args:
      cell: lstm, layer_norm or hyper, or a function, see `CellMaker`.
      units: size of the cell.
      num_mixture: mixture components M.
      z_size: size of z; 0 makes an unconditional decoder, which starts from zeros.
      keep_prob, input_keep_prob, output_keep_prob: keep probabilities of the recurrent dropout,
        of that on the concatenated input [stroke-5, z], and of that on the cell's output.
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
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell, self.units, self.num_mixture, self.z_size = cell, units, num_mixture, z_size
        self.keep_prob, self.seed = keep_prob, seed
        self.input_keep_prob, self.output_keep_prob = input_keep_prob, output_keep_prob
        self.rnn_cell = _make_cell(
            cell, units, keep_prob, _initializer_seed(seed, 0), self.dtype_policy, "cell"
        )
        self.state_dense = None
        if z_size:
            width = sum(_state_sizes(self.rnn_cell))
            self.state_dense = _small_dense(
                width, _initializer_seed(seed, 1), self.dtype_policy, "state_dense"
            )

    def build(self, input_shape=None):
        self.rnn_cell.build((None, STROKE_WIDTH + self.z_size))
        if self.state_dense is not None:
            self.state_dense.build((None, self.z_size))
        width = mixture.output_width(self.num_mixture)
        # The original's default initializer reaches the bias too.
        for name, shape, number in (("kernel", (self.units, width), 2), ("bias", (width,), 3)):
            initializer = keras.initializers.GlorotUniform(_initializer_seed(self.seed, number))
            weight = self.add_weight(shape=shape, initializer=initializer, name=f"output_{name}")
            setattr(self, f"output_{name}", weight)

    def initial_state(self, z: tf.Tensor | None, batch: Any = None) -> list[tf.Tensor]:
        """tanh(dense(z)) cut into the cell's state (h, c, ...); zeros [batch, ·] without z."""
        if self.state_dense is None:
            return _zero_state(self.rnn_cell, batch)
        return tf.split(tf.tanh(self.state_dense(z)), _state_sizes(self.rnn_cell), axis=-1)

    def call(self, strokes, z=None, training=False, seeds=None, product_dtype=None, lengths=None):
        """Output vectors [batch, time, 3 + 6·M], each about the point after the one it was given.

        Args:
          strokes: previous points, stroke-5 in model units [batch, time, 5], start token first.
          z: latent vectors [batch, Z], or None when unconditional.
          training: whether to drop.
          seeds: `seed_table` of the masks; needed when something is dropped.
          product_dtype, lengths: see `recurrence.run`; with lengths the output vectors are rows
            [points, 3 + 6·M].
        """
        batch, time = tf.shape(strokes)[0], tf.shape(strokes)[1]
        inputs, constant, mask = _time_first(strokes), z, None
        if training:
            if self.input_keep_prob < 1.0:  # z is dropped anew at each point
                inputs, constant = self._with_z(inputs, z), None
                inputs = _drop(inputs, self.input_keep_prob, seeds, _INPUT)
            if self.keep_prob < 1.0:
                mask = _masks(self.rnn_cell, [time, batch], seeds[_DECODER])
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
            outputs = _drop(outputs, self.output_keep_prob, seeds, _OUTPUT)
        output = self._output(outputs, product_dtype)
        return output if lengths is not None else _time_first(output)  # batch first again

    def step(self, points, z, state):
        """One point further, without dropout: ([batch, 5], z, state) -> (output vector, state)."""
        output, state = recurrence.one_step(self.rnn_cell, self._with_z(points, z), state)
        return self._output(output), state

    def _with_z(self, strokes, z):
        if z is None:
            return strokes
        z = tf.broadcast_to(z, [*tf.unstack(tf.shape(strokes)[:-1]), self.z_size])
        return tf.concat([strokes, z], axis=-1)

    def _output(self, h, product_dtype=None):
        kernel = tf.convert_to_tensor(self.output_kernel)
        product_dtype = product_dtype or h.dtype
        product = tf.matmul(tf.cast(h, product_dtype), tf.cast(kernel, product_dtype))
        return tf.cast(product, h.dtype) + self.output_bias

    def get_config(self):
        names = ("cell", "units", "num_mixture", "z_size", "keep_prob", "input_keep_prob")
        names += ("output_keep_prob", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _drop(x, keep_prob, seeds, row):
    if keep_prob >= 1.0:
        return x
    return x * keep_mask(tf.shape(x), keep_prob, seeds[row], x.dtype)
