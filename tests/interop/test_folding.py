"""A conditional decoder at one z as a decoder without z."""

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.config import RunConfig
from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop.folding import fold
from magenta_sketch.nn.sketch_rnn import SketchRNN


def model(**changes):
    sizes = {"enc_rnn_size": 8, "dec_rnn_size": 16, "z_size": 6, "num_mixture": 3}
    given = {"enc_model": "layer_norm", "dec_model": "lstm", "conditional": True}
    made = SketchRNN(RunConfig.of(**sizes | given | changes, seed=1))
    random = np.random.default_rng(0)
    for weight in made.decoder.trainable_weights:
        weight.assign(weight + random.normal(0.0, 0.3, weight.shape).astype(np.float32))
    return made


def strokes(time):
    random = np.random.default_rng(1)
    pens = np.eye(3, dtype=np.float32)[random.integers(0, 2, time)]
    return np.concatenate([random.normal(size=(time, 2)).astype(np.float32), pens], axis=1)


def outputs(folded, points):
    """The output vectors of an lstm decoder written out, float64 [time, 3 + 6·M]."""
    h, c = folded.h.astype(np.float64), folded.c.astype(np.float64)
    found = []
    for point in points:
        i, j, f, o = np.split(point @ folded.kernel + h @ folded.recurrent_kernel + folded.bias, 4)
        c = c / (1 + np.exp(-f - 1)) + np.tanh(j) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        found.append(h @ folded.output_kernel + folded.output_bias)
    return np.array(found)


@pytest.mark.parametrize("tanh_z", [False, True])
def test_the_folded_decoder_is_the_conditional_one_at_that_z(tanh_z):
    network, points = model(tanh_z=tanh_z), strokes(30)
    for z in np.random.default_rng(2).normal(size=(3, 6)).astype(np.float32):
        given = np.tanh(z) if tanh_z else z
        expected = network.decoder(tf.constant(points)[None], tf.constant(given)[None])[0]
        np.testing.assert_allclose(outputs(fold(network, z), points), expected, atol=1e-5)


def test_a_decoder_without_z_stays_as_it_is():
    network, points = model(conditional=False), strokes(30)
    folded = fold(network)
    assert not folded.h.any() and not folded.c.any()
    expected = network.decoder(tf.constant(points)[None])[0]
    np.testing.assert_allclose(outputs(folded, points), expected, atol=1e-5)


def test_what_cannot_be_folded():
    with pytest.raises(ModelFileError, match="this model's is layer_norm: train one with"):
        fold(model(dec_model="layer_norm"), np.zeros(6, np.float32))
    with pytest.raises(ValueError, match=r"z must have the shape \(6,\), got \(5,\)"):
        fold(model(), np.zeros(5, np.float32))
    with pytest.raises(ValueError, match="z must have the shape None"):
        fold(model(conditional=False), np.zeros(6, np.float32))
