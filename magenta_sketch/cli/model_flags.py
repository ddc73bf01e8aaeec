"""The flags that name a trained model and its data, and what is behind them."""

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
    """Define --model_dir and --checkpoint, which say what `magenta_sketch.load` loads."""
    flags.DEFINE_string(
        "model_dir",
        None,
        "The --log_root of a trained run, a .keras file, a Magenta checkpoint directory, or a "
        "Sketch-RNN-JS file.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "best",
        ["best", "newest"],
        "Of a run: lowest validation cost, or latest.",
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
        "The .npz files there, with commas between. Default: those the model was trained on.",
        flag_values=values,
    )


def require_model(values: flags.FlagValues) -> None:
    """Raises UsageError unless --model_dir is given and something is there, before it is loaded."""
    require(values, "model_dir")
    place = str(values["model_dir"].value)
    if not os.path.exists(place) and not os.path.exists(f"{place}.index"):  # one checkpoint
        raise UsageError(f"--model_dir={place}: there is no such file or folder.")


def require_apart(values: flags.FlagValues, *outs: str | os.PathLike[str]) -> None:
    """Raises UsageError when writing one of ``outs`` would replace a part of --model_dir."""
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
    """The data a model was trained on, or those named, and the model with their normalizing factor
    where its own is not known.

    Args:
      trained: from `magenta_sketch.load`, of ``model_dir``.
      data_dir, data_set: folder or URL, and names in it; None takes what the model says.

    Raises:
      UsageError: the model does not say, and nothing is named.
      DataError: the data can't be read.
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
