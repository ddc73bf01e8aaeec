"""Sketches -> posteriors of z."""

from __future__ import annotations

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.parts import (
    CellMaker,
    _make_cell,
    _masks,
    _small_dense,
    _time_first,
    _zero_state,
)
from magenta_sketch.nn.randomness import (
    _ENCODER_BACKWARD,
    _ENCODER_FORWARD,
    _LATENT,
    _initializer_seed,
)


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


def draw_z(mu: tf.Tensor, presig: tf.Tensor, scale: float, seeds: tf.Tensor | None) -> tf.Tensor:
    """z = mu + exp(presig/2)·eps, eps ~ N(0, scale²) (Ha & Eck 2017, eq. 2): [batch, Z].

    ``scale`` >= 0 is the standard deviation of the noise; 0 gives mu, and needs no seeds.
    """
    if isinstance(scale, (int, float)) and scale == 0.0:
        return mu
    noise = tf.random.stateless_normal(tf.shape(mu), seeds[_LATENT], dtype=mu.dtype, alg="philox")
    return mu + tf.exp(0.5 * presig) * (scale * noise)
