"""The training step: one compiled update."""

from __future__ import annotations

import functools
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.data.batches import Batch
from magenta_sketch.nn.compiling import compiles
from magenta_sketch.nn.randomness import SEED_ROWS
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import PARTS, UpdateResult, new_optimizer, parts_of, update

# With XLA each number of rows is a program of its own. Batches of different lengths are therefore
# padded to a multiple of so many rows.
_ROWS_APART = 32


class TrainStep:
    """A compiled `magenta_sketch.nn.update.update` with Adam.

    It is compiled once for batches of any length and size, and once more for very small batches.
    With XLA (`magenta_sketch.nn.compiling`), it is compiled once for each shape of a batch.

    Args:
      model: what is trained.
      parts: number of parts of a batch on a CPU. Each has its own draws.

    Attributes:
      rows_apart: see `batches.training_batch`: batches with such rows have few shapes.
    """

    def __init__(self, model: SketchRNN, parts: int = PARTS):
        self.model, self.parts = model, parts
        self.optimizer = new_optimizer(model)
        self.uses_xla = compiles(model)
        self.rows_apart = _ROWS_APART if self.uses_xla else 1
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
            tf.TensorSpec([]),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([]),
        )
        self._by_parts = {
            number: self._compile(number, input_signature=signature) for number in {1, parts}
        }
        self._by_shape: dict[tuple[int, ...], Any] = {}  # with XLA

    def _compile(self, parts: int, **how: Any) -> Any:
        function = functools.partial(_update, self.model, self.optimizer, parts, self.uses_xla)
        return tf.function(function, autograph=False, **how)

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
        arguments = self.arguments(batch, seeds, learning_rate, kl_weight, rows)
        return self.compiled(*batch.strokes.shape[:2])(*arguments)

    def arguments(
        self,
        batch: Batch,
        seeds: tf.Tensor,
        learning_rate: float,
        kl_weight: float,
        rows: int | None = None,
    ) -> tuple[tf.Tensor, ...]:
        """Return the arguments of the compiled function for one update, as tensors."""
        rows = batch.strokes.shape[1] - 1 if rows is None else rows
        return (
            tf.constant(batch.strokes, tf.float32),
            tf.constant(batch.lengths, tf.int32),
            seeds,
            tf.constant(kl_weight, tf.float32),
            tf.constant(rows, tf.int32),
            tf.constant(learning_rate, tf.float32),
        )

    def compiled(self, sketches: int, rows: int) -> Any:
        """Return the compiled function for batches of this shape; see `arguments`.

        ``rows`` include the start token.
        """
        parts = parts_of(sketches, self.parts)
        if not self.uses_xla:
            return self._by_parts[parts]
        # A function for each shape: TensorFlow warns of one that is compiled again and again.
        if (sketches, rows) not in self._by_shape:
            self._by_shape[sketches, rows] = self._compile(parts, jit_compile=True)
        return self._by_shape[sketches, rows]


def _update(
    model: SketchRNN,
    optimizer: keras.optimizers.Optimizer,
    parts: int,
    static: bool,
    *arguments: tf.Tensor,
) -> UpdateResult:
    return update(model, optimizer, *arguments, parts=parts, static=static)
