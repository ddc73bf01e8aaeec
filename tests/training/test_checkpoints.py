"""Checkpoints and a run's folder: whole or absent, whatever happens while they are written."""

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import resource
import shutil
import sys

import numpy as np
import pytest
from tripwire import Killed, Tripwire

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import RunError
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.loop import checkpoints
from magenta_sketch.training.run_folder import RunFolder, RunInfo, saved_steps

# Few variables: a checkpoint of them takes 10 ms.
HPARAMS = HParams(conditional=False, dec_rnn_size=2, num_mixture=1)
INFO = RunInfo(
    HPARAMS,
    7,
    12.5,
    "f" * 64,
    "/some/where",
    2.5,
    mixed_precision=True,
    bucket_by_length=True,
)


class State:
    """All variables of a run, set to numbers that tell one state from another."""

    def __init__(self, folder, network):
        model, optimizer = network
        self.checkpoints = Checkpoints(folder, model, optimizer, seed=7)
        own = self.checkpoints
        numbers = [own.step, own.evaluated_step, own.best_step, own.best_cost]
        self.variables = [*model.weights, *optimizer.variables, *numbers]

    def become(self, number, step=None):
        """State ``number``, which has made ``step`` steps (default: number)."""
        for index, variable in enumerate(self.variables):
            value = np.full(variable.shape, number + index / 128)
            variable.assign(value.astype(tf.as_dtype(variable.dtype).as_numpy_dtype))
        self.checkpoints.step.assign(number if step is None else step)
        return self

    def values(self):
        return [variable.numpy().copy() for variable in self.variables]

    def save(self, number, step=None):
        self.become(number, step).checkpoints.save_newest()
        return self.values()

    def restore(self):
        """(values after restoring, warnings); the state before is lost."""
        self.become(-1, 999)
        warnings = []
        assert self.checkpoints.restore_newest(warnings.append)
        return self.values(), warnings


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.fixture(scope="module")
def network():
    model = SketchRNN(HPARAMS)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    return model, optimizer


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def state(folder, network):
    return State(folder, network)


def hidden(folder):
    return [path for path in folder.root.rglob(".*")]


# ------------------------------------------------------------------------------ saving, restoring


def test_everything_comes_back_with_the_same_bits(state):
    state.become(3)
    state.checkpoints.best_cost.assign(1.2345678901234567)  # more digits than float32 has
    state.checkpoints.step.assign(2**40 + 1)
    saved = state.values()
    state.checkpoints.save_newest()
    restored, warnings = state.restore()
    assert same(restored, saved)
    assert warnings == []


def test_nothing_to_restore(state):
    assert state.checkpoints.restore_newest(pytest.fail) is False


def test_the_last_few_are_kept_and_one_best(folder, state):
    for number in (10, 20, 30, 40, 50):
        state.save(number)
        if number in (20, 40):
            state.checkpoints.save_best()
    assert saved_steps(folder.newest) == [30, 40, 50]
    assert saved_steps(folder.best) == [40]
    assert hidden(folder) == []


def test_a_step_saved_again_replaces_the_first(folder, state):
    state.save(10)
    state.save(20)
    again = state.save(21, step=20)  # as after an interrupted evaluation, then finished
    assert same(state.restore()[0], again)
    once_more = state.save(22, step=20)
    assert same(state.restore()[0], once_more)
    assert saved_steps(folder.newest) == [10, 20]
    assert len(list(folder.newest.iterdir())) == 2


def test_a_checkpoint_of_another_run_is_refused(folder, network, state):
    state.save(10)
    other = Checkpoints(folder, *network, seed=8)
    with pytest.raises(RunError, match="step 10 .* seed 7, but this run has 8"):
        other.restore_newest(print)


def test_strange_names_are_no_checkpoints(folder, state):
    state.save(10)
    for name in ("step-", "step-x", "step-30-copy", "step-²", "other"):
        (folder.newest / name).mkdir()
    (folder.newest / "step-40").write_text("a file")
    assert saved_steps(folder.newest) == [10]
    state.save(20)
    assert saved_steps(folder.newest) == [10, 20]
    assert (folder.newest / "step-30-copy").is_dir()


# ------------------------------------------------------------------ killed or stopped in a write


def before_saving(folder, network, again):
    """A folder with the steps 5, 10 and 20; the number of the state to be saved next, and its step.

    With ``again`` that is step 20 once more, else step 30, and step 5 has to go."""
    state = State(folder, network)
    state.save(5)
    state.save(10)
    last = state.save(20)
    return state, last, (31, 20) if again else (30, 30)


@pytest.mark.parametrize("again", [False, True], ids=["next step", "same step"])
def test_killed_at_any_operation_the_old_or_the_new_state_is_whole(tmp_path, network, again):
    outcomes = set()
    for allowed in itertools.count():
        folder = RunFolder(tmp_path / str(allowed))
        state, old, (number, step) = before_saving(folder, network, again)
        with pytest.MonkeyPatch.context() as monkeypatch:
            tripwire = Tripwire(monkeypatch, allowed, Killed())
            with contextlib.suppress(Killed):
                state.save(number, step)
        new = state.become(number, step).values()
        restored, warnings = state.restore()
        assert warnings == []
        assert same(restored, old) or same(restored, new), f"after {allowed} operations"
        outcomes.add(same(restored, new))
        # And what was left behind does not stop the next attempt, nor does it stay.
        assert same(state.save(number, step), new)
        assert same(state.restore()[0], new)
        assert hidden(folder) == []
        if not tripwire.sprung:
            break
    assert allowed > 8  # it was killed in all of these places
    assert outcomes == {False, True}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_an_operation_that_fails_leaves_the_last_good_and_says_so(tmp_path, network, number):
    error = OSError(number, os.strerror(number))
    failures = 0
    for allowed in itertools.count():
        folder = RunFolder(tmp_path / str(allowed))
        state, old, (number, step) = before_saving(folder, network, again=False)
        message = None
        with pytest.MonkeyPatch.context() as monkeypatch:
            tripwire = Tripwire(monkeypatch, allowed, error)
            try:
                state.save(number, step)
            except RunError as caught:
                message = str(caught)
        if message is not None:
            failures += 1
            assert "checkpoint of step 30" in message and str(folder.root) in message
            assert f"{os.strerror(error.errno)}." in message
            # The folder's own fsync may fail after the new one is in place.
            assert "last good checkpoint, of step 20, is intact" in message or saved_steps(
                folder.newest
            ) == [5, 10, 20, 30]
            assert "--resume_training" in message and "\n" not in message
            assert ("Make room" in message) == ("No space" in message)
            if saved_steps(folder.newest) == [5, 10, 20]:
                assert same(state.restore()[0], old)
        assert hidden(folder) == [] or message is None
        if not tripwire.sprung:
            break
    assert failures >= 5


@pytest.mark.parametrize(
    "kind, number, advice",
    [
        (tf.errors.ResourceExhaustedError, errno.ENOSPC, "Make room"),
        (tf.errors.UnknownError, errno.EFBIG, "Make room"),
        (tf.errors.UnknownError, errno.EIO, "Mend that"),
    ],
)
def test_tensorflow_failing_to_write(folder, state, monkeypatch, kind, number, advice):
    old = state.save(10)

    def fail(*args):
        raise kind(None, None, f"{{{{function_node x}}}} a/b.index; {os.strerror(number)} [Op:Y]")

    monkeypatch.setattr(tf.train.Checkpoint, "write", fail)
    with pytest.raises(RunError) as caught:
        state.save(20)
    message = str(caught.value)
    assert f"newest can't be written: {os.strerror(number)}. The last good" in message
    assert advice in message
    assert hidden(folder) == []
    assert same(state.restore()[0], old)


def test_a_real_limit_on_file_sizes(folder, state):
    old = state.save(10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(RunError, match="File too large. The last good checkpoint, of step 10"):
            state.save(20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert hidden(folder) == []
    assert saved_steps(folder.newest) == [10]
    assert same(state.restore()[0], old)


# -------------------------------------------------------------------------------------- damage


def data_file(place):
    (found,) = place.glob("*.data-*")
    return found


def index_file(place):
    (found,) = place.glob("*.index")
    return found


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


DAMAGES = {
    "data truncated": lambda place: os.truncate(data_file(place), 100),
    "data empty": lambda place: os.truncate(data_file(place), 0),
    "data missing": lambda place: data_file(place).unlink(),
    "data flipped": lambda place: flip(data_file(place), 10),
    "index truncated": lambda place: os.truncate(index_file(place), 100),
    "index empty": lambda place: os.truncate(index_file(place), 0),
    "index missing": lambda place: index_file(place).unlink(),
    "index flipped": lambda place: flip(index_file(place), 50),
    "nothing in it": lambda place: [file.unlink() for file in place.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_newest_falls_back_to_the_one_before(folder, state, damage):
    older = state.save(10)
    state.save(20)
    damage(folder.newest / "step-20")
    restored, warnings = state.restore()
    assert same(restored, older)
    (warning,) = warnings
    assert warning.startswith("warning:") and str(folder.newest / "step-20") in warning
    assert "\n" not in warning and "{{" not in warning


@pytest.mark.parametrize("which", [data_file, index_file], ids=["data", "index"])
def test_no_flipped_byte_goes_unnoticed(folder, state, which):
    older, newer = state.save(10), state.save(20)
    path = which(folder.newest / "step-20")
    whole = path.read_bytes()
    positions = {int(p) for p in np.linspace(0, len(whole) - 1, 25)}
    noticed = 0
    for position in positions:
        flip(path, position)
        restored, warnings = state.restore()
        # Some bytes are never read, such as padding.
        assert same(restored, older if warnings else newer), f"byte {position}"
        noticed += len(warnings)
        path.write_bytes(whole)
    assert noticed > 0.7 * len(positions)


def test_all_damaged_is_an_error(folder, state):
    for number in (10, 20):
        state.save(number)
        index_file(folder.newest / f"step-{number}").unlink()
    warnings = []
    with pytest.raises(RunError, match="none of the 2 checkpoints in .*newest can be read"):
        state.checkpoints.restore_newest(warnings.append)
    assert len(warnings) == 2


def test_after_falling_back_new_checkpoints_count_and_damaged_ones_go(folder, state):
    for number in (10, 20, 30):
        state.save(number)
        state.checkpoints.save_best()
    for number in (20, 30):
        data_file(folder.newest / f"step-{number}").unlink()
    assert len(state.restore()[1]) == 2
    state.save(15)  # another save_every than before
    assert saved_steps(folder.newest) == [10, 15]
    state.checkpoints.save_best()
    assert saved_steps(folder.best) == [15]


# ------------------------------------------------------------------------------ the run's folder


def test_a_run_is_read_as_it_was_written(folder):
    folder.create(INFO)
    assert folder.read() == INFO
    assert RunFolder(str(folder.root)).holds_run()
    config = json.loads(folder.config.read_text())
    assert config["dec_rnn_size"] == 2 and config["data_set"] == ["aaron_sheep.npz"]
    versions = json.loads(folder.run.read_text())["versions"]
    assert versions["tensorflow"] == tf.__version__ and versions["numpy"] == np.__version__


def test_a_run_of_before_num_epochs_was_kept_can_be_read(folder):
    folder.create(INFO)
    rest = json.loads(folder.run.read_text())
    del rest["num_epochs"]
    folder.run.write_text(json.dumps(rest))
    assert folder.read().num_epochs is None


@pytest.mark.parametrize("mode", ["mixed_precision", "bucket_by_length"])
def test_a_run_of_before_there_were_modes_has_none(folder, mode):
    folder.create(INFO)
    rest = json.loads(folder.run.read_text())
    assert rest[mode] is True
    del rest[mode]
    folder.run.write_text(json.dumps(rest))
    assert folder.read() == dataclasses.replace(INFO, **{mode: False})
    folder.run.write_text(json.dumps(rest | {mode: "false"}))
    with pytest.raises(RunError, match=f"run.json is damaged .*{mode}"):
        folder.read()


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
        (lambda f: (f.run.unlink(), f.run.mkdir()), "run.json can't be read"),
        (lambda f: (f.config.unlink(), f.config.mkdir()), "model_config.json can't be read"),
    ],
)
def test_a_spoilt_run_is_named(folder, spoil, message):
    folder.create(INFO)
    spoil(folder)
    with pytest.raises(RunError, match=message) as caught:
        folder.read()
    assert str(folder.root) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "leave", ["config", "run", "newest", "best"], ids=lambda name: f"only {name}"
)
def test_what_is_left_of_a_run_is_known_as_one(folder, state, leave):
    folder.create(INFO)
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
    folder.create(INFO)
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
    folder.create(INFO)
    state.save(10)

    def fail(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(checkpoints.os, "rename", fail)
    with pytest.raises(OSError, match="Permission denied"):
        folder.clear()
    assert folder.holds_run()  # so that no other run is mixed with what is left


def test_clear_killed_at_any_operation_leaves_a_run_or_nothing(tmp_path, network):
    for allowed in itertools.count():
        folder = RunFolder(tmp_path / str(allowed))
        folder.create(INFO)
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


@pytest.mark.skipif(sys.platform != "linux", reason="the message is that of Linux")
def test_reason_is_the_gist_of_tensorflows_message(tmp_path):
    with pytest.raises(tf.errors.OpError) as caught:
        tf.io.write_file(str(tmp_path / "no" / "folder" / ("x" * 300)), "text")
    assert checkpoints.reason(caught.value) == "File name too long"
