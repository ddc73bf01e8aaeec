"""Shared by the training benchmarks: cells, modes, random batches, and the work of a step."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

CELLS = {
    "lstm": {},
    "layer_norm": {"enc_model": "layer_norm", "dec_model": "layer_norm"},
    "hyper": {"dec_model": "hyper"},  # with an lstm encoder, as in Magenta
}
MODES = {
    "default": {},
    "mixed_precision": {"mixed_precision": True},
    "bucket_by_length": {"bucket_by_length": True},
    "both": {"mixed_precision": True, "bucket_by_length": True},
}


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add the flag --data_dir. Its default is the address of Magenta's own data set."""
    from magenta_sketch.config.run_config import MAGENTA_DATA_URL

    parser.add_argument("--data_dir", default=MAGENTA_DATA_URL, help="where the .npz files are")


def load(name: str, data_dir: str) -> Any:
    """Return the data set of one file without printing anything."""
    from magenta_sketch.data import load_data_set

    return load_data_set([name], data_dir, report=lambda line: None)


def random_batch(lengths: np.ndarray, rows: int) -> Any:
    """Return a `Batch` of random sketches with these lengths, sorted, padded to ``rows``."""
    from magenta_sketch.data.batches import Batch

    order = np.argsort(-lengths, kind="stable")
    strokes = np.zeros((len(lengths), rows + 1, 5), "float32")
    drawn = np.arange(rows + 1) <= lengths[order][:, None]  # with the start token
    offsets = np.random.default_rng(0).normal(size=(*drawn.shape, 2))
    strokes[..., :2] = offsets * drawn[..., None]
    strokes[..., 2], strokes[..., 4] = drawn, ~drawn
    return Batch(strokes, lengths[order].astype(np.int32), order)


def product_operations(hparams: Any, lengths: np.ndarray, rows: np.ndarray | int) -> float:
    """Return the floating-point operations of the matrix products of one step.

    The encoder runs to the length of each sketch, the decoder over ``rows`` of it. Counted are the
    forward products, and the gradients of input and matrix. Products of strokes and z are small and
    not counted.
    """

    def a_point(cell: str, units: int) -> int:
        products = units * 4 * units
        if cell == "hyper":
            products += (units + 256) * 4 * 256 + 256 * 12 * 32 + 12 * 32 * units
        return products

    output = hparams.dec_rnn_size * (3 + 6 * hparams.num_mixture)
    decoder = a_point(hparams.dec_model, hparams.dec_rnn_size) + output
    encoder = 2 * a_point(hparams.enc_model, hparams.enc_rnn_size)
    rows = np.broadcast_to(rows, lengths.shape)
    return 3.0 * 2 * (int(rows.sum()) * decoder + int(lengths.sum()) * encoder)
