"""The decoder: from previous points and z to the distribution of the next point."""

from __future__ import annotations

from collections.abc import Sequence
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
from magenta_sketch.nn.randomness import PlacedSeeds, Seeds, initializer_seed, keep_mask, seed_of
from magenta_sketch.nn.time_step import prepare, time_step
from magenta_sketch.seeds import DecoderPart, Draw


@keras.saving.register_keras_serializable(package="magenta_sketch")
class Decoder(keras.layers.Layer):
    """Autoregressive decoder (Ha & Eck 2017, section 3.2): from previous points to the next one.

    At each time step the cell reads [point, z]. z also gives the initial state:

        initial state = tanh(state_dense(z))
        h, state      = cell([point, z], state)
        output vector = h·output_kernel + output_bias

    `mixture.split_output` splits the output vector into the parameters of the next point.

    Weights besides those of the cell:

    - state_dense kernel [Z, state size]: normal, standard deviation 0.001
    - state_dense bias [state size]: zeros
    - output_kernel [units, 3 + 6·M], output_bias [3 + 6·M]: both Glorot uniform, as in the original

    Args:
      cell: lstm, layer_norm, hyper, or another `any_cell.CellMaker`.
      units: size of the cell.
      num_mixture: M, number of mixture components.
      z_size: Z, size of the latent vector. 0: unconditional, the initial state is zero.
      keep_prob: keep probability of recurrent dropout, in (0, 1].
      input_keep_prob: keep probability of the cell's input [point, z], in (0, 1].
      output_keep_prob: keep probability of the cell's output, in (0, 1].
      seed: seed of the initial weights.

    >>> decoder = Decoder("lstm", units=8, num_mixture=2, z_size=4)
    >>> decoder(tf.zeros([3, 10, 5]), tf.zeros([3, 4])).shape.as_list()
    [3, 10, 15]
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
        # As in the original, the bias is not zero at the start.
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
        """Return the cell's initial state: tensors [batch, size].

        It is tanh(state_dense(z)), split into the state's tensors. An unconditional decoder returns
        zeros for ``batch`` sketches.
        """
        if self.state_dense is None:
            return zero_state(self.rnn_cell, batch)
        return tf.split(tf.tanh(self.state_dense(z)), state_sizes(self.rnn_cell), axis=-1)

    def call(
        self,
        strokes: tf.Tensor,
        z: tf.Tensor | None = None,
        training: bool = False,
        seeds: Seeds | None = None,
        product_dtype: Any = None,
        lengths: tf.Tensor | None = None,
        static: bool = False,
    ) -> tf.Tensor:
        """Return output vectors [batch, time, 3 + 6·M], each for the point after the given one.

        Args:
          strokes: previous points, stroke-5 in model units, [batch, time, 5], start token first.
          z: latent vectors [batch, Z]; None if unconditional.
          training: whether to apply dropout.
          seeds: `randomness.seed_table` or `randomness.PlacedSeeds` for dropout; required if there
            is any.
          product_dtype, static: see `recurrence.run`.
          lengths: see `recurrence.run`. If given, the result is flattened to [points, 3 + 6·M],
            unless it is static.

        Raises:
          ValueError: seeds are missing.
        """
        batch, time = tf.shape(strokes)[0], tf.shape(strokes)[1]
        inputs, constant, mask = tf.transpose(strokes, [1, 0, 2]), z, None
        if training:
            if self.input_keep_prob < 1.0:  # each time step has its own mask of z
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
            static=static,
        )
        if training:
            flattened = None if static else lengths
            outputs = _drop(
                outputs, self.output_keep_prob, seeds, Draw.OUTPUT, [time, batch], flattened
            )
        vectors = self.output(outputs, product_dtype)
        return vectors if lengths is not None and not static else tf.transpose(vectors, [1, 0, 2])

    def step(
        self, points: tf.Tensor, z: tf.Tensor | None, state: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the output vectors and the new state after one more point, without dropout.

        ``points`` is stroke-5 in model units, [batch, 5].

        >>> decoder = Decoder("lstm", units=8, num_mixture=2, z_size=0)
        >>> decoder.build()
        >>> decoder.step(tf.zeros([3, 5]), None, decoder.initial_state(None, 3))[0].shape.as_list()
        [3, 15]
        """
        h, state = time_step(self.rnn_cell, prepare(self.rnn_cell, z), points, state)
        return self.output(h), state

    def with_z(self, strokes: tf.Tensor, z: tf.Tensor | None) -> tf.Tensor:
        """Append z to each point: [..., batch, 5] -> [..., batch, 5 + Z]. None appends nothing."""
        if z is None:
            return strokes
        z = tf.broadcast_to(z, [*tf.unstack(tf.shape(strokes)[:-1]), self.z_size])
        return tf.concat([strokes, z], axis=-1)

    def output(self, h: tf.Tensor, product_dtype: Any = None) -> tf.Tensor:
        """Return the output vectors [..., 3 + 6·M] for the cell's outputs h [..., units]."""
        kernel = tf.convert_to_tensor(self.output_kernel)
        product_dtype = product_dtype or h.dtype
        product = tf.matmul(tf.cast(h, product_dtype), tf.cast(kernel, product_dtype))
        return tf.cast(product, h.dtype) + self.output_bias

    def get_config(self) -> dict[str, Any]:
        names = ["cell", "units", "num_mixture", "z_size", "keep_prob", "input_keep_prob"]
        names += ["output_keep_prob", "seed"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _drop(
    x: tf.Tensor,
    keep_prob: float,
    seeds: Seeds | None,
    draw: Draw,
    time_and_batch: Sequence[Any] = (),
    lengths: tf.Tensor | None = None,
) -> tf.Tensor:
    """Drop values of x, [time, batch, width]; with ``lengths`` x is flattened, [points, width]."""
    if keep_prob >= 1.0:
        return x
    seed = seed_of(seeds, draw)
    if lengths is None or not isinstance(seed, PlacedSeeds):
        return x * keep_mask(tf.shape(x), keep_prob, seed, x.dtype)
    mask = keep_mask([*time_and_batch, tf.shape(x)[-1]], keep_prob, seed, x.dtype)
    return x * recurrence.rows(mask, lengths)
