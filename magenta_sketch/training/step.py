"""One compiled training step."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.nn.randomness import SEED_ROWS
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import new_optimizer


class StepResult(NamedTuple):
    """Scalars of one step: cost, reconstruction, KL cost (after the tolerance), all finite."""

    cost: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    finite: tf.Tensor


# On a CPU, products of half a batch on each of two threads (or of two teams of threads) are faster
# than those of a whole batch on both, which wait for each other at every small operation.
PARTS = 2


_SMALLEST_PART = 4  # sketches; below that a batch stays whole


def use_threads(cores: int | None = None) -> None:
    """Have TensorFlow run the parts of a batch side by side, the cores shared out among them.

    For the whole process, and before TensorFlow has computed anything: a program's choice. Where
    it comes too late, nothing is changed. ``cores``: how many there are; None: all of the process.
    """
    cores = cores or len(own_cores())
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(PARTS)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // PARTS))


def own_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _in_parts(strokes, lengths, seeds, parts):
    """The batch cut into parts of like lengths: (strokes, lengths, seeds) of each."""
    if parts == 1:
        return [(strokes, lengths, seeds)]
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    strokes, lengths = tf.gather(strokes, order), tf.gather(lengths, order)
    return [(strokes[part::parts], lengths[part::parts], seeds + part) for part in range(parts)]


def _parts_of(batch: int) -> int:
    gpu = tf.config.list_physical_devices("GPU")  # it has the threads for a whole batch
    return 1 if gpu or batch < PARTS * _SMALLEST_PART else PARTS


class TrainStep:
    """A compiled Adam step: gradients clipped to ±grad_clip, applied only when all are finite.

    It is compiled once, for batches of any padded length and size (and once more for batches of
    very few sketches).
    """

    def __init__(self, model: SketchRNN):
        self.model = model
        self.optimizer = new_optimizer(model)
        rate = tf.TensorSpec([])
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
            rate,
            rate,
            tf.TensorSpec([], tf.int32),
        )
        self._by_parts = {
            parts: tf.function(
                functools.partial(self._step, parts), input_signature=signature, autograph=False
            )
            for parts in (1, PARTS)
        }

    def __call__(
        self,
        strokes: np.ndarray,
        lengths: np.ndarray,
        seeds: tf.Tensor,
        learning_rate: float,
        kl_weight: float,
        rows: int | None = None,
    ) -> StepResult:
        """One update.

        Args:
          strokes: a padded batch, stroke-5 with the start token, [batch, time + 1, 5].
          lengths: [batch].
          seeds: `seed_table` of the step.
          learning_rate, kl_weight: of this update.
          rows: the T that losses are divided by, see `losses.sketch_losses`. None: time.
        """
        return self._by_parts[_parts_of(len(strokes))](
            tf.constant(strokes, tf.float32),
            tf.constant(lengths, tf.int32),
            seeds,
            tf.constant(learning_rate, tf.float32),
            tf.constant(kl_weight, tf.float32),
            tf.constant(strokes.shape[1] - 1 if rows is None else rows, tf.int32),
        )

    def _step(self, parts, strokes, lengths, seeds, learning_rate, kl_weight, rows):
        variables = self.model.trainable_variables
        count = tf.cast(tf.shape(lengths)[0], tf.float32)
        with tf.GradientTape() as tape:
            sums = []
            for *part, own_seeds in _in_parts(strokes, lengths, seeds, parts):
                found = self.model(*part, training=True, seeds=own_seeds, rows=rows)
                sums.append([tf.reduce_sum(found.reconstruction), tf.reduce_sum(found.kl)])
            reconstruction, kl = (tf.add_n(part) / count for part in zip(*sums, strict=True))
            cost, kl_cost = self.model.cost(reconstruction, kl, kl_weight)
        gradients = tape.gradient(cost, [v.value for v in variables])
        finite = tf.math.is_finite(cost)
        for gradient in gradients:
            finite &= tf.reduce_all(tf.math.is_finite(gradient))
        limit = self.model.hparams.grad_clip
        clipped = [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]

        def apply():
            self.optimizer.learning_rate.assign(learning_rate)
            self.optimizer.apply(clipped, variables)
            return tf.constant(True)

        tf.cond(finite, apply, lambda: tf.constant(False))
        return StepResult(cost, reconstruction, kl_cost, finite)


def make_deterministic() -> None:
    """Have TensorFlow add in a fixed order, so that equal runs have equal bits on a GPU too.

    For the whole process, and for good: a program's choice, not a library's.
    """
    tf.config.experimental.enable_op_determinism()
