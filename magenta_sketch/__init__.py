"""Sketch-RNN (Ha & Eck 2017, arXiv:1704.03477) in TensorFlow 2 and Keras 3.

    import magenta_sketch
    model = magenta_sketch.load("models/quickstart")
    z = model.encode(sketches)                      # stroke-3 arrays [n, 3] -> [batch, Z]
    drawings = model.decode(z, temperature=0.4)     # and back
    magenta_sketch.save_svg("drawings.svg", drawings)

TensorFlow is imported when a name that needs it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "DataError": "errors",
    "DataSet": "data",
    "HParams": "config.hparams",
    "HParamsError": "errors",
    "ModelFileError": "errors",
    "RunError": "errors",
    "SketchRNN": "nn.sketch_rnn",
    "SketchSet": "data",
    "TrainedModel": "inference.trained_model",
    "load": "interop.loading",
    "load_data_set": "data",
    "save_grid": "drawing.grid",
    "save_svg": "drawing.grid",
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
