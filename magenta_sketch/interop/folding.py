"""Turn a conditional decoder and one z into a decoder without z, for programs that know no z.

The cell's product is affine in its input [stroke, z]. So for a fixed z,
[stroke, z]·W + b = stroke·W[:5] + (b + z·W[5:]). The state before the first point, which also
depends on z, becomes a constant. Nothing is approximated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.errors import ArgumentError, ModelFileError
from magenta_sketch.nn.sketch_rnn import SketchRNN


class FoldedDecoder(NamedTuple):
    """The float32 weights of an lstm decoder without z, and its state before the start token.

    With H units and M mixture components: output_kernel [H, 3 + 6·M], output_bias [3 + 6·M],
    kernel [5, 4·H], recurrent_kernel [H, 4·H], bias [4·H] (gates i, j, f, o); h and c [H].
    """

    output_kernel: np.ndarray
    output_bias: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    h: np.ndarray
    c: np.ndarray

    @property
    def weights(self) -> list[np.ndarray]:
        """Return the five arrays of a decoder-only Sketch-RNN-JS file, in its order."""
        return list(self[:5])


def fold(model: SketchRNN, z: np.ndarray | None = None) -> FoldedDecoder:
    """Return the decoder of ``model`` for the latent vector ``z`` [Z].

    Args:
      model: the model, with an lstm decoder.
      z: None if the model is unconditional.

    Raises:
      ModelFileError: the decoder's cell is not lstm.
      ValueError: z has the wrong shape, or is None although the model is conditional.
    """
    if model.hparams.dec_model != "lstm":
        raise ModelFileError(
            "@magenta/sketch computes an lstm decoder alone, and this model's is "
            f"{model.hparams.dec_model}: train one with --hparams=dec_model=lstm"
        )
    decoder = model.decoder
    expected = (decoder.z_size,) if decoder.z_size else None
    if (None if z is None else np.shape(z)) != expected:
        raise ArgumentError(
            f"z must have the shape {expected}, got {z if z is None else np.shape(z)}"
        )
    cell = decoder.rnn_cell
    kernel, bias = cell.kernel.numpy(), cell.bias.numpy()
    given = None
    if z is not None:
        given = model.decoder_z(tf.constant(z, tf.float32)[None])
        bias = bias + (given[0].numpy().astype(np.float64) @ kernel[STROKE_WIDTH:])
    h, c = (part.numpy()[0] for part in decoder.initial_state(given, 1))
    return FoldedDecoder(
        output_kernel=decoder.output_kernel.numpy(),
        output_bias=decoder.output_bias.numpy(),
        kernel=kernel[:STROKE_WIDTH],
        recurrent_kernel=cell.recurrent_kernel.numpy(),
        bias=bias.astype(np.float32),
        h=h,
        c=c,
    )
