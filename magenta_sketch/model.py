"""Encoder, decoder and the whole Sketch-RNN: composition of cells, recurrence, mixture and loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_sketch import losses, mixture, recurrence
from magenta_sketch._backend import keras, tf
from magenta_sketch.cells import CELLS, keep_mask
from magenta_sketch.hparams import HParams

STROKE_WIDTH = 5  # dx, dy and the one-hot pen state

# Rows of a seed table: one for each independent use of randomness within a step.
_ENCODER_FORWARD, _ENCODER_BACKWARD, _DECODER, _INPUT, _OUTPUT, _LATENT = range(6)
SEED_ROWS = 6


def seed_table(*key: int) -> tf.Tensor:
    """Stateless seeds, int64 [SEED_ROWS, 2], that are a function of ``key`` alone.

    ``key`` holds two or more numbers >= 0: a run's seed, a step, what it is for. Equal keys give
    equal tables; tables of different keys are independent.

    Raises:
      ValueError: for a shorter key, which would be the same as one with zeros behind it.
    """
    if len(key) < 2:
        raise ValueError(f"a seed table's key has two numbers or more, got {key}.")
    words = _sequence(key).generate_state(2 * SEED_ROWS, np.uint64)
    return tf.constant((words >> np.uint64(1)).astype(np.int64).reshape(SEED_ROWS, 2))


def _sequence(key: tuple[int, ...]) -> np.random.SeedSequence:
    # Two 32-bit words a number: left to itself NumPy takes as many as each needs, so that two
    # different keys could make the same sequence of words.
    return np.random.SeedSequence([word for n in key for word in divmod(n, 2**32)])


def _initializer_seed(seed: int, number: int) -> int:
    # Keras wants seeds below 2**32; cells add small numbers of their own.
    return int(_sequence((seed, number)).generate_state(1)[0] >> 1)


def _small_dense(width: int, seed: int, dtype: Any, name: str) -> keras.layers.Dense:
    normal = keras.initializers.RandomNormal(stddev=0.001, seed=seed)
    return keras.layers.Dense(width, kernel_initializer=normal, dtype=dtype, name=name)


# What makes a cell: one of ours by name, or a function of the number of units that gives a Keras
# RNN cell, whose first state is its output.
CellMaker = str | Callable[[int], keras.layers.Layer]


def _make_cell(cell: CellMaker, units, keep_prob, seed, dtype, name) -> keras.layers.Layer:
    if isinstance(cell, str):
        return CELLS[cell](units, keep_prob, seed, dtype=dtype, name=name)
    return cell(units)


def _masks(cell: Any, shape: Any, seed: tf.Tensor) -> tf.Tensor | None:
    # A cell that is not ours drops by its own means, or not at all.
    return cell.keep_mask(shape, seed) if hasattr(cell, "keep_mask") else None


def _state_sizes(cell: Any) -> list[int]:
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]


def _zero_state(cell: Any, batch: Any) -> list[tf.Tensor]:
    state = cell.get_initial_state(batch)
    return list(state) if isinstance(state, (list, tuple)) else [state]


class Encoder(keras.layers.Layer):
    """Bidirectional recurrent encoder (Ha & Eck 2017, eq. 1 and 2): sketches -> mu, presig.

    The final outputs of a forward and of a backward cell, [h_forward, h_backward], go through two
    dense layers (normal initial weights, stddev 0.001). ``cell`` is lstm, layer_norm or hyper, or a
    function, see `CellMaker`.
    """

    def __init__(
        self,
        cell: CellMaker,
        units: int,
        z_size: int,
        keep_prob: float = 1.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell, self.units, self.z_size = cell, units, z_size
        self.keep_prob, self.seed = keep_prob, seed

        self.forward_cell, self.backward_cell = (
            _make_cell(
                cell, units, keep_prob, _initializer_seed(seed, number), self.dtype_policy, name
            )
            for number, name in enumerate(("forward", "backward"))
        )
        self.mu = _small_dense(z_size, _initializer_seed(seed, 2), self.dtype_policy, "mu")
        self.presig = _small_dense(z_size, _initializer_seed(seed, 3), self.dtype_policy, "presig")

    def build(self, input_shape):
        self.forward_cell.build((None, input_shape[-1]))
        self.backward_cell.build((None, input_shape[-1]))
        self.mu.build((None, 2 * self.units))
        self.presig.build((None, 2 * self.units))

    def call(self, strokes, lengths, training=False, seeds=None, product_dtype=None):
        """(mu, presig), both [batch, Z].

        Args:
          strokes: stroke-5 in model units, [batch, time, 5], without the start token.
          lengths: int [batch], points of each sketch.
          training: whether to drop (recurrent dropout).
          seeds: `seed_table` of the masks; needed when something is dropped.
          product_dtype: see `recurrence.run`.
        """
        batch, time = tf.shape(strokes)[0], tf.shape(strokes)[1]
        # Longest first, as the recurrence wants them. The masks belong to the sorted rows, which
        # is all the same: they are drawn for each row independently.
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        cells = [self.forward_cell, self.backward_cell]
        masks = [None, None]
        if training and self.keep_prob < 1.0:
            masks = [
                _masks(cell, [time, batch], seeds[row])
                for cell, row in zip(cells, (_ENCODER_FORWARD, _ENCODER_BACKWARD), strict=True)
            ]
        states = recurrence.run_both_ways(
            cells,
            _time_first(tf.gather(strokes, order)),
            tf.gather(lengths, order),
            [_zero_state(cell, batch) for cell in cells],
            keep_masks=masks,
            product_dtype=product_dtype,
        )
        last = tf.concat([state[0] for state in states], axis=-1)
        last = tf.gather(last, tf.math.invert_permutation(order))
        return self.mu(last), self.presig(last)

    def get_config(self):
        names = ("cell", "units", "z_size", "keep_prob", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


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


def _time_first(x: tf.Tensor) -> tf.Tensor:
    """[batch, time, n] -> [time, batch, n], and back."""
    return tf.transpose(x, [1, 0, 2])


def _drop(x, keep_prob, seeds, row):
    if keep_prob >= 1.0:
        return x
    return x * keep_mask(tf.shape(x), keep_prob, seeds[row], x.dtype)


def draw_z(mu: tf.Tensor, presig: tf.Tensor, scale: float, seeds: tf.Tensor | None) -> tf.Tensor:
    """z = mu + exp(presig/2)·eps, eps ~ N(0, scale²) (Ha & Eck 2017, eq. 2): [batch, Z].

    ``scale`` >= 0 is the standard deviation of the noise; 0 gives mu, and needs no seeds.
    """
    if isinstance(scale, (int, float)) and scale == 0.0:
        return mu
    noise = tf.random.stateless_normal(tf.shape(mu), seeds[_LATENT], dtype=mu.dtype, alg="philox")
    return mu + tf.exp(0.5 * presig) * (scale * noise)


class SketchRNN(keras.Model):
    """The Sketch-RNN of ``hparams``: encoder (when conditional), decoder, and their loss.

    Args:
      hparams: sizes, cells, dropout, noise scale, loss constants.
      seed: seed of the initial weights, 0 <= seed < 2**63.
      mixed_precision: whether the matrix products of training take bfloat16 numbers; state, loss
        and variables stay as they are, and so does all of evaluation and drawing.
      bucket_by_length: whether, in training, a sketch's points after its first end row are left
        out: neither computed nor in the loss, which is divided by the same number all the same.
        At each point those sketches of the batch go together that are as long as that.
      encoder_cell, decoder_cell: cells in place of those that the hyperparameters name. They
        train more slowly than ours, through TensorFlow's own gradient of the loop.
      tanh_z: whether the decoder is given tanh(z) in place of z, as in models of Sketch-RNN-JS's
        versions before 6.

    The model works on stroke-5 in model units; it knows neither max_seq_len nor the normalizing
    factor, which belong to the data.
    """

    def __init__(
        self,
        hparams: HParams,
        seed: int = 0,
        mixed_precision: bool = False,
        bucket_by_length: bool = False,
        encoder_cell: CellMaker | None = None,
        decoder_cell: CellMaker | None = None,
        tanh_z: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hparams, self.tanh_z = hparams, tanh_z
        self.mixed_precision, self.bucket_by_length = mixed_precision, bucket_by_length
        recurrent = hparams.recurrent_dropout_prob if hparams.use_recurrent_dropout else 1.0
        self.encoder = None
        if hparams.conditional:
            self.encoder = Encoder(
                encoder_cell or hparams.enc_model,
                hparams.enc_rnn_size,
                hparams.z_size,
                recurrent,
                seed=_initializer_seed(seed, 0),
                dtype=self.dtype_policy,
                name="encoder",
            )
            self.encoder.build((None, None, STROKE_WIDTH))
        self.decoder = Decoder(
            decoder_cell or hparams.dec_model,
            hparams.dec_rnn_size,
            hparams.num_mixture,
            hparams.z_size if hparams.conditional else 0,
            recurrent,
            hparams.input_dropout_prob if hparams.use_input_dropout else 1.0,
            hparams.output_dropout_prob if hparams.use_output_dropout else 1.0,
            seed=_initializer_seed(seed, 1),
            dtype=self.dtype_policy,
            name="decoder",
        )
        self.decoder.build()
        self.built = True

    def call(
        self,
        strokes,
        lengths,
        training=False,
        seeds=None,
        scale=None,
        rows=None,
        to_first_end=None,
    ):
        """`losses.SketchLosses` of a padded batch.

        Args:
          strokes: stroke-5 in model units with the start token, float [batch, time + 1, 5].
          lengths: int [batch].
          training: whether dropout acts. The latent noise acts in evaluation too.
          seeds: `seed_table` of all masks and noise.
          scale: standard deviation of the latent noise; None takes that of the hyperparameters.
          rows: what sums over points are divided by, see `losses.sketch_losses`.
          to_first_end: whether points after a sketch's first end row are left out; None: in
            training, if the model is to bucket_by_length.
        """
        scale = self.hparams.scale if scale is None else scale
        if to_first_end is None:
            to_first_end = training and self.bucket_by_length
        if to_first_end:
            return self._bucketed(strokes, lengths, seeds, scale, rows, training)
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        output, mu, presig = self._outputs(inputs, target, lengths, scale, training, seeds)
        return losses.sketch_losses(output, target, mu, presig, self.hparams.reg_covar, rows)

    def _bucketed(self, strokes, lengths, seeds, scale, rows, training):
        """The losses of points up to each sketch's first end row; no others are computed."""
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        strokes, lengths = tf.gather(strokes, order), tf.gather(lengths, order)
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        points = tf.minimum(lengths + 1, tf.shape(target)[1])
        output, mu, presig = self._outputs(inputs, target, lengths, scale, training, seeds, points)
        found = losses.sketch_losses(
            output,
            recurrence.rows(_time_first(target), points),
            mu,
            presig,
            self.hparams.reg_covar,
            tf.shape(target)[1] if rows is None else rows,
            add_up=lambda values: recurrence.per_sketch(values, points),
        )
        back = tf.math.invert_permutation(order)
        return losses.SketchLosses(*(tf.gather(values, back) for values in found))

    def _outputs(self, inputs, target, lengths, scale, training, seeds, points=None):
        """(output vectors, mu, presig); the output vectors as `Decoder.call` gives them."""
        product_dtype = tf.bfloat16 if training and self.mixed_precision else None
        how = {"training": training, "seeds": seeds, "product_dtype": product_dtype}
        mu = presig = z = None
        if self.encoder is not None:
            mu, presig = self.encoder(target, lengths, **how)
            z = self.decoder_z(draw_z(mu, presig, scale, seeds))
        return self.decoder(inputs, z, lengths=points, **how), mu, presig

    def decoder_z(self, z: tf.Tensor) -> tf.Tensor:
        """What the decoder is given for a latent vector, both [batch, Z]: z, or its tanh."""
        return tf.tanh(z) if self.tanh_z else z

    def cost(
        self, reconstruction: tf.Tensor, kl: tf.Tensor, kl_weight: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(cost, KL cost) from mean losses; an unconditional model pays for no KL."""
        tolerance = self.hparams.kl_tolerance if self.encoder is not None else 0.0
        return losses.total_cost(reconstruction, kl, kl_weight, tolerance)
