"""The training step: one compiled update."""

from __future__ import annotations

import functools

from magenta_sketch._backend import tf
from magenta_sketch.data.batches import Batch
from magenta_sketch.nn.randomness import SEED_ROWS
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import PARTS, UpdateResult, new_optimizer, parts_of, update


class TrainStep:
    """A compiled `magenta_sketch.nn.update.update` with Adam.

    It is compiled once for batches of any length and size, and once more for very small batches.
    """

    def __init__(self, model: SketchRNN):
        self.model = model
        self.optimizer = new_optimizer(model)
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
            tf.TensorSpec([]),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([]),
        )
        self._by_parts = {
            parts: tf.function(
                functools.partial(update, model, self.optimizer, parts=parts),
                input_signature=signature,
                autograph=False,
            )
            for parts in (1, PARTS)
        }

    def __call__(
        self,
        batch: Batch,
        seeds: tf.Tensor,
        learning_rate: float,
        kl_weight: float,
        rows: int | None = None,
    ) -> UpdateResult:
        """Make one update.

        Args:
          batch: from `magenta_sketch.data.batches`.
          seeds: `seed_table` of the step.
          learning_rate, kl_weight: values for this update.
          rows: the T that losses are divided by, see `losses.sketch_losses`. None: that of the
            batch.
        """
        return self._by_parts[parts_of(len(batch.strokes))](
            tf.constant(batch.strokes, tf.float32),
            tf.constant(batch.lengths, tf.int32),
            seeds,
            tf.constant(kl_weight, tf.float32),
            tf.constant(batch.strokes.shape[1] - 1 if rows is None else rows, tf.int32),
            tf.constant(learning_rate, tf.float32),
        )
