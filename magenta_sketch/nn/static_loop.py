"""A loop over time with static shapes, for XLA, and its gradient.

XLA compiles a program for fixed shapes. It cannot compile the fast loop
(`magenta_sketch.nn.fast_loop`), in which the batch becomes smaller as sketches end. Here every time
step computes the whole batch, and sketches that have ended keep their state.

The cells' maths is that of the fast loop: `forward` and `backward` of `DifferentiableCell`. Only
the products differ:

- All input columns and the bias are multiplied in one product before the loop, for all time steps.
  The loop adds the result (`StateProduct`). TensorFlow differentiates this part.
- The loop multiplies only the state. The gradient of a matrix is one large product after the loop.

The number of time steps is known when the program is compiled. So a GPU does not ask the processor
after each time step whether there is another.

Time is the first axis. For the two directions of an encoder there are two cells, and tensors have
an axis of length 2 before the batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import (
    BackProduct,
    DifferentiableCell,
    Forward,
    Product,
    Tensors,
    block_major,
    with_ones,
)

Arrays = dict[str, tf.TensorArray]  # by matrix name


def run_static(
    cells: Sequence[DifferentiableCell],
    inputs: Sequence[tf.Tensor],
    initial_states: Sequence[Sequence[tf.Tensor]],
    *,
    keep_masks: Sequence[tf.Tensor | None],
    constant: tf.Tensor | None = None,
    lengths: tf.Tensor | None = None,
    product_dtype: Any = None,
) -> tuple[tf.Tensor, Tensors]:
    """Run one cell, or two cells of the same class side by side. Shapes must be static.

    Args:
      cells: one or two cells.
      inputs: for each cell, [time, batch, width]. Values after the end of a sketch are not used.
      initial_states: for each cell, a list of [batch, size] tensors.
      keep_masks: for each cell, recurrent-dropout masks [time, batch, units], or None.
      constant, product_dtype: see `recurrence.run`.
      lengths: number of points of each sketch, int [batch], in any order. None: all have ``time``.

    Returns:
      The outputs [time, ..., batch, units] and the final state, tensors [..., batch, size], where
        ``...`` is the axis of directions if there are two cells. After the end of a sketch its
        outputs are the last one again.

    >>> from magenta_sketch.nn.cells import LSTMCell
    >>> cell = LSTMCell(8)
    >>> cell.build((None, 5))
    >>> zeros = [tf.zeros([3, 8]), tf.zeros([3, 8])]
    >>> outputs, state = run_static([cell], [tf.zeros([20, 3, 5])], [zeros], keep_masks=[None])
    >>> outputs.shape.as_list(), len(state)
    ([20, 3, 8], 2)
    """
    running = None
    if lengths is not None:
        running = tf.range(inputs[0].shape[0])[:, None, None] < tf.cast(lengths, tf.int32)[:, None]
        # A value after the end may be anything, also NaN. As zero it cannot reach a gradient.
        inputs = [tf.where(running, x, tf.zeros_like(x)) for x in inputs]
    dtype = tf.as_dtype(product_dtype or inputs[0].dtype)
    each_cell = [cell.matrices() for cell in cells]
    arguments = _Arguments(
        *_products_of_inputs(each_cell, inputs, constant, dtype),
        tf.nest.map_structure(lambda *each: _side_by_side(each), *(c.vectors() for c in cells)),
        [_side_by_side(both) for both in zip(*initial_states, strict=True)],
    )
    loop = _Loop(
        cell=cells[0],
        blocks={name: matrix.blocks for name, matrix in each_cell[0].items()},
        x=with_ones(_side_by_side(inputs)),
        running=running,
        keep_mask=None if keep_masks[0] is None else _side_by_side(keep_masks),
        dtype=dtype,
    )

    outputs, *state = loop.run(arguments)
    return outputs, state


class _Arguments(NamedTuple):
    """The tensors that the loop computes gradients for. The gradients have the same form.

    addends: by matrix name, the products of the inputs, with the bias, [time, ..., batch, N]. A
      matrix without rows for the input has none.
    matrices: by matrix name, the rows for the state, [..., S, N]. A matrix without such rows has
      none.
    vectors: the cell's other weights.
    state: the initial state, tensors [..., batch, size].
    """

    addends: Any
    matrices: Any
    vectors: Any
    state: Any


class _Tape(NamedTuple):
    """What the forward loop keeps for the backward loop: [time, ...] tensors.

    residuals: the cell's residuals, in its own nest.
    rows: by matrix name, the rows [time, ..., batch, S] that it multiplied.
    """

    residuals: Any
    rows: Mapping[str, tf.Tensor]


class StateProduct(NamedTuple):
    """Multiplication of the state by a matrix, where the product of the input is known.

    A cell calls it as it calls a `Product`.

    Attributes:
      matrix: rows for the state, [..., S, N], in the number type of products; None: no such rows.
      addend: product of the input, [..., batch, N]; None: no rows for the input.
      blocks: number of blocks of the result.

    >>> product, rows = StateProduct(tf.ones([2, 12]), None, blocks=4)(tf.ones([5, 2]))
    >>> product.shape.as_list(), rows.shape.as_list()
    ([4, 5, 3], [5, 2])
    """

    matrix: tf.Tensor | None
    addend: tf.Tensor | None
    blocks: int

    def __call__(self, *parts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the product in blocks, and the rows [..., batch, S] that the matrix multiplied.

        The input, which is the last of ``parts``, is ignored if there is an addend.
        """
        if self.matrix is None:
            return block_major(self.addend, self.blocks), parts[-1]
        state = parts if self.addend is None else parts[:-1]
        rows = state[0] if len(state) == 1 else tf.concat(state, axis=-1)
        dtype, rows = rows.dtype, tf.cast(rows, self.matrix.dtype)
        product = tf.cast(tf.matmul(rows, self.matrix), dtype)
        return block_major(
            product if self.addend is None else product + self.addend, self.blocks
        ), rows


@dataclasses.dataclass(frozen=True)
class _Loop:
    """The loop over all time steps of a batch, and its gradient.

    cell: one of the cells; only its pure functions are used.
    blocks: for each matrix name, the number of blocks of its product.
    x: the inputs with the column of ones, [time, ..., batch, width + 1]. XLA removes what no cell
      uses, as the addends already hold the products of it.
    running: which sketches have a point, bool [time, batch, 1]; None: all.
    keep_mask: dropout masks, [time, ..., batch, units], or None.
    dtype: number type of products.
    """

    cell: DifferentiableCell
    blocks: Mapping[str, int]
    x: tf.Tensor
    running: tf.Tensor | None
    keep_mask: tf.Tensor | None
    dtype: tf.DType

    @property
    def time(self) -> int:
        """The number of time steps."""
        return self.x.shape[0]

    def run(self, arguments: _Arguments) -> Tensors:
        """Return the outputs and the final state in one list, with their gradient."""

        @tf.custom_gradient
        # Flat, because tf.custom_gradient does not accept dictionaries.
        def run_loop(*flat: tf.Tensor) -> tuple[Tensors, Callable[..., list[tf.Tensor]]]:
            values = tf.nest.pack_sequence_as(arguments, flat)
            results, tape = self.forward(values)
            return results, lambda *d: tf.nest.flatten(self.backward(d, values, tape))

        return list(run_loop(*tf.nest.flatten(arguments)))

    def forward(self, arguments: _Arguments) -> tuple[Tensors, _Tape]:
        """Return the outputs and the final state in one list, and the tape."""
        matrices = {name: tf.cast(m, self.dtype) for name, m in arguments.matrices.items()}

        def time_step(t: tf.Tensor | int, state: Tensors) -> Forward:
            addends = {name: addend[t] for name, addend in arguments.addends.items()}
            products = {
                name: StateProduct(matrices.get(name), addends.get(name), blocks)
                for name, blocks in self.blocks.items()
            }
            mask = None if self.keep_mask is None else self.keep_mask[t]
            new = self.cell.forward(
                cast("dict[str, Product]", products), arguments.vectors, self.x[t], state, mask
            )
            rows = {name: new.rows[name] for name in matrices}
            return Forward(self._where_running(t, new.state, state), new.residuals, rows)

        def body(
            t: tf.Tensor, state: Tensors, residuals: list[Any], rows: Arrays, outputs: Any
        ) -> tuple[Any, ...]:
            new = time_step(t, state)
            return (
                t + 1,
                new.state,
                _write_all(t, residuals, tf.nest.flatten(new.residuals)),
                {name: array.write(t, new.rows[name]) for name, array in rows.items()},
                outputs.write(t, new.state[0]),
            )

        specs = _specs(lambda: time_step(0, arguments.state))
        start = (
            tf.constant(0),
            arguments.state,
            [self._array(spec) for spec in tf.nest.flatten(specs.residuals)],
            {name: self._array(spec) for name, spec in specs.rows.items()},
            self._array(specs.state[0]),
        )
        _, state, residuals, rows, outputs = self._repeat(body, start)
        tape = _Tape(
            tf.nest.pack_sequence_as(specs.residuals, [array.stack() for array in residuals]),
            {name: array.stack() for name, array in rows.items()},
        )
        return [outputs.stack(), *state], tape

    def backward(
        self, d_results: Sequence[tf.Tensor], arguments: _Arguments, tape: _Tape
    ) -> _Arguments:
        """Return the gradients of ``arguments``, given those of the results of `forward`."""
        d_outputs, *d_state = d_results
        products = {name: self._back_product(name, arguments) for name in self.blocks}

        def time_step(t: tf.Tensor | int, d_state: Tensors) -> tuple[Tensors, Any, Any]:
            d_state = [d_state[0] + d_outputs[t], *d_state[1:]]
            # All gradients of a sketch that has ended are zero, because `backward` is linear.
            d_now = self._where_running(t, d_state, [tf.zeros_like(d) for d in d_state])
            residuals = tf.nest.map_structure(lambda values: values[t], tape.residuals)
            mask = None if self.keep_mask is None else self.keep_mask[t]
            new = self.cell.backward(products, arguments.vectors, residuals, mask, d_now)
            return self._where_running(t, new.state, d_state), new.vectors, dict(new.products)

        def body(
            done: tf.Tensor, d_state: Tensors, d_vectors: Any, d_products: Arrays
        ) -> tuple[Any, ...]:
            t = self.time - 1 - done
            d_state, of_vectors, of_products = time_step(t, d_state)
            return (
                done + 1,
                d_state,
                tf.nest.map_structure(tf.add, d_vectors, of_vectors),
                {name: a.write(t, of_products[name]) for name, a in d_products.items()},
            )

        specs = _specs(lambda: time_step(0, d_state)[2])
        start = (
            tf.constant(0),
            d_state,
            tf.nest.map_structure(tf.zeros_like, arguments.vectors),
            {name: self._array(spec) for name, spec in specs.items()},
        )
        _, d_state, d_vectors, d_arrays = self._repeat(body, start)
        d_products = {name: array.stack() for name, array in d_arrays.items()}
        d_matrices = {
            name: tf.cast(tf.einsum("t...bk,t...bn->...kn", rows, d_products[name]), matrix.dtype)
            for name, matrix in arguments.matrices.items()
            for rows in [tape.rows[name]]
        }
        d_addends = {
            name: tf.cast(d_products[name], addend.dtype)
            for name, addend in arguments.addends.items()
        }
        return _Arguments(d_addends, d_matrices, d_vectors, d_state)

    def _back_product(self, name: str, arguments: _Arguments) -> BackProduct:
        transposed = None
        if name in arguments.matrices:
            transposed = tf.linalg.matrix_transpose(arguments.matrices[name])
            transposed = tf.cast(transposed, self.dtype)
        return BackProduct(transposed, self.dtype, self.blocks[name])

    def _where_running(self, t: tf.Tensor | int, new: Tensors, old: Tensors) -> Tensors:
        """Return ``new`` for the sketches with a point at time t, and ``old`` for the others."""
        if self.running is None:
            return list(new)
        here = self.running[t]
        return [tf.where(here, one, other) for one, other in zip(new, old, strict=True)]

    def _array(self, spec: tf.TensorSpec) -> tf.TensorArray:
        return tf.TensorArray(spec.dtype, self.time, element_shape=spec.shape)

    def _repeat(self, body: Callable[..., Any], start: Any) -> Any:
        """Call ``body`` for each time step. It counts up in its first value, also backwards, as XLA
        finds the number of time steps only in this form."""
        return tf.while_loop(lambda done, *_: done < self.time, body, start)


def _products_of_inputs(
    each_cell: Sequence[Mapping[str, Any]],
    inputs: Sequence[tf.Tensor],
    constant: tf.Tensor | None,
    dtype: tf.DType,
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Return the addends and the matrices of `_Arguments`."""
    addends, matrices = {}, {}
    for name, first in each_cell[0].items():
        of_cells = [matrices_of_cell[name] for matrices_of_cell in each_cell]
        if first.state is not None:
            matrices[name] = _side_by_side([matrix.state for matrix in of_cells])
        if first.input is None:
            continue
        products = []
        for matrix, x in zip(of_cells, inputs, strict=True):
            matrix, added = matrix.split(constant)
            product = tf.matmul(tf.cast(x, dtype), tf.cast(matrix.input, dtype))
            product = tf.cast(product, x.dtype)
            for more in (matrix.bias, added):
                product = product if more is None else product + more
            products.append(product)
        addends[name] = _side_by_side(products)
    return addends, matrices


def _specs(function: Callable[[], Any]) -> Any:
    """Return the types and shapes of the results of ``function`` without computing them."""
    return tf.function(function, autograph=False).get_concrete_function().structured_outputs


def _write_all(
    t: tf.Tensor, arrays: list[tf.TensorArray], values: Sequence[tf.Tensor]
) -> list[tf.TensorArray]:
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def _side_by_side(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Join the tensors of all directions: two are stacked on a new axis before the last two."""
    return values[0] if len(values) == 1 else tf.stack(values, axis=-3)
