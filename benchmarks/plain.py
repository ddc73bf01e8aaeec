"""What the training step is compared with: a plain while loop, differentiated by TensorFlow.

At each time step the input (stroke and z) and h go side by side through one matrix, as in the
original, sketches that have ended go along to the end, and nothing is taken out of the loop.
"""

from __future__ import annotations

from magenta_sketch._backend import tf
from magenta_sketch.nn import recurrence


def use_plain_loop() -> None:
    """Have every model of this process run its cells this way from now on."""
    plain = recurrence._plain

    def with_whole_inputs(cell, inputs, initial_state, *, constant=None, **keywords):
        if constant is not None:
            shape = [*tf.unstack(tf.shape(inputs)[:2]), constant.shape[-1]]
            inputs = tf.concat([inputs, tf.broadcast_to(constant, shape)], axis=-1)
        return plain(cell, inputs, initial_state, **keywords)

    recurrence._plain = with_whole_inputs
    recurrence.has_own_gradient = lambda cell: False
