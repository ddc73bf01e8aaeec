"""Whether XLA compiles a model's programs: the training step, evaluation and drawing.

XLA compiles a program once for each shape of its arguments. A compiled program fuses element-wise
operations, so that a GPU starts fewer kernels. It runs the static loop
(`magenta_sketch.nn.static_loop`).
"""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import has_own_gradient

# On a CPU the fast loop is faster than what XLA compiles: docs/performance.md.
_PAYS_ON_CPU = False


def has_gpu() -> bool:
    """Return whether TensorFlow finds a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def compiles(model: Any) -> bool:
    """Return whether XLA compiles the programs of a `SketchRNN`.

    The option ``jit`` of its configuration decides. "auto" means on a GPU, and only if all cells
    have their own gradient: another cell may use operations that XLA does not know.

    >>> from magenta_sketch.nn.sketch_rnn import SketchRNN
    >>> compiles(SketchRNN(jit="on")), compiles(SketchRNN(jit="off"))
    (True, False)
    """
    jit = model.config.jit
    if jit != "auto":
        return bool(jit == "on")
    cells = [model.decoder.rnn_cell]
    if model.encoder is not None:
        cells += [model.encoder.forward_cell, model.encoder.backward_cell]
    return (has_gpu() or _PAYS_ON_CPU) and all(map(has_own_gradient, cells))
