"""A network that encodes and decodes. All sketches are in data units."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch._backend import tf
from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.data.strokes import to_stroke5
from magenta_sketch.drawing.sketches import Sketch, SketchList
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference import priors
from magenta_sketch.inference.arguments import latent_vectors, natural, one_sketch
from magenta_sketch.inference.encoding import SketchEncoder
from magenta_sketch.inference.priors import Prior, PriorName
from magenta_sketch.inference.sampler import PointDecoder, Sampler
from magenta_sketch.nn.compiling import compiles
from magenta_sketch.nn.sketch_rnn import SketchRNN

_AT_ONCE = 1000  # sketches drawn together: more need memory and are not faster


class Coder(SketchEncoder):
    """A Sketch-RNN that encodes sketches and decodes latent vectors.

    Sketches are stroke-3 arrays [n, 3] in the units of the data (pixels). Latent vectors are
    float32 [batch, Z].

    Args:
      model: the network. Its configuration has max_seq_len and the normalizing factor.

    >>> Coder(SketchRNN()).z_size
    128
    """

    def __init__(self, model: SketchRNN):
        super().__init__(model)
        self._sampler = Sampler(PointDecoder(model.decoder), uses_xla=compiles(model))

    def prior(
        self, count: int, *, prior: PriorName | Prior = "standard", seed: int = 0
    ) -> np.ndarray:
        """Draw ``count`` latent vectors, float32 [count, Z], from a prior.

        Args:
          count: 0 or more.
          prior: "standard" for N(0, 1), as in Magenta; "scaled" for N(0, scale²), with the model's
            hyperparameter scale; "aggregate" for the normal distribution with the mean and
            covariance of z over the training sketches; or a `Prior`, from `fit_prior` for example.
            For "aggregate" the training data are read when it is first asked for, and downloaded
            if they are at a URL; at most 2,000 evenly spaced training sketches are encoded.
          seed: 0 <= seed < 2**63. All priors use the same random numbers.

        Raises:
          ValueError: the model is unconditional; count or seed is out of its range; prior is
            another word or does not fit the model; or the training sketches of "aggregate" are
            unknown, cannot be read, or have changed.

        >>> Coder(SketchRNN()).prior(3, seed=1).shape
        (3, 128)
        """
        chosen = priors.choose(prior, self.config.hparams, lambda: self._aggregate)
        return chosen.draw(count, seed)

    def fit_prior(self, sketches: Sketches) -> Prior:
        """Return the aggregate prior of sketches: the normal distribution with z's moments.

        z has the noise of training, with the model's hyperparameter scale. See `Prior.aggregate`.

        Args:
          sketches: at least one stroke-3 array [n, 3], or a `SketchSet`.

        Raises:
          ValueError: as for `encode_distribution`, or there are no sketches.

        >>> model = Coder(SketchRNN())
        >>> prior = model.fit_prior([np.array([[3, 0, 0], [0, 4, 1]]), np.array([[5, 0, 1]])])
        >>> prior.mean.shape, len(model.sample(2, prior=prior))
        ((128,), 2)
        """
        if not len(sketches):
            raise ArgumentError("sketches is empty: give at least one sketch")
        return Prior.aggregate(*self.encode_distribution(sketches), self.config.hparams.scale)

    @functools.cached_property
    def _aggregate(self) -> Prior:
        return self.fit_prior(priors.training_sketches(self.config))

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
        self,
        count: int,
        *,
        prior: PriorName | Prior = "standard",
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> SketchList:
        """Draw ``count`` new stroke-3 sketches: z from the prior, decoded, or unconditionally.

        Other arguments are those of `decode`. A greedy unconditional model draws the same sketch
        ``count`` times.

        Args:
          prior: distribution of z for a conditional model: "standard", "scaled", "aggregate" or a
            `Prior`, as for the method `prior`.

        Raises:
          ValueError: count is not an integer of 0 or more, temperature or seed is out of its
            range, or prior cannot be used, as for the method `prior`.

        >>> len(Coder(SketchRNN()).sample(3, prior="scaled", temperature=0.3, seed=1))
        3
        """
        count, z = natural("count", count), None
        if self.conditional or prior != "standard":
            z = self.prior(count, prior=prior, seed=seed)
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
