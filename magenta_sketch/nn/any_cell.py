"""Create and use cells: built-in cells by name, or any Keras RNN cell."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import ModelFileError
from magenta_sketch.nn.cells import CELLS

# How to make a cell: the name of a built-in cell, a Keras RNN cell class, a function that takes the
# number of units, or the JSON of `serialize_cell`. A cell's first state must be its output.
CellMaker = str | Callable[[int], keras.layers.Layer]


def make_cell(
    cell: CellMaker, units: int, keep_prob: float, seed: int, dtype: Any, name: str
) -> keras.layers.Layer:
    """Return a new cell. ``keep_prob``, ``dtype`` and ``name`` apply to built-in cells only."""
    if isinstance(cell, str) and cell in CELLS:
        return CELLS[cell](units, keep_prob, seed, dtype=dtype, name=name)
    with _seeded_initializers(seed):
        return cell(units) if callable(cell) else deserialize_cell(cell)


def build_cell(cell: keras.layers.Layer, width: int, seed: int) -> None:
    """Build a cell for inputs of ``width`` columns; equal seeds give equal initial weights."""
    with _seeded_initializers(seed):
        cell.build((None, width))


@contextlib.contextmanager
def _seeded_initializers(seed: int) -> Iterator[None]:
    # Initializers without a seed, as in most custom cells, take one from Python's own generator
    # (see keras.utils.set_random_seed).
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def serialize_cell(cell: keras.layers.Layer) -> str:
    """Return a cell as JSON. `deserialize_cell` makes an equal cell from it, with new weights.

    Raises:
      ModelFileError: the class is not registered with Keras, so it could not be found again.
    """
    kind = type(cell)
    if keras.saving.get_registered_name(kind) == kind.__name__ and not _is_keras_own(kind):
        raise ModelFileError(
            f"the cell {kind.__name__} is not registered: put @keras.saving."
            "register_keras_serializable() above its class, so that a saved model finds it again"
        )
    return json.dumps(keras.saving.serialize_keras_object(cell), sort_keys=True)


def describe_cells(config: RunConfig, **makers: CellMaker | None) -> RunConfig:
    """Return the configuration with custom cells stored in it as JSON, so that it can be saved.

    ``makers``: encoder_cell and decoder_cell. None keeps the cell of the configuration.

    Raises:
      ModelFileError: the class of a cell is not registered with Keras.
    """
    units = {
        "encoder_cell": config.hparams.enc_rnn_size,
        "decoder_cell": config.hparams.dec_rnn_size,
    }
    described = {
        name: maker if isinstance(maker, str) else serialize_cell(maker(units[name]))
        for name, maker in makers.items()
        if maker is not None
    }
    return config.replace(**described)


def deserialize_cell(text: str) -> keras.layers.Layer:
    """Return a new cell from the JSON of `serialize_cell`.

    Only Keras layers and registered classes are created, and no code in the text is run (Keras's
    safe mode).

    Raises:
      ModelFileError: the class is not registered, or the text does not describe a cell.
    """
    try:
        config = json.loads(text)
        module, name = config["module"], config["class_name"]
        registered = config.get("registered_name") or name
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"the model's cell is not described as Keras does: {error!r}"
        ) from None
    known = keras.saving.get_registered_object(registered)
    if known is None and module == "keras.layers":
        known = getattr(keras.layers, str(name), None)
    if not (isinstance(known, type) and issubclass(known, keras.layers.Layer)):
        raise ModelFileError(
            f"the model's cell {registered} is not registered with Keras: import the module that "
            "defines it, with @keras.saving.register_keras_serializable() above the class, first"
        )
    try:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # a constructor may raise anything
        raise ModelFileError(f"the model's cell {registered} cannot be made: {error}") from error


def _is_keras_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"


def keep_masks(cell: Any, shape: Sequence[Any], seed: tf.Tensor) -> tf.Tensor | None:
    """Draw recurrent-dropout masks [*shape, units] for a built-in cell.

    Return None for any other cell, which must do its own dropout.
    """
    return cell.keep_mask(shape, seed) if hasattr(cell, "keep_mask") else None


def state_sizes(cell: Any) -> list[int]:
    """Return the sizes of the state's tensors."""
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]


def zero_state(cell: Any, batch: Any) -> list[tf.Tensor]:
    """Return the cell's initial state: a list of [batch, size] tensors."""
    state = cell.get_initial_state(batch)
    return list(state) if isinstance(state, (list, tuple)) else [state]


def small_dense(width: int, seed: int, dtype: Any, name: str) -> keras.layers.Dense:
    """Return a dense layer with normal initial weights, standard deviation 0.001."""
    normal = keras.initializers.RandomNormal(stddev=0.001, seed=seed)
    return keras.layers.Dense(width, kernel_initializer=normal, dtype=dtype, name=name)
