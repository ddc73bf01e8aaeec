"""Flags that name a trained model and its data, and functions that check and load these."""

from __future__ import annotations

import contextlib
import os
import pathlib
import zipfile
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli.values import PlaceParser, define_place, require
from magenta_sketch.errors import UsageError
from magenta_sketch.files import did_you_mean
from magenta_sketch.training.run_folder import RunFolder

if TYPE_CHECKING:  # it imports TensorFlow
    from magenta_sketch.data import DataSet
    from magenta_sketch.inference.trained_model import TrainedModel


def define_model(values: flags.FlagValues, *, several: bool = False) -> None:
    """Define --model_dir and --checkpoint, the arguments of `magenta_sketch.load`.

    several: whether --model_dir may be given several times. Its value is a list then.
    """
    text = (
        "The --log_root of a run, a .keras file, a Magenta checkpoint directory, or a "
        "Sketch-RNN-JS file."
    )
    if several:
        text += " Repeat the flag for several models."
        flags.DEFINE_multi(
            PlaceParser("file or folder"),
            flags.ArgumentSerializer(),
            "model_dir",
            None,
            text,
            flag_values=values,
        )
    else:
        define_place(values, "model_dir", None, text, kind="file or folder")
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
        "The .npz files in --data_dir, separated by commas; a pattern such as *.npz and @list.txt "
        "stand for several. Default: those that the model was trained on.",
        flag_values=values,
    )


def model_dirs(values: flags.FlagValues) -> list[str]:
    """Return what --model_dir names: one place, or several."""
    found = values["model_dir"].value
    return [found] if isinstance(found, str) else list(found or ())


def require_model(values: flags.FlagValues) -> None:
    """Raise an error unless --model_dir is given and looks like a model, before it is loaded."""
    require(values, "model_dir")
    for place in model_dirs(values):
        require_model_at("model_dir", place)
    named: list[str] = (values["data_set"].value or []) if "data_set" in values else []
    if any(name.strip(" []") != name for name in named):
        raise UsageError(
            f"--data_set={','.join(named)}: leave out brackets and spaces, --data_set=A.npz,B.npz"
        )


def require_model_at(flag: str, place: str) -> None:
    """Raises an error unless what ``flag`` names looks like a model, without TensorFlow.

    Raises:
      UsageError: nothing is there, or a file that is no model.
      RunError: a folder that is no model, or whose files that say what the run is are damaged.
    """
    path = pathlib.Path(place)
    if pathlib.Path(f"{place}.index").exists():  # one checkpoint of a directory
        return
    if not path.exists():
        meant = did_you_mean(path, (".keras", ".json"), folders=True)
        raise UsageError(f"--{flag}={place}: there is no such file or folder{meant}")
    if path.is_dir():
        folder = RunFolder(path)
        if folder.run.exists() or not any(path.glob("*.index")):
            folder.read()
        return
    if path.suffix == ".index":
        return
    if path.suffix == ".keras":
        if not zipfile.is_zipfile(path):
            raise UsageError(
                f"--{flag}={place}: not a .keras file, or cut short; save it again, or restore it "
                "from a copy"
            )
        return
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if file.read(100).lstrip()[:1] not in (b"[", b"{"):
            raise UsageError(
                f"--{flag}={place}: this file is no model; name a run's --log_root, a .keras file, "
                "a Magenta checkpoint directory or a Sketch-RNN-JS file"
            )


def require_apart(values: flags.FlagValues, *outs: str | os.PathLike[str]) -> None:
    """Raise UsageError if writing one of ``outs`` would replace a part of --model_dir."""
    for model in (pathlib.Path(place).resolve() for place in model_dirs(values)):
        if not model.exists():  # one checkpoint of a directory
            model = model.parent
        for out in outs:
            place = pathlib.Path(out).resolve()
            if model.is_relative_to(place):
                raise UsageError(
                    f"--out={out} is the model itself, or holds it: name another place"
                )
            if place.exists() and place.is_relative_to(model):
                raise UsageError(f"{out} is in the model's own folder: name another place")


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
        raise UsageError(f"{model_dir} does not say where its data are: give --data_dir")
    if not data_set and not trained.data_known:
        raise UsageError(f"{model_dir} does not say what its data are: give --data_set")
    data = load_data_set(
        list(data_set or config.hparams.data_set),
        data_dir or config.data_dir,
        max_seq_len=config.max_seq_len,
        normalizing_factor=config.normalizing_factor,
    )
    if not trained.units_known:
        trained = trained.with_normalizing_factor(data.normalizing_factor)
    return trained, data
