"""What a newcomer gets wrong in Python: one line of an error of our own, and nothing written."""

import pathlib
import re
import shutil

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch import ArgumentError, DataError, HParamsError, ModelFileError, RunError

DATA = pathlib.Path(__file__).parent / "data"
SKETCH = np.array([[3, 4, 0], [5, 0, 1]], np.float32)
A_MODEL = "name a run's --log_root, a .keras file"
ms = magenta_sketch


def of_data(**settings):
    return ms.train(
        **{"data_set": ["cat.npz"], "data_dir": "data", "report": lambda _: None} | settings
    )


WITHOUT_A_MODEL = [
    (lambda: ms.load("nowhere"), RunError, f"(there is no such folder); {A_MODEL}"),
    (lambda: ms.load("dta"), RunError, "(there is no such folder; did you mean data?)"),
    (lambda: ms.load("data"), RunError, "model_config.json is missing (it holds cat.npz)"),
    (lambda: ms.load("data/cat.npz"), ModelFileError, "a Sketch-RNN-JS file is JSON text"),
    (lambda: ms.load("no.keras"), ModelFileError, "no.keras: there is no such file"),
    (lambda: ms.load("x", checkpoint="last"), ArgumentError, "must be best or newest, got 'last'"),
    (lambda: ms.load_data_set("x", "."), DataError, "x: no such file; . has no .npz file"),
    (lambda: ms.load_data_set(["cta.npz"], "data"), DataError, "did you mean cat.npz?"),
    (lambda: ms.load_data_set([], "data"), DataError, "no data set is named"),
    (lambda: ms.load_data_set("data/cat.npz", "data"), DataError, "give cat.npz"),
    (
        lambda: ms.load_data_set("cat.npz", "data", max_seq_len="10"),
        ArgumentError,
        "max_seq_len must be a whole number >= 1, got '10'",
    ),
    (lambda: ms.train(num_step=5), HParamsError, "'num_step'; did you mean 'num_steps'?"),
    (lambda: ms.train(num_steps=1e3), HParamsError, "write it in digits only, as 1000"),
    (lambda: ms.train(enc_model="ltsm"), HParamsError, "did you mean 'lstm'?"),
    (lambda: ms.train(resume_training=True), ArgumentError, "resume_training needs log_root"),
    (
        lambda: ms.train("x", resume_training=True, overwrite=True),
        ArgumentError,
        "resume_training goes without overwrite",
    ),
    (lambda: ms.train("dat", resume_training=True), RunError, "to go on with; did you mean data?"),
    (lambda: of_data(log_root="afile"), RunError, "afile is a file: name a folder for the run"),
    (lambda: of_data(data_dir=pathlib.Path("dta")), DataError, "folder dta; did you mean data?"),
    (lambda: ms.HParams(num_step=5), HParamsError, "'num_step'; did you mean 'num_steps'?"),
    (lambda: ms.HParams(scale=-1), HParamsError, "scale must be a finite number >= 0, got -1"),
    (lambda: ms.HParams.parse("scale=–1"), HParamsError, "'–' comes from a word processor: type -"),
    (lambda: ms.RunConfig(sed=3), HParamsError, "unknown option 'sed'; did you mean 'seed'?"),
    (lambda: ms.RunConfig(z_size=3), HParamsError, "RunConfig.of(z_size=...) takes it"),
    (lambda: ms.save_svg("x.png", [SKETCH]), ArgumentError, "choose a name ending in .svg"),
    (lambda: ms.save_svg("x.svg", []), ArgumentError, "there is nothing to draw"),
    (lambda: ms.save_svg([SKETCH], "x.svg"), ArgumentError, "numbers [n, 3], got 'x'"),
    (lambda: ms.save_svg("x.svg", [SKETCH[:, :2]]), ArgumentError, "got shape [2, 2]"),
    (
        lambda: ms.write_npz("x.npz", train=[SKETCH], valid=[], test=[SKETCH]),
        DataError,
        "x.npz, valid: no sketches to write, expected at least 1",
    ),
]
WITH_A_MODEL = [
    (lambda m: m.decode(np.zeros(4)), ArgumentError, "z must have the shape [batch, 4], got [4]"),
    (lambda m: m.decode("abc"), ArgumentError, "z must be numbers [batch, 4], got 'abc'"),
    (lambda m: m.decode(np.full((1, 4), np.nan)), ArgumentError, "z must be finite, got nan"),
    (
        lambda m: m.decode(np.zeros((1, 4)), temperature="hot"),
        ArgumentError,
        "the temperature must be in (0, 1], got 'hot'; for no randomness at all take",
    ),
    (lambda m: m.sample("ten"), ArgumentError, "count must be a whole number from 0 to 2**63 - 1"),
    (lambda m: m.encode(SKETCH), DataError, "got shape [3]; one sketch alone goes in a list"),
    (lambda m: m.encode(["cat"]), DataError, "sketches[0]: expected numbers"),
    (lambda m: m.encode([SKETCH], scale="x"), ArgumentError, "scale must be finite and at least 0"),
    (lambda m: m.save("x.h5"), ArgumentError, "whose name ends in .keras, or as a folder"),
    (lambda m: m.save("data"), RunError, "data is not an empty folder: name another place"),
]


def refused(place, kind, message, call, *arguments):
    """Assert that the call gives the error, in one line, and writes nothing."""
    before = sorted(place.rglob("*"))
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call(*arguments)
    assert isinstance(caught.value, ms.SketchError) and "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")
    assert sorted(place.rglob("*")) == before


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    shutil.copy(DATA / "tiny.npz", tmp_path / "data" / "cat.npz")
    (tmp_path / "afile").write_text("hello\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("call", "kind", "message"), WITHOUT_A_MODEL)
def test_without_a_model(place, call, kind, message):
    refused(place, kind, message, call)


def test_with_a_model(place, trained_run):
    model = magenta_sketch.load(trained_run)
    for call, kind, message in WITH_A_MODEL:
        refused(place, kind, message, call, model)
