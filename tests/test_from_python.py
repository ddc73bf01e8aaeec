"""`magenta_sketch.train`: the training program as one call."""

import pathlib
import shutil

import numpy as np
import pytest
from own_cells import LeakyCell

import magenta_sketch
from magenta_sketch._backend import keras
from magenta_sketch.errors import HParamsError, ModelFileError, RunError

DATA = pathlib.Path(__file__).parent / "data"
ROOT = pathlib.Path(__file__).resolve().parents[1]
SMALL = dict(
    data_set=["tiny.npz"], data_dir=str(DATA), num_steps=4, save_every=2, batch_size=8, seed=1,
    enc_rnn_size=8, dec_rnn_size=12, z_size=4, num_mixture=2,
)  # fmt: skip


def quiet(line):
    pass


@pytest.mark.slow
def test_it_is_the_program_and_gives_its_best_model(tmp_path, capsys):
    lines = []
    model = magenta_sketch.train(tmp_path / "run", report=lines.append, **SMALL)
    assert capsys.readouterr().out == ""  # all lines are reported, also those of training
    assert any(line.startswith("valid at step 4: ") for line in lines)
    again = magenta_sketch.load(tmp_path / "run")
    assert model.step == again.step and model.config == again.config
    sketches = [np.array([[3, 4, 0], [5, 0, 1]], np.float32)]
    np.testing.assert_array_equal(model.encode(sketches), again.encode(sketches))
    assert lines[-1].startswith("next: ") and any(
        line.startswith("done: 4 steps") for line in lines
    )
    assert (tmp_path / "run" / "sketches.svg").exists()
    more = magenta_sketch.train(
        tmp_path / "run", resume_training=True, num_steps=6, report=lines.append
    )
    assert more.config.hparams.num_steps == 6 and "resumed at step 4" in lines
    with pytest.raises(RunError, match="already holds a run"):
        magenta_sketch.train(tmp_path / "run", report=quiet, **SMALL)
    with pytest.raises(RunError, match="z_size: the run has 4, now 5"):
        magenta_sketch.train(tmp_path / "run", resume_training=True, z_size=5, report=quiet)


@pytest.mark.slow
def test_without_a_folder_it_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = magenta_sketch.train(report=quiet, **SMALL)
    assert list(tmp_path.iterdir()) == []
    assert len(model.sample(3)) == 3
    model.save("kept")
    assert magenta_sketch.load("kept").config == model.config


def test_mistakes_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(HParamsError, match="unknown option 'num_step'; did you mean 'num_steps'"):
        magenta_sketch.train(tmp_path / "run", num_step=3)
    with pytest.raises(magenta_sketch.SketchError, match="nowhere"):
        magenta_sketch.train(tmp_path / "run", report=quiet, **{**SMALL, "data_dir": "nowhere"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_cell_of_ones_own_trains_resumes_is_saved_and_samples(tmp_path):
    root = tmp_path / "run"
    cells = dict(encoder_cell=LeakyCell, decoder_cell=LeakyCell)
    straight = magenta_sketch.train(report=quiet, **SMALL, **cells)
    magenta_sketch.train(root, report=quiet, **{**SMALL, "num_steps": 2}, **cells)
    resumed = magenta_sketch.train(root, resume_training=True, num_steps=4, report=quiet)
    assert isinstance(resumed.model.decoder.rnn_cell, LeakyCell)
    assert isinstance(resumed.model.encoder.backward_cell, LeakyCell)
    assert resumed.step == straight.step
    pairs = zip(resumed.model.trainable_variables, straight.model.trainable_variables, strict=True)
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)

    drawn = resumed.sample(2, seed=3)
    resumed.save(tmp_path / "m.keras")
    for place in (root, tmp_path / "m.keras"):
        for mine, theirs in zip(magenta_sketch.load(place).sample(2, seed=3), drawn, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert len(resumed.reconstruct([np.array([[3, 4, 1]], np.float32)])) == 1
    # Training that goes on elsewhere takes the cell along.
    other = magenta_sketch.train(report=quiet, **SMALL, init_from=str(tmp_path / "m.keras"))
    assert isinstance(other.model.decoder.rnn_cell, LeakyCell)


@pytest.mark.slow
def test_a_run_whose_cell_nobody_has_registered_here_says_so(tmp_path):
    @keras.saving.register_keras_serializable(package="passing")
    class Passing(LeakyCell):
        pass

    root = tmp_path / "run"
    magenta_sketch.train(root, decoder_cell=Passing, report=quiet, **{**SMALL, "num_steps": 2})
    keras.saving.get_custom_objects().pop("passing>Passing")
    message = "cell passing>Passing is not registered with Keras: import the module that defines it"
    with pytest.raises(ModelFileError, match=message):
        magenta_sketch.load(root)
    with pytest.raises(ModelFileError, match=message):
        magenta_sketch.train(root, resume_training=True, num_steps=4, report=quiet)
    assert (root / "run.json").exists()


@pytest.mark.slow
def test_the_documented_cell_of_ones_own(tmp_path, monkeypatch):
    """The ten lines of docs/python.md, with fewer steps and a smaller data set."""
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    code = next(part for part in page.split("```python\n")[1:] if "decoder_cell=" in part)
    code = code.split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) == 10
    code = code.replace("num_steps=200", "num_steps=2, dec_rnn_size=8")
    (tmp_path / "datasets").mkdir()
    shutil.copy(DATA / "tiny.npz", tmp_path / "datasets" / "kanjivg.npz")
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(compile(code, "python.md", "exec"), found)
    assert len(found["drawings"]) == 9 and (tmp_path / "slow.keras").exists()
    assert found["model"].model.decoder.rnn_cell.__class__ is found["Slow"]


@pytest.mark.slow
def test_the_documented_keras_model(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    code = next(part for part in page.split("```python\n")[1:] if "model.fit(" in part)
    code = code.split("```")[0].replace("num_steps=500", "num_steps=2, dec_rnn_size=8")
    (tmp_path / "datasets").mkdir()
    shutil.copy(DATA / "tiny.npz", tmp_path / "datasets" / "kanjivg.npz")
    monkeypatch.chdir(tmp_path)
    found = {"magenta_sketch": magenta_sketch}
    exec(compile(code, "python.md", "exec"), found)
    assert int(found["model"].optimizer.iterations) == 2
