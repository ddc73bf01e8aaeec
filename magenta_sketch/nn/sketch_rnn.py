"""Encoder, decoder and the whole Sketch-RNN: composition of cells, recurrence, mixture and loss."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.nn import losses, recurrence
from magenta_sketch.nn.decoder import Decoder
from magenta_sketch.nn.encoder import Encoder, draw_z
from magenta_sketch.nn.parts import CellMaker, _time_first
from magenta_sketch.nn.randomness import (
    _initializer_seed,
)


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
