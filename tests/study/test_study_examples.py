"""The examples in the documentation of studies."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["chamfer", "folder", "latent", "measures", "plan", "spread", "wording"]
)
def test_examples_are_right(name):
    found = doctest.testmod(importlib.import_module(f"magenta_sketch.study.{name}"))
    assert found.attempted > 0 and found.failed == 0
