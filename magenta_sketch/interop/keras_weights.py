"""Write a model as Keras stores weights, `NAME.weights.h5`, with its hyperparameters beside it."""

from __future__ import annotations

import os
import pathlib
import tempfile

from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import ModelFileError
from magenta_sketch.files import write_bytes
from magenta_sketch.nn.sketch_rnn import SketchRNN

ENDING = ".weights.h5"


def write(path: str | os.PathLike[str], model: SketchRNN, hparams: HParams) -> pathlib.Path:
    """Write the weights, and the hyperparameters as `NAME.model_config.json`, each atomically.

    ``SketchRNN(HParams.from_json(text)).load_weights(path)`` reads them again.

    Returns:
      The path of the hyperparameters.

    Raises:
      ModelFileError: the name does not end in `.weights.h5`, as Keras requires.
      OSError: a file cannot be written.

    Example:
      >>> model = magenta_sketch.load("bird.gen.json").model
      >>> write("bird.weights.h5", model, model.hparams).name
      'bird.model_config.json'
    """
    path = pathlib.Path(path)
    if not path.name.endswith(ENDING):
        raise ModelFileError(f"{path}: the name must end in {ENDING}, as Keras wants it")
    config = path.with_name(path.name.removesuffix(ENDING) + ".model_config.json")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, path.name)
        model.save_weights(file)
        weights = file.read_bytes()
    write_bytes(config, hparams.to_json().encode())
    write_bytes(path, weights)
    return config
