"""What a loop over time and a cell know of each other.

A cell's time step is written once, as a pure function `RecurrentCell.forward`, and its gradient, if
the cell has one of its own, beside it as `RecurrentCell.backward`. Both see the cell's weights in
two forms:

- its large matrices as `Product` and `BackProduct`, functions that multiply. Each returns with its
  result the rows that it multiplied, because the gradient of a matrix is rowsᵀ · gradient of the
  result, and a loop can make that once, from the rows of all time steps together;
- all other weights as a nest of tensors, called ``vectors``.

Shapes: a product is block-major, [blocks, ..., batch, N / blocks], so that each gate is one
contiguous piece; ``...`` is nothing, or one axis of length 2 for the two directions of an encoder.
Vectors have the axes that broadcast against it, such as [4, ..., 1, units]. A state's tensors are
[..., batch, size]. An input x is [..., batch, width + 1]: it ends in a column of ones, which
multiplies the bias (`with_ones`). ``keep_mask`` holds 0 or 1/keep probability, [..., batch, units];
None drops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from magenta_sketch._backend import tf

Tensors = list[tf.Tensor]


class Forward(NamedTuple):
    """What a time step gives.

    state: the new state, tensors [..., batch, size]; the first is the cell's output.
    residuals: a nest of tensors [..., batch, ·] that the gradient needs.
    rows: by name of a matrix, the rows that it multiplied, [..., batch, K].
    """

    state: Tensors
    residuals: Any
    rows: Mapping[str, tf.Tensor]


class Backward(NamedTuple):
    """What the gradient of a time step gives; "gradient of v" is that of the loss by v.

    state: gradients of the old state.
    vectors: gradients of the vectors, summed over the batch, in their structure.
    products: by name of a matrix, the gradient of its product, [..., batch, N].
    """

    state: Tensors
    vectors: Any
    products: Mapping[str, tf.Tensor]


@runtime_checkable
class RecurrentCell(Protocol):
    """All that a loop needs to know of a cell.

    The fast loop takes cells whose class defines `backward` itself (`has_own_gradient`).
    """

    units: int

    def matrices(self) -> dict[str, Matrix]:
        """The cell's large matrices, by name."""
        ...

    def vectors(self) -> Any:
        """All other weights, as a nest of tensors."""
        ...

    @staticmethod
    def forward(
        products: Mapping[str, Product],
        vectors: Any,
        x: tf.Tensor,
        state: Tensors,
        keep_mask: tf.Tensor | None,
    ) -> Forward:
        """One time step."""
        ...


class DifferentiableCell(RecurrentCell, Protocol):
    """A cell with a gradient of its own."""

    @staticmethod
    def backward(
        products: Mapping[str, BackProduct],
        vectors: Any,
        residuals: Any,
        keep_mask: tf.Tensor | None,
        d_state: Tensors,
    ) -> Backward:
        """From the gradients of the new state of `forward`, those of what went into it."""
        ...


def computes_by_forward(cell: Any) -> bool:
    """Whether the maths of ``cell`` is its `forward`; that of any other Keras cell is its `call`.

    Where a class has both, the one that was written last counts: a subclass of a cell of ours may
    override either.
    """
    if not isinstance(cell, RecurrentCell):
        return False
    kind = next(k for k in type(cell).__mro__ if "forward" in vars(k) or "call" in vars(k))
    return "forward" in vars(kind)


def has_own_gradient(cell: Any) -> bool:
    """Whether the class of ``cell`` itself defines `backward`, beside its `forward`.

    A subclass that does not may compute another time step than its parent, of which the parent's
    `backward` is not the gradient.
    """
    return computes_by_forward(cell) and "backward" in vars(type(cell))


class Matrix(NamedTuple):
    """A matrix of a cell, by what its rows multiply; what is None is not there.

    state: rows for parts of the state, [S, N].
    input: rows for the input, [width, N]; with them comes a row for the column of ones, ``bias``.
    bias: [N]; None for zeros.
    blocks: how many blocks the N columns are cut into.
    """

    state: tf.Tensor | None = None
    input: tf.Tensor | None = None
    bias: tf.Tensor | None = None
    blocks: int = 4

    @property
    def state_rows(self) -> int:
        """How many rows there are for the state, S."""
        return 0 if self.state is None else self.state.shape[0]

    def split(self, constant: tf.Tensor | None) -> tuple[Matrix, tf.Tensor | None]:
        """Take input columns ``constant`` [batch, width'] that never change out of the product.

        Returns:
          the matrix for the other columns, which come first, and what the constant ones add to
          each product, [batch, N]; None if that is nothing.
        """
        if constant is None or self.input is None:
            return self, None
        width = self.input.shape[0] - constant.shape[-1]
        return self._replace(input=self.input[:width]), tf.matmul(constant, self.input[width:])

    def all_rows(self) -> tf.Tensor:
        """The rows for the state, the input and the column of ones as one tensor [K, N]."""
        parts = [] if self.state is None else [self.state]
        if self.input is not None:
            bias = tf.zeros_like(self.input[0]) if self.bias is None else self.bias
            parts += [self.input, bias[None]]
        return tf.concat(parts, axis=0)


class Product(NamedTuple):
    """Multiplication by a matrix.

    matrix: [blocks, ..., K, N / blocks], in the number type of products.
    addend: what is added to each product, [blocks, ..., batch, N / blocks], or None.
    """

    matrix: tf.Tensor
    addend: tf.Tensor | None = None

    def __call__(self, *parts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Multiply ``parts`` [..., batch, ·] side by side.

        Returns:
          the product plus the addend, in the type of the parts, and the rows that were multiplied,
          [..., batch, K], in the type of the matrix.
        """
        rows = parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)
        dtype, rows = rows.dtype, tf.cast(rows, self.matrix.dtype)
        product = tf.cast(tf.matmul(rows, self.matrix), dtype)
        return (product if self.addend is None else product + self.addend), rows

    def of_rows(self, choose: Callable[[tf.Tensor], tf.Tensor]) -> Product:
        """The product for some rows of the batch: those that ``choose`` takes of the addend."""
        return self if self.addend is None else self._replace(addend=choose(self.addend))


class BackProduct(NamedTuple):
    """The gradient of a `Product`.

    matrix: its rows for the state, transposed: [..., N, S]; None where it has no such rows.
    dtype: the number type of products.
    blocks: how many blocks the product has.
    """

    matrix: tf.Tensor | None
    dtype: tf.DType
    blocks: int

    def __call__(self, d_product: Tensors | tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor]:
        """From the gradient of a product, its blocks, find that of the parts of the state.

        Returns:
          that, [..., batch, S], or None; and the gradient of the product with its blocks side by
          side, [..., batch, N], in the type of products.
        """
        blocks = d_product if isinstance(d_product, list) else tf.unstack(d_product, self.blocks)
        d_rows = tf.concat(blocks, axis=-1)
        dtype, d_rows = d_rows.dtype, tf.cast(d_rows, self.dtype)
        if self.matrix is None:
            return None, d_rows
        return tf.cast(tf.matmul(d_rows, self.matrix), dtype), d_rows


def block_major(values: tf.Tensor, blocks: int) -> tf.Tensor:
    """[..., N] as [blocks, ..., N / blocks]."""
    return tf.stack(tf.split(values, blocks, axis=-1))


def with_ones(x: tf.Tensor) -> tf.Tensor:
    """An input with the column of ones that multiplies the bias: [..., width + 1]."""
    return tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)
