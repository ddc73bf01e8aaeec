"""Fixtures of the training tests."""

import pytest
from bench import Bench
from tensorflow.python.framework import config as tensorflow_config

from magenta_sketch._backend import tf
from magenta_sketch.training import loop as training
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def bench():
    tf.config.experimental.enable_op_determinism()
    yield Bench()
    tensorflow_config.disable_op_determinism()  # other tests draw without a seed


@pytest.fixture(scope="module")
def fast_bench(bench):
    return Bench(mixed_precision=True, bucket_by_length=True)


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    return folder


@pytest.fixture
def log_often(monkeypatch):
    monkeypatch.setattr(training, "LOG_EVERY", 2)
