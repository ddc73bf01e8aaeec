"""The examples in docstrings are correct, and every public name has one."""

import doctest
import importlib
import inspect
import pathlib

import numpy as np
import pytest
from slow import slow_but

import magenta_sketch
from magenta_sketch._backend import keras, tf
from magenta_sketch.data import write_npz
from magenta_sketch.interop.sketch_rnn_js import write_arrays

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "magenta_sketch"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
# Their examples have models of the usual size, or train.
LONG = {
    *(f"magenta_sketch.inference.{name}" for name in ("coder", "encoding", "trained_model")),
    "magenta_sketch.from_python",
}


def write_files():
    """Write the files that examples read: a data set, and a model of 4 units without an encoder."""
    right, down = [[3, 0, 1]], [[0, 4, 1]]
    write_npz("lines.npz", train=[right, down], valid=[right], test=[down])
    shapes = [(4, 9), (9,), (5, 16), (4, 16), (16,)]
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    write_arrays("bird.gen.json", arrays, name="bird", max_seq_len=8, normalizing_factor=2.0)


@pytest.mark.parametrize("name", slow_but(WITH_EXAMPLES, *set(WITH_EXAMPLES) - LONG))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files()
    module = importlib.import_module(name.removesuffix(".__init__"))
    found = doctest.testmod(
        module,
        extraglobs={"keras": keras, "tf": tf, "np": np, "magenta_sketch": magenta_sketch},
        optionflags=doctest.IGNORE_EXCEPTION_DETAIL,  # tests of errors check their messages
    )
    assert found.attempted and not found.failed


def test_every_public_name_has_an_example():
    values = {name: getattr(magenta_sketch, name) for name in magenta_sketch.__all__}
    called = {name: value for name, value in values.items() if callable(value)}
    assert not {name for name, value in called.items() if not has_example(value)}


def has_example(value):
    members = vars(value).values() if inspect.isclass(value) else ()
    documented = [one for one in members if inspect.isroutine(one) or isinstance(one, property)]
    return any(">>> " in (one.__doc__ or "") for one in (value, *documented))
