"""A model as one file for the page: a header, then all weights. static/weights.js reads it.

Layout: 8 bytes "SKETCHRN", the header's length (uint32), the header (JSON), zeros up to a multiple
of 4, and the arrays one after another in the header's order. All numbers are little-endian.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from magenta_sketch.errors import PageError
from magenta_sketch.inference.trained_model import TrainedModel

MAGIC = b"SKETCHRN"
VERSION = 1
DTYPES = ("float32", "float16")


def model_bytes(trained: TrainedModel, *, name: str, dtype: str = "float32", **more: Any) -> bytes:
    """Return the file of a model.

    Args:
      name: the model's name on the page.
      dtype: "float32", or "float16" for a file of half the size; the page computes in float32.
      more: further values for the header, JSON types.

    Raises:
      PageError: a weight is not finite, or too large for the dtype.
    """
    hparams, arrays = trained.config.hparams, trained.model.weights
    weights = {one.path: one.numpy() for one in arrays if one.path.startswith(("enc", "dec"))}
    header = {
        "version": VERSION,
        "name": name,
        "dtype": dtype,
        "conditional": trained.conditional,
        "enc_model": hparams.enc_model,
        "dec_model": hparams.dec_model,
        "z_size": trained.z_size,
        "num_mixture": hparams.num_mixture,
        "scale": hparams.scale,
        "tanh_z": trained.config.tanh_z,
        "decoder_z_scale": hparams.decoder_z_scale,
        "max_seq_len": trained.max_seq_len,
        "normalizing_factor": trained.normalizing_factor,
        **more,
        "arrays": [{"name": path, "shape": array.shape} for path, array in weights.items()],
    }
    blobs = []
    for path, array in weights.items():
        with np.errstate(over="ignore"):
            stored = array.astype(np.dtype(dtype).newbyteorder("<"))
        if not np.isfinite(stored).all():
            what = "are not finite" if not np.isfinite(array).all() else "are too large for float16"
            advice = "train it anew with a lower learning_rate"
            advice = "use --weights=float32" if what.endswith("16") else advice
            raise PageError(f"the model's weights {path} {what}: {advice}")
        blobs.append(stored.tobytes())
    text = json.dumps(header, allow_nan=False).encode()
    start = MAGIC + np.array(len(text), "<u4").tobytes() + text
    return start + bytes(-len(start) % 4) + b"".join(blobs)
