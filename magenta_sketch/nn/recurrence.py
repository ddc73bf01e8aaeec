"""Running a cell over the points of a batch of sketches: the one place that loops over time.

There are two loops, which compute the same. A cell that has a gradient of its own, as all of ours
have, goes through `magenta_sketch.nn.fast_loop`; any other cell through `_plain`, a while loop that
TensorFlow differentiates. What a loop knows of a cell is `magenta_sketch.nn.cell_protocol`.

What makes the fast loop fast, on a CPU above all:

- the gradient of a matrix is one large product over all time steps after the loop, in place of a
  small one, and a sum, at each time step;
- the columns of the input that do not change with time are multiplied once a sketch; the others,
  and the bias, are a few more rows of the recurrent product, so that nothing as large as the
  pre-activations of all points is made before the loop;
- matrices are brought into the layout (and, on request, the number type) of each product once;
- both directions of an encoder are one loop of products twice as large;
- sketches come longest first, so that those that have ended drop out of the products.

Everything here has time first: inputs are [time, batch, width], and with two directions
[time, 2, batch, width].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import Tensors, has_own_gradient
from magenta_sketch.nn.fast_loop import run_fast
from magenta_sketch.nn.lengths import per_sketch, rows
from magenta_sketch.nn.time_step import prepare, time_step

__all__ = ["per_sketch", "rows", "run", "run_both_ways"]


def run(
    cell: Any,
    inputs: tf.Tensor,
    initial_state: Sequence[tf.Tensor],
    *,
    constant: tf.Tensor | None = None,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
    product_dtype: Any = None,
) -> tuple[tf.Tensor, Tensors]:
    """Run ``cell`` over all points, or over each sketch's own.

    Args:
      cell: a `RecurrentCell`, or any Keras RNN cell (a layer with `state_size` that maps
        (input, state) to (output, state)).
      inputs: [time, batch, width].
      initial_state: list of [batch, size] tensors.
      constant: [batch, width'], columns that every input has at its end; None for no such.
      lengths: int [batch], 0 to time, longest first, the longest at least 1: sketches end after so
        many points, and cost nothing beyond. None: all have all points.
      keep_mask: recurrent-dropout masks [time, batch, units] of a `RecurrentCell`, or None.
      product_dtype: type of the numbers that go into matrix products, such as bfloat16, where
        the cell has a gradient of its own; all others keep that of ``inputs``. None: the same.

    Returns:
      outputs [time, batch, units] and the final state, a list like ``initial_state``. With
      ``lengths`` the outputs are flattened, [points, units], in the order of `rows`.

    >>> cell = keras.layers.GRUCell(8)
    >>> outputs, state = run(cell, tf.zeros([20, 3, 5]), [tf.zeros([3, 8])])
    >>> outputs.shape.as_list(), state[0].shape.as_list()
    ([20, 3, 8], [3, 8])
    """
    arguments = {"constant": constant, "lengths": lengths, "keep_mask": keep_mask}
    if has_own_gradient(cell):
        return run_fast(
            [cell],
            inputs,
            initial_state,
            **arguments,
            product_dtype=product_dtype,
            with_outputs=True,
        )
    outputs, state = _plain(cell, inputs, initial_state, **arguments)
    return outputs if lengths is None else rows(outputs, lengths), state


def run_both_ways(
    cells: Sequence[Any],
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    initial_states: Sequence[Sequence[tf.Tensor]],
    *,
    keep_masks: Sequence[tf.Tensor | None] = (None, None),
    product_dtype: Any = None,
) -> list[Tensors]:
    """Run one cell from each sketch's first point to its last, and another one back.

    Args:
      cells: the forward cell and the backward cell.
      inputs: [time, batch, width]; points at and after a sketch's length are not read.
      lengths: int [batch], 0 to time, longest first, the longest at least 1.
      initial_states: for each cell a list of [batch, size] tensors.
      keep_masks: for each cell masks [time, batch, units] in the order of its time steps, or None.
      product_dtype: see `run`.

    Returns:
      for each cell its state after the sketch's last time step, a list like its initial state.

    >>> cells, zeros = [keras.layers.GRUCell(8), keras.layers.GRUCell(8)], [tf.zeros([2, 8])]
    >>> states = run_both_ways(cells, tf.zeros([20, 2, 5]), tf.constant([20, 7]), [zeros, zeros])
    >>> [state[0].shape.as_list() for state in states]
    [[2, 8], [2, 8]]
    """
    forward, backward = cells
    backwards = tf.reverse_sequence(inputs, lengths, seq_axis=0, batch_axis=1)
    one_loop = type(forward) is type(backward) and has_own_gradient(forward)
    if not one_loop or forward.units != backward.units:
        return [
            _plain(cell, x, state, lengths=lengths, keep_mask=mask)[1]
            for cell, x, state, mask in zip(
                cells, (inputs, backwards), initial_states, keep_masks, strict=True
            )
        ]
    _, state = run_fast(
        cells,
        tf.stack([inputs, backwards], axis=1),
        [tf.stack(both) for both in zip(*initial_states, strict=True)],
        lengths=lengths,
        keep_mask=None if keep_masks[0] is None else tf.stack(keep_masks, axis=1),
        product_dtype=product_dtype,
        with_outputs=False,
    )
    return [[both[direction] for both in state] for direction in range(2)]


def _plain(
    cell: Any,
    inputs: tf.Tensor,
    initial_state: Sequence[tf.Tensor],
    *,
    constant: tf.Tensor | None = None,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """The loop as one would write it; TensorFlow makes its gradient. Lengths in any order.

    Sketches that have ended keep their state.
    """
    steps = tf.shape(inputs)[0]
    prepared = prepare(cell, constant)

    def body(
        t: tf.Tensor, state: Tensors, outputs: tf.TensorArray
    ) -> tuple[tf.Tensor, Tensors, tf.TensorArray]:
        mask = None if keep_mask is None else keep_mask[t]
        output, new_state = time_step(cell, prepared, inputs[t], state, mask)
        if lengths is not None:
            running = tf.expand_dims(t < tf.cast(lengths, tf.int32), axis=1)
            new_state = [
                tf.where(running, new, old) for new, old in zip(new_state, state, strict=True)
            ]
        return t + 1, new_state, outputs.write(t, output)

    _, state, outputs = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (tf.constant(0), list(initial_state), tf.TensorArray(inputs.dtype, steps)),
        maximum_iterations=steps,
    )
    return outputs.stack(), state
