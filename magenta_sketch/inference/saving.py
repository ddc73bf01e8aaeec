"""Writing a trained model as a run's folder or as a .keras file, and reading .keras files."""

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
    """Return whether the name ends in .keras.

    >>> is_keras_file("bird.keras"), is_keras_file("models/bird")
    (True, False)
    """
    return os.fspath(path).lower().endswith(KERAS_ENDING)


def save(path: str | os.PathLike[str], model: SketchRNN, config: RunConfig, step: int) -> None:
    """Write a model, as `TrainedModel.save` does.

    >>> model = SketchRNN()
    >>> save("bird.keras", model, model.config, step=0)
    >>> type(read_keras("bird.keras")).__name__
    'SketchRNN'
    """
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
    """Write the folder of a run with one checkpoint, the best. If writing fails, nothing is left.

    Returns:
      The folder.

    Raises:
      ModelFileError: a cell of the model is not registered with Keras.
      RunError: ``path`` is a file or a folder that is not empty, or a file cannot be written.

    >>> model = SketchRNN()
    >>> folder = write_folder("bird", model, model.config, step=0)
    >>> sorted(path.name for path in folder.iterdir())
    ['best', 'model_config.json', 'run.json']
    """
    path = pathlib.Path(path).resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} is not an empty folder: name another place for the model")
    if pathlib.Path.cwd().is_relative_to(path):
        raise RunError(f"{path} is the folder you are in: name another place for the model")
    model.get_config()  # raises ModelFileError before anything is written
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
    """Write a .keras file that contains the configuration. If writing fails, nothing is left.

    `magenta_sketch.load` reads it. After ``import magenta_sketch``, Keras's own ``load_model``
    reads it, too.

    Raises:
      ModelFileError: a cell of the model is not registered with Keras.
      OSError: the file cannot be written.

    >>> model = SketchRNN()
    >>> write_keras("bird.keras", model, model.config)
    """
    path = pathlib.Path(path)
    own = model.config
    model.config = config  # it may have a normalizing factor that the model lacks
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, f"model{KERAS_ENDING}")
            model.save(file)
            data = file.read_bytes()
    finally:
        model.config = own
    write_bytes(path, data)


def read_keras(path: str | os.PathLike[str]) -> SketchRNN:
    """Return the model in a .keras file. Code in the file is never run.

    Raises:
      ModelFileError: there is no such file, it is damaged, or it holds another kind of model.

    >>> model = SketchRNN(seed=5)
    >>> write_keras("bird.keras", model, model.config)
    >>> read_keras("bird.keras").config.seed
    5
    """
    path = pathlib.Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read("config.json"))
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file") from None
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, *_ZIP_ERRORS) as error:
        # RuntimeError: encrypted, compressed in an unknown way, or nested too deep.
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
    """Add the file's name to errors that are raised in the body of a with statement.

    Raises:
      ModelFileError: the body raised a SketchError. The message is the path and its first line.

    >>> with naming("bird.keras"):
    ...     raise SketchError("it is damaged")
    Traceback (most recent call last):
    magenta_sketch.errors.ModelFileError: bird.keras: it is damaged
    """
    try:
        yield
    except SketchError as error:
        # The first line of a text by Keras says what is wrong; the configuration follows.
        raise ModelFileError(f"{path}: {_first_line(error)[:400]}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
