"""A run's folder: read as it was written, cleared whole, named when it is damaged."""

import contextlib
import dataclasses
import errno
import itertools
import json
import shutil

import numpy as np
import pytest
from states import CONFIG, State
from tripwire import Killed, Tripwire

from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.training import places
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


# ------------------------------------------------------------------------------ the run's folder


def test_a_run_is_read_as_it_was_written(folder):
    folder.create(CONFIG)
    assert folder.read() == CONFIG
    assert RunFolder(str(folder.root)).holds_run()
    config = json.loads(folder.config.read_text())
    assert config["dec_rnn_size"] == 2 and config["data_set"] == ["aaron_sheep.npz"]
    versions = json.loads(folder.run.read_text())["versions"]
    assert versions["tensorflow"] == tf.__version__ and versions["numpy"] == np.__version__


def test_a_run_of_before_num_epochs_was_kept_can_be_read(folder):
    folder.create(CONFIG)
    rest = json.loads(folder.run.read_text())
    del rest["num_epochs"]
    folder.run.write_text(json.dumps(rest))
    assert folder.read().num_epochs is None


@pytest.mark.parametrize("mode", ["mixed_precision", "bucket_by_length"])
def test_a_run_of_before_there_were_modes_has_none(folder, mode):
    folder.create(CONFIG)
    rest = json.loads(folder.run.read_text())
    assert rest[mode] is True
    del rest[mode]
    folder.run.write_text(json.dumps(rest))
    assert folder.read() == dataclasses.replace(CONFIG, **{mode: False})
    folder.run.write_text(json.dumps(rest | {mode: "false"}))
    with pytest.raises(RunError, match=f"run.json is damaged .*{mode}"):
        folder.read()


def test_a_run_of_before_validation_had_the_trained_form_keeps_its_own(folder):
    folder.create(CONFIG)
    assert CONFIG.bucket_by_length and folder.read().evaluates_to_first_end
    rest = json.loads(folder.run.read_text())
    del rest["validates_as_trained"]
    folder.run.write_text(json.dumps(rest))
    assert not folder.read().evaluates_to_first_end
    folder.create(folder.read())  # as a run that is resumed with more steps is
    assert not folder.read().evaluates_to_first_end


def damaged_json(path):
    path.write_text(path.read_text()[:20])


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda f: shutil.rmtree(f.root), "model_config.json is missing .*no such folder"),
        (lambda f: f.config.unlink(), "model_config.json is missing .*run.json"),
        (lambda f: f.run.unlink(), "run.json is missing .*model_config.json"),
        (lambda f: damaged_json(f.config), "model_config.json: .*JSON"),
        (lambda f: damaged_json(f.run), "run.json is damaged"),
        (lambda f: f.run.write_text("[]"), "run.json is damaged"),
        (lambda f: f.run.write_text("{}"), "run.json is damaged .*seed"),
        (lambda f: f.run.write_bytes(b"\xff"), "run.json is damaged"),
        (lambda f: f.config.write_bytes(b"\xff"), "model_config.json: "),
        (lambda f: f.config.write_text('["data_set", "z_size"]'), "list of their names"),
        (lambda f: (f.run.unlink(), f.run.mkdir()), "run.json cannot be read"),
        (lambda f: (f.config.unlink(), f.config.mkdir()), "model_config.json cannot be read"),
    ],
)
def test_a_spoilt_run_is_named(folder, spoil, message):
    folder.create(CONFIG)
    spoil(folder)
    with pytest.raises(RunError, match=message) as caught:
        folder.read()
    assert str(folder.root) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "leave", ["config", "run", "newest", "best"], ids=lambda name: f"only {name}"
)
def test_what_is_left_of_a_run_is_known_as_one(folder, state, leave):
    folder.create(CONFIG)
    state.save(10)
    state.checkpoints.save_best()
    for path in (folder.config, folder.run, folder.newest, folder.best):
        if path != getattr(folder, leave):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert folder.holds_run()


def test_an_empty_or_foreign_folder_holds_no_run(folder):
    assert not folder.holds_run()
    (folder.root / "newest").mkdir(parents=True)
    (folder.root / "notes.txt").write_text("mine")
    assert not folder.holds_run()


def test_clear_removes_the_run_and_nothing_else(folder, state):
    folder.create(CONFIG)
    state.save(10)
    state.checkpoints.save_best()
    (folder.best / ".step-20.new").mkdir()
    ours = ["history.jsonl", "events.out.tfevents.1.host.2.v2", "training_curve.png"]
    ours += ["sketches.svg", ".history.jsonl.0a1b.tmp"]
    foreign = ["notes.txt", "newest/mine.txt", "images/step-1.svg", ".hidden", "events.txt"]
    for name in [*ours, *foreign]:
        (folder.root / name).parent.mkdir(exist_ok=True)
        (folder.root / name).write_text("x")
    folder.clear()
    left = {str(p.relative_to(folder.root)) for p in folder.root.rglob("*") if p.is_file()}
    assert left == set(foreign)
    assert not folder.best.exists()
    assert not folder.holds_run()


def test_clear_says_when_it_can_not(folder, state, monkeypatch):
    folder.create(CONFIG)
    state.save(10)

    def fail(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(places.os, "rename", fail)
    with pytest.raises(OSError, match="Permission denied"):
        folder.clear()
    assert folder.holds_run()  # so that no other run is mixed with what is left


def test_clear_killed_at_any_operation_leaves_a_run_or_nothing(tmp_path, network):
    for allowed in itertools.count():
        folder = RunFolder(tmp_path / str(allowed))
        folder.create(CONFIG)
        State(folder, network).save(10)
        with pytest.MonkeyPatch.context() as monkeypatch:
            tripwire = Tripwire(monkeypatch, allowed, Killed())
            with contextlib.suppress(Killed):
                folder.clear()
        if not tripwire.sprung:
            break
        assert folder.holds_run()
        folder.clear()
        assert not folder.holds_run()
        assert list(folder.root.iterdir()) == []
    assert allowed >= 4


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_windows_has_saved(trained_run, tmp_path, encoding):
    shutil.copytree(trained_run, tmp_path / "run")
    for name in ("run.json", "model_config.json"):
        path = tmp_path / "run" / name
        path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert RunFolder(tmp_path / "run").read() == RunFolder(trained_run).read()


def test_a_run_file_that_is_nested_too_deep(trained_run, tmp_path):
    shutil.copytree(trained_run, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(RunError, match="is damaged"):
        RunFolder(tmp_path / "run").read()
