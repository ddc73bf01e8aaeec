"""The examples in the docstrings of the loops over time."""

import doctest
import importlib

import pytest

from magenta_sketch._backend import keras, tf


@pytest.mark.parametrize("name", ["lengths", "recurrence", "time_step"])
def test_examples(name):
    module = importlib.import_module(f"magenta_sketch.nn.{name}")
    result = doctest.testmod(module, extraglobs={"keras": keras, "tf": tf})
    assert result.attempted > 0 and result.failed == 0
