"""The examples in the documentation of drawing."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["contact_sheet", "grid", "heat_map", "line_plot", "plots", "svg"])
def test_examples_are_right(name):
    found = doctest.testmod(importlib.import_module(f"magenta_sketch.drawing.{name}"))
    assert found.attempted > 0 and found.failed == 0
