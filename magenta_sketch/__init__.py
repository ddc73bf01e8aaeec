"""Sketch-RNN (Ha & Eck 2017, arXiv:1704.03477) in TensorFlow 2 and Keras 3.

    import magenta_sketch
    model = magenta_sketch.load("models/quickstart")
    z = model.encode(sketches)                      # stroke-3 arrays [n, 3] -> [batch, Z]
    drawings = model.decode(z, temperature=0.4)     # and back
    magenta_sketch.save_svg("drawings.svg", drawings)

TensorFlow is imported when a name that needs it is first used. After importing this package,
Keras's `load_model` can load our models.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from magenta_sketch._registration import register_with_keras

__version__ = "0.6.0"

if TYPE_CHECKING:  # the names of `_HOMES`, for type checkers and editors
    from magenta_sketch.config import HParams as HParams
    from magenta_sketch.config import RunConfig as RunConfig
    from magenta_sketch.data import DataSet as DataSet
    from magenta_sketch.data import SketchSet as SketchSet
    from magenta_sketch.data import load_data_set as load_data_set
    from magenta_sketch.data import write_npz as write_npz
    from magenta_sketch.data.sources.single import read_svg as read_svg
    from magenta_sketch.drawing.grid import save_grid as save_grid
    from magenta_sketch.drawing.grid import save_svg as save_svg
    from magenta_sketch.drawing.saving import save_drawings as save_drawings
    from magenta_sketch.drawing.sketches import Sketch as Sketch
    from magenta_sketch.drawing.sketches import SketchList as SketchList
    from magenta_sketch.errors import ArgumentError as ArgumentError
    from magenta_sketch.errors import DataError as DataError
    from magenta_sketch.errors import HParamsError as HParamsError
    from magenta_sketch.errors import ModelFileError as ModelFileError
    from magenta_sketch.errors import RunError as RunError
    from magenta_sketch.errors import SketchError as SketchError
    from magenta_sketch.from_python import train as train
    from magenta_sketch.inference.classifying import classify as classify
    from magenta_sketch.inference.trained_model import TrainedModel as TrainedModel
    from magenta_sketch.interop.loading import load as load
    from magenta_sketch.nn.sketch_rnn import SketchRNN as SketchRNN
    from magenta_sketch.training.callbacks import schedule_callbacks as schedule_callbacks
    from magenta_sketch.training.keras_datasets import evaluation_dataset as evaluation_dataset
    from magenta_sketch.training.keras_datasets import training_dataset as training_dataset

_HOMES = {
    "ArgumentError": "errors",
    "DataError": "errors",
    "DataSet": "data",
    "HParams": "config",
    "HParamsError": "errors",
    "ModelFileError": "errors",
    "RunConfig": "config",
    "RunError": "errors",
    "Sketch": "drawing.sketches",
    "SketchError": "errors",
    "SketchList": "drawing.sketches",
    "SketchRNN": "nn.sketch_rnn",
    "SketchSet": "data",
    "TrainedModel": "inference.trained_model",
    "classify": "inference.classifying",
    "evaluation_dataset": "training.keras_datasets",
    "load": "interop.loading",
    "load_data_set": "data",
    "read_svg": "data.sources.single",
    "save_drawings": "drawing.saving",
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
