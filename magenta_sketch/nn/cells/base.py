"""The base class of the built-in cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.errors import ArgumentError
from magenta_sketch.nn.cell_protocol import Tensors
from magenta_sketch.nn.randomness import keep_mask
from magenta_sketch.nn.time_step import prepare_forward, step_forward


@keras.saving.register_keras_serializable(package="magenta_sketch")
class BlockOrthogonal(keras.initializers.Initializer):
    """Initialize a kernel [n, k·n] with k orthogonal blocks [n, n] side by side."""

    def __init__(self, seed: int = 0):
        self.seed = seed

    def __call__(self, shape: tuple[int, int], dtype: Any = None) -> tf.Tensor:
        rows, columns = shape
        if columns % rows:
            raise ArgumentError(f"BlockOrthogonal needs a shape [n, k·n], got {tuple(shape)}")
        blocks = [
            keras.initializers.Orthogonal(seed=self.seed + block)((rows, rows), dtype=dtype)
            for block in range(columns // rows)
        ]
        return tf.concat(blocks, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class SketchCell(keras.layers.Layer):
    """Base class of the built-in cells: a Keras RNN cell with its maths in `forward`.

    A subclass creates its variables in `build`, and defines `matrices`, `vectors` and `forward`
    (`magenta_sketch.nn.cell_protocol.RecurrentCell`). If it also defines `backward`, it runs in the
    fast loop of `magenta_sketch.nn.recurrence`.

    State: (h, c), each [batch, units].

    Weights:

    - kernel [input, 4·units]: Glorot uniform
    - recurrent_kernel [units, 4·units]: four orthogonal blocks

    Args:
      units: size of h and of c, >= 1.
      keep_prob: keep probability of recurrent dropout, in (0, 1].
      seed: seed of the initial weights, and of dropout if Keras runs the cell.

    Raises:
      ValueError: units or keep_prob is out of range.

    >>> SketchCell(8).state_size
    [8, 8]
    """

    def __init__(self, units: int, keep_prob: float = 1.0, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        if units < 1:
            raise ArgumentError(f"units must be >= 1, got {units}")
        if not 0.0 < keep_prob <= 1.0:
            raise ArgumentError(f"keep_prob must be in (0, 1], got {keep_prob}")
        self.units = units
        self.keep_prob = keep_prob
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Any]) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * self.units),
            initializer=keras.initializers.GlorotUniform(seed=self.seed + 100),
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units),
            initializer=BlockOrthogonal(seed=self.seed),
            name="recurrent_kernel",
        )

    @property
    def state_size(self) -> list[int]:
        """Sizes of the state's tensors, in their order."""
        return [self.units, self.units]

    @property
    def output_size(self) -> int:
        """Size of the output."""
        return self.units

    def get_initial_state(self, batch_size: Any = None) -> Tensors:
        """Return a state of zeros: a list of [batch, size] tensors."""
        return [tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size]

    def keep_mask(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor | None:
        """Draw recurrent-dropout masks [*shape, units] of 0 and 1/keep_prob, or return None.

        None means that keep_prob is 1. ``seed`` is a stateless seed, an integer tensor [2]; equal
        seeds give equal masks.
        """
        return keep_mask([*shape, self.units], self.keep_prob, seed, self.compute_dtype)

    def call(
        self, inputs: tf.Tensor, states: Sequence[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, Tensors]:
        """Compute one time step for Keras: return the output [batch, units] and the new state."""
        mask = None
        if training and self.keep_prob < 1.0:
            shape = (tf.shape(inputs)[0], self.units)
            mask = keras.random.dropout(
                tf.ones(shape, self.compute_dtype), 1.0 - self.keep_prob, seed=self.seed_generator
            )
        return step_forward(self, prepare_forward(self), inputs, states, mask)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "keep_prob": self.keep_prob, "seed": self.seed}
        return {**super().get_config(), **own}
