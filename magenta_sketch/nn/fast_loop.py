"""A loop over time with its own gradient, for cells with their own gradient.

The forward loop calls the cell's `forward` at each time step. It keeps two things in arrays over
time (`_Tape`): the residuals that `backward` needs, and the rows that each matrix multiplied. The
backward loop goes over the time steps in reverse and calls the cell's `backward`.

The gradient of a matrix is the sum over time steps of rowsᵀ · (gradient of the product). After the
backward loop, this sum is computed as one large product (`magenta_sketch.nn.sums_over_time`).

At each time step only sketches that still have a point are computed. They are the first rows of the
batch (`magenta_sketch.nn.lengths`).

Time is the first axis. For the two directions of an encoder there are two cells, and tensors have
an axis of length 2 before the batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from magenta_sketch._backend import tf
from magenta_sketch.nn import sums_over_time
from magenta_sketch.nn.cell_protocol import (
    BackProduct,
    DifferentiableCell,
    Forward,
    Matrix,
    Product,
    Tensors,
    block_major,
    with_ones,
)
from magenta_sketch.nn.lengths import Running, counts

# For each matrix name and direction, an array over time of rows [batch, ·].
RowArrays = dict[str, list[tf.TensorArray]]


def run_fast(
    cells: Sequence[DifferentiableCell],
    inputs: tf.Tensor,
    initial_state: Sequence[tf.Tensor],
    *,
    constant: tf.Tensor | None = None,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
    product_dtype: Any = None,
    with_outputs: bool,
) -> tuple[tf.Tensor | None, Tensors]:
    """Run one cell, or two cells of the same class side by side.

    ``with_outputs``: whether to return the outputs too. The other arguments are those of
    `recurrence.run`; with two cells ``constant`` must be None.

    Returns:
      The outputs as from `recurrence.run`, or None; and the final state.
    """
    layouts, matrices, addends = _matrices(cells, constant)
    total, running = tf.shape(inputs)[0], None
    if lengths is not None:
        total = tf.minimum(total, tf.cast(tf.reduce_max(lengths), tf.int32))
        running = counts(lengths, total)
    loop = _Loop(
        cell=cells[0],
        layouts=layouts,
        total=total,
        counts=running,
        keep_mask=keep_mask,
        dtype=tf.as_dtype(product_dtype or inputs.dtype),
        directions=len(cells),
        with_outputs=with_outputs,
    )
    arguments = _Arguments(
        with_ones(inputs),
        matrices,
        tf.nest.map_structure(lambda *each: _side_by_side(each), *(c.vectors() for c in cells)),
        addends,
        list(initial_state),
    )

    @tf.custom_gradient
    # Flat, because tf.custom_gradient does not accept dictionaries.
    def run_loop(*flat: tf.Tensor) -> tuple[Tensors, Callable[..., list[tf.Tensor]]]:
        values = tf.nest.pack_sequence_as(arguments, flat)
        results, tape = loop.forward(values)
        return results, lambda *d: tf.nest.flatten(loop.backward(d, values, tape))

    results = run_loop(*tf.nest.flatten(arguments))
    if not with_outputs:
        return None, list(results)
    shape = [*(inputs.shape[:-1] if lengths is None else [None]), initial_state[0].shape[-1]]
    return tf.ensure_shape(results[0], shape), list(results[1:])


class _Arguments(NamedTuple):
    """The tensors that the loop computes gradients for. The gradients have the same form.

    x: inputs with the column of ones, [time, ..., batch, width + 1].
    matrices: by name, all rows of each matrix, [..., K, N].
    vectors: the cell's other weights.
    addends: by matrix name, what the constant input columns add, [batch, N].
    state: the initial state, tensors [..., batch, size].
    """

    x: Any
    matrices: Any
    vectors: Any
    addends: Any
    state: Any


class _Tape(NamedTuple):
    """What the forward loop keeps for the backward loop.

    residuals: an array over time for each tensor of the residuals.
    specs: the residuals of one time step as a nest of `tf.TensorSpec`.
    rows: the rows that each matrix multiplied.
    """

    residuals: list[tf.TensorArray]
    specs: Any
    rows: RowArrays

    def residuals_at(self, t: tf.Tensor) -> Any:
        """Return the residuals of one time step, in the cell's own nest."""
        values = [array.read(t) for array in self.residuals]
        for value, spec in zip(values, tf.nest.flatten(self.specs), strict=True):
            value.set_shape(spec.shape)  # reading from an array loses the shape
        return tf.nest.pack_sequence_as(self.specs, values)


@dataclasses.dataclass(frozen=True)
class _Loop:
    """The loop over all time steps of a batch, and its gradient.

    cell: one of the cells; only its pure functions are used.
    layouts: the matrices of one cell; only their shapes are used.
    total: number of time steps, the length of the longest sketch.
    counts: number of sketches with a point at each time step, int32 [total]; None: all.
    keep_mask: dropout masks, [time, ..., batch, units], or None.
    dtype: number type of products.
    directions: number of cells, 1 or 2.
    with_outputs: whether to return the outputs.
    """

    cell: DifferentiableCell
    layouts: Mapping[str, Matrix]
    total: tf.Tensor
    counts: tf.Tensor | None
    keep_mask: tf.Tensor | None
    dtype: tf.DType
    directions: int
    with_outputs: bool

    # ------------------------------------------------------------------------------- forwards

    def forward(self, arguments: _Arguments) -> tuple[Tensors, _Tape]:
        """Return the outputs (if wanted) and the final state in one list, and the tape."""
        time_step, initial_state = self._time_step(arguments), arguments.state

        def body(
            t: tf.Tensor,
            state: Tensors,
            residuals: list[tf.TensorArray],
            rows: RowArrays,
            outputs: list[tf.TensorArray],
        ) -> tuple[Any, ...]:
            now = self._running(t)
            new = time_step(t, now, state)
            return (
                t + 1,
                [now.into(old, part) for old, part in zip(state, new.state, strict=True)],
                _write(t, residuals, tf.nest.flatten(new.residuals)),
                self._write_rows(t, rows, new.rows),
                _write(t, outputs, new.state[: len(outputs)]),
            )

        specs = _specs(lambda: time_step(0, self._running(0), initial_state).residuals)
        output_array = self._array(arguments.x.dtype, initial_state[0].shape[-1])
        start = (
            tf.constant(0),
            initial_state,
            [self._array(spec.dtype) for spec in tf.nest.flatten(specs)],
            self._row_arrays({name: m.shape[-2] for name, m in arguments.matrices.items()}),
            [output_array] if self.with_outputs else [],
        )
        _, state, residuals, rows, outputs = tf.while_loop(
            lambda t, *_: t < self.total, body, start
        )
        outputs = [a.stack() if self.counts is None else a.concat() for a in outputs]
        return [*outputs, *state], _Tape(residuals, specs, rows)

    def _time_step(self, arguments: _Arguments) -> Callable[..., Forward]:
        """Return `forward` as a function of the time, the running sketches and the state."""
        products = {}
        for name, matrix in arguments.matrices.items():
            blocks, addend = self.layouts[name].blocks, arguments.addends.get(name)
            products[name] = Product(
                tf.cast(block_major(matrix, blocks), self.dtype),
                None if addend is None else block_major(addend, blocks),
            )
        return lambda t, now, state: self.cell.forward(
            {name: product.of_rows(now.of) for name, product in products.items()},
            arguments.vectors,
            now.of(arguments.x[t]),
            [now.of(part) for part in state],
            self._mask(t, now),
        )

    # ------------------------------------------------------------------------------ backwards

    def backward(
        self, d_results: Sequence[tf.Tensor], arguments: _Arguments, tape: _Tape
    ) -> _Arguments:
        """Return the gradients of ``arguments``, given those of the results of `forward`."""
        x, matrices, vectors, addends, state = arguments
        products = {name: self._back_product(name, matrix) for name, matrix in matrices.items()}
        d_outputs, d_state = d_results[: -len(state)], list(d_results[-len(state) :])
        add_output = self._output_gradients(d_outputs)

        def body(
            t: tf.Tensor, d_state: Tensors, d_vectors: Any, d_products: RowArrays
        ) -> tuple[Any, ...]:
            now = self._running(t)
            d_now = [now.of(part) for part in d_state]
            d_now[0] = add_output(t, d_now[0])
            residuals, mask = tape.residuals_at(t), self._mask(t, now)
            new = self.cell.backward(products, vectors, residuals, mask, d_now)
            return (
                t - 1,
                [now.into(old, part) for old, part in zip(d_state, new.state, strict=True)],
                tf.nest.map_structure(tf.add, d_vectors, new.vectors),
                self._write_rows(t, d_products, new.products),
            )

        start = (
            self.total - 1,
            d_state,
            tf.nest.map_structure(tf.zeros_like, vectors),
            self._row_arrays({name: matrix.shape[-1] for name, matrix in matrices.items()}),
        )
        _, d_state, d_vectors, d_products = tf.while_loop(lambda t, *_: t >= 0, body, start)
        d_rows = {name: [a.concat() for a in arrays] for name, arrays in d_products.items()}
        d_matrices = {
            name: _side_by_side(
                [
                    sums_over_time.matrix_gradient(rows.concat(), d, x.dtype)
                    for rows, d in zip(tape.rows[name], d_rows[name], strict=True)
                ]
            )
            for name in matrices
        }
        d_addends = {
            name: sums_over_time.addend_gradient(
                d_rows[name][0], self.counts, tf.shape(x)[1], x.dtype
            )
            for name in addends
        }
        return _Arguments(self._d_x(d_rows, arguments), d_matrices, d_vectors, d_addends, d_state)

    def _back_product(self, name: str, matrix: tf.Tensor) -> BackProduct:
        rows, transposed = self.layouts[name].state_rows, None
        if rows:
            transposed = tf.cast(tf.linalg.matrix_transpose(matrix[..., :rows, :]), self.dtype)
        return BackProduct(transposed, self.dtype, self.layouts[name].blocks)

    def _output_gradients(
        self, d_outputs: Sequence[tf.Tensor]
    ) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Return a function of t and d_h that adds the gradient of the output at t, if any."""
        if not d_outputs:
            return lambda t, d_h: d_h
        (d_output,) = d_outputs
        if self.counts is None:
            return lambda t, d_h: d_h + d_output[t]
        numbers = self.counts
        starts = tf.cumsum(numbers, exclusive=True)  # the first row of each time step
        return lambda t, d_h: d_h + d_output[starts[t] :][: numbers[t]]

    def _d_x(self, d_rows: Mapping[str, Tensors], arguments: _Arguments) -> tf.Tensor:
        """Return the gradient of the input. TensorFlow does not compute it if it is not used."""
        names = [name for name, layout in self.layouts.items() if layout.input is not None]

        def of_direction(number: int) -> tf.Tensor:
            matrices = []
            for name in names:
                matrix = arguments.matrices[name]
                matrix = matrix if self.directions == 1 else matrix[number]
                matrices.append(tf.cast(matrix[self.layouts[name].state_rows :], self.dtype))
            each = [d_rows[name][number] for name in names]
            return sums_over_time.input_gradient(each, matrices, self.counts, arguments.x)

        each = [of_direction(number) for number in range(self.directions)]
        return each[0] if self.directions == 1 else tf.stack(each, axis=1)

    # ----------------------------------------------------------- parts of a batch, arrays over time

    def _running(self, t: tf.Tensor) -> Running:
        return Running(None if self.counts is None else self.counts[t])

    def _mask(self, t: tf.Tensor, now: Running) -> tf.Tensor | None:
        return None if self.keep_mask is None else now.of(self.keep_mask[t])

    def _array(self, dtype: tf.DType, width: int | None = None) -> tf.TensorArray:
        shape = None if width is None else [None, width]
        return tf.TensorArray(dtype, self.total, element_shape=shape, infer_shape=False)

    def _row_arrays(self, widths: Mapping[str, int]) -> RowArrays:
        return {
            name: [self._array(self.dtype, width) for _ in range(self.directions)]
            for name, width in widths.items()
        }

    def _write_rows(
        self, t: tf.Tensor, arrays: RowArrays, rows: Mapping[str, tf.Tensor]
    ) -> RowArrays:
        def of_directions(value: tf.Tensor) -> Tensors:
            return [value] if self.directions == 1 else tf.unstack(value, self.directions)

        return {name: _write(t, each, of_directions(rows[name])) for name, each in arrays.items()}


def _write(
    t: tf.Tensor, arrays: list[tf.TensorArray], values: Sequence[tf.Tensor]
) -> list[tf.TensorArray]:
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def _specs(function: Callable[[], Any]) -> Any:
    """Return the types and shapes of the results of ``function``, for any batch size.

    The results are not computed.
    """
    traced = tf.function(function, autograph=False).get_concrete_function()
    return tf.nest.map_structure(
        lambda spec: tf.TensorSpec([*spec.shape[:-2], None, spec.shape[-1]], spec.dtype),
        traced.structured_outputs,
    )


def _matrices(
    cells: Sequence[DifferentiableCell], constant: tf.Tensor | None
) -> tuple[dict[str, Matrix], dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Return, by name: one cell's matrices, all rows of all cells, and what ``constant`` adds."""
    layouts, matrices, addends = {}, {}, {}
    each_cell = [cell.matrices() for cell in cells]
    for name in each_cell[0]:
        split = [of_cell[name].split(constant) for of_cell in each_cell]
        layouts[name], addend = split[0]
        if addend is not None:
            addends[name] = addend
        matrices[name] = _side_by_side([matrix.all_rows() for matrix, _ in split])
    return layouts, matrices, addends


def _side_by_side(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Join the tensors of all directions: two are stacked on a new axis before the last two."""
    return values[0] if len(values) == 1 else tf.stack(values, axis=-3)
