"""How probable sketches are to a model, and which of several models they fit best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch._backend import tf
from magenta_sketch.config.kinds import show
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import batches
from magenta_sketch.data.sketch_set import Sketches, SketchSet
from magenta_sketch.data.strokes import START_TOKEN
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import natural, positive
from magenta_sketch.nn import mixture, recurrence
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.losses import kl_divergence
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose

Start = Literal["pen_down", "zeros"]
# What the decoder is fed before the first point, stroke-5.
STARTS = {"pen_down": START_TOKEN, "zeros": (0.0, 0.0, 0.0, 0.0, 0.0)}
SIZES = 2.0 ** (np.arange(-16, 17) / 8)  # tried by fit_size: in steps of 9 %


class LogProb(NamedTuple):
    """Log probabilities of sketches, or lower bounds of them, in nats.

    Attributes:
      per_sketch: of the whole sketch, [n].
      per_point: per_sketch divided by the sketch's number of points, [n].
      size: the factor by which the sketch was scaled, [n]; 1 without fit_size.

    >>> LogProb._fields
    ('per_sketch', 'per_point', 'size')
    """

    per_sketch: NDArray[np.float64]
    per_point: NDArray[np.float64]
    size: NDArray[np.float64]


class Scoring(NamedTuple):
    """How to score: the arguments of `TrainedModel.log_prob`.

    >>> Scoring(draws=4).start
    'pen_down'
    """

    draws: int = 1
    seed: int = 0
    fit_size: bool = False
    dequantize: bool = False
    start: Start = "pen_down"

    def checked(self) -> Scoring:
        """Return the same with numbers as ints.

        Raises:
          ValueError: an argument is out of its range.
        """
        if self.start not in STARTS:
            raise ArgumentError(f"start must be one of {', '.join(STARTS)}, got {show(self.start)}")
        draws, seed = positive("draws", self.draws), natural("seed", self.seed)
        return self._replace(draws=draws, seed=seed)


class Scorer:
    """Computes log probabilities with a network."""

    def __init__(self, model: SketchRNN):
        self._model = model
        strokes = tf.TensorSpec([None, None, 5], tf.float32)
        self._log_probs = tf.function(
            self._compute,
            input_signature=[
                strokes,
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([None, 2], tf.int64),
            ],
            autograph=False,
        )
        self._given_z = tf.function(
            self._log_likelihoods,
            input_signature=[
                strokes,
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([None, model.hparams.z_size], tf.float32),
            ],
            autograph=False,
        )

    def log_prob(self, sketches: Sketches, config: RunConfig, how: Scoring) -> LogProb:
        """Return the `LogProb` of stroke-3 sketches in data units.

        Args:
          config: has the batch size and the normalizing factor.
        """
        if not isinstance(sketches, SketchSet):
            sketches = SketchSet.from_sketches(sketches)
        lengths, count = sketches.lengths, len(sketches)
        scaling = np.log(config.normalizing_factor or 1.0)
        sizes = SIZES if how.fit_size else np.ones(1)
        found = np.zeros((len(sizes), count))
        draws = how.draws if how.dequantize or self._model.encoder is not None else 1
        for draw in range(draws):
            drawn = _dequantized(sketches, how.seed, draw) if how.dequantize else sketches
            for i, size in enumerate(sizes):
                factors = np.array([size, size, 1.0])
                resized = SketchSet(drawn.points * factors, drawn.starts)
                # An offset's density in data units: that of x·size/factor, times (size/factor)².
                jacobian = 2.0 * lengths * (np.log(size) - scaling)
                found[i] += (self._in_model_units(resized, config, how, draw) + jacobian) / draws
        best = np.argmax(found, axis=0)
        value = found[best, np.arange(count)]
        return LogProb(value, value / lengths, sizes[best])

    def log_likelihood(
        self, sketches: Sketches, z: NDArray[np.float32], config: RunConfig
    ) -> NDArray[np.float64]:
        """Return log p(x|z) [n] of stroke-3 sketches in data units, for z [n, Z]."""
        if not isinstance(sketches, SketchSet):
            sketches = SketchSet.from_sketches(sketches)
        result = -2.0 * sketches.lengths * np.log(config.normalizing_factor or 1.0)
        for places, strokes, lengths in _batches(sketches, config, "pen_down"):
            result[places] += self._given_z(strokes, lengths, tf.constant(z[places])).numpy()
        return result

    def _in_model_units(
        self, sketches: SketchSet, config: RunConfig, how: Scoring, draw: int
    ) -> NDArray[np.float64]:
        result = np.zeros(len(sketches))
        for part, (places, strokes, lengths) in enumerate(_batches(sketches, config, how.start)):
            seeds = seed_table(how.seed, part, Purpose.LOG_PROB, draw)
            result[places] = self._log_probs(strokes, lengths, seeds).numpy()
        return result

    def _compute(self, strokes: tf.Tensor, lengths: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Return log p(x), or a draw of its lower bound, in model units, [batch]."""
        model = self._model
        kl: Any = 0.0
        z = None
        if model.encoder is not None:
            mu, presig = model.encoder(strokes[:, 1:], lengths)
            z = draw_z(mu, presig, 1.0, seeds)
            kl = kl_divergence(mu, presig) * model.hparams.z_size
        return self._log_likelihoods(strokes, lengths, z) - kl

    def _log_likelihoods(
        self, strokes: tf.Tensor, lengths: tf.Tensor, z: tf.Tensor | None
    ) -> tf.Tensor:
        """Return log p(x|z) in model units, [batch]; log p(x) of an unconditional model."""
        model = self._model
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        z = None if z is None else model.decoder_z(z)
        points = lengths + 1  # and the end
        params = mixture.split_output(model.decoder(inputs, z, lengths=points))
        target = recurrence.rows(tf.transpose(target, [1, 0, 2]), points)
        # Not `losses.point_losses`, which adds a floor to the density for the sake of training.
        offsets = mixture.log_density(params, target[:, :2], model.hparams.reg_covar)
        pens = -tf.nn.softmax_cross_entropy_with_logits(target[:, 2:], params.pen_logits)
        values = offsets * (1.0 - target[:, 4]) + pens
        return recurrence.per_sketch(values, points)


def _batches(
    sketches: SketchSet, config: RunConfig, start: Start
) -> Iterator[tuple[NDArray[np.int64], tf.Tensor, tf.Tensor]]:
    """Yield batches, shortest sketches first: places in the set, padded strokes, and lengths."""
    lengths = sketches.lengths
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(sketches), config.hparams.batch_size):
        chosen = order[first : first + config.hparams.batch_size]
        rows = int(lengths[chosen[-1]]) + 1  # so that every sketch has its end
        batch = batches.pad(sketches.take(chosen), config, rows)
        batch.strokes[:, 0] = STARTS[start]
        yield chosen[batch.order], tf.constant(batch.strokes), tf.constant(batch.lengths)


def _dequantized(sketches: SketchSet, seed: int, draw: int) -> SketchSet:
    """Return the sketches with uniform noise of ±½ on all positions but the origin."""
    noise = np.random.default_rng([seed, Purpose.LOG_PROB, draw]).uniform(
        -0.5, 0.5, (len(sketches.points), 2)
    )
    before = np.concatenate([np.zeros((1, 2)), noise[:-1]])
    before[sketches.starts[:-1]] = 0.0  # a first offset leads from the origin
    points = sketches.points.copy()
    points[:, :2] += noise - before
    return SketchSet(points, sketches.starts)
