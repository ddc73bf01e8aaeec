"""The training step: one compiled update."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.data.batches import Batch
from magenta_sketch.nn.compiling import compiles
from magenta_sketch.nn.randomness import SEED_ROWS
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import (
    Share,
    UpdateResult,
    loss_sums,
    new_optimizer,
    parts_of,
    update,
)
from magenta_sketch.training.threads import parts_of_run
from magenta_sketch.training.workers import Workers

# With XLA each number of rows is a program of its own. Batches of different lengths are therefore
# padded to a multiple of so many rows.
_ROWS_APART = 32


class TrainStep:
    """A compiled `magenta_sketch.nn.update.update` with Adam.

    It is compiled once for batches of any length and size, and once more for very small batches.
    With XLA (`magenta_sketch.nn.compiling`), it is compiled once for each shape of a batch.

    Args:
      model: what to train.
      workers: with whom. They all make the same update, of the same batch.
      parts: number of parts of a batch on a CPU. None: as `update.parts_for` says for the cores of
        this process, or two if draws depend on the parts (runs of before).

    Attributes:
      rows_apart: see `batches.training_batch`: batches with such rows have few shapes.
    """

    def __init__(self, model: SketchRNN, workers: Workers | None = None, parts: int | None = None):
        self.model = model
        self.workers = workers or Workers()
        self.parts = parts_of_run(model.config) if parts is None else parts
        self.optimizer = new_optimizer(model)
        self.uses_xla = compiles(model)
        # The draws of runs of before depend on the number of rows.
        rounds = self.uses_xla and model.config.draws_by_place
        self.rows_apart = _ROWS_APART if rounds else 1
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
            tf.TensorSpec([]),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([]),
        )
        self._by_parts = {
            number: self._compile(number, input_signature=signature) for number in {1, self.parts}
        }
        self._by_shape: dict[tuple[int, ...], Any] = {}  # with XLA

    def _compile(self, parts: int, **compiling: Any) -> Any:
        alone = self.workers.count == 1
        how: dict[str, Any] = {
            "share": self.workers.share(parts),
            "add_up": self.workers.add_up,
            # XLA cannot compile the communication of workers: then it compiles the losses alone.
            "sums_of": _sums_in_xla if self.uses_xla and not alone else loss_sums,
            "static": self.uses_xla,
        }

        # No functools.partial, of which `experimental_get_compiler_ir` loses the keywords.
        def function(*arguments: tf.Tensor) -> UpdateResult:
            return update(self.model, self.optimizer, *arguments, **how)

        return tf.function(function, autograph=False, **compiling)

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
        parts = parts_of(sketches // self.workers.count, self.parts)
        if not self.uses_xla:
            return self._by_parts[parts]
        # A function for each shape: TensorFlow warns of one that is compiled again and again.
        if (sketches, rows) not in self._by_shape:
            alone = self.workers.count == 1
            self._by_shape[sketches, rows] = self._compile(parts, jit_compile=alone)
        return self._by_shape[sketches, rows]


def _sums_in_xla(
    model: SketchRNN,
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    seeds: tf.Tensor,
    share: Share,
    rows: tf.Tensor,
    **how: bool,
) -> list[tf.Tensor]:
    """Return `update.loss_sums`, which XLA compiles with its gradient."""

    def sums(
        strokes: tf.Tensor, lengths: tf.Tensor, seeds: tf.Tensor, rows: tf.Tensor
    ) -> list[tf.Tensor]:
        return loss_sums(model, strokes, lengths, seeds, share, rows=rows, **how)

    return tf.function(sums, autograph=False, jit_compile=True)(strokes, lengths, seeds, rows)
