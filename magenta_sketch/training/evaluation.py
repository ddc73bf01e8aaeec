"""Evaluation of a model on a whole set of sketches."""

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
    """Mean losses over the sketches of a set.

    ``recon`` has the trained form and ``masked_recon`` the form in papers (`losses.SketchLosses`).
    ``kl`` is the KL cost, after the tolerance.
    """

    cost: float
    recon: float
    masked_recon: float
    kl: float


class Evaluator:
    """Evaluate a model on whole sets, without dropout; all sketches have equal weight.

    The loss has the form that the run trains: with bucket_by_length it ends at each sketch's first
    end row.
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
        """Evaluate ``sketches`` (pixel units), with latent noise.

        The KL weight is kl_weight_start, as in the original, so that costs can be compared over a
        run. The noise depends on the run's seed, ``step`` and ``purpose``. ``after_batch`` is
        called after each batch; it may raise an error to stop.
        """
        sums = np.zeros(3)
        for number, batch in enumerate(evaluation_batches(sketches, config)):
            seeds = seed_table(config.seed, step, purpose, number)
            sums += [float(x) for x in self._compiled(batch, seeds)]
            after_batch()
        recon, masked, kl = sums / len(sketches)
        cost, kl_cost = self.model.cost(recon, kl, config.hparams.kl_weight_start)
        return Evaluation(float(cost), float(recon), float(masked), float(kl_cost))
