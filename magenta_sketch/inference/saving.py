"""Writing a trained model, as a run's folder or as a .keras file, and reading the latter."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
import zipfile

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import ModelFileError, RunError, SketchError
from magenta_sketch.files import write_bytes
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.run_folder import RunFolder

KERAS_ENDING = ".keras"
_REGISTERED_NAME = "magenta_sketch>SketchRNN"


def is_keras_file(path: str | os.PathLike) -> bool:
    """Return whether the name says that this is a .keras file."""
    return os.fspath(path).lower().endswith(KERAS_ENDING)


def save(path: str | os.PathLike, model: SketchRNN, config: RunConfig, step: int) -> None:
    """Write a model; see `TrainedModel.save`."""
    if is_keras_file(path):
        write_keras(path, model, config)
    else:
        write_folder(path, model, config, step)


def write_folder(
    path: str | os.PathLike, model: SketchRNN, config: RunConfig, step: int
) -> RunFolder:
    """Write the files of a run that has its best checkpoint alone.

    Raises:
      RunError: there is something at ``path`` already, or a checkpoint cannot be written.
      OSError: another file cannot be written.
    """
    folder = RunFolder(path)
    if folder.root.exists() and (not folder.root.is_dir() or any(folder.root.iterdir())):
        raise RunError(f"{folder.root} is not an empty folder: name another place for the model")
    model.get_config()  # what cannot be saved fails before anything is written
    folder.create(config)
    state = Checkpoints(folder, model, None, config.seed)
    state.step.assign(step)
    state.save_best()
    return folder


def write_keras(path: str | os.PathLike, model: SketchRNN, config: RunConfig) -> None:
    """Write a .keras file, whole or not at all, with the configuration inside.

    It comes back by ``keras.saving.load_model(path)`` after ``import magenta_sketch`` too.

    Raises:
      ModelFileError: a cell of the model is not registered with Keras.
      OSError: the file cannot be written.
    """
    path = pathlib.Path(path)
    own = model.config
    model.config = config  # of a model whose normalizing factor was given later
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, f"model{KERAS_ENDING}")
            model.save(file)
            data = file.read_bytes()
    finally:
        model.config = own
    write_bytes(path, data)


def read_keras(path: str | os.PathLike) -> SketchRNN:
    """Return the model of a .keras file. Nothing that the file may hold is run.

    Raises:
      ModelFileError: there is no such file, it is damaged, or it holds another kind of model.
    """
    path = pathlib.Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read("config.json"))
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is not a usable .keras file: {error}") from error
    name = described.get("registered_name") if isinstance(described, dict) else None
    if name != _REGISTERED_NAME:
        raise ModelFileError(
            f"{path} holds another kind of model ({str(name)[:80]}), not a Sketch-RNN of ours"
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except SketchError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (tf.errors.ResourceExhaustedError, MemoryError):
        raise
    except Exception as error:  # Keras raises ValueError, TypeError, KeyError, OSError and more
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelFileError(f"{path} cannot be read: {line[:200]}") from error
