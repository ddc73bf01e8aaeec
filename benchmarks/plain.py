"""What the training step is compared with: a plain while loop, differentiated by TensorFlow.

At each point the input (stroke and z) and h go side by side through one matrix, as in the original,
sketches that have ended go along to the end, and nothing is taken out of the loop.
"""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.nn import cells, recurrence, steps


class _SideBySide:
    """A cell of ours whose whole step is inside the loop."""

    def __init__(self, cell: Any):
        self.cell, self.units = cell, cell.units
        if not isinstance(cell, cells.HyperLSTMCell):  # which scales the two parts differently
            self.matrix = tf.concat([cell.kernel, cell.recurrent_kernel], axis=0)

    def project(self, x):
        return x

    def step(self, x, state, keep_mask=None):
        cell = self.cell
        if isinstance(cell, cells.HyperLSTMCell):
            return cell.step(cell.project(x), state, keep_mask)
        h, c = state
        pre = tf.matmul(tf.concat([x, h], axis=-1), self.matrix)
        if isinstance(cell, cells.LayerNormLSTMCell):
            pre = tf.stack(tf.split(pre, 4, axis=-1))
            h, c, _ = steps.normalised(pre, c, steps.norms(cell), keep_mask)
        else:
            i, j, f, o = tf.split(pre + cell.bias, 4, axis=-1)
            c, o, _ = steps.gates([i, j, f + steps.FORGET_BIAS, o], c, keep_mask)
            h = tf.tanh(c) * o
        return h, [h, c]


def use_plain_loop() -> None:
    """Have every model of this process run its cells this way from now on."""
    plain = recurrence._plain
    recurrence._plain = lambda cell, *rest, **keywords: plain(_SideBySide(cell), *rest, **keywords)
    cells.SketchCell.sequence_step = lambda self: None
