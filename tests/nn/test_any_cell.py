"""Cells in place of ours: a user's own and Keras's."""

import numpy as np
import pytest
from model_cases import SMALL, assert_close, batch_of, latent
from own_cells import LeakyCell
from slow import slow_but

from magenta_sketch._backend import keras, tf
from magenta_sketch.data.batches import Batch
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.step import TrainStep


@pytest.mark.slow
@pytest.mark.parametrize(
    "cells",
    [
        dict(encoder_cell=LeakyCell, decoder_cell=LeakyCell),
        pytest.param(dict(decoder_cell=keras.layers.LSTMCell), marks=pytest.mark.slow),
        pytest.param(dict(encoder_cell=keras.layers.GRUCell), marks=pytest.mark.slow),
    ],
    ids=["own", "lstm", "gru"],
)
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_trains_with_a_users_cells(cells, conditional):
    hparams = SMALL.replace(use_recurrent_dropout=True, conditional=conditional, scale=0.0)
    model = SketchRNN(hparams, **cells)
    step = TrainStep(model)
    strokes, lengths = batch_of()
    batch = Batch(strokes, lengths, np.arange(6))
    costs = [float(step(batch, seed_table(0, 0), 0.02, 0.5).cost) for _ in range(20)]
    assert costs[-1] < costs[0] - 0.2
    state = model.decoder.initial_state(None if not conditional else latent(6), 6)
    z = tf.constant(latent(6)) if conditional else None
    output, state = model.decoder.step(strokes[:, 0], z, state)
    assert_close(output, model.decoder(strokes[:, :1], z)[:, 0], 1e-5)
