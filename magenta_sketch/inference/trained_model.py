"""A trained model to use from Python. All sketches are in data units."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data import batches
from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference import saving
from magenta_sketch.inference.arguments import latent_vectors, natural, noise_scale
from magenta_sketch.inference.sampler import PointDecoder, Sampler
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.losses import SketchLosses
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose

_AT_ONCE = 1000  # sketches drawn together: more need memory and are not faster


class TrainedModel:
    """A Sketch-RNN with trained weights: encode, decode, sample and save.

    `magenta_sketch.load` and `magenta_sketch.train` return one. Sketches are stroke-3 arrays [n, 3]
    in the units of the data (pixels). Latent vectors are float32 [batch, Z].

    Args:
      model: the network. Its configuration has max_seq_len and the normalizing factor.
      adam_state: the optimizer's state under Magenta's names, if it was loaded.
      step: number of training steps of the weights, 0 if unknown.
      data_known: whether the model was trained on the data set in its hyperparameters. False for
        models of other programs that do not say.

    >>> model = TrainedModel(SketchRNN())  # untrained; else magenta_sketch.load("models/cats")
    >>> z = model.encode([np.array([[3, 0, 0], [0, 4, 1]])])
    >>> [drawing] = model.decode(z, temperature=0.4)
    >>> z.shape, drawing.shape[1]
    ((1, 128), 3)
    """

    def __init__(
        self,
        model: SketchRNN,
        adam_state: Any = None,
        step: int = 0,
        data_known: bool = True,
    ):
        self.model, self.config = model, model.config
        self.adam, self.step, self.data_known = adam_state, step, data_known
        self._sampler = Sampler(PointDecoder(model.decoder))
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

    def __repr__(self) -> str:
        hps = self.config.hparams
        encoder = f"{hps.enc_model} {hps.enc_rnn_size} -> z {hps.z_size} -> "
        return (
            f"TrainedModel({encoder if self.conditional else 'unconditional, '}{hps.dec_model} "
            f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, max_seq_len "
            f"{self.max_seq_len}, normalizing factor {self.normalizing_factor:.4f})"
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

    def with_normalizing_factor(self, factor: float) -> TrainedModel:
        """Return the same model with another normalizing factor.

        Args:
          factor: data units (pixels) in one model unit, above 0.

        >>> TrainedModel(SketchRNN()).with_normalizing_factor(40).normalizing_factor
        40.0
        """
        twin = TrainedModel(self.model, self.adam, self.step, self.data_known)
        twin.config = dataclasses.replace(self.config, normalizing_factor=float(factor))
        return twin

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model for `magenta_sketch.load`.

        Args:
          path: a name that ends in .keras, for a Keras file; or a new or empty folder. The folder
            is that of a run without its training: it cannot be resumed, but another run can start
            from it (--init_from).

        Raises:
          ModelFileError: a cell of the model is not registered with Keras.
          RunError: the folder is not empty or cannot be written.
          OSError: the .keras file cannot be written.

        >>> TrainedModel(SketchRNN()).save("bird.keras")
        """
        saving.save(path, self.model, self.config, self.step)

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

        >>> model = TrainedModel(SketchRNN())
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

        >>> model = TrainedModel(SketchRNN())
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

        >>> model = TrainedModel(SketchRNN())
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

    def prior(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Draw ``count`` latent vectors [count, Z] from the prior N(0, 1).

        Raises:
          ValueError: count is not an integer of 0 or more, or seed not one below 2**63.

        >>> TrainedModel(SketchRNN()).prior(3, seed=1).shape
        (3, 128)
        """
        count, seed = natural("count", count), natural("seed", seed)
        noise = seed_table(seed, 0, Purpose.PRIOR)[0]
        return tf.random.stateless_normal([count, self.z_size], noise, alg="philox").numpy()

    def decode(
        self,
        z: np.ndarray,
        *,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> list[np.ndarray]:
        """Draw one stroke-3 sketch for each row of ``z`` [batch, Z].

        Args:
          z: latent vectors, from `encode` or `prior` for example.
          temperature: in (0, 1]. Low is tidy, high is varied (Ha & Eck 2017, eq. 8).
          greedy: always draw the most likely point. Temperature and seed then have no effect.
          seed: 0 <= seed < 2**63. Equal seeds draw equal sketches.

        Raises:
          ValueError: the model is unconditional, z has a wrong shape or is not finite, or
            temperature or seed is out of its range.

        >>> drawings = TrainedModel(SketchRNN()).decode(np.zeros((2, 128)), temperature=0.4)
        >>> len(drawings), drawings[0].shape[1]
        (2, 3)
        """
        if not self.conditional:
            raise ArgumentError(
                "this model is unconditional, without a latent vector to decode: use sample"
            )
        z = latent_vectors(z, self.z_size)
        return self._draw(z, len(z), temperature, greedy, seed)

    def sample(
        self, count: int, *, temperature: float = 1.0, greedy: bool = False, seed: int = 0
    ) -> list[np.ndarray]:
        """Draw ``count`` new stroke-3 sketches: z from the prior, decoded, or unconditionally.

        Other arguments are those of `decode`. A greedy unconditional model draws the same sketch
        ``count`` times.

        Raises:
          ValueError: count is not an integer of 0 or more, or temperature or seed is out of its
            range.

        >>> len(TrainedModel(SketchRNN()).sample(3, temperature=0.3, seed=1))
        3
        """
        count = natural("count", count)
        z = self.prior(count, seed=seed) if self.conditional else None
        return self._draw(z, count, temperature, greedy, seed)

    def reconstruct(
        self,
        sketches: Sketches,
        *,
        scale: float = 0.0,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> list[np.ndarray]:
        """Encode and decode: return one stroke-3 sketch for each of ``sketches``.

        Arguments and errors are those of `encode` and `decode`.

        >>> model = TrainedModel(SketchRNN())
        >>> len(model.reconstruct([np.array([[3, 0, 0], [0, 4, 1]])], temperature=0.2))
        1
        """
        z = self.encode(sketches, scale=scale, seed=seed)
        return self.decode(z, temperature=temperature, greedy=greedy, seed=seed)

    def _draw(
        self, z: np.ndarray | None, count: int, temperature: float, greedy: bool, seed: int
    ) -> list[np.ndarray]:
        if z is not None:
            z = self.model.decoder_z(tf.constant(z)).numpy()
        drawn: list[np.ndarray] = []
        # Once even for no sketches: `Sampler.decode` checks the arguments.
        for part, start in enumerate(range(0, max(count, 1), _AT_ONCE)):
            drawn += self._sampler.decode(
                None if z is None else z[start : start + _AT_ONCE],
                count=min(count - start, _AT_ONCE),
                max_seq_len=self.max_seq_len,
                temperature=temperature,
                greedy=greedy,
                seed=seed,
                part=part,
            )
        factor = np.array([self.normalizing_factor] * 2 + [1.0], np.float32)
        return [sketch * factor for sketch in drawn]
