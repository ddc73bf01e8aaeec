"""Flags that name a trained model and its data, and functions that check and load these."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli.values import require
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:  # it imports TensorFlow
    from magenta_sketch.data import DataSet
    from magenta_sketch.inference.trained_model import TrainedModel


def define_model(values: flags.FlagValues) -> None:
    """Define --model_dir and --checkpoint, the arguments of `magenta_sketch.load`."""
    flags.DEFINE_string(
        "model_dir",
        None,
        "The --log_root of a run, a .keras file, a Magenta checkpoint directory, or a "
        "Sketch-RNN-JS file.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "best",
        ["best", "newest"],
        "Which checkpoint of a run: the one with the lowest validation cost, or the newest.",
        flag_values=values,
    )


def define_data(values: flags.FlagValues, purpose: str, default: str) -> None:
    """Define --data_dir and --data_set, for `with_data`."""
    flags.DEFINE_string(
        "data_dir",
        None,
        f"Folder or URL of the data {purpose}. Default: {default}.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "data_set",
        None,
        "The .npz files in --data_dir, separated by commas. Default: those that the model was "
        "trained on.",
        flag_values=values,
    )


def require_model(values: flags.FlagValues) -> None:
    """Raise UsageError unless --model_dir is given and names an existing file or folder."""
    require(values, "model_dir")
    place = str(values["model_dir"].value)
    if not os.path.exists(place) and not os.path.exists(f"{place}.index"):  # one checkpoint
        raise UsageError(f"--model_dir={place}: there is no such file or folder.")


def require_apart(values: flags.FlagValues, *outs: str | os.PathLike[str]) -> None:
    """Raise UsageError if writing one of ``outs`` would replace a part of --model_dir."""
    model = pathlib.Path(str(values["model_dir"].value)).resolve()
    if not model.exists():  # one checkpoint of a directory
        model = model.parent
    for out in outs:
        place = pathlib.Path(out).resolve()
        if model.is_relative_to(place):
            raise UsageError(f"--out={out} is the model itself, or holds it: name another place.")
        if place.exists() and place.is_relative_to(model):
            raise UsageError(f"{out} is in the model's own folder: name another place.")


def with_data(
    trained: TrainedModel, model_dir: str, data_dir: str | None, data_set: list[str] | None
) -> tuple[TrainedModel, DataSet]:
    """Load the data of a model. If it has no normalizing factor, give it that of the data.

    Args:
      trained: the model of ``model_dir``.
      data_dir, data_set: folder or URL, and file names in it. None: those the model was trained on.

    Raises:
      UsageError: neither the model nor the arguments say what the data are.
      DataError: the data cannot be read.
    """
    from magenta_sketch.data import load_data_set

    config = trained.config
    if not data_dir and not config.data_dir:
        raise UsageError(f"{model_dir} does not say where its data are: give --data_dir.")
    if not data_set and not trained.data_known:
        raise UsageError(f"{model_dir} does not say what its data are: give --data_set.")
    data = load_data_set(
        list(data_set or config.hparams.data_set),
        data_dir or config.data_dir,
        max_seq_len=config.max_seq_len,
        normalizing_factor=config.normalizing_factor,
    )
    if not trained.units_known:
        trained = trained.with_normalizing_factor(data.normalizing_factor)
    return trained, data
