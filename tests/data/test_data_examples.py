"""The examples in docstrings."""

import doctest
import importlib

import pytest

from magenta_sketch.data import write_npz

MODULES = ["inspection", "loading", "npz", "npz_writer", "sketch_set", "strokes"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    right, down = [[3, 0, 1]], [[0, 4, 1]]
    write_npz("lines.npz", train=[right, down], valid=[right], test=[down])
    result = doctest.testmod(importlib.import_module(f"magenta_sketch.data.{name}"))
    assert result.attempted and not result.failed
