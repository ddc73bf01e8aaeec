"""Fixtures of the training tests."""

import functools

import pytest
from bench import Bench
from states import HPARAMS, State
from tensorflow.python.framework import config as tensorflow_config

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training import loop as training
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture(scope="session")
def new_bench():
    """Makes a `Bench`, or takes the one there is: each is compiled once for all files."""
    return functools.cache(Bench)


@pytest.fixture(scope="module")
def bench(new_bench):
    tf.config.experimental.enable_op_determinism()
    yield new_bench()
    tensorflow_config.disable_op_determinism()  # other tests draw without a seed


@pytest.fixture(scope="module")
def fast_bench(bench, new_bench):
    return new_bench(mixed_precision=True, bucket_by_length=True)


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    return folder


@pytest.fixture
def log_often(monkeypatch):
    monkeypatch.setattr(training, "LOG_EVERY", 2)


@pytest.fixture(scope="module")
def network():
    """A model of few variables and its optimizer, for the tests of checkpoints."""
    model = SketchRNN(HPARAMS)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    return model, optimizer


@pytest.fixture
def state(folder, network):
    return State(folder, network)
