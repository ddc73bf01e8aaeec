"""Run a cell over all points of a batch of sketches.

There are three loops with equal results. A cell with its own gradient, such as a built-in cell,
runs in the fast loop (`magenta_sketch.nn.fast_loop`). In a program that XLA compiles, it runs in
the static loop (`magenta_sketch.nn.static_loop`). Any other cell runs in `_plain`, a while loop
that TensorFlow differentiates. `magenta_sketch.nn.cell_protocol` is the interface of a cell.

The fast loop is fast, above all on a CPU, because:

- The gradient of a matrix is one large product after the loop, not a small one at each time step.
- Input columns that do not change over time are multiplied once for each sketch.
- The other columns and the bias are part of the recurrent product. No large array of
  pre-activations is needed.
- Each matrix is converted once to the layout and number type of its products.
- Both directions of an encoder run in one loop.
- Sketches come longest first, and ended sketches are removed from the products.

Time is the first axis: inputs are [time, batch, width], or [time, 2, batch, width] for two
directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import Tensors, has_own_gradient
from magenta_sketch.nn.fast_loop import run_fast
from magenta_sketch.nn.lengths import per_sketch, rows
from magenta_sketch.nn.static_loop import run_static
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
    static: bool = False,
) -> tuple[tf.Tensor, Tensors]:
    """Run ``cell`` over all time steps, or up to the length of each sketch.

    Args:
      cell: a `RecurrentCell`, or any Keras RNN cell.
      inputs: [time, batch, width].
      initial_state: list of [batch, size] tensors.
      constant: further input columns, [batch, width'], equal at all time steps, or None. They come
        after the columns of ``inputs``.
      lengths: number of points of each sketch, int [batch], 0 to time, longest first, at least one
        above 0. None: all sketches have ``time`` points.
      keep_mask: recurrent-dropout masks [time, batch, units] for a `RecurrentCell`, or None.
      product_dtype: number type of matrix products in the fast loop, such as bfloat16. None: that
        of ``inputs``.
      static: compute with static shapes, for XLA. The shapes of all arguments must then be static,
        and outputs are never flattened: rows after the end of a sketch have no meaning.

    Returns:
      The outputs [time, batch, units] and the final state, a list like ``initial_state``. With
        ``lengths``, the outputs are flattened to [points, units] in the order of `rows`.

    >>> cell = keras.layers.GRUCell(8)
    >>> outputs, state = run(cell, tf.zeros([20, 3, 5]), [tf.zeros([3, 8])])
    >>> outputs.shape.as_list(), state[0].shape.as_list()
    ([20, 3, 8], [3, 8])
    """
    arguments = {"constant": constant, "lengths": lengths, "keep_mask": keep_mask}
    if static and has_own_gradient(cell):
        return run_static(
            [cell],
            [inputs],
            [initial_state],
            keep_masks=[keep_mask],
            constant=constant,
            lengths=lengths,
            product_dtype=product_dtype,
        )
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
    return outputs if lengths is None or static else rows(outputs, lengths), state


def run_both_ways(
    cells: Sequence[Any],
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    initial_states: Sequence[Sequence[tf.Tensor]],
    *,
    keep_masks: Sequence[tf.Tensor | None] = (None, None),
    product_dtype: Any = None,
    static: bool = False,
) -> list[Tensors]:
    """Run one cell forward over each sketch, and a second cell backward.

    Args:
      cells: the forward cell and the backward cell.
      inputs: [time, batch, width]; values after the end of a sketch are not used.
      lengths: number of points of each sketch, int [batch], 0 to time, longest first, at least one
        above 0.
      initial_states: for each cell, a list of [batch, size] tensors.
      keep_masks: for each cell, masks [time, batch, units] in the order of its time steps, or None.
      product_dtype, static: see `run`.

    Returns:
      The final state of each cell, a list like its initial state.

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
    if static:
        _, state = run_static(
            cells,
            [inputs, backwards],
            initial_states,
            keep_masks=keep_masks,
            lengths=lengths,
            product_dtype=product_dtype,
        )
        return [[both[direction] for both in state] for direction in range(2)]
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
    """Run a cell in a while loop that TensorFlow differentiates.

    Ended sketches keep their state. Lengths can be in any order.
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
