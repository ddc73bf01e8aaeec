"""Magenta's checkpoint directories: read them, and write them so that Magenta can read them.

A directory holds `checkpoint` (a text file that names the newest checkpoint), `vector-N.index` and
`vector-N.data-00000-of-00001` (the variables after N updates, with Adam's), and
`model_config.json`. Current versions of Magenta write only a list of names into the last one, and
cannot read it. Then the sizes follow from the variables.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError, ModelFileError
from magenta_sketch.files import read_text, replacing_folder
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.interop.foreign import AdamState, ForeignModel, hparams_of
from magenta_sketch.nn.sketch_rnn import SketchRNN

CONFIG = "model_config.json"
# Our own hyperparameters, which Magenta refuses.
NOT_MAGENTAS = ("scale", "reg_covar", "kl_mu_weight", "decoder_z_scale")

_STEP = re.compile(r"-(\d+)$", re.ASCII)
_NEWEST = re.compile(r'^\s*model_checkpoint_path:\s*"(.+)"\s*$', re.MULTILINE)
_GLOBAL_STEP = magenta_tf1.PREFIX + "global_step"
_SLOTS = ("/Adam", "/Adam_1")
_BETAS = {"beta1_power": 0.9, "beta2_power": 0.999}


def find(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """Return the prefix (`.../vector-N`) of the checkpoint in a directory or at a prefix, or None.

    In a directory it is the one that the file `checkpoint` names, or else the one with the most
    steps.

    Example:
      >>> find("lines.npz") is None
      True
    """
    path = pathlib.Path(path)
    if _index(path).is_file():
        return path
    if path.suffix == ".index" and path.is_file():
        return path.with_suffix("")
    if not path.is_dir():
        return None
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named = _NEWEST.search(read_text(path / "checkpoint"))
        # Only the last part of the name, because the directory may have been moved.
        prefix = path / re.split(r"[/\\]", named[1])[-1] if named else None
        if prefix is not None and _index(prefix).is_file():
            return prefix
    prefixes = [file.with_suffix("") for file in path.glob("*.index")]
    numbered = [(int(match[1]), p) for p in prefixes if (match := _STEP.search(p.name))]
    return max(numbered)[1] if numbered else None


def read(path: str | os.PathLike[str]) -> ForeignModel:
    """Return the model in a Magenta checkpoint directory, or at a prefix in one.

    Raises:
      ModelFileError: there is no checkpoint, it is damaged or not a Sketch-RNN, or
        `model_config.json` is damaged or of another model.

    Example:
      >>> model = magenta_sketch.load("bird.gen.json").model
      >>> _ = write("magenta", model, model.hparams, step=3)
      >>> read("magenta").step
      3
    """
    prefix = find(path)
    if prefix is None:
        raise ModelFileError(
            f"{path} holds no Magenta checkpoint (vector-N.index, vector-N.data-...)"
        )
    variables = _variables(prefix)
    weights = {
        name: value
        for name, value in variables.items()
        if name.startswith(magenta_tf1.PREFIX)
        and value.ndim
        and value.dtype.kind == "f"
        and not name.endswith(_SLOTS)
    }
    given, notes = _config(prefix.parent / CONFIG)
    origin = str(prefix)
    try:
        hparams = hparams_of(origin, weights, given)
    except HParamsError as error:
        raise ModelFileError(f"{prefix.parent / CONFIG}: {error}") from error
    count = variables.get(_GLOBAL_STEP, np.int32(0))
    step = max(0, int(count)) if count.ndim == 0 and count.dtype.kind in "iu" else 0
    adam = _adam(variables, weights, step)
    return ForeignModel(
        origin,
        weights,
        hparams,
        data_known="data_set" in given,
        step=step,
        adam=adam,
        notes=notes,
    )


def _index(prefix: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(f"{prefix}.index")  # with_name refuses "."


def _slot_name(name: str, slot: str) -> str:
    # Magenta makes slots within its variable scope, so the prefix occurs twice.
    return f"{magenta_tf1.PREFIX}{name}{slot}"


def _variables(prefix: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = reader.get_variable_to_shape_map()
        return {name: np.asarray(reader.get_tensor(name)) for name in sorted(names)}
    except Exception as error:  # TensorFlow raises RuntimeError, ValueError, OpError and more
        line = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{prefix}: the checkpoint cannot be read ({line[:160]}); restore its .index and .data "
            "files from a copy"
        ) from error


def _config(path: pathlib.Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the hyperparameters in a model_config.json, and notes."""
    unknown = "sizes and cells follow from the variables, all else is at its default"
    try:
        values = json.loads(read_text(path))
    except FileNotFoundError:
        return {}, (f"note: no {CONFIG} beside the checkpoint: {unknown}",)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is damaged ({error}): restore it from a copy, or remove it to have the sizes "
            "follow from the variables"
        ) from error
    if isinstance(values, list):
        return {}, (f"note: {path} lists names without values: {unknown}",)
    if not isinstance(values, dict):
        raise ModelFileError(
            f"{path} is not a JSON object: restore it from a copy, or remove it to do without"
        )
    known = HParams().to_dict()
    passed_over = sorted(set(values) - set(known))
    notes = (f"note: {path}: passed over {', '.join(passed_over)[:200]}",) if passed_over else ()
    return {name: _lenient(known[name], values[name]) for name in values if name in known}, notes


def _lenient(default: Any, value: Any) -> Any:
    """Return a value in our type: older versions write switches as numbers, one file as text."""
    if isinstance(default, bool) and isinstance(value, int):
        return bool(value)
    if isinstance(default, list) and isinstance(value, str):
        return [value]
    return value


def _adam(
    variables: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray], step: int
) -> AdamState | None:
    moments: list[dict[str, np.ndarray]] = []
    for slot in _SLOTS:
        names = {name: _slot_name(name, slot) for name in weights}
        for name, there in names.items():
            moment = variables.get(there)
            if moment is None or moment.shape != weights[name].shape:
                return None
            if moment.dtype.kind != "f" or not np.isfinite(moment).all():
                return None
        moments.append({name: variables[there] for name, there in names.items()})
    # The powers show whether Adam has just started again. They cannot count its updates, because
    # they soon underflow.
    power = variables.get(magenta_tf1.PREFIX + "beta1_power", np.float32(0.0))
    began_anew = power.dtype.kind == "f" and np.isclose(power, _BETAS["beta1_power"]).all()
    first, second = moments
    return AdamState(first, second, 0 if began_anew else step)


# Writing


def write(
    path: str | os.PathLike[str],
    model: SketchRNN,
    hparams: HParams,
    *,
    step: int,
    adam: AdamState | None = None,
) -> pathlib.Path:
    """Write a directory that Magenta's sketch_rnn can load, to draw or to go on training; atomic.

    Args:
      path: the directory, new or empty.
      model: the network, with any of the three built-in cells.
      hparams: for `model_config.json`, without those in `NOT_MAGENTAS`.
      step: number of updates so far.
      adam: the optimizer's state. None: zeros, so that Adam starts again.

    Returns:
      The checkpoint's prefix.

    Raises:
      ModelFileError: the model has tanh_z, decoder_z_scale or another cell, or `path` is not a new
        or empty directory.
      OSError: it cannot be written.

    Example:
      >>> model = magenta_sketch.load("bird.gen.json").model
      >>> write("checkpoint", model, model.hparams, step=0).name
      'vector-0'
    """
    path = pathlib.Path(path).resolve()
    _refuse(path, model)
    tensors = _tensors(model, hparams, step, adam)
    config = {k: v for k, v in hparams.to_dict().items() if k not in NOT_MAGENTAS}
    name = f"vector-{step}"
    try:
        with replacing_folder(path) as new:
            _save(new / name, tensors)
            newest = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
            (new / "checkpoint").write_text(newest, encoding="utf-8")
            (new / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        # Name the path that the user knows.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return path / name


def _refuse(path: pathlib.Path, model: SketchRNN) -> None:
    if model.config.tanh_z:
        raise ModelFileError(
            "this model's decoder takes tanh(z) (Sketch-RNN-JS before version 6), which Magenta's "
            "does not: write it as a Sketch-RNN-JS file"
        )
    magenta_tf1.require_plain_z(model)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ModelFileError(f"{path} is there already and not an empty folder: name another one")
    if pathlib.Path.cwd().is_relative_to(path):
        raise ModelFileError(f"{path} is the folder you are in: name another one")


def _tensors(
    model: SketchRNN, hparams: HParams, step: int, adam: AdamState | None
) -> dict[str, Any]:
    """Return everything that a checkpoint holds, by Magenta's names."""
    weights = magenta_tf1.to_original(model)
    tensors: dict[str, Any] = dict(weights)
    for slot, moments in zip(_SLOTS, (adam.first, adam.second) if adam else ({}, {}), strict=True):
        for name, value in weights.items():
            tensors[_slot_name(name, slot)] = moments.get(name, np.zeros_like(value))
    # Magenta feeds both rates at each step; the variables keep their initial values.
    updates = adam.step if adam else 0
    scalars = {
        "Variable": np.float32(hparams.learning_rate),
        "Variable_1": np.float32(hparams.kl_weight_start),
        "global_step": np.int32(min(step, 2**31 - 1)),
        **{name: np.float32(beta ** (updates + 1)) for name, beta in _BETAS.items()},
    }
    return tensors | {magenta_tf1.PREFIX + name: value for name, value in scalars.items()}


def _save(prefix: pathlib.Path, tensors: Mapping[str, Any]) -> None:
    names = sorted(tensors)
    try:
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(tensors[name]) for name in names],
        )
    except tf.errors.OpError as error:
        raise OSError(None, f"the checkpoint cannot be written: {error.message}") from error
