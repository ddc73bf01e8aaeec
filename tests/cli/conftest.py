"""Fixtures of the programs' tests."""

import functools
import importlib
import sys

import pytest
from forks import Forks
from stand_in_npm import make_node_modules
from training_runs import DATA, LENGTH, RUN, SCRIPT

from magenta_sketch.cli import convert, draw
from magenta_sketch.interop import loading


@pytest.fixture(scope="session")
def forks():
    """Runs of the programs in processes of their own, see `forks.Forks`."""
    with Forks() as server:
        yield server


@pytest.fixture
def call(monkeypatch, capsys):
    """call(module, program, *arguments) runs a program here: (status, output, errors)."""

    used = []

    def forget():
        # Within one process, flags keep what the run before gave.
        for values in used:
            values.unparse_flags()
            for name in values:
                values[name].unparse()

    def call(module, program, *arguments, flags=None):
        forget()
        values = getattr(module, "FLAGS", flags)
        if values is not None:
            used.append(values)
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            module.run()
        return (stop.value.code, *capsys.readouterr())

    yield call
    forget()


@pytest.fixture(scope="session")
def load():
    """Load a model once for all tests: TensorFlow compiles anew for each loaded model."""
    return functools.cache(loading.load)


@pytest.fixture
def run_draw(monkeypatch, call, tmp_path, load):
    """Run sketch_rnn_draw in a temporary folder: (status, output, errors)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "load", load)
    return lambda *arguments: call(draw, "sketch_rnn_draw", *arguments)


@pytest.fixture
def run_convert(monkeypatch, call, tmp_path):
    """Run sketch_rnn_convert in a temporary folder: (status, output, errors)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        flags = None
        if arguments and arguments[0] in convert.VERBS:
            flags = importlib.import_module(f"{convert.__name__}.{arguments[0]}").FLAGS
        return call(convert, "sketch_rnn_convert", *arguments, flags=flags)

    return run


@pytest.fixture
def refused(run_convert):
    """The one line that sketch_rnn_convert answers a mistake with."""

    def refused(*arguments, status=2):
        found, _, errors = run_convert(*arguments)
        assert found == status, errors
        assert errors.startswith("sketch_rnn_convert"), errors
        assert errors.count("\n") == 1 and ": error: " in errors, errors
        return errors.strip()

    return refused


@pytest.fixture
def train(forks, tmp_path):
    """train(*arguments, ...) runs the program in tmp_path; see Forks.run."""

    def run(*arguments, **kwargs):
        return forks.run(SCRIPT, *arguments, cwd=tmp_path, **kwargs)

    return run


@pytest.fixture(scope="session")
def straight(forks, tmp_path_factory):
    """A run that nothing disturbs: its folder and its output."""
    cwd = tmp_path_factory.mktemp("straight")
    images = "--save_image_dir=images"
    result = forks.run(
        SCRIPT, f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, "--seed=3", images, cwd=cwd
    )
    assert (result.status, result.err) == (0, "")
    return cwd / "run", result.out


@pytest.fixture
def modules(tmp_path):
    """A folder node_modules that stands for the npm packages of the web page."""
    return make_node_modules(tmp_path / "node_modules")
