"""The Sketch-RNN model: encoder, latent noise, decoder and loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.errors import ModelFileError
from magenta_sketch.nn import losses, recurrence
from magenta_sketch.nn.any_cell import CellMaker, describe_cells
from magenta_sketch.nn.decoder import Decoder
from magenta_sketch.nn.encoder import Encoder, draw_z, require_longest_first
from magenta_sketch.nn.keras_training import KerasTraining
from magenta_sketch.nn.randomness import Seeds, initializer_seed
from magenta_sketch.seeds import ModelPart


@keras.saving.register_keras_serializable(package="magenta_sketch")
class SketchRNN(KerasTraining):
    """Sketch-RNN (Ha & Eck 2017, arXiv:1704.03477): encoder, decoder and loss.

    A Keras model: ``save``, ``load_model``, ``compile``, ``fit`` and ``evaluate`` work as usual.
    Its input is stroke-5 in model units, longest sketch first (`magenta_sketch.data.batches`). An
    unconditional model has no encoder.

    Args:
      config: a `RunConfig` or an `HParams`. It is saved with the weights, including the data's
        max_seq_len and normalizing factor.
      encoder_cell, decoder_cell: custom cells: a Keras RNN cell class, or a function that takes the
        number of units and returns a cell. The cell's first state must be its output. To be saved,
        its class must be registered with Keras. Custom cells train more slowly.
      name, dtype: as for any Keras model.
      options: options of `RunConfig` by name; they replace those in ``config``.

    Raises:
      HParamsError: an option is invalid.
      ModelFileError: a saved cell cannot be created.

    >>> model = SketchRNN(HParams(z_size=8), seed=3)
    >>> model.decoder.z_size
    8
    """

    def __init__(
        self,
        config: RunConfig | HParams | None = None,
        *,
        encoder_cell: CellMaker | None = None,
        decoder_cell: CellMaker | None = None,
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ):
        super().__init__(name=name, dtype=dtype)
        if isinstance(config, HParams):
            config = RunConfig(hparams=config)
        config = (config or RunConfig()).replace(**options)
        given = {"encoder_cell": encoder_cell, "decoder_cell": decoder_cell}
        self._unsaved: ModelFileError | None = None
        try:
            config = describe_cells(config, **given)
            cells: dict[str, CellMaker] = {name: config[name] for name in given}
        except ModelFileError as error:  # such a model works, but cannot be saved
            self._unsaved = error
            cells = {name: maker or config[name] for name, maker in given.items()}
        self.config = config
        self._make_layers(**cells)
        self.built = True

    @property
    def hparams(self) -> HParams:
        """The hyperparameters in ``config``."""
        return self.config.hparams

    def _make_layers(self, encoder_cell: CellMaker, decoder_cell: CellMaker) -> None:
        hps = self.hparams
        self.encoder: Encoder | None = None
        if hps.conditional:
            self.encoder = Encoder(
                encoder_cell or hps.enc_model,
                hps.enc_rnn_size,
                hps.z_size,
                hps.recurrent_keep_prob,
                seed=initializer_seed(self.config.seed, ModelPart.ENCODER),
                dtype=self.dtype_policy,
                name="encoder",
            )
            self.encoder.build((None, None, STROKE_WIDTH))
        self.decoder = Decoder(
            decoder_cell or hps.dec_model,
            hps.dec_rnn_size,
            hps.num_mixture,
            hps.z_size if hps.conditional else 0,
            hps.recurrent_keep_prob,
            hps.input_keep_prob,
            hps.output_keep_prob,
            seed=initializer_seed(self.config.seed, ModelPart.DECODER),
            dtype=self.dtype_policy,
            name="decoder",
        )
        self.decoder.build()

    def call(
        self,
        strokes: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        seeds: Seeds | None = None,
        scale: Any = None,
        rows: Any = None,
        to_first_end: bool | None = None,
        static: bool = False,
    ) -> losses.SketchLosses:
        """Return the `losses.SketchLosses` of a padded batch.

        Args:
          strokes: stroke-5 in model units with the start token, float [batch, time + 1, 5], longest
            sketch first.
          lengths: number of points of each sketch, int [batch].
          training: whether to apply dropout. Latent noise is always added.
          seeds: `randomness.seed_table`, or `randomness.PlacedSeeds`, for dropout and noise;
            required if there is any.
          scale: standard deviation of the latent noise; None: the hyperparameter ``scale``.
          rows: the T that sums over points are divided by, see `losses.sketch_losses`.
          to_first_end: whether to leave out the rows after a sketch's first end row. None: only in
            training with bucket_by_length.
          static: compute with static shapes, for XLA; see `recurrence.run`.

        Raises:
          ValueError: seeds are missing, or the sketches are not longest first.

        >>> model = SketchRNN(HParams(enc_rnn_size=8, dec_rnn_size=8))
        >>> model(tf.zeros([2, 5, 5]), tf.constant([4, 2]), scale=0.0).kl.shape.as_list()
        [2]
        """
        scale = self.hparams.scale if scale is None else scale
        if to_first_end is None:
            to_first_end = training and self.config.bucket_by_length
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        dtype = tf.bfloat16 if training and self.config.mixed_precision else None
        how = dict(training=training, seeds=seeds, static=static, product_dtype=dtype)
        mu = presig = z = None
        if self.encoder is not None:
            mu, presig = self.encoder(target, lengths, **how)
            z = self.decoder_z(draw_z(mu, presig, scale, seeds, static))
        loss = functools.partial(
            losses.sketch_losses,
            mu=mu,
            presig=presig,
            reg_covar=self.hparams.reg_covar,
            kl_mu_weight=self.hparams.kl_mu_weight,
        )
        if not to_first_end:
            return loss(self.decoder(inputs, z, **how), target, rows=rows)
        require_longest_first(lengths)
        points = tf.minimum(lengths + 1, tf.shape(target)[1])  # and the first end row
        rows = tf.shape(target)[1] if rows is None else rows
        target, add_up = _only_points(target, points, static)
        output = self.decoder(inputs, z, lengths=points, **how)
        return loss(output, target, rows=rows, add_up=add_up)

    def decoder_z(self, z: tf.Tensor) -> tf.Tensor:
        """Return the decoder's latent input, [batch, Z]: z times decoder_z_scale.

        With ``tanh_z`` it is tanh(z).
        """
        if self.config.tanh_z:
            return tf.tanh(z)
        factor = self.hparams.decoder_z_scale
        return z if factor == 1.0 else factor * z

    def cost(
        self, reconstruction: tf.Tensor, kl: tf.Tensor, kl_weight: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return (cost, KL cost) for mean losses. An unconditional model has no KL tolerance."""
        tolerance = self.hparams.kl_tolerance if self.encoder is not None else 0.0
        return losses.total_cost(reconstruction, kl, kl_weight, tolerance)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the model as Keras does. If it cannot be saved, leave no partial file.

        Raises:
          ModelFileError: the class of a cell is not registered with Keras.

        >>> SketchRNN(HParams(enc_rnn_size=8, dec_rnn_size=16)).save("small.keras")
        >>> keras.saving.load_model("small.keras").hparams.dec_rnn_size
        16
        """
        self.get_config()
        super().save(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        if self._unsaved is not None:
            raise self._unsaved
        return {"name": self.name, "dtype": self.dtype_policy.name, "config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> SketchRNN:
        return cls(
            RunConfig.from_dict(config["config"]), name=config["name"], dtype=config["dtype"]
        )


def _only_points(
    target: tf.Tensor, points: tf.Tensor, static: bool
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Return the target in the form of the decoder's output, and a function for its values.

    The function sums per-point values over the first ``points`` rows of each sketch: it returns
    [batch, n]. If shapes are static, target and values are [batch, time, n], else [points, n].
    """
    if not static:
        target = recurrence.rows(tf.transpose(target, [1, 0, 2]), points)
        return target, lambda values: recurrence.per_sketch(values, points)
    counts = (tf.range(target.shape[1]) < points[:, None])[..., None]
    return target, lambda values: tf.reduce_sum(tf.where(counts, values, 0.0), axis=1)
