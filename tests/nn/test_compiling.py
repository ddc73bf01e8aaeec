"""When XLA compiles a model's programs."""

import pytest

from magenta_sketch._backend import keras
from magenta_sketch.nn import compiling
from magenta_sketch.nn.compiling import compiles
from magenta_sketch.nn.sketch_rnn import SketchRNN


@pytest.mark.parametrize("gpu", [False, True])
def test_auto_is_on_where_there_is_a_gpu(monkeypatch, gpu):
    monkeypatch.setattr(compiling, "has_gpu", lambda: gpu)
    for conditional in (True, False):
        assert compiles(SketchRNN(conditional=conditional)) == gpu
    assert compiles(SketchRNN(jit="on"))
    assert not compiles(SketchRNN(jit="off"))


@pytest.mark.parametrize("which", ["encoder_cell", "decoder_cell"])
def test_auto_is_off_for_cells_without_their_own_gradient(monkeypatch, which):
    monkeypatch.setattr(compiling, "has_gpu", lambda: True)
    assert not compiles(SketchRNN(**{which: keras.layers.GRUCell}))
    assert compiles(SketchRNN(jit="on", **{which: keras.layers.GRUCell}))
