"""A model of another program, as read from its files and before it becomes one of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.nn.sketch_rnn import SketchRNN


@dataclasses.dataclass(frozen=True, eq=False)
class AdamState:
    """Adam's moments by the original's names, and the updates that they hold: 0 when all zero."""

    first: Mapping[str, np.ndarray]
    second: Mapping[str, np.ndarray]
    step: int


@dataclasses.dataclass(frozen=True, eq=False)
class ForeignModel:
    """What another program's files say.

    Attributes:
      origin: what messages call it.
      arrays: the variables, by their names in Magenta's checkpoints.
      hparams: sizes and cells as in the arrays; the others as far as the files say, else defaults.
      normalizing_factor: pixel units in a model unit; None where the files do not say.
      tanh_z: see `RunConfig`.
      data_known: whether the files name the data set, so that the one in hparams is no default.
      step: updates the weights have seen, 0 where the files do not say.
      adam: the optimizer's state, where the files have it.
      notes: lines a user should see.
    """

    origin: str
    arrays: Mapping[str, np.ndarray]
    hparams: HParams
    normalizing_factor: float | None = None
    tanh_z: bool = False
    data_known: bool = False
    step: int = 0
    adam: AdamState | None = None
    notes: tuple[str, ...] = ()

    def build(self) -> SketchRNN:
        """The network with these weights.

        Raises:
          ModelFileError: a variable is missing, or its shape does not go with the others.
        """
        config = RunConfig(
            hparams=self.hparams,
            data_dir="",
            tanh_z=self.tanh_z,
            normalizing_factor=self.normalizing_factor,
        )
        model = SketchRNN(config)
        try:
            magenta_tf1.load_variables(model, self.arrays)
        except ValueError as error:
            raise ModelFileError(f"{self.origin}: {error}") from error
        return model


def hparams_of(origin: str, arrays: Mapping[str, np.ndarray], given: Mapping[str, Any]) -> HParams:
    """Hyperparameters for variables by Magenta's names: sizes from their shapes, others ``given``.

    Raises:
      ModelFileError: the arrays are no Sketch-RNN, hold a number that is not finite, or ``given``
        says something else about the sizes.
      HParamsError: a value that is given cannot be used.
    """
    try:
        sizes = magenta_tf1.architecture({name: array.shape for name, array in arrays.items()})
    except ValueError as error:
        raise ModelFileError(f"{origin}: {error}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                f"{origin}: the variable {name} holds a number that is not finite; restore the "
                "file from a copy"
            )
    for name, size in sizes.items():
        if name in given and given[name] != size:
            raise ModelFileError(
                f"{origin}: {name} is {given[name]!r} in model_config.json, but {size!r} by the "
                "shapes of the variables: the two are not of one model, name files that are"
            )
    return HParams(**{**given, **sizes})
