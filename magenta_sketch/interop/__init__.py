"""Other programs' models, in and out.

`read` takes a Magenta checkpoint directory (`magenta_checkpoint`) or a Sketch-RNN-JS file
(`sketch_rnn_js`). Both speak in Magenta's variables, whose names and layout `magenta_tf1` knows.
"""

from __future__ import annotations

import os
import pathlib

from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import magenta_checkpoint, sketch_rnn_js
from magenta_sketch.interop.foreign import ForeignModel

__all__ = ["ForeignModel", "ModelFileError", "read"]


def read(path: str | os.PathLike[str]) -> ForeignModel | None:
    """The model of another program at ``path``; None where there is none.

    Raises:
      ModelFileError: there is one, and it cannot be read.
    """
    path = pathlib.Path(path)
    if magenta_checkpoint.find(path) is not None:
        return magenta_checkpoint.read(path)
    return sketch_rnn_js.read(path) if path.is_file() else None
