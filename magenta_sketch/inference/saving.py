"""Writing a trained model, as a run's folder or as a .keras file, and reading the latter."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import ArgumentError, ModelFileError, RunError, SketchError
from magenta_sketch.files import replacing_folder, write_bytes
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.failures import reason
from magenta_sketch.training.run_folder import RunFolder

KERAS_ENDING = ".keras"
_REGISTERED_NAME = "magenta_sketch>SketchRNN"
_OTHER_FILES = (".h5", ".hdf5", ".json", ".npz", ".pb", ".onnx", ".tflite", ".pt", ".zip")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error)


def is_keras_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the name says that this is a .keras file."""
    return os.fspath(path).lower().endswith(KERAS_ENDING)


def save(path: str | os.PathLike[str], model: SketchRNN, config: RunConfig, step: int) -> None:
    """Write a model; see `TrainedModel.save`."""
    if pathlib.Path(path).suffix.lower() in _OTHER_FILES:
        raise ArgumentError(
            f"{path}: a model is saved as a file whose name ends in .keras, or as a folder; "
            "sketch_rnn_convert model writes other files"
        )
    if is_keras_file(path):
        write_keras(path, model, config)
    else:
        write_folder(path, model, config, step)


def write_folder(
    path: str | os.PathLike[str], model: SketchRNN, config: RunConfig, step: int
) -> pathlib.Path:
    """Write the files of a run that has its best checkpoint alone, all of them or nothing.

    Returns:
      the folder.

    Raises:
      ModelFileError: a cell of the model is not registered with Keras.
      RunError: there is something at ``path`` already, or a file cannot be written.
    """
    path = pathlib.Path(path).resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} is not an empty folder: name another place for the model")
    if pathlib.Path.cwd().is_relative_to(path):
        raise RunError(f"{path} is the folder you are in: name another place for the model")
    model.get_config()  # what cannot be saved fails before anything is written
    try:
        with replacing_folder(path) as new:
            folder = RunFolder(new)
            folder.create(config)
            state = Checkpoints(folder, model, None, config.seed)
            state.step.assign(step)
            state.save_best()
    except (OSError, RunError) as error:
        cause = error.__cause__ if isinstance(error, RunError) else error  # without its advice
        raise RunError(f"{path} cannot be written: {reason(cause or error)}") from error
    return path


def write_keras(path: str | os.PathLike[str], model: SketchRNN, config: RunConfig) -> None:
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


def read_keras(path: str | os.PathLike[str]) -> SketchRNN:
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
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, *_ZIP_ERRORS) as error:
        # RuntimeError: encrypted, packed in an unknown way, or nested too deep.
        raise ModelFileError(
            f"{path} is not a usable .keras file ({_first_line(error)[:200]}): save it again, or "
            "restore it from a copy"
        ) from error
    described = described if isinstance(described, dict) else {}
    name = described.get("registered_name") or described.get("class_name")
    if name != _REGISTERED_NAME:
        raise ModelFileError(
            f"{path} holds another kind of model ({str(name)[:80]}), not a Sketch-RNN of ours"
        )
    with naming(path):
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (SketchError, tf.errors.ResourceExhaustedError, MemoryError):
            raise
        except Exception as error:  # Keras raises ValueError, TypeError, KeyError, OSError and more
            line = _first_line(error)[:200]
            raise ModelFileError(f"it cannot be read: {line}") from error


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have an error in what the file ``path`` describes name the file, in one line.

    Raises:
      ModelFileError: in place of an error of the body that a user can mend.
    """
    try:
        yield
    except SketchError as error:
        # Of a text of Keras's the first line says what is wrong; what follows is the configuration.
        raise ModelFileError(f"{path}: {_first_line(error)[:400]}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
