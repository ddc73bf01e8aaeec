"""A trained model to use from Python: strokes in data units in, strokes in data units out."""

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

_AT_ONCE = 1000  # sketches drawn together: more would not be faster, and need the memory


class TrainedModel:
    """A Sketch-RNN with trained weights, and what is needed to speak stroke-3 with it.

    Sketches are stroke-3 arrays [n, 3] in the data's own units (pixels); latent vectors are
    float32 [batch, Z].

    Args:
      model: the network, whose configuration holds max_seq_len and the normalizing factor.
      adam_state: the optimizer's state by Magenta's names, where it was loaded.
      step: updates the weights have seen, as far as is known.
      data_known: whether the data set that the hyperparameters name is the model's own.
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
        encoder: Any = model.encoder  # None in an unconditional model, which encodes nothing
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
        """Whether the model knows its normalizing factor. If not, as after loading a Magenta
        checkpoint, sketches are in model units; see `with_normalizing_factor`."""
        return self.config.normalizing_factor is not None

    @property
    def normalizing_factor(self) -> float:
        """Data units (pixels) in one model unit, above 0; 1 where it is not known."""
        return self.config.normalizing_factor or 1.0

    def with_normalizing_factor(self, factor: float) -> TrainedModel:
        """Return the same network for data with ``factor`` pixel units in a model unit."""
        twin = TrainedModel(self.model, self.adam, self.step, self.data_known)
        twin.config = dataclasses.replace(self.config, normalizing_factor=float(factor))
        return twin

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model, so that `magenta_sketch.load` finds it there.

        Args:
          path: a name ending in .keras for a file of Keras's; else a folder, which must be empty
            or absent, for the files of a run without its training: it cannot be resumed, and can
            be what another run begins with (--init_from).

        Raises:
          ModelFileError: a cell of the model is not registered with Keras.
          RunError: the folder holds something already, or cannot be written.
          OSError: the .keras file cannot be written.
        """
        saving.save(path, self.model, self.config, self.step)

    @property
    def conditional(self) -> bool:
        """Whether there is an encoder and a latent vector."""
        return self.model.encoder is not None

    @property
    def z_size(self) -> int:
        """Width Z of a latent vector; 0 for an unconditional model."""
        return self.config.hparams.z_size if self.conditional else 0

    @property
    def max_seq_len(self) -> int:
        """The most points a sketch can have."""
        return self.config.max_seq_len

    def encode_distribution(self, sketches: Sketches) -> tuple[np.ndarray, np.ndarray]:
        """(mu, sigma), both [batch, Z], of the sketches' posteriors N(mu, sigma²).

        ``sketches`` is a sequence of stroke-3 arrays or a `SketchSet`.

        Raises:
          ValueError: an unconditional model, a sketch of the wrong shape or longer than
            max_seq_len.
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
        """Latent vectors [batch, Z] of stroke-3 sketches.

        ``scale`` is the standard deviation of the noise added, in units of each posterior's sigma:
        0 gives the mean, 1 a draw from the posterior.

        Raises:
          ValueError: as `encode_distribution`; scale below 0 or not finite, or seed not in
            0 <= seed < 2**63.
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
        """The losses of stroke-3 sketches, an array [batch] each, in nats a point.

        Sums over a sketch's points are divided by max_seq_len, as in training;
        ``masked_reconstruction`` is the one papers quote. ``to_first_end`` counts one end row of a
        sketch in place of all up to max_seq_len, as training with bucket_by_length does; it leaves
        masked_reconstruction as it is. Other arguments, and errors, as for `encode`; an
        unconditional model has a kl of 0.
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
        """Yield batches, and for each row of a batch the place of its sketch."""
        size = self.config.hparams.batch_size
        for start in range(0, len(sketches), size):
            part = [sketches[i] for i in range(start, min(start + size, len(sketches)))]
            batch = batches.pad(part, self.config)
            yield start + batch.order, batch

    def prior(self, count: int, *, seed: int = 0) -> np.ndarray:
        """``count`` latent vectors [count, Z] drawn from the prior N(0, 1).

        Raises:
          ValueError: count below 0, seed not in 0 <= seed < 2**63, or either not an integer.
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
          temperature: in (0, 1]; lower is tidier (Ha & Eck 2017, eq. 8).
          greedy: take the likeliest point each time; temperature and seed then do not matter.
          seed: 0 <= seed < 2**63; equal seeds draw equal sketches.

        Raises:
          ValueError: z of the wrong shape or not finite, an unconditional model, temperature
            outside (0, 1], or a seed out of its range.
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
        """Draw ``count`` new stroke-3 sketches: from the prior, or unconditionally.

        Arguments as for `decode`. A greedy unconditional model draws one sketch, ``count`` times.

        Raises:
          ValueError: count is not an integer of 0 or more; temperature or seed as for `decode`.
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
        """Encode and decode: one stroke-3 sketch for each one given. See `encode`, `decode`."""
        z = self.encode(sketches, scale=scale, seed=seed)
        return self.decode(z, temperature=temperature, greedy=greedy, seed=seed)

    def _draw(
        self, z: np.ndarray | None, count: int, temperature: float, greedy: bool, seed: int
    ) -> list[np.ndarray]:
        if z is not None:
            z = self.model.decoder_z(tf.constant(z)).numpy()
        drawn: list[np.ndarray] = []
        # Once even for no sketches, so that the arguments are checked.
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
