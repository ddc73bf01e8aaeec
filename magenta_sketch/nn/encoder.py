"""The encoder: from sketches to the posterior of z, and sampling of z."""

from __future__ import annotations

from typing import Any, NamedTuple

from magenta_sketch._backend import keras, tf
from magenta_sketch.errors import ArgumentError
from magenta_sketch.nn import draws_in_xla, recurrence
from magenta_sketch.nn.any_cell import (
    CellMaker,
    build_cell,
    keep_masks,
    make_cell,
    small_dense,
    zero_state,
)
from magenta_sketch.nn.randomness import (
    PlacedSeeds,
    Seeds,
    initializer_seed,
    seed_of,
    standard_normal,
)
from magenta_sketch.seeds import Draw, EncoderPart


class Posterior(NamedTuple):
    """The posterior N(mu, exp(presig)) of z.

    Attributes:
      mu: means, [batch, Z].
      presig: log variances, [batch, Z].
    """

    mu: tf.Tensor
    presig: tf.Tensor


@keras.saving.register_keras_serializable(package="magenta_sketch")
class Encoder(keras.layers.Layer):
    """Bidirectional encoder (Ha & Eck 2017, eq. 1 and 2): from sketches to a `Posterior`.

    One cell reads each sketch forward, a second cell reads it backward. Their last outputs,
    [h_forward, h_backward], go through two dense layers, mu and presig.

    Weights of each dense layer:

    - kernel [2·units, Z]: normal, standard deviation 0.001
    - bias [Z]: zeros

    Args:
      cell: lstm, layer_norm, hyper, or another `any_cell.CellMaker`.
      units: size of each cell.
      z_size: Z, size of the latent vector.
      keep_prob: keep probability of recurrent dropout, in (0, 1].
      seed: seed of the initial weights.

    >>> encoder = Encoder("lstm", units=8, z_size=4)
    >>> encoder(tf.zeros([2, 10, 5]), tf.constant([10, 7])).mu.shape.as_list()
    [2, 4]
    """

    def __init__(
        self,
        cell: CellMaker,
        units: int,
        z_size: int,
        keep_prob: float = 1.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell, self.units, self.z_size = cell, units, z_size
        self.keep_prob, self.seed = keep_prob, seed
        self.forward_cell = self._make("forward", EncoderPart.FORWARD_CELL)
        self.backward_cell = self._make("backward", EncoderPart.BACKWARD_CELL)
        self.mu, self.presig = (
            small_dense(z_size, initializer_seed(seed, number), self.dtype_policy, name)
            for name, number in (("mu", EncoderPart.MU), ("presig", EncoderPart.PRESIG))
        )

    def _make(self, name: str, number: EncoderPart) -> keras.layers.Layer:
        seed = initializer_seed(self.seed, number)
        return make_cell(self.cell, self.units, self.keep_prob, seed, self.dtype_policy, name)

    def build(self, input_shape: Any) -> None:
        for cell, number in (
            (self.forward_cell, EncoderPart.FORWARD_CELL),
            (self.backward_cell, EncoderPart.BACKWARD_CELL),
        ):
            build_cell(cell, input_shape[-1], initializer_seed(self.seed, number))
        self.mu.build((None, 2 * self.units))
        self.presig.build((None, 2 * self.units))

    def call(
        self,
        strokes: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        seeds: Seeds | None = None,
        product_dtype: Any = None,
        static: bool = False,
    ) -> Posterior:
        """Return the `Posterior` of each sketch.

        Args:
          strokes: stroke-5 in model units without the start token, [batch, time, 5].
          lengths: number of points of each sketch, int [batch], longest first.
          training: whether to apply recurrent dropout.
          seeds: `randomness.seed_table` or `randomness.PlacedSeeds` for dropout; required if there
            is any.
          product_dtype, static: see `recurrence.run`.

        Raises:
          ValueError: seeds are missing, or the sketches are not longest first.
        """
        require_longest_first(lengths)
        batch, time = tf.shape(strokes)[0], tf.shape(strokes)[1]
        cells = [self.forward_cell, self.backward_cell]
        masks = [None, None]
        if training and self.keep_prob < 1.0:
            draws = (Draw.ENCODER_FORWARD, Draw.ENCODER_BACKWARD)
            masks = [
                keep_masks(cell, [time, batch], seed_of(seeds, draw))
                for cell, draw in zip(cells, draws, strict=True)
            ]
        states = recurrence.run_both_ways(
            cells,
            tf.transpose(strokes, [1, 0, 2]),
            lengths,
            [zero_state(cell, batch) for cell in cells],
            keep_masks=masks,
            product_dtype=product_dtype,
            static=static,
        )
        last = tf.concat([state[0] for state in states], axis=-1)
        return Posterior(self.mu(last), self.presig(last))

    def get_config(self) -> dict[str, Any]:
        names = ("cell", "units", "z_size", "keep_prob", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def require_longest_first(lengths: tf.Tensor) -> None:
    """Check that sketches come longest first, as in `magenta_sketch.data.batches`.

    The recurrence removes ended sketches from the end of the batch.

    Raises:
      ValueError: the order is wrong; in a tf.function, tf.errors.InvalidArgumentError.
    """
    rule = "sketches must come longest first, as data.batches sorts them; sort by falling length"
    falls = tf.reduce_all(lengths[:-1] >= lengths[1:])
    if not tf.executing_eagerly():
        tf.debugging.Assert(falls, [rule])
    elif not bool(falls):
        raise ArgumentError(f"{rule}, got lengths {lengths[:8]}")


def draw_z(
    mu: tf.Tensor,
    presig: tf.Tensor,
    scale: float,
    seeds: Seeds | None,
    static: bool = False,
) -> tf.Tensor:
    """Draw z = mu + exp(presig/2)·eps, eps ~ N(0, scale²) (Ha & Eck 2017, eq. 2): [batch, Z].

    ``scale`` >= 0 is the standard deviation of the noise. If it is 0, z is mu and no seeds are
    needed. ``static``: draw so that XLA gives the same noise; the shape of mu must be static.
    """
    if isinstance(scale, (int, float)) and scale == 0.0:
        return mu
    seed = seed_of(seeds, Draw.LATENT)
    if static and not isinstance(seed, PlacedSeeds):
        noise = tf.cast(draws_in_xla.normal(mu.shape, seed), mu.dtype)
    else:
        noise = standard_normal(tf.shape(mu), seed, mu.dtype)
    return mu + tf.exp(0.5 * presig) * (scale * noise)
