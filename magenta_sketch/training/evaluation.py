"""Evaluation of a model on a whole set of sketches."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.batches import Batch, evaluation_batches
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.nn.compiling import compiles
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import Share, loss_sums, parts_of
from magenta_sketch.seeds import Purpose
from magenta_sketch.training.threads import parts_of_run
from magenta_sketch.training.workers import Workers


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
    end row. Each worker evaluates some of the batches.

    With XLA (`magenta_sketch.nn.compiling`), full batches are computed by a program that XLA
    compiles. The last batch of a set, which may be smaller, is not worth a program of its own.
    """

    def __init__(self, model: SketchRNN, workers: Workers | None = None):
        self.model = model
        self.workers = workers or Workers()
        self._parts = parts_of_run(model.config)
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
        )
        self._by_parts = {
            parts: tf.function(self._sums(parts), input_signature=signature, autograph=False)
            for parts in {1, self._parts}
        }
        self._in_xla: Any = None
        if compiles(model):
            parts = parts_of(model.hparams.batch_size, self._parts)
            sums = self._sums(parts, static=True)
            self._in_xla = tf.function(sums, autograph=False, jit_compile=True)

    def _sums(self, parts: int, **how: bool) -> Callable[..., list[tf.Tensor]]:
        to_first_end = self.model.config.evaluates_to_first_end
        return functools.partial(
            loss_sums, self.model, share=Share(parts), to_first_end=to_first_end, **how
        )

    def _compiled(self, batch: Batch, seeds: tf.Tensor) -> list[tf.Tensor]:
        count = len(batch.lengths)
        if self._in_xla is not None and count == self.model.hparams.batch_size:
            return self._in_xla(tf.constant(batch.strokes), tf.constant(batch.lengths), seeds)
        return self._by_parts[parts_of(count, self._parts)](batch.strokes, batch.lengths, seeds)

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
        found = np.zeros([math.ceil(len(sketches) / config.hparams.batch_size), 3], np.float32)
        for number, batch in enumerate(evaluation_batches(sketches, config)):
            if number % self.workers.count == self.workers.index:
                seeds = seed_table(config.seed, step, purpose, number)
                found[number] = [float(x) for x in self._compiled(batch, seeds)]
            after_batch()
        # Added in order, so that the result does not depend on the number of workers.
        sums = np.zeros(3)
        for batch_sums in self.workers.sums(found):
            sums += batch_sums
        recon, masked, kl = sums / len(sketches)
        cost, kl_cost = self.model.cost(recon, kl, config.hparams.kl_weight_start)
        return Evaluation(float(cost), float(recon), float(masked), float(kl_cost))
