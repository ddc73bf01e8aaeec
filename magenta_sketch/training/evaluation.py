"""Losses of a whole set of sketches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.batches import Batch, evaluation_batches
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import PARTS, loss_sums, parts_of
from magenta_sketch.seeds import Purpose


class Evaluation(NamedTuple):
    """Means over the sketches of a set: cost, reconstruction in the training form and in the
    evaluation form (masked), KL cost after the tolerance."""

    cost: float
    recon: float
    masked_recon: float
    kl: float


class Evaluator:
    """Evaluates a model, without dropout, on a whole set: every sketch counts once.

    The loss has the form that the model's run trains: with bucket_by_length it ends at each
    sketch's first end row.
    """

    def __init__(self, model: SketchRNN):
        self.model = model
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
        )
        self._by_parts = {
            parts: tf.function(
                functools.partial(
                    loss_sums,
                    model,
                    parts=parts,
                    to_first_end=model.config.evaluates_to_first_end,
                ),
                input_signature=signature,
                autograph=False,
            )
            for parts in (1, PARTS)
        }

    def _compiled(self, batch: Batch, seeds: tf.Tensor) -> list[tf.Tensor]:
        return self._by_parts[parts_of(len(batch.lengths))](batch.strokes, batch.lengths, seeds)

    def __call__(
        self,
        sketches: SketchSet,
        config: RunConfig,
        step: int,
        purpose: Purpose,
        after_batch: Callable[[], None] = lambda: None,
    ) -> Evaluation:
        """Evaluate ``sketches`` (pixel units), with latent noise at the run's scale.

        The KL weight is the run's kl_weight_start, as in the original: a constant, so that costs
        compare over a run. The run's seed, ``step`` and ``purpose`` decide the noise.
        ``after_batch`` is called after each batch and may raise to stop.
        """
        sums = np.zeros(3)
        for number, batch in enumerate(evaluation_batches(sketches, config)):
            seeds = seed_table(config.seed, step, purpose, number)
            sums += [float(x) for x in self._compiled(batch, seeds)]
            after_batch()
        recon, masked, kl = sums / len(sketches)
        cost, kl_cost = self.model.cost(recon, kl, config.hparams.kl_weight_start)
        return Evaluation(float(cost), float(recon), float(masked), float(kl_cost))
