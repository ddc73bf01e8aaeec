"""Checkpoints: whole or absent, whatever happens while they are written."""

import contextlib
import errno
import itertools
import os
import resource

import numpy as np
import pytest
from slow import slow_but
from states import State, same
from tripwire import Killed, Tripwire

from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


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


@pytest.mark.parametrize("again", slow_but([False, True], False), ids=["next step", "same step"])
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


@pytest.mark.parametrize(
    "number", slow_but([errno.ENOSPC, errno.EIO], errno.ENOSPC), ids=["ENOSPC", "EIO"]
)
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
            assert f"{os.strerror(error.errno)};" in message
            # The folder's own fsync may fail after the new one is in place.
            assert "last good checkpoint, of step 20, is intact" in message or saved_steps(
                folder.newest
            ) == [5, 10, 20, 30]
            assert "--resume_training" in message and "\n" not in message
            assert ("make room" in message) == ("No space" in message)
            if saved_steps(folder.newest) == [5, 10, 20]:
                assert same(state.restore()[0], old)
        assert hidden(folder) == [] or message is None
        if not tripwire.sprung:
            break
    assert failures >= 5


@pytest.mark.parametrize(
    "kind, number, advice",
    [
        (tf.errors.ResourceExhaustedError, errno.ENOSPC, "make room"),
        (tf.errors.UnknownError, errno.EFBIG, "make room"),
        (tf.errors.UnknownError, errno.EIO, "mend that"),
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
    assert f"newest cannot be written: {os.strerror(number)}; the last good" in message
    assert advice in message
    assert hidden(folder) == []
    assert same(state.restore()[0], old)


def test_a_real_limit_on_file_sizes(folder, state):
    old = state.save(10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(RunError, match="File too large; the last good checkpoint, of step 10"):
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


@pytest.mark.parametrize(
    "which", slow_but([data_file, index_file], index_file), ids=["data", "index"]
)
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
