"""The examples in docstrings do what they say: of each module that has some."""

import doctest
import importlib
import pathlib

import pytest

from magenta_sketch._backend import keras, tf
from magenta_sketch.data import write_npz

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "magenta_sketch"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    right, down = [[3, 0, 1]], [[0, 4, 1]]
    write_npz("lines.npz", train=[right, down], valid=[right], test=[down])
    module = importlib.import_module(name.removesuffix(".__init__"))
    found = doctest.testmod(module, extraglobs={"keras": keras, "tf": tf})
    assert found.attempted and not found.failed
