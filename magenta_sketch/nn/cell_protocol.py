"""The interface between a cell and a loop over time.

A cell computes one time step in `RecurrentCell.forward`, a pure function. A cell with its own
gradient computes it in `DifferentiableCell.backward`. Both functions get the weights in two forms:

- Large matrices are `Product` and `BackProduct`: functions that multiply by the matrix. A product
  also returns the rows that it multiplied, because the gradient of the matrix is rowsᵀ · (gradient
  of the product). The loop computes that gradient once, for all time steps together.
- All other weights are a nest of tensors, called ``vectors``.

``d_y`` is the gradient of the loss with respect to ``y``.

Shapes:

- product: [blocks, ..., batch, N / blocks], so that each gate is contiguous in memory. ``...`` is
  empty, or one axis of length 2 for the two directions of an encoder.
- vectors: they broadcast against a product, for example [4, ..., 1, units].
- state: a list of tensors [..., batch, size].
- input x: [..., batch, width + 1]. The last column is ones; it multiplies the bias (`with_ones`).
- ``keep_mask``: [..., batch, units], 0 or 1/keep probability; None: no dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from magenta_sketch._backend import tf

Tensors = list[tf.Tensor]


class Forward(NamedTuple):
    """The results of one time step.

    Attributes:
      state: the new state, tensors [..., batch, size]; the first is the cell's output.
      residuals: values that the gradient needs, a nest of tensors [..., batch, ·].
      rows: for each matrix name, the rows that it multiplied, [..., batch, K].

    >>> h = tf.zeros([3, 8])
    >>> Forward(state=[h], residuals=(), rows={"gates": h}).state[0].shape.as_list()
    [3, 8]
    """

    state: Tensors
    residuals: Any
    rows: Mapping[str, tf.Tensor]


class Backward(NamedTuple):
    """The results of the gradient of one time step.

    Attributes:
      state: gradients with respect to the old state.
      vectors: gradients with respect to the vectors, summed over the batch, in the same nest.
      products: for each matrix name, the gradient with respect to its product, [..., batch, N].

    >>> d_h, d_gates = tf.zeros([3, 8]), tf.zeros([3, 32])
    >>> Backward(state=[d_h], vectors=(), products={"gates": d_gates}).vectors
    ()
    """

    state: Tensors
    vectors: Any
    products: Mapping[str, tf.Tensor]


@runtime_checkable
class RecurrentCell(Protocol):
    """What a loop over time needs from a cell.

    The fast loop accepts a cell if its class itself defines `backward` (`has_own_gradient`).

    >>> from magenta_sketch.nn.cells import LSTMCell
    >>> isinstance(LSTMCell(8), RecurrentCell), isinstance(keras.layers.LSTMCell(8), RecurrentCell)
    (True, False)
    """

    units: int

    def matrices(self) -> dict[str, Matrix]:
        """Return the cell's large matrices by name."""
        ...

    def vectors(self) -> Any:
        """Return all other weights, as a nest of tensors."""
        ...

    @staticmethod
    def forward(
        products: Mapping[str, Product],
        vectors: Any,
        x: tf.Tensor,
        state: Tensors,
        keep_mask: tf.Tensor | None,
    ) -> Forward:
        """Compute one time step."""
        ...


class DifferentiableCell(RecurrentCell, Protocol):
    """A cell that computes its own gradient.

    >>> from magenta_sketch.nn.cells import LSTMCell
    >>> cell: DifferentiableCell = LSTMCell(8)  # a type checker accepts this
    """

    @staticmethod
    def backward(
        products: Mapping[str, BackProduct],
        vectors: Any,
        residuals: Any,
        keep_mask: tf.Tensor | None,
        d_state: Tensors,
    ) -> Backward:
        """Compute the gradients of one time step from ``d_state``, that of the new state."""
        ...


def computes_by_forward(cell: Any) -> bool:
    """Return whether ``cell`` computes its time step in `forward`; other Keras cells use `call`.

    If the class has both, for example one from a parent, the most derived definition is used.

    >>> computes_by_forward(keras.layers.GRUCell(8))
    False
    """
    if not isinstance(cell, RecurrentCell):
        return False
    kind = next(k for k in type(cell).__mro__ if "forward" in vars(k) or "call" in vars(k))
    return "forward" in vars(kind)


def has_own_gradient(cell: Any) -> bool:
    """Return whether ``cell`` uses `forward`, and its class itself defines `backward`.

    An inherited `backward` does not count, because the subclass may change the time step.

    >>> from magenta_sketch.nn.cells import LSTMCell
    >>> has_own_gradient(LSTMCell(8))
    True
    """
    return computes_by_forward(cell) and "backward" in vars(type(cell))


class Matrix(NamedTuple):
    """A cell's large matrix [K, N], in parts by what the rows multiply. An absent part is None.

    Attributes:
      state: rows that multiply tensors of the state, [S, N].
      input: rows that multiply the input, [width, N]. A row for the column of ones follows them.
      bias: the row for the column of ones, [N]; None: zeros. Used only with ``input``.
      blocks: number of blocks that the N columns are split into.

    >>> matrix = Matrix(state=tf.zeros([8, 32]), input=tf.zeros([5, 32]))
    >>> matrix.all_rows().shape.as_list()
    [14, 32]
    """

    state: tf.Tensor | None = None
    input: tf.Tensor | None = None
    bias: tf.Tensor | None = None
    blocks: int = 4

    @property
    def state_rows(self) -> int:
        """S, the number of rows for the state."""
        return 0 if self.state is None else self.state.shape[0]

    def split(self, constant: tf.Tensor | None) -> tuple[Matrix, tf.Tensor | None]:
        """Separate the input columns that do not change over time.

        Args:
          constant: the last columns of every input, [batch, width'], or None.

        Returns:
          The matrix for the other input columns, and what the constant columns add to each product,
            [batch, N] or None.
        """
        if constant is None or self.input is None:
            return self, None
        width = self.input.shape[0] - constant.shape[-1]
        return self._replace(input=self.input[:width]), tf.matmul(constant, self.input[width:])

    def all_rows(self) -> tf.Tensor:
        """Return the rows for the state, the input and the column of ones as one tensor [K, N]."""
        parts = [] if self.state is None else [self.state]
        if self.input is not None:
            bias = tf.zeros_like(self.input[0]) if self.bias is None else self.bias
            parts += [self.input, bias[None]]
        return tf.concat(parts, axis=0)


class Product(NamedTuple):
    """Multiplication by a matrix.

    Attributes:
      matrix: [blocks, ..., K, N / blocks], in the number type of products.
      addend: tensor to add to each product, [blocks, ..., batch, N / blocks], or None.

    >>> product, rows = Product(tf.ones([1, 2, 3]))(tf.ones([4, 2]))
    >>> product.shape.as_list()
    [1, 4, 3]
    """

    matrix: tf.Tensor
    addend: tf.Tensor | None = None

    def __call__(self, *parts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Join ``parts`` [..., batch, ·] to rows, multiply them by the matrix and add the addend.

        Returns:
          The result, in the number type of the parts, and the rows [..., batch, K], in the number
            type of the matrix.
        """
        rows = parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)
        dtype, rows = rows.dtype, tf.cast(rows, self.matrix.dtype)
        product = tf.cast(tf.matmul(rows, self.matrix), dtype)
        return (product if self.addend is None else product + self.addend), rows

    def of_rows(self, choose: Callable[[tf.Tensor], tf.Tensor]) -> Product:
        """Return the product for the rows of the batch that ``choose`` selects."""
        return self if self.addend is None else self._replace(addend=choose(self.addend))


class BackProduct(NamedTuple):
    """The gradient of a `Product`.

    Attributes:
      matrix: the matrix's rows for the state, transposed, [..., N, S]; None: no such rows.
      dtype: number type of products.
      blocks: number of blocks of the product.

    >>> d_state, d_rows = BackProduct(tf.ones([8, 2]), tf.float32, blocks=4)(tf.ones([4, 3, 2]))
    >>> d_state.shape.as_list(), d_rows.shape.as_list()
    ([3, 2], [3, 8])
    """

    matrix: tf.Tensor | None
    dtype: tf.DType
    blocks: int

    def __call__(self, d_product: Tensors | tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor]:
        """Return the gradients with respect to the state and the product.

        Args:
          d_product: gradient with respect to the product, [blocks, ..., batch, N / blocks], or a
            list of its blocks.

        Returns:
          The gradient with respect to the parts of the state, [..., batch, S] or None; and
            ``d_product`` as one tensor [..., batch, N], in the number type of products.
        """
        blocks = d_product if isinstance(d_product, list) else tf.unstack(d_product, self.blocks)
        d_rows = tf.concat(blocks, axis=-1)
        dtype, d_rows = d_rows.dtype, tf.cast(d_rows, self.dtype)
        if self.matrix is None:
            return None, d_rows
        return tf.cast(tf.matmul(d_rows, self.matrix), dtype), d_rows


def block_major(values: tf.Tensor, blocks: int) -> tf.Tensor:
    """Split the last axis into blocks and move them first: [..., N] -> [blocks, ..., N / blocks].

    >>> block_major(tf.constant([1, 2, 3, 4]), 2).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    return tf.stack(tf.split(values, blocks, axis=-1))


def with_ones(x: tf.Tensor) -> tf.Tensor:
    """Append the column of ones that multiplies the bias: [..., width] -> [..., width + 1].

    >>> with_ones(tf.zeros([1, 2])).numpy().tolist()
    [[0.0, 0.0, 1.0]]
    """
    return tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)
