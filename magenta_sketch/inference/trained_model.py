"""A trained model to use from Python: strokes in data units in, strokes in data units out."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from magenta_sketch import interop
from magenta_sketch._backend import tf
from magenta_sketch.data import batches
from magenta_sketch.errors import RunError
from magenta_sketch.inference.sampler import PointDecoder, Sampler, natural
from magenta_sketch.interop import adam
from magenta_sketch.interop.foreign import AdamState
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.losses import SketchLosses
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import new_optimizer, restore_first_whole
from magenta_sketch.training.run_folder import RunFolder, RunInfo

_ENCODING, _PRIOR, _LOSSES = 4, 5, 6  # what a `seed_table` is for, beside a seed
_AT_ONCE = 1000  # sketches drawn together: more would not be faster, and need the memory


def _warn(text: str) -> None:
    print(text, file=sys.stderr)


class TrainedModel:
    """A Sketch-RNN with trained weights, and what is needed to speak stroke-3 with it.

    Sketches are stroke-3 arrays [n, 3] in the data's own units (pixels); latent vectors are
    float32 [batch, Z].

    Args:
      model: the network.
      info: its hyperparameters (with max_seq_len) and normalizing factor.
      adam_state: the optimizer's state by Magenta's names, where it was loaded.
      step: updates the weights have seen, as far as is known.
      data_known: whether the data set that the hyperparameters name is the model's own.
      units_known: whether the normalizing factor is the model's own; if not, as for a Magenta
        checkpoint, it is 1 and sketches are in model units, see `with_normalizing_factor`.
    """

    def __init__(
        self,
        model: SketchRNN,
        info: RunInfo,
        adam_state: AdamState | None = None,
        step: int = 0,
        units_known: bool = True,
        data_known: bool = True,
    ):
        self.model, self.info = model, info
        self.adam, self.step = adam_state, step
        self.units_known, self.data_known = units_known, data_known
        self._sampler = Sampler(PointDecoder(model.decoder))
        self._encode = tf.function(
            lambda strokes, lengths: model.encoder(strokes, lengths),
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
        hps = self.info.hparams
        encoder = f"{hps.enc_model} {hps.enc_rnn_size} -> z {hps.z_size} -> "
        return (
            f"TrainedModel({encoder if self.conditional else 'unconditional, '}{hps.dec_model} "
            f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, max_seq_len "
            f"{self.max_seq_len}, normalizing factor {self.info.normalizing_factor:.4f})"
        )

    def with_normalizing_factor(self, factor: float) -> TrainedModel:
        """The same network for data with ``factor`` pixel units in a model unit."""
        info = dataclasses.replace(self.info, normalizing_factor=float(factor))
        return TrainedModel(self.model, info, self.adam, self.step, data_known=self.data_known)

    @property
    def conditional(self) -> bool:
        """Whether there is an encoder and a latent vector."""
        return self.model.encoder is not None

    @property
    def z_size(self) -> int:
        """Width Z of a latent vector; 0 for an unconditional model."""
        return self.info.hparams.z_size if self.conditional else 0

    @property
    def max_seq_len(self) -> int:
        """The most points a sketch can have."""
        return self.info.max_seq_len

    def encode_distribution(self, sketches: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(mu, sigma), both [batch, Z], of the sketches' posteriors N(mu, sigma²).

        ``sketches`` is a sequence of stroke-3 arrays or a `SketchSet`.

        Raises:
          ValueError: an unconditional model, a sketch of the wrong shape or longer than
            max_seq_len.
        """
        if not self.conditional:
            raise ValueError("this model is unconditional: it has no encoder and no latent vector.")
        mus, presigs = [], []
        for batch in self._batches(sketches):
            mu, presig = self._encode(tf.constant(batch.strokes[:, 1:]), tf.constant(batch.lengths))
            mus.append(mu.numpy())
            presigs.append(presig.numpy())
        empty = np.zeros((0, self.z_size), np.float32)
        return np.concatenate([empty, *mus]), np.exp(0.5 * np.concatenate([empty, *presigs]))

    def encode(
        self, sketches: Sequence[np.ndarray], *, scale: float = 0.0, seed: int = 0
    ) -> np.ndarray:
        """Latent vectors [batch, Z] of stroke-3 sketches.

        ``scale`` is the standard deviation of the noise added, in units of each posterior's sigma:
        0 gives the mean, 1 a draw from the posterior.

        Raises:
          ValueError: as `encode_distribution`; scale below 0 or not finite, or seed not in
            0 <= seed < 2**63.
        """
        seed, scale = natural("seed", seed), _noise_scale(scale)
        mu, sigma = self.encode_distribution(sketches)
        presig = 2.0 * np.log(sigma)
        z = draw_z(tf.constant(mu), tf.constant(presig), scale, seed_table(seed, 0, _ENCODING))
        return z.numpy()

    def losses(
        self,
        sketches: Sequence[np.ndarray],
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
        seed, scale = natural("seed", seed), _noise_scale(scale)
        found: list[list[np.ndarray]] = [[np.zeros(0, np.float32)] for _ in SketchLosses._fields]
        for part, batch in enumerate(self._batches(sketches)):
            losses = self._losses(
                tf.constant(batch.strokes),
                tf.constant(batch.lengths),
                seed_table(seed, part, _LOSSES),
                tf.constant(scale, tf.float32),
                bool(to_first_end),
            )
            for values, new in zip(found, losses, strict=True):
                values.append(new.numpy())
        return SketchLosses(*map(np.concatenate, found))

    def _batches(self, sketches: Sequence[np.ndarray]) -> Iterator[batches.Batch]:
        size = self.info.hparams.batch_size
        for start in range(0, len(sketches), size):
            yield batches.pad(
                [sketches[i] for i in range(start, min(start + size, len(sketches)))],
                max_seq_len=self.max_seq_len,
                normalizing_factor=self.info.normalizing_factor,
            )

    def prior(self, count: int, *, seed: int = 0) -> np.ndarray:
        """``count`` latent vectors [count, Z] drawn from the prior N(0, 1).

        Raises:
          ValueError: count below 0, seed not in 0 <= seed < 2**63, or either not an integer.
        """
        count, seed = natural("count", count), natural("seed", seed)
        noise = seed_table(seed, 0, _PRIOR)[0]
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
            raise ValueError("this model is unconditional: it has no latent vector to decode.")
        with np.errstate(over="ignore"):  # what is too large for float32 is refused below
            z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self.z_size:
            raise ValueError(f"z must have the shape [batch, {self.z_size}], got {list(z.shape)}.")
        bad = np.argwhere(~np.isfinite(z))
        if len(bad):
            row, column = bad[0]
            raise ValueError(f"z must be finite, got {z[row, column]} at z[{row}, {column}].")
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
        sketches: Sequence[np.ndarray],
        *,
        scale: float = 0.0,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> list[np.ndarray]:
        """Encode and decode: one stroke-3 sketch for each one given. See `encode`, `decode`."""
        z = self.encode(sketches, scale=scale, seed=seed)
        return self.decode(z, temperature=temperature, greedy=greedy, seed=seed)

    def _draw(self, z, count, temperature, greedy, seed):
        if z is not None:
            z = self.model.decoder_z(tf.constant(z)).numpy()
        drawn = []
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
        factor = np.array([self.info.normalizing_factor] * 2 + [1.0], np.float32)
        return [sketch * factor for sketch in drawn]


def _noise_scale(scale: float) -> float:
    try:
        value = float(scale)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise ValueError(f"scale must be finite and at least 0, got {scale!r}.")
    return value


def load(
    model_dir: str | os.PathLike,
    *,
    checkpoint: str = "best",
    with_optimizer: bool = False,
    warn: Callable[[str], None] = _warn,
) -> TrainedModel:
    """The trained model of a run's folder, a Magenta checkpoint or a Sketch-RNN-JS file.

    Args:
      model_dir: a run's --log_root; a Magenta checkpoint directory (or the prefix of one checkpoint
        in it, `.../vector-N`), with or without a usable model_config.json; or a Sketch-RNN-JS file,
        decoder-only or conditional.
      checkpoint: of a run: best (lowest validation cost; the newest if there is none yet, or it is
        damaged) or newest.
      with_optimizer: whether to load a run's optimizer too, as `TrainedModel.adam`. That of a
        Magenta checkpoint is always there.
      warn: called with a line for each damaged checkpoint that is passed over, and for what the
        files of another program don't say.

    A Magenta checkpoint does not hold the normalizing factor: its sketches are in model units until
    `TrainedModel.with_normalizing_factor` gives it (`datasets.load_data_set` computes it).

    Raises:
      RunError: no model there, no checkpoint in it, or none that can be read.
      ModelFileError: another program's model that can't be read.
    """
    if checkpoint not in ("best", "newest"):
        raise ValueError(f"checkpoint must be best or newest, got {checkpoint!r}.")
    folder = RunFolder(model_dir)
    foreign = None if folder.run.exists() else interop.read(model_dir)
    if foreign is not None:
        return _from_foreign(foreign, warn)
    info = folder.read()
    model = SketchRNN(info.hparams, seed=info.seed, tanh_z=info.tanh_z)
    step = tf.Variable(0, dtype=tf.int64)
    optimizer = new_optimizer(model) if with_optimizer else None
    also = {} if optimizer is None else {"optimizer": optimizer}
    restorer = tf.train.Checkpoint(model=model, step=step, **also)
    places = [folder.best, folder.newest] if checkpoint == "best" else [folder.newest]
    damaged = None
    for place in places:
        try:
            if restore_first_whole(restorer, place, warn) is not None:
                if damaged is not None:
                    warn("warning: took the newest checkpoint in place of the best")
                state = None if optimizer is None else adam.state_of(model, optimizer)
                return TrainedModel(model, info, state, int(step))
        except RunError as error:
            damaged = error
    if damaged is not None:
        raise damaged
    raise RunError(f"{folder.root} holds a run that has not written a checkpoint yet.")


def _from_foreign(foreign: interop.ForeignModel, warn: Callable[[str], None]) -> TrainedModel:
    for note in foreign.notes:
        warn(note)
    factor = foreign.normalizing_factor
    info = RunInfo(foreign.hparams, seed=0, normalizing_factor=factor or 1.0, tanh_z=foreign.tanh_z)
    return TrainedModel(
        foreign.build(),
        info,
        foreign.adam,
        foreign.step,
        units_known=factor is not None,
        data_known=foreign.data_known,
    )
