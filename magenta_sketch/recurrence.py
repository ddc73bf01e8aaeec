"""Running a cell over the points of a batch of sketches: the one place that loops over time."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import tf


def run(
    cell: Any,
    inputs: tf.Tensor,
    initial_state: list[tf.Tensor],
    *,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run ``cell`` over ``inputs`` [batch, time, width].

    Args:
      cell: an object with ``project``, ``step`` and ``units`` as in
        `magenta_sketch.cells.SketchCell`.
      inputs: [batch, time, width].
      initial_state: list of [batch, size] tensors.
      lengths: int [batch]; a sketch's state is frozen after its length. None: all points count.
      keep_mask: recurrent-dropout masks [time, batch, units], or None.

    Returns:
      outputs [batch, time, units] (beyond a sketch's length: the output of steps that did not
      change its state, not to be used) and the final state, a list like ``initial_state``.
    """
    # Time first, so that a step reads one contiguous slice.
    time_first = tf.transpose(inputs, [1, 0, 2])
    steps = tf.shape(time_first)[0]
    projected = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, steps).unstack(x), cell.project(time_first)
    )
    masks = None
    if keep_mask is not None:
        masks = tf.TensorArray(keep_mask.dtype, steps).unstack(keep_mask)
    if lengths is not None:
        lengths = tf.cast(lengths, tf.int32)  # NumPy's integers are int64 unless told otherwise
    outputs = tf.TensorArray(inputs.dtype, steps)

    def body(t, state, outputs):
        now = tf.nest.map_structure(lambda array: array.read(t), projected)
        mask = None if masks is None else masks.read(t)
        output, new_state = cell.step(now, state, mask)
        if lengths is not None:
            running = tf.expand_dims(t < lengths, axis=1)
            new_state = [
                tf.where(running, new, old) for new, old in zip(new_state, state, strict=True)
            ]
        return t + 1, new_state, outputs.write(t, output)

    _, state, outputs = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (tf.constant(0), list(initial_state), outputs),
        maximum_iterations=steps,
    )
    outputs = tf.transpose(outputs.stack(), [1, 0, 2])
    outputs = tf.ensure_shape(outputs, [inputs.shape[0], inputs.shape[1], cell.units])
    return outputs, state


def run_backwards(
    cell: Any,
    inputs: tf.Tensor,
    initial_state: list[tf.Tensor],
    *,
    lengths: tf.Tensor,
    keep_mask: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """As `run`, from each sketch's last point to its first; returns the final state alone."""
    backwards = tf.reverse_sequence(inputs, lengths, seq_axis=1, batch_axis=0)
    _, state = run(cell, backwards, initial_state, lengths=lengths, keep_mask=keep_mask)
    return state
