"""Adam's state: convert it between a Keras optimizer and Magenta's names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from magenta_sketch._backend import keras
from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.interop.foreign import AdamState
from magenta_sketch.nn.sketch_rnn import SketchRNN


def _moments(optimizer: keras.optimizers.Adam, kind: str) -> list[keras.Variable]:
    # Found by their public names, in the order of the model's variables.
    return [variable for variable in optimizer.variables if variable.name.endswith(f"_{kind}")]


def state_of(model: SketchRNN, optimizer: keras.optimizers.Adam) -> AdamState:
    """Return the state of an optimizer that is built for ``model``."""

    def original(kind: str) -> Mapping[str, np.ndarray]:
        pairs = zip(model.trainable_variables, _moments(optimizer, kind), strict=True)
        values = {id(variable): moment.numpy() for variable, moment in pairs}
        return magenta_tf1.to_original(model, values)

    return AdamState(original("momentum"), original("velocity"), int(optimizer.iterations))


def load_state(model: SketchRNN, optimizer: keras.optimizers.Adam, state: AdamState) -> None:
    """Set the state of an optimizer that is built for ``model``.

    Raises:
      ModelFileError: the moments do not fit the model. Nothing is set then.
    """
    new = []
    for kind, moments in (("momentum", state.first), ("velocity", state.second)):
        try:
            values = magenta_tf1.from_original(model, moments)
        except ValueError as error:
            raise ModelFileError(f"the optimizer's state does not fit: {error}") from error
        pairs = zip(model.trainable_variables, _moments(optimizer, kind), strict=True)
        new += [(moment, values[id(variable)]) for variable, moment in pairs]
    for moment, value in new:
        moment.assign(value)
    optimizer.iterations.assign(state.step)
