"""What encoder and decoder share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.cells import CELLS


def _small_dense(width: int, seed: int, dtype: Any, name: str) -> keras.layers.Dense:
    normal = keras.initializers.RandomNormal(stddev=0.001, seed=seed)
    return keras.layers.Dense(width, kernel_initializer=normal, dtype=dtype, name=name)


# What makes a cell: one of ours by name, or a function of the number of units that gives a Keras
# RNN cell, whose first state is its output.
CellMaker = str | Callable[[int], keras.layers.Layer]


def _make_cell(cell: CellMaker, units, keep_prob, seed, dtype, name) -> keras.layers.Layer:
    if isinstance(cell, str):
        return CELLS[cell](units, keep_prob, seed, dtype=dtype, name=name)
    return cell(units)


def _masks(cell: Any, shape: Any, seed: tf.Tensor) -> tf.Tensor | None:
    # A cell that is not ours drops by its own means, or not at all.
    return cell.keep_mask(shape, seed) if hasattr(cell, "keep_mask") else None


def _state_sizes(cell: Any) -> list[int]:
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]


def _zero_state(cell: Any, batch: Any) -> list[tf.Tensor]:
    state = cell.get_initial_state(batch)
    return list(state) if isinstance(state, (list, tuple)) else [state]


def _time_first(x: tf.Tensor) -> tf.Tensor:
    """[batch, time, n] -> [time, batch, n], and back."""
    return tf.transpose(x, [1, 0, 2])
