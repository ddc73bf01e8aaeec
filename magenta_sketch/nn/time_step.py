"""One time step of any cell, for sampling and for a loop that TensorFlow differentiates.

`prepare` converts the cell's weights once, before the loop; `time_step` runs in the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import (
    Product,
    RecurrentCell,
    Tensors,
    block_major,
    computes_by_forward,
    with_ones,
)


class Prepared(NamedTuple):
    """Values that all time steps of a cell use, as two nests of tensors.

    Attributes:
      own: values of each sketch, [batch, ...]: what the constant input columns add.
      shared: values for all sketches: weights.
    """

    own: Any
    shared: Any


def prepare(cell: Any, constant: tf.Tensor | None = None) -> Prepared:
    """Prepare the time steps of ``cell``.

    Args:
      cell: a `RecurrentCell` or any Keras RNN cell.
      constant: the last columns of every input, [batch, width'], equal at all time steps; or None.
    """
    if not computes_by_forward(cell):
        return Prepared(() if constant is None else constant, ())
    return prepare_forward(cell, constant)


def time_step(
    cell: Any,
    prepared: Prepared,
    x: tf.Tensor,
    state: Sequence[tf.Tensor],
    keep_mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """Compute one time step.

    Args:
      cell, prepared: see `prepare`.
      x: input [batch, width], without the constant columns.
      state: tensors [batch, size].
      keep_mask: recurrent-dropout mask [batch, units]. Cells that compute in `call` ignore it.

    Returns:
      The output [batch, units] and the new state.

    >>> cell, z = keras.layers.GRUCell(8), tf.zeros([2, 3])
    >>> output, state = time_step(cell, prepare(cell, z), tf.zeros([2, 5]), [tf.zeros([2, 8])])
    >>> output.shape.as_list()
    [2, 8]
    """
    if computes_by_forward(cell):
        return step_forward(cell, prepared, x, state, keep_mask)
    x = tf.concat([x, *tf.nest.flatten(prepared.own)], axis=-1)
    output, state = cell(x, list(state))
    return output, list(state) if isinstance(state, (list, tuple)) else [state]


def prepare_forward(cell: RecurrentCell, constant: tf.Tensor | None = None) -> Prepared:
    """Prepare the time steps of a cell that computes in `forward`; see `prepare`."""
    matrices, addends = {}, {}
    for name, matrix in cell.matrices().items():
        matrix, addend = matrix.split(constant)
        matrices[name] = block_major(matrix.all_rows(), matrix.blocks)
        if addend is not None:
            addends[name] = tf.stack(tf.split(addend, matrix.blocks, axis=-1), axis=1)
    return Prepared(addends, (matrices, cell.vectors()))


def step_forward(
    cell: RecurrentCell,
    prepared: Prepared,
    x: tf.Tensor,
    state: Sequence[tf.Tensor],
    keep_mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """Compute one time step with the cell's `forward`; see `time_step`."""
    addends, (matrices, vectors) = prepared
    products = {
        name: Product(matrix, tf.transpose(addends[name], [1, 0, 2]) if name in addends else None)
        for name, matrix in matrices.items()
    }
    new = cell.forward(products, vectors, with_ones(x), list(state), keep_mask).state
    return new[0], list(new)
