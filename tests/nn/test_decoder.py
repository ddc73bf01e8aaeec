"""The decoder: what depends on what."""

import numpy as np
import pytest
from model_cases import (
    SMALL,
    all_dropout,
    assert_close,
    assert_config_round_trip,
    batch_of,
    every_cell,
    latent,
    make,
)
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.nn import mixture
from magenta_sketch.nn.decoder import Decoder


@every_cell
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_decoder_is_autoregressive(cell, conditional):
    decoder = make(dec_model=cell, conditional=conditional).decoder
    strokes, _ = batch_of(2, 6)
    z = latent(2) if conditional else None
    plain = decoder(strokes, z).numpy()
    for t in (0, 3, 6):
        changed = strokes.numpy()
        changed[:, t, 0] += 1
        found = decoder(changed, z).numpy()
        np.testing.assert_array_equal(found[:, :t], plain[:, :t])
        assert np.abs(found[:, t:] - plain[:, t:]).max(axis=(0, 2)).min() > 1e-5


@every_cell
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_steps_of_the_decoder_are_its_call(cell, conditional):
    decoder = all_dropout(dec_model=cell, conditional=conditional).decoder  # a step drops nothing
    strokes, _ = batch_of(3, 5)
    z = tf.constant(latent(3)) if conditional else None
    state, outputs = decoder.initial_state(z, 3), []
    for t in range(strokes.shape[1]):
        output, state = decoder.step(strokes[:, t], z, state)
        outputs.append(output)
    expected = decoder(strokes, z)
    assert expected.shape == (3, 6, mixture.output_width(SMALL.num_mixture))
    assert_close(np.stack(outputs, axis=1), expected, 1e-5)


@every_cell
def test_initial_state_is_a_function_of_z(cell):
    decoder = make(dec_model=cell).decoder
    z = latent(2)
    state = decoder.initial_state(z)
    assert [s.shape[1] for s in state] == decoder.rnn_cell.state_size
    dense = decoder.state_dense
    expected = np.tanh(z @ dense.kernel.numpy() + dense.bias.numpy())
    assert_close(np.concatenate(state, axis=1), expected)


@every_cell
def test_config_round_trip(cell):
    keep = {"keep_prob": 0.8, "input_keep_prob": 0.7, "output_keep_prob": 0.6}
    assert_config_round_trip(Decoder(cell, 6, 2, 3, **keep, seed=4))
