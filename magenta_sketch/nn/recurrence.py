"""Running a cell over the points of a batch of sketches: the one place that loops over time.

`run` takes any cell. One that brings a step with a gradient of its own (`magenta_sketch.nn.steps`)
goes through `_fast`; any other through `_plain`, a while loop that TensorFlow differentiates. Both
compute the same.

What makes `_fast` fast, on a CPU above all:

- the gradient of a matrix is one large product over all points after the loop, in place of a small
  one, and a sum, at each point;
- the parts of the input that don't change with time are multiplied once a sketch; the rest, and
  the bias, are a few more rows of the recurrent product, so that nothing as large as the
  pre-activations of all points is made before the loop;
- matrices are brought into the layout (and, on request, the number type) of each product once;
- both directions of an encoder are one loop of products twice as large;
- sketches come longest first, so that those which have ended drop out of the products.

Everything here has time first: inputs are [time, batch, width], and with two directions
[time, 2, batch, width].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch._backend import tf

Tensors = list[Any]


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
      cell: a `magenta_sketch.nn.cells.SketchCell`, or any Keras RNN cell (a layer with `state_size`
        that maps (input, state) to (output, state)).
      inputs: [time, batch, width].
      initial_state: list of [batch, size] tensors.
      constant: [batch, width'], columns that every input has at its end; None for no such.
      lengths: int [batch], 0 to time, longest first: sketches end after so many points, and cost
        nothing beyond. None: all have all points.
      keep_mask: recurrent-dropout masks [time, batch, units] of a SketchCell, or None.
      product_dtype: type of the numbers that go into matrix products, such as bfloat16, where
        the cell can; all others keep that of ``inputs``. None: the same.

    Returns:
      outputs [time, batch, units] and the final state, a list like ``initial_state``. With
      ``lengths`` the outputs are rows [points, units] in the order of `rows`.
    """
    step = _own_step(cell)
    if step is None:
        outputs, state = _plain(
            cell, inputs, initial_state, constant=constant, lengths=lengths, keep_mask=keep_mask
        )
        return outputs if lengths is None else rows(outputs, lengths), state
    context = {} if constant is None else step.context(cell, constant)
    return _fast(
        step,
        [cell],
        inputs,
        initial_state,
        context=context,
        lengths=lengths,
        keep_mask=keep_mask,
        product_dtype=product_dtype,
        with_outputs=True,
    )


def rows(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The points that sketches have, [points, ...], of [time, batch, ...]: first all first ones.

    ``lengths``: int [batch], longest first. See `per_sketch` for the way back.
    """
    return tf.RaggedTensor.from_tensor(values, _counts(lengths, tf.shape(values)[0])).values


def per_sketch(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Sums over each sketch's points, [batch, ...], of what stands in the order of `rows`."""
    counts = _counts(lengths, tf.reduce_max(lengths))
    sketches = tf.ragged.range(counts).values
    return tf.math.unsorted_segment_sum(values, sketches, tf.shape(lengths)[0])


def _counts(lengths: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """How many sketches have a point t, int32 [time]; coming longest first, those are the first."""
    has_point = tf.range(time)[:, None] < tf.cast(lengths, tf.int32)
    return tf.reduce_sum(tf.cast(has_point, tf.int32), axis=1)


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
      lengths: int [batch], 0 to time, longest first.
      initial_states: for each cell a list of [batch, size] tensors.
      keep_masks: for each cell masks [time, batch, units] in the order of its steps, or None.
      product_dtype: see `run`.

    Returns:
      for each cell its state after the sketch's last step, a list like its initial state.
    """
    forward, backward = cells
    backwards = tf.reverse_sequence(inputs, lengths, seq_axis=0, batch_axis=1)
    step = _own_step(forward)
    if step is None or type(forward) is not type(backward) or forward.units != backward.units:
        return [
            _plain(cell, x, state, lengths=lengths, keep_mask=mask)[1]
            for cell, x, state, mask in zip(
                cells, (inputs, backwards), initial_states, keep_masks, strict=True
            )
        ]
    _, state = _fast(
        step,
        cells,
        tf.stack([inputs, backwards], axis=1),
        [tf.stack(both) for both in zip(*initial_states, strict=True)],
        lengths=lengths,
        keep_mask=None if keep_masks[0] is None else tf.stack(keep_masks, axis=1),
        product_dtype=product_dtype,
        with_outputs=False,
    )
    return [[both[direction] for both in state] for direction in range(2)]


def one_step(
    cell: Any, x: tf.Tensor, state: Sequence[tf.Tensor], keep_mask: tf.Tensor | None = None
) -> tuple[tf.Tensor, Tensors]:
    """One step of any cell, as `run` takes: (x [batch, width], state) -> (output, new state)."""
    if hasattr(cell, "step"):
        output, state = cell.step(cell.project(x), state, keep_mask)
    else:
        output, state = cell(x, state)
    return output, list(state) if isinstance(state, (list, tuple)) else [state]


def _own_step(cell: Any) -> Any:
    return getattr(cell, "sequence_step", lambda: None)()


# ------------------------------------------------------------------------------ any cell, plainly


def _plain(
    cell: Any,
    inputs: tf.Tensor,
    initial_state: Sequence[tf.Tensor],
    *,
    constant: tf.Tensor | None = None,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Tensors]:
    """The loop as one would write it; TensorFlow makes its gradient. Lengths in any order."""
    steps, batch = tf.shape(inputs)[0], tf.shape(inputs)[1]
    if constant is not None:
        shape = [steps, batch, constant.shape[-1]]
        inputs = tf.concat([inputs, tf.broadcast_to(constant, shape)], axis=-1)
    outputs = tf.TensorArray(inputs.dtype, steps)

    def body(t, state, outputs):
        mask = None if keep_mask is None else keep_mask[t]
        output, new_state = one_step(cell, inputs[t], state, mask)
        if lengths is not None:
            running = tf.expand_dims(t < tf.cast(lengths, tf.int32), axis=1)
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
    return outputs.stack(), state


# --------------------------------------------------------------- cells with a gradient of their own


def _fast(
    step: Any,
    cells: Sequence[Any],
    inputs: tf.Tensor,
    initial_state: Sequence[tf.Tensor],
    *,
    context: dict[str, tf.Tensor] | None = None,
    lengths: tf.Tensor | None = None,
    keep_mask: tf.Tensor | None = None,
    product_dtype: Any = None,
    with_outputs: bool,
) -> tuple[tf.Tensor | None, Tensors]:
    """The loop over ``step``; with two cells, tensors have an axis for them before the batch."""
    context = context or {}
    # Lists in one order, because a function with a gradient of its own takes no dictionaries.
    matrices = _by_name([step.matrices(cell, inputs.shape[-1]) for cell in cells])
    small = _by_name([step.small(cell) for cell in cells])
    values = [
        [
            _side_by_side([tf.concat([p for p in m[:2] if p is not None], 0) for m in each])
            for each in matrices.values()
        ],
        [_side_by_side(each) for each in small.values()],
        list(context.values()),
        list(initial_state),
    ]
    loop = _Loop(
        step,
        {name: each[0] for name, each in matrices.items()},
        list(small),
        list(context),
        tf.shape(inputs)[0],
        lengths,
        keep_mask,
        product_dtype or inputs.dtype,
        directions=len(cells),
        with_outputs=with_outputs,
    )

    @tf.custom_gradient
    def run_loop(x, *flat):
        groups = _regrouped(flat, values)
        results, tape = loop.forward(x, *groups)
        return results, lambda *d_results: loop.backward(d_results, x, *groups, *tape)

    x = tf.concat([inputs, tf.ones_like(inputs[..., :1])], axis=-1)
    results = run_loop(x, *(value for group in values for value in group))
    if not with_outputs:
        return None, list(results)
    shape = [*(inputs.shape[:-1] if lengths is None else [None]), initial_state[0].shape[-1]]
    return tf.ensure_shape(results[0], shape), list(results[1:])


class _Loop:
    """A step over all points of a batch, and the gradient of that.

    Args:
      matrices: `magenta_sketch.nn.steps.Matrix` by name, for their numbers of rows and blocks.
      small, context: names of the other weights, and of the products that have a context.
      steps: points of the longest sketch that fits, a scalar.
    """

    def __init__(
        self,
        step,
        matrices,
        small,
        context,
        steps,
        lengths,
        keep_mask,
        dtype,
        *,
        directions,
        with_outputs,
    ):
        self.step, self.matrices = step, matrices
        self.small_names, self.context_names = small, context
        self.keep_mask, self.dtype = keep_mask, dtype
        self.directions, self.with_outputs = directions, with_outputs
        self.total, self.counts = steps, None
        if lengths is not None:
            self.total = tf.minimum(steps, tf.cast(tf.reduce_max(lengths), tf.int32))
            self.counts = _counts(lengths, self.total)

    def forward(self, x, weights, small, context, state):
        """([outputs,] *final state) and what `backward` needs."""
        product = _Product(self.matrices, weights, self.dtype)
        context = {
            name: product.blocks(name, value)
            for name, value in zip(self.context_names, context, strict=True)
        }
        small = dict(zip(self.small_names, small, strict=True))
        shapes = []

        def body(t, state, kept, factors, outputs):
            now = _Points(t, self.counts)
            product.context = {name: now.of(value) for name, value in context.items()}
            new, keep = self.step.forward(
                product,
                small,
                now.of(x[t]),
                [now.of(part) for part in state],
                self._mask(t, now),
            )
            shapes[:] = [[*value.shape[:-2], None, value.shape[-1]] for value in keep]
            kept = [array.write(t, value) for array, value in zip(kept, keep, strict=True)]
            factors = self._write(t, factors, product.taken())
            outputs = [array.write(t, new[0]) for array in outputs]
            new = [now.into(old, part) for old, part in zip(state, new, strict=True)]
            return t + 1, new, kept, factors, outputs

        _, final, kept, factors, outputs = tf.while_loop(
            lambda t, *_: t < self.total,
            body,
            (
                tf.constant(0),
                state,
                [self._array(x.dtype) for _ in range(self.step.kept)],
                self._arrays({name: value.shape[-2] for name, value in product.values.items()}),
                [self._array(x.dtype, state[0].shape[-1])] if self.with_outputs else [],
            ),
        )
        outputs = [a.stack() if self.counts is None else a.concat() for a in outputs]
        return [*outputs, *final], (kept, factors, shapes)

    def backward(self, d_results, x, weights, small, context, state, kept, factors, shapes):
        """Gradients of (x, *weights, *small, *context, *state)."""
        back = _Back(self.matrices, weights, self.dtype)
        by_name = dict(zip(self.small_names, small, strict=True))
        d_outputs, d_state = d_results[: -len(state)], list(d_results[-len(state) :])
        if self.counts is not None:  # where the rows of each point begin
            starts = tf.cumsum(self.counts, exclusive=True)

        def body(t, d_state, d_small, d_factors):
            now = _Points(t, self.counts)
            d_now = [now.of(part) for part in d_state]
            for d in d_outputs:
                d_now[0] += d[t] if self.counts is None else d[starts[t] :][: now.count]
            values = [array.read(t) for array in kept]
            for value, shape in zip(values, shapes, strict=True):
                value.set_shape(shape)
            d_new, more_small = self.step.backward(back, by_name, values, self._mask(t, now), d_now)
            d_factors = self._write(t, d_factors, back.taken())
            d_small = [
                d + more_small[name] for d, name in zip(d_small, self.small_names, strict=True)
            ]
            d_new = [now.into(old, part) for old, part in zip(d_state, d_new, strict=True)]
            return t - 1, d_new, d_small, d_factors

        _, d_state, d_small, d_factors = tf.while_loop(
            lambda t, *_: t >= 0,
            body,
            (
                self.total - 1,
                d_state,
                [tf.zeros_like(value) for value in small],
                self._arrays({name: value.shape[-1] for name, value in back.values.items()}),
            ),
        )
        # Now that all points are there: one product a matrix, over points and sketches at once.
        d_rows = [[array.concat() for array in arrays] for arrays in d_factors]
        d_weights = [
            _side_by_side(
                [
                    tf.cast(tf.matmul(array.concat(), rows, transpose_a=True), x.dtype)
                    for array, rows in zip(arrays, both, strict=True)
                ]
            )
            for arrays, both in zip(factors, d_rows, strict=True)
        ]
        rows_of = dict(zip(self.matrices, d_rows, strict=True))
        d_context = [self._d_context(rows_of[name][0], x) for name in self.context_names]
        return [self._d_x(back, rows_of, x), *d_weights, *d_small, *d_context, *d_state]

    def _d_context(self, d_rows, x):
        """Sum over time, as a product: that adds in float32 whatever the type of the rows."""
        batch, width = tf.shape(x)[1], d_rows.shape[-1]
        if self.counts is None:
            each = tf.reshape(d_rows, [self.total, batch * width])
            sum_ = tf.reshape(
                tf.matmul(tf.ones([1, self.total], d_rows.dtype), each), [batch, width]
            )
        else:
            is_of = tf.one_hot(tf.ragged.range(self.counts).values, batch, dtype=d_rows.dtype)
            sum_ = tf.matmul(is_of, d_rows, transpose_a=True)
        return tf.cast(sum_, x.dtype)

    def _d_x(self, back, rows_of, x):
        """Gradient of the input; TensorFlow leaves it out where nobody asks for it."""
        result = []
        for direction in range(self.directions):
            d_x = sum(
                tf.matmul(rows[direction], back.of_x(name, direction), transpose_b=True)
                for name, rows in rows_of.items()
                if self.matrices[name].x is not None
            )
            shape = tf.shape(x)
            width, batch = x.shape[-1], shape[-2]
            if self.counts is None:
                d_x = tf.reshape(d_x, [self.total, batch, width])
            else:
                ragged = tf.RaggedTensor.from_row_lengths(d_x, self.counts)
                d_x = ragged.to_tensor(shape=[self.total, batch, width])
                d_x = tf.pad(d_x, [[0, shape[0] - self.total], [0, 0], [0, 0]])
            result.append(tf.cast(d_x, x.dtype))
        return tf.stack(result, axis=1) if self.directions > 1 else result[0]

    def _mask(self, t, now):
        return None if self.keep_mask is None else now.of(self.keep_mask[t])

    def _array(self, dtype, width=None):
        shape = None if width is None else [None, width]
        return tf.TensorArray(dtype, self.total, element_shape=shape, infer_shape=False)

    def _arrays(self, widths):
        """For each matrix an array of rows for each direction."""
        return [
            [self._array(self.dtype, width) for _ in range(self.directions)]
            for width in widths.values()
        ]

    def _write(self, t, arrays, taken):
        return [
            [array.write(t, rows) for array, rows in zip(each, self._split(value), strict=True)]
            for each, value in zip(arrays, (taken[name] for name in self.matrices), strict=True)
        ]

    def _split(self, value):
        return [value] if self.directions == 1 else [value[d] for d in range(self.directions)]


class _Points:
    """The rows of a batch that have a point at time t: all of them, or the first few."""

    def __init__(self, t: tf.Tensor, counts: tf.Tensor | None):
        self.count = None if counts is None else counts[t]

    def of(self, value):
        return value if self.count is None else value[..., : self.count, :]

    def into(self, old, new):
        """``old`` with the rows of ``new`` in front."""
        if self.count is not None:
            new = tf.concat([new, old[..., self.count :, :]], axis=-2)
        new.set_shape(old.shape)
        return new


class _Factors:
    """The matrices of a step as factors of one kind of product, and the other factors, noted."""

    def __init__(self, matrices, weights, dtype):
        self.matrices, self.dtype = matrices, dtype
        self.values = dict(zip(matrices, weights, strict=True))
        self.forms = {name: tf.cast(self._form(name), dtype) for name in matrices}
        self.noted = {}

    def taken(self):
        """What was noted since the last call, by name."""
        noted, self.noted = self.noted, {}
        return noted

    def _state_rows(self, name):
        part = self.matrices[name].state
        return 0 if part is None else part.shape[0]


class _Product(_Factors):
    """Parts times a matrix plus its context, block-major; see `magenta_sketch.nn.steps`."""

    context = {}  # by name, block-major

    def __call__(self, name, *parts):
        rows = parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)
        dtype, rows = rows.dtype, tf.cast(rows, self.dtype)
        self.noted[name] = rows
        found = tf.cast(tf.matmul(rows, self.forms[name]), dtype)
        return found + self.context[name] if name in self.context else found

    def _form(self, name):
        return self.blocks(name, self.values[name])

    def blocks(self, name, value):
        """[..., blocks·width] as [blocks, ..., width]."""
        return tf.stack(tf.split(value, self.matrices[name].blocks, axis=-1))


class _Back(_Factors):
    """Gradients of a product, block-major, times the matrix's rows of the state, transposed."""

    def __call__(self, name, d_blocks):
        if not isinstance(d_blocks, list):
            d_blocks = tf.unstack(d_blocks, self.matrices[name].blocks)
        rows = tf.concat(d_blocks, axis=-1)
        dtype, rows = rows.dtype, tf.cast(rows, self.dtype)
        self.noted[name] = rows
        if not self._state_rows(name):
            return None
        return tf.cast(tf.matmul(rows, self.forms[name]), dtype)

    def _form(self, name):
        return tf.linalg.matrix_transpose(self.values[name][..., : self._state_rows(name), :])

    def of_x(self, name, direction):
        """The rows that belong to the input, of one direction's matrix."""
        value = self.values[name]
        value = value[direction] if len(value.shape) == 3 else value
        return tf.cast(value[self._state_rows(name) :], self.dtype)


def _by_name(dicts):
    """One dictionary of lists from a list of dictionaries with the same keys."""
    return {name: [each[name] for each in dicts] for name in dicts[0]}


def _side_by_side(values):
    """One tensor of what each direction has: an axis before the last two, where there are two."""
    return values[0] if len(values) == 1 else tf.stack(values, axis=-3)


def _regrouped(flat, groups):
    """``flat`` cut into lists as long as those of ``groups``."""
    flat = iter(flat)
    return [[next(flat) for _ in group] for group in groups]
