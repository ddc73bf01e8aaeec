"""Sketch-RNN (Ha & Eck 2017, arXiv:1704.03477) in TensorFlow 2 and Keras 3.

    import magenta_sketch
    model = magenta_sketch.load("models/quickstart")
    z = model.encode(sketches)                      # stroke-3 arrays [n, 3] -> [batch, Z]
    drawings = model.decode(z, temperature=0.4)     # and back
    magenta_sketch.save_svg("drawings.svg", drawings)

TensorFlow is imported when a name that needs it is first used. Keras's `load_model` knows our
models once this package is imported.
"""

from __future__ import annotations

import importlib
from typing import Any

from magenta_sketch._registration import register_with_keras

__version__ = "0.2.0"

_HOMES = {
    "ArgumentError": "errors",
    "DataError": "errors",
    "DataSet": "data",
    "HParams": "config",
    "HParamsError": "errors",
    "ModelFileError": "errors",
    "RunConfig": "config",
    "RunError": "errors",
    "SketchError": "errors",
    "SketchRNN": "nn.sketch_rnn",
    "SketchSet": "data",
    "TrainedModel": "inference.trained_model",
    "evaluation_dataset": "training.keras_datasets",
    "load": "interop.loading",
    "load_data_set": "data",
    "save_grid": "drawing.grid",
    "save_svg": "drawing.grid",
    "schedule_callbacks": "training.callbacks",
    "train": "from_python",
    "training_dataset": "training.keras_datasets",
    "write_npz": "data",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_with_keras()
