"""A model of another program, read from its files but not yet converted to ours."""

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
    """Adam's moments by Magenta's names, and the number of updates in them (0: all are zero)."""

    first: Mapping[str, np.ndarray]
    second: Mapping[str, np.ndarray]
    step: int


@dataclasses.dataclass(frozen=True, eq=False)
class ForeignModel:
    """A model as another program's files give it.

    Attributes:
      origin: its name in messages.
      arrays: the variables, by their names in Magenta's checkpoints.
      hparams: sizes and cells from the arrays; other values from the files, or else defaults.
      normalizing_factor: pixel units in one model unit; None if the files do not give it.
      tanh_z: see `RunConfig`.
      data_known: whether the files name the data set. If not, the one in hparams is a default.
      step: number of updates of the weights; 0 if the files do not give it.
      adam: the optimizer's state, if the files have it.
      notes: lines to show to the user.

    Example:
      >>> from magenta_sketch import interop
      >>> interop.read("bird.gen.json").build().hparams.num_mixture
      1
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
        """Return the network with these weights.

        Raises:
          ModelFileError: a variable is missing, or its shape does not fit the others.
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
    """Return a model's hyperparameters: sizes from its variables' shapes, others as ``given``.

    Args:
      origin: the model's name in messages.
      arrays: the variables, by Magenta's names.
      given: hyperparameters by name.

    Raises:
      ModelFileError: the arrays are not a Sketch-RNN, hold a number that is not finite, or do not
        have the sizes in ``given``.
      HParamsError: a given value is invalid.
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
