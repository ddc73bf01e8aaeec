"""A network that encodes sketches. They are in data units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data import batches
from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import natural, noise_scale
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.losses import SketchLosses
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose


class SketchEncoder:
    """A Sketch-RNN that encodes sketches and computes their losses.

    Sketches are stroke-3 arrays [n, 3] in the units of the data (pixels). Latent vectors are
    float32 [batch, Z].

    Args:
      model: the network. Its configuration has max_seq_len and the normalizing factor.

    >>> SketchEncoder(SketchRNN()).z_size
    128
    """

    def __init__(self, model: SketchRNN):
        self.model, self.config = model, model.config
        encoder: Any = model.encoder  # None for an unconditional model, which never calls it
        self._encode = tf.function(
            lambda strokes, lengths: encoder(strokes, lengths),
            reduce_retracing=True,
            autograph=False,
        )
        self._losses = tf.function(
            lambda strokes, lengths, seeds, scale, to_first_end: model(
                strokes, lengths, seeds=seeds, scale=scale, to_first_end=to_first_end
            ),
            reduce_retracing=True,
            autograph=False,
        )

    @property
    def units_known(self) -> bool:
        """Whether the model knows its normalizing factor.

        A Magenta checkpoint does not contain it. Sketches are then in model units until
        `with_normalizing_factor` sets it.
        """
        return self.config.normalizing_factor is not None

    @property
    def normalizing_factor(self) -> float:
        """Data units (pixels) in one model unit, above 0. 1 if unknown."""
        return self.config.normalizing_factor or 1.0

    @property
    def conditional(self) -> bool:
        """Whether the model has an encoder and a latent vector."""
        return self.model.encoder is not None

    @property
    def z_size(self) -> int:
        """Size Z of a latent vector. 0 for an unconditional model."""
        return self.config.hparams.z_size if self.conditional else 0

    @property
    def max_seq_len(self) -> int:
        """Largest number of points of a sketch."""
        return self.config.max_seq_len

    def encode_distribution(self, sketches: Sketches) -> tuple[np.ndarray, np.ndarray]:
        """Return mu and sigma, both [batch, Z], of the sketches' posteriors N(mu, sigma²).

        Args:
          sketches: a sequence of stroke-3 arrays [n, 3], or a `SketchSet`.

        Raises:
          ValueError: the model is unconditional, or a sketch has a wrong shape or more than
            max_seq_len points.

        >>> model = SketchEncoder(SketchRNN())
        >>> mu, sigma = model.encode_distribution([np.array([[3, 0, 0], [0, 4, 1]])])
        >>> mu.shape, sigma.shape
        ((1, 128), (1, 128))
        """
        if not self.conditional:
            raise ArgumentError(
                "this model is unconditional, without an encoder and a latent vector: use sample"
            )
        mu = np.zeros((len(sketches), self.z_size), np.float32)
        presig = np.zeros_like(mu)
        for rows, batch in self._batches(sketches):
            found = self._encode(tf.constant(batch.strokes[:, 1:]), tf.constant(batch.lengths))
            mu[rows], presig[rows] = (part.numpy() for part in found)
        return mu, np.exp(0.5 * presig)

    def encode(self, sketches: Sketches, *, scale: float = 0.0, seed: int = 0) -> np.ndarray:
        """Return the latent vectors [batch, Z] of sketches: mu + scale · sigma · eps.

        Args:
          sketches: a sequence of stroke-3 arrays [n, 3], or a `SketchSet`.
          scale: noise scale, 0 or more. 0 gives the mean mu, 1 a draw from the posterior.
          seed: seed of the noise, 0 <= seed < 2**63.

        Raises:
          ValueError: as for `encode_distribution`, or scale or seed is out of its range.

        >>> model = SketchEncoder(SketchRNN())
        >>> model.encode([np.array([[3, 0, 0], [0, 4, 1]])], scale=1.0, seed=2).shape
        (1, 128)
        """
        seed, scale = natural("seed", seed), noise_scale(scale)
        mu, sigma = self.encode_distribution(sketches)
        presig = 2.0 * np.log(sigma)
        z = draw_z(
            tf.constant(mu), tf.constant(presig), scale, seed_table(seed, 0, Purpose.ENCODING)
        )
        return z.numpy()

    def losses(
        self,
        sketches: Sketches,
        *,
        scale: float = 0.0,
        seed: int = 0,
        to_first_end: bool = False,
    ) -> SketchLosses:
        """Return the losses of sketches, each an array [batch], in nats per point.

        Sums over a sketch's points are divided by max_seq_len, as in training. Papers quote
        ``masked_reconstruction``. The kl of an unconditional model is 0.

        Args:
          sketches, scale, seed: as for `encode`.
          to_first_end: count one end row per sketch, not all up to max_seq_len, as training with
            bucket_by_length does. This changes ``reconstruction`` only.

        Raises:
          ValueError: a sketch has a wrong shape or more than max_seq_len points, or scale or seed
            is out of its range.

        >>> model = SketchEncoder(SketchRNN())
        >>> model.losses([np.array([[3, 0, 0], [0, 4, 1]])]).masked_reconstruction.shape
        (1,)
        """
        seed, scale = natural("seed", seed), noise_scale(scale)
        found = SketchLosses(*(np.zeros(len(sketches), np.float32) for _ in SketchLosses._fields))
        for part, (rows, batch) in enumerate(self._batches(sketches)):
            losses = self._losses(
                tf.constant(batch.strokes),
                tf.constant(batch.lengths),
                seed_table(seed, part, Purpose.LOSSES),
                tf.constant(scale, tf.float32),
                bool(to_first_end),
            )
            for values, new in zip(found, losses, strict=True):
                values[rows] = new.numpy()
        return found

    def _batches(self, sketches: Sketches) -> Iterator[tuple[np.ndarray, batches.Batch]]:
        """Yield batches of sketches, each with the indices of its sketches."""
        size = self.config.hparams.batch_size
        for start in range(0, len(sketches), size):
            part = [sketches[i] for i in range(start, min(start + size, len(sketches)))]
            batch = batches.pad(part, self.config)
            yield start + batch.order, batch
