"""Small models with random weights, for the tests of saving and loading."""

import numpy as np

from magenta_sketch.config import RunConfig
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn.sketch_rnn import SketchRNN

SIZES = {"enc_rnn_size": 6, "dec_rnn_size": 7, "z_size": 3, "num_mixture": 2, "batch_size": 4}
DATA = {"max_seq_len": 12, "normalizing_factor": 1 / 3, "data_set": ("cats.npz",)}


def trained(cells=None, **settings):
    """A model with random weights, of which every one matters."""
    model = SketchRNN(RunConfig.of(**SIZES | DATA | settings), **cells or {})
    random = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(weight + random.normal(0, 0.3, weight.shape))
    return TrainedModel(model, step=17)
