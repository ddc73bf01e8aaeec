"""Small models with weights that matter, and batches for them, for the tests of the network."""

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.config import HParams
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN

SMALL = HParams(
    enc_rnn_size=8, dec_rnn_size=10, z_size=4, num_mixture=2, use_recurrent_dropout=False
)
KEEP = 0.7
# Switches of the kinds of dropout, and the keep probability of each.
DROPOUT = {
    "use_recurrent_dropout": "recurrent_dropout_prob",
    "use_input_dropout": "input_dropout_prob",
    "use_output_dropout": "output_dropout_prob",
}

every_cell = pytest.mark.parametrize("cell", CELLS)
conditional_or_not = pytest.mark.parametrize("conditional", [True, False])


def make(seed=0, **changes):
    """A model whose small initial weights are made larger, so that z and sigma matter."""
    model = SketchRNN(SMALL, seed=seed, **changes)
    random = np.random.default_rng(1)
    if model.encoder is not None:
        for dense in (model.encoder.mu, model.encoder.presig, model.decoder.state_dense):
            for weight in (dense.kernel, dense.bias):
                weight.assign(random.normal(0, 0.5, weight.shape))
    return model


def all_dropout(**changes):
    """A model with every kind of dropout."""
    return make(**dict.fromkeys(DROPOUT, True), **dict.fromkeys(DROPOUT.values(), KEEP), **changes)


def batch_of(count=6, time=7, seed=0, lengths=None):
    """A padded batch [count, time + 1, 5] and its lengths, longest first."""
    random = np.random.default_rng(seed)
    strokes = np.zeros((count, time + 1, 5), "float32")
    strokes[:, 0, 2] = 1
    strokes[:, 1:, 4] = 1
    if lengths is None:
        lengths = np.sort(random.integers(1, time + 1, count))[::-1]
    for i, n in enumerate(lengths):
        strokes[i, 1 : n + 1, :2] = random.normal(size=(n, 2))
        strokes[i, 1 : n + 1, 2:] = np.eye(3)[random.integers(0, 2, n)]
    return tf.constant(strokes), tf.constant(lengths, tf.int32)


def latent(count, seed=2):
    return np.random.default_rng(seed).normal(size=(count, SMALL.z_size)).astype("float32")


def gradients_of(model, strokes, lengths):
    """The cost of a training step, and its gradients."""
    with tf.GradientTape() as tape:
        found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
        cost = tf.reduce_mean(found.reconstruction + found.kl)
    return cost, tape.gradient(cost, [v.value for v in model.trainable_variables])


def assert_close(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def assert_config_round_trip(layer):
    """The configuration of an encoder or decoder makes one with equal weights."""
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for one in (layer, again):
        one.build((None, None, 5))
    for a, b in zip(layer.trainable_variables, again.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)
