"""Losses of a whole set."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data import SketchSet
from magenta_sketch.data.batches import evaluation_batches
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.run_folder import RunInfo
from magenta_sketch.training.step import PARTS, _in_parts, _parts_of


class Evaluation(NamedTuple):
    """Means over the sketches of a set: cost, reconstruction in the training form and in the
    evaluation form (masked), KL cost after the tolerance."""

    cost: float
    recon: float
    masked_recon: float
    kl: float


class Evaluator:
    """Evaluates a model, without dropout, on a whole set: every sketch counts once."""

    def __init__(self, model: SketchRNN):
        self.model = model
        batch = tf.TensorSpec([None, None, 5]), tf.TensorSpec([None], tf.int32)
        signature = (*batch, tf.TensorSpec([SEED_ROWS, 2], tf.int64))
        self._by_parts = {
            parts: tf.function(
                functools.partial(self._sums, parts), input_signature=signature, autograph=False
            )
            for parts in (1, PARTS)
        }

    def _compiled(self, strokes, lengths, seeds):
        return self._by_parts[_parts_of(len(lengths))](strokes, lengths, seeds)

    def _sums(self, parts, strokes, lengths, seeds):
        found = [
            [tf.reduce_sum(x) for x in self.model(*part, seeds=own_seeds)]
            for *part, own_seeds in _in_parts(strokes, lengths, seeds, parts)
        ]
        return [tf.add_n(part) for part in zip(*found, strict=True)]

    def __call__(
        self,
        sketches: SketchSet,
        info: RunInfo,
        key: tuple[int, ...],
        between: Callable[[], None] = lambda: None,
    ) -> Evaluation:
        """Evaluate ``sketches`` (pixel units), with latent noise at the run's scale.

        The KL weight is the run's kl_weight_start, as in the original: a constant, so that costs
        compare over a run. ``key`` and a batch's number make its `seed_table`. ``between`` is
        called after each batch and may raise to stop.
        """
        hps = info.hparams
        sums = np.zeros(3)
        batches = evaluation_batches(
            sketches,
            batch_size=hps.batch_size,
            max_seq_len=hps.max_seq_len,
            normalizing_factor=info.normalizing_factor,
        )
        for number, batch in enumerate(batches):
            seeds = seed_table(*key, number)
            sums += [float(x) for x in self._compiled(batch.strokes, batch.lengths, seeds)]
            between()
        recon, masked, kl = sums / len(sketches)
        cost, kl_cost = self.model.cost(recon, kl, hps.kl_weight_start)
        return Evaluation(float(cost), float(recon), float(masked), float(kl_cost))
