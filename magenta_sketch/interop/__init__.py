"""Models of other programs: read and write them.

`read` takes a Magenta checkpoint directory (`magenta_checkpoint`) or a Sketch-RNN-JS file
(`sketch_rnn_js`). Both use Magenta's variables; `magenta_tf1` knows their names and layout.
"""

from __future__ import annotations

import os
import pathlib

from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import magenta_checkpoint, sketch_rnn_js
from magenta_sketch.interop.foreign import ForeignModel

__all__ = ["ForeignModel", "ModelFileError", "read"]


def read(path: str | os.PathLike[str]) -> ForeignModel | None:
    """Return the model of another program at ``path``, or None if there is none.

    Raises:
      ModelFileError: there is a model that cannot be read.

    Example:
      >>> model = read("bird.gen.json")
      >>> model.hparams.conditional, model.hparams.dec_rnn_size, model.normalizing_factor
      (False, 4, 2.0)
    """
    path = pathlib.Path(path)
    if magenta_checkpoint.find(path) is not None:
        return magenta_checkpoint.read(path)
    return sketch_rnn_js.read(path) if path.is_file() else None
