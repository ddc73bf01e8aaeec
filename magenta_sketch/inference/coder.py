"""A network that encodes and decodes. All sketches are in data units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch._backend import tf
from magenta_sketch.data import batches
from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.data.strokes import to_stroke5
from magenta_sketch.drawing.sketches import Sketch, SketchList
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import (
    latent_vectors,
    natural,
    noise_scale,
    one_sketch,
)
from magenta_sketch.inference.sampler import PointDecoder, Sampler
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.losses import SketchLosses
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose

_AT_ONCE = 1000  # sketches drawn together: more need memory and are not faster


class Coder:
    """A Sketch-RNN that encodes sketches and decodes latent vectors.

    Sketches are stroke-3 arrays [n, 3] in the units of the data (pixels). Latent vectors are
    float32 [batch, Z].

    Args:
      model: the network. Its configuration has max_seq_len and the normalizing factor.

    >>> Coder(SketchRNN()).z_size
    128
    """

    def __init__(self, model: SketchRNN):
        self.model, self.config = model, model.config
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

        >>> model = Coder(SketchRNN())
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

        >>> model = Coder(SketchRNN())
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

        >>> model = Coder(SketchRNN())
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

        >>> Coder(SketchRNN()).prior(3, seed=1).shape
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
    ) -> SketchList:
        """Draw one stroke-3 sketch for each row of ``z`` [batch, Z].

        Args:
          z: latent vectors, from `encode` or `prior` for example.
          temperature: in (0, 1]. Low is tidy, high is varied (Ha & Eck 2017, eq. 8).
          greedy: always draw the most likely point. Temperature and seed then have no effect.
          seed: 0 <= seed < 2**63. Equal seeds draw equal sketches.

        Raises:
          ValueError: the model is unconditional, z has a wrong shape or is not finite, or
            temperature or seed is out of its range.

        >>> drawings = Coder(SketchRNN()).decode(np.zeros((2, 128)), temperature=0.4)
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
    ) -> SketchList:
        """Draw ``count`` new stroke-3 sketches: z from the prior, decoded, or unconditionally.

        Other arguments are those of `decode`. A greedy unconditional model draws the same sketch
        ``count`` times.

        Raises:
          ValueError: count is not an integer of 0 or more, or temperature or seed is out of its
            range.

        >>> len(Coder(SketchRNN()).sample(3, temperature=0.3, seed=1))
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
    ) -> SketchList:
        """Encode and decode: return one stroke-3 sketch for each of ``sketches``.

        Arguments and errors are those of `encode` and `decode`.

        >>> model = Coder(SketchRNN())
        >>> len(model.reconstruct([np.array([[3, 0, 0], [0, 4, 1]])], temperature=0.2))
        1
        """
        z = self.encode(sketches, scale=scale, seed=seed)
        return self.decode(z, temperature=temperature, greedy=greedy, seed=seed)

    def complete(
        self,
        sketch: ArrayLike,
        count: int = 1,
        *,
        z: ArrayLike | str | None = None,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
        keep_strokes: bool = False,
    ) -> SketchList:
        """Draw ``count`` endings of a sketch that was begun (Ha & Eck 2017, section 4.2).

        Its points are fed to the decoder, which then goes on. An ending is empty if the model takes
        the sketch for finished.

        Args:
          sketch: the first points, stroke-3 [n, 3], 1 <= n < max_seq_len. Where its last point has
            no lift, the model may continue the stroke.
          count: number of endings.
          z: latent vectors of a conditional model, [Z] for all endings or [count, Z]; "prior" or
            None for draws from N(0, 1); or "encoded" for that of the given points. The latter asks
            for a drawing of these points alone, so it often ends soon. None if unconditional.
          temperature, greedy, seed: as for `decode`.
          keep_strokes: lift the pen after the last given point, so that the model begins a new
            stroke. This sets the last point's lift to 1.

        Returns:
          Sketches that begin with exactly the given points, as float32. Their attribute ``given``
          is n, and pictures show the given points in another colour.

        Raises:
          ValueError: the sketch has a wrong shape or values, no points or too many; z does not fit;
            or another argument is out of its range.

        >>> endings = Coder(SketchRNN()).complete([[3, 0, 0], [0, 4, 1]], 5, seed=1)
        >>> len(endings), endings[0][:2].tolist(), endings[0].given
        (5, [[3.0, 0.0, 0.0], [0.0, 4.0, 1.0]], 2)
        """
        given, count = one_sketch("sketch", sketch), natural("count", count)
        if len(given) >= self.max_seq_len:
            raise ArgumentError(
                f"sketch must have fewer than max_seq_len ({self.max_seq_len}) points to go on "
                f"from, got {len(given)}"
            )
        if keep_strokes:
            given[-1, 2] = 1.0
        vectors = self._z_to_complete(z, given, count, seed)
        return self._draw(vectors, count, temperature, greedy, seed, given=given)

    def _z_to_complete(
        self, z: ArrayLike | str | None, given: np.ndarray, count: int, seed: int
    ) -> np.ndarray | None:
        if not self.conditional:
            if z is not None:
                raise ArgumentError("this model is unconditional, without a z: leave out z")
            return None
        if z is None or (isinstance(z, str) and z == "prior"):
            return self.prior(count, seed=seed)
        if isinstance(z, str):
            if z != "encoded":
                raise ArgumentError(f'z must be latent vectors, "prior" or "encoded", got {z!r}')
            z = self.encode([given])[0]
        if np.ndim(z) == 1:
            z = np.tile(np.asarray(z), (count, 1))
        vectors = latent_vectors(z, self.z_size)
        if len(vectors) != count:
            raise ArgumentError(
                f"z must have one row for each of {count} endings, got {len(vectors)}"
            )
        return vectors

    def _draw(
        self,
        z: np.ndarray | None,
        count: int,
        temperature: float,
        greedy: bool,
        seed: int,
        given: np.ndarray | None = None,
        noise_rows: np.ndarray | None = None,
    ) -> SketchList:
        """Draw sketches that begin with the points ``given``, [n, 3].

        noise_rows: see `Sampler.decode`.
        """
        factor = np.array([self.normalizing_factor] * 2 + [1.0], np.float32)
        if z is not None:
            z = self.model.decoder_z(tf.constant(z)).numpy()
        drawn: list[np.ndarray] = []
        # Once even for no sketches: `Sampler.decode` checks the arguments.
        for part, start in enumerate(range(0, max(count, 1), _AT_ONCE)):
            here = slice(start, start + _AT_ONCE)
            drawn += self._sampler.decode(
                None if z is None else z[here],
                count=min(count - start, _AT_ONCE),
                max_seq_len=self.max_seq_len,
                temperature=temperature,
                greedy=greedy,
                seed=seed,
                part=part if noise_rows is None else 0,
                given=None if given is None else to_stroke5(given / factor, len(given))[1:],
                noise_rows=None if noise_rows is None else noise_rows[here],
            )
        sketches = [sketch * factor for sketch in drawn]
        if given is None:
            return SketchList(sketches)
        begun = len(given)  # to the bit: not divided and multiplied by the factor
        return SketchList(Sketch(np.concatenate([given, s[begun:]]), begun) for s in sketches)
