"""The baseline of the training-step benchmark: a plain while loop that TensorFlow differentiates.

As in the original, each time step multiplies the input (stroke and z) and h by one matrix, and
ended sketches are computed to the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def use_plain_loop() -> None:
    """Make all models of this process use the plain loop from now on."""
    from magenta_sketch._backend import tf
    from magenta_sketch.nn import recurrence

    plain = recurrence._plain

    def with_whole_inputs(cell, inputs, initial_state, *, constant=None, **keywords):
        if constant is not None:
            shape = [*tf.unstack(tf.shape(inputs)[:2]), constant.shape[-1]]
            inputs = tf.concat([inputs, tf.broadcast_to(constant, shape)], axis=-1)
        return plain(cell, inputs, initial_state, **keywords)

    recurrence._plain = with_whole_inputs
    recurrence.has_own_gradient = lambda cell: False


@contextlib.contextmanager
def plain_loop() -> Iterator[None]:
    """Let models that are traced in this block use the plain loop."""
    from magenta_sketch.nn import recurrence

    before = recurrence._plain, recurrence.has_own_gradient
    use_plain_loop()
    try:
        yield
    finally:
        recurrence._plain, recurrence.has_own_gradient = before
