"""The built-in cells of Sketch-RNN, as Keras layers.

They work in `keras.layers.RNN`; `magenta_sketch.nn.recurrence` runs them faster. A cell's class
owns the weights. Its maths is in the pure functions `forward` and `backward`
(`magenta_sketch.nn.cell_protocol`).

All cells have in common:

- Gate order: i, j, f, o (input, candidate, forget, output), in every weight with four blocks.
  ``FORGET_BIAS`` is added to f before the sigmoid.
- State: the list (h, c), for the hyper cell (h, c, hyper h, hyper c).
- Recurrent dropout without memory loss (Semeniuta et al. 2016, arXiv:1603.05118): only the
  candidate tanh(j) is dropped. Each time step has a new mask of 0 and 1/keep probability.
"""

from magenta_sketch.nn.cells.base import BlockOrthogonal, SketchCell
from magenta_sketch.nn.cells.gates import FORGET_BIAS
from magenta_sketch.nn.cells.hyper import HYPER_UNITS, HyperLSTMCell
from magenta_sketch.nn.cells.layer_norm import LayerNormLSTMCell
from magenta_sketch.nn.cells.lstm import LSTMCell

CELLS: dict[str, type[SketchCell]] = {
    "lstm": LSTMCell,
    "layer_norm": LayerNormLSTMCell,
    "hyper": HyperLSTMCell,
}

__all__ = [
    "CELLS",
    "FORGET_BIAS",
    "HYPER_UNITS",
    "BlockOrthogonal",
    "HyperLSTMCell",
    "LSTMCell",
    "LayerNormLSTMCell",
    "SketchCell",
]
