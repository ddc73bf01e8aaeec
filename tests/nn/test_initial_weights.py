"""Initial weights of the model: their distributions, and that its seed decides them."""

import numpy as np
import pytest
from model_cases import SMALL, every_cell

from magenta_sketch.nn.sketch_rnn import SketchRNN


@every_cell
def test_initial_weights_are_a_function_of_the_models_seed(cell):
    def weights(seed):
        model = SketchRNN(SMALL.replace(enc_model=cell, dec_model=cell), seed=seed)
        return {v.path: v.numpy() for v in model.trainable_variables}

    first, again, other = weights(2**62), weights(2**62), weights(2**62 + 1)
    assert first.keys() == other.keys()
    drawn = [path for path, value in first.items() if value.std() > 1e-5]
    assert len(drawn) >= 10
    for path in first:
        np.testing.assert_array_equal(first[path], again[path])
    for path in drawn:
        assert (first[path] != other[path]).all(), path
    # Nor do weights of one model repeat one another.
    flat = [first[path].ravel()[:8] for path in drawn]
    assert len({tuple(values) for values in np.round(np.stack(flat), 9)}) == len(drawn)


def test_initial_weights_outside_of_the_cells():
    model = SketchRNN(SMALL.replace(enc_rnn_size=64, dec_rnn_size=64, z_size=32, num_mixture=20))
    for dense in (model.encoder.mu, model.encoder.presig, model.decoder.state_dense):
        assert dense.kernel.numpy().std() == pytest.approx(0.001, rel=0.05)
        np.testing.assert_array_equal(dense.bias, np.zeros(dense.bias.shape))
    kernel, bias = model.decoder.output_kernel.numpy(), model.decoder.output_bias.numpy()
    assert (kernel.shape, bias.shape) == ((64, 123), (123,))
    for weight, limit in ((kernel, np.sqrt(6 / (64 + 123))), (bias, np.sqrt(6 / (123 + 123)))):
        assert 0.95 * limit < np.abs(weight).max() <= limit
        assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
