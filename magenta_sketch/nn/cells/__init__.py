"""The three recurrent cells of Sketch-RNN, as Keras layers.

`keras.layers.RNN` takes each of them; `magenta_sketch.nn.recurrence` runs them faster. A cell's
maths stands once, in its pure function `forward`, with its gradient `backward` below it
(`magenta_sketch.nn.cell_protocol` says what goes in and out); the class owns the variables.

Common to all three:

- gates stand in the order i, j, f, o (input, candidate, forget, output) in every weight that has
  four blocks side by side; ``FORGET_BIAS`` is added to f inside the sigmoid;
- a state is a list in the order (h, c), and (h, c, hyper h, hyper c) for the hyper cell;
- recurrent dropout is that of Semeniuta et al. 2016 (arXiv:1603.05118), without memory loss: only
  the candidate tanh(j) is dropped, with a fresh mask at each time step, scaled by
  1/keep probability.
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
