"""The training loop: exact resuming, what steps are given, best and newest, when it gives up."""

import math
import re
import threading

import numpy as np
import pytest
from bench import Script, assert_same, events, everything, go, recorded, untimed, working
from slow import slow_but
from tripwire import FILE_OPERATIONS, Killed, Tripwire

from magenta_sketch._backend import tf
from magenta_sketch.data import SketchSet
from magenta_sketch.data.batches import training_batch
from magenta_sketch.errors import RunError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.seeds import Purpose
from magenta_sketch.training import loop as training
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.step import TrainStep


def operations(trainer):
    """Where a run is stopped below: in steps, evaluations, reports, and each write.

    All in the main thread, so that a run's n-th one is the same each time."""
    loop = ((TrainStep, "__call__"), (Journal, "say"), (Journal, "_record"), (Journal, "_scalars"))
    return (*loop, (trainer.evaluate, "_compiled"), *FILE_OPERATIONS)


@pytest.mark.parametrize(
    "modes, total, kept, every",
    [
        ("bench", 4, [2, 4], 23),
        pytest.param("bench", 4, [2, 4], 3, marks=pytest.mark.slow),
        pytest.param("fast_bench", 6, [2, 4, 6], 7, marks=pytest.mark.slow),
    ],
)
def test_killed_anywhere_and_resumed_it_ends_with_the_same_bits(
    request, tmp_path, log_often, modes, total, kept, every
):
    bench, last = request.getfixturevalue(modes), RunFolder(tmp_path / "whole")
    last.root.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        trainer = bench.start(last)
        tripwire = Tripwire(monkeypatch, -1, None, operations(trainer))
        go(trainer, total)
    whole, history = everything(trainer), untimed(last)
    assert tripwire.operations > 50
    # Some, over the whole of the run: the cases in between are like their neighbours.
    for allowed in range(0, tripwire.operations, every):
        folder = RunFolder(tmp_path / str(allowed))
        folder.root.mkdir()
        trainer = bench.start(folder)
        with pytest.MonkeyPatch.context() as monkeypatch, pytest.raises(Killed):
            Tripwire(monkeypatch, allowed, Killed(), operations(trainer))
            go(trainer, total)
        assert_same(everything(go(bench.start(folder), total)), whole)
        assert saved_steps(folder.newest) == saved_steps(last.newest) == kept
        assert saved_steps(folder.best) == saved_steps(last.best)
        assert untimed(folder) == history


@pytest.mark.slow
def test_longer_than_planned(bench, tmp_path):
    """num_steps may grow and save_every change: the model is the same as if planned so."""
    straight, folder = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    straight.root.mkdir(), folder.root.mkdir()
    whole = everything(go(bench.start(straight, save_every=100), 6))
    go(bench.start(folder, save_every=2), 3)
    longer = everything(go(bench.start(folder, save_every=3), 6))
    count = len(bench.initial)
    assert_same(longer[:count], whole[:count])


def test_a_finished_run_has_nothing_to_do(bench, folder):
    whole = everything(go(bench.start(folder), 4))
    before = {path: path.stat().st_mtime_ns for path in folder.newest.rglob("*")}
    assert_same(everything(go(bench.start(folder), 4)), whole)
    assert_same(everything(go(bench.start(folder), 2)), whole)
    assert {path: path.stat().st_mtime_ns for path in folder.newest.rglob("*")} == before


def test_equal_seeds_are_equal_and_others_are_not(bench, tmp_path):
    folders = [RunFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.root.mkdir()
    first, second = (everything(go(bench.start(folder), 3)) for folder in folders)
    assert_same(first, second)
    other = Trainer(folders[0], bench.config.replace(seed=6), bench.data)
    initial = dict((v.path, value) for v, value in bench.initial)
    for weight in other.model.trainable_variables:
        if "bias" not in weight.path or "output" in weight.path:  # the others begin with zeros
            assert not np.array_equal(weight.numpy(), initial[weight.path]), weight.path


@pytest.mark.parametrize("modes", slow_but(["bench", "fast_bench"], "bench"))
def test_each_step_gets_its_own_batch_and_seeds(request, folder, modes):
    bench = request.getfixturevalue(modes)
    trainer, first = recorded(bench.start(folder, save_every=3))
    go(trainer, 3)
    trainer, rest = recorded(bench.start(folder, save_every=3))
    go(trainer, 7)
    assert (len(first), len(rest)) == (3, 4)
    times = set()
    for step, ((strokes, lengths, _), seeds, *_, rows) in enumerate(first + rest):
        expected = training_batch(bench.data.train, step, bench.config)
        np.testing.assert_array_equal(strokes, expected.strokes)
        np.testing.assert_array_equal(lengths, expected.lengths)
        np.testing.assert_array_equal(seeds, seed_table(5, step, Purpose.TRAINING))
        assert rows == bench.config.max_seq_len
        times.add(strokes.shape[1] - 1)
    padded_alike = times == {bench.config.max_seq_len}
    assert padded_alike != bench.config.bucket_by_length


def test_no_batch_is_made_beyond_the_last_step_and_no_thread_stays(bench, folder, monkeypatch):
    made, threads = [], set()

    def noted(sketches, step, config, **others):
        made.append(step)
        threads.add(threading.current_thread().name)
        return training_batch(sketches, step, config, **others)

    monkeypatch.setattr(training, "training_batch", noted)
    go(bench.start(folder), 5)
    assert made == [0, 1, 2, 3, 4] and working() == []
    assert threads != {threading.current_thread().name}
    go(bench.start(folder), 5)  # nothing to do
    assert made == [0, 1, 2, 3, 4]
    go(bench.start(folder), 6)
    assert made == [0, 1, 2, 3, 4, 5] and working() == []


def test_an_error_in_making_a_batch_comes_at_its_step(bench, folder, monkeypatch):
    def failing(sketches, step, config, **others):
        if step == 3:
            raise ValueError("no batch 3")
        return training_batch(sketches, step, config, **others)

    monkeypatch.setattr(training, "training_batch", failing)
    trainer, given = recorded(bench.start(folder))
    with pytest.raises(ValueError, match="no batch 3"):
        go(trainer, 6)
    assert trainer.step == len(given) == 3 and working() == []
    assert saved_steps(folder.newest) == [2]


@pytest.mark.parametrize("where", ["step", "evaluation"])
def test_no_thread_stays_after_an_interruption(bench, folder, where):
    trainer = bench.start(folder)
    trainer.train_step, step = interrupted_at(2 if where == "step" else 9), trainer.train_step
    trainer.train_step.then = step
    if where == "evaluation":
        trainer.evaluate = interrupted_at(0)
    with pytest.raises(KeyboardInterrupt):
        go(trainer, 6)
    assert trainer.step == 2 and working() == []


class interrupted_at:
    """A function that is interrupted in its call number ``allowed``, after so many others."""

    def __init__(self, allowed):
        self.left, self.then = allowed, None

    def __call__(self, *args):
        if not self.left:
            assert working()  # there is one to be ended
            raise KeyboardInterrupt
        self.left -= 1
        return self.then(*args)


def test_best_and_newest(bench, folder):
    """Test evaluation at a new best alone; the newest is saved whatever validation says."""
    trainer = bench.start(folder)
    trainer.evaluate = script = Script(bench.data, [3.0, 2.0, 2.0, 2.5])
    go(trainer, 8)
    assert script.asked == [
        (2, "valid"),
        (2, "test"),
        (4, "valid"),
        (4, "test"),
        (6, "valid"),
        (8, "valid"),
    ]
    assert saved_steps(folder.newest) == [4, 6, 8]
    assert saved_steps(folder.best) == [4]
    assert events(folder)["Best_Valid_Cost"] == [(2, 3.0), (4, 2.0), (6, 2.0), (8, 2.0)]

    resumed = bench.start(folder)
    resumed.evaluate = script = Script(bench.data, [2.1, 1.9])
    go(resumed, 12)
    assert script.asked == [(10, "valid"), (12, "valid"), (12, "test")]  # 2.1 is no new best
    assert saved_steps(folder.best) == [12]
    assert float(resumed.state.best_cost) == 1.9 and int(resumed.state.best_step) == 12


def test_pictures_come_with_each_evaluation(bench, folder):
    trainer = bench.start(folder, save_every=3)
    drawn = []
    trainer.illustrate = lambda step: drawn.append((step, saved_steps(folder.newest)))
    go(trainer, 7)
    # Before the newest checkpoint: a run killed while drawing draws again.
    assert drawn == [(3, []), (6, [3]), (7, [3, 6])]


def poisoned(trainer, at_call):
    """The trainer's step, which at its ``at_call``-th call gets a batch with a NaN in it."""
    step, calls = trainer.train_step, []

    def call(batch, *args):
        calls.append(1)
        if len(calls) == at_call:
            strokes = batch.strokes.copy()
            strokes[0, 1, 0] = np.nan
            batch = batch._replace(strokes=strokes)
        return step(batch, *args)

    return call


def test_a_cost_that_is_not_finite_stops_the_run(bench, folder):
    straight = everything(go(bench.start(folder), 3))
    assert saved_steps(folder.newest) == [2, 3]
    folder.newest.rename(folder.root / "other")
    trainer = bench.start(folder)
    trainer.train_step = poisoned(trainer, 4)
    with pytest.raises(RunError) as caught:
        go(trainer, 6)
    message = str(caught.value)
    assert re.search(r"the cost \(nan\) is not finite at step 4 ", message)
    assert re.search(r"the last finite cost: \d+\.\d{4}\)", message)
    assert "learning_rate" in message and "grad_clip" in message
    assert "the last good checkpoint, of step 2, is intact; begin" in message
    assert "\n" not in message
    # The variables are those of step 3, only not its evaluation.
    trainer.train_step = bench.kept["train_step"]
    count = len(bench.initial)
    assert_same(everything(trainer)[:count], straight[:count])
    assert saved_steps(folder.newest) == [2]
    go(bench.start(folder), 6)


@pytest.mark.parametrize(
    "spoil, cost",
    [
        (lambda v: v * np.float32(np.nan), "nan"),
        (lambda v: v * np.float32(np.inf), "nan|inf"),
    ],
)
def test_variables_that_are_not_finite_stop_the_run_at_once(bench, folder, spoil, cost):
    trainer = bench.start(folder)
    weight = trainer.model.decoder.output_kernel
    weight.assign(spoil(weight.numpy()))
    with pytest.raises(RunError, match=rf"the cost \(({cost})\) is not finite at step 1 .*none"):
        go(trainer, 3)
    assert int(trainer.train_step.optimizer.iterations) == 0


def test_a_validation_cost_that_is_not_finite_stops_before_it_is_saved(bench, folder):
    trainer = bench.start(folder)
    trainer.evaluate = Script(bench.data, [3.0, math.nan])
    with pytest.raises(RunError, match="validation cost is not finite at step 4 .*of step 2, is"):
        go(trainer, 6)
    assert saved_steps(folder.newest) == [2]


def test_too_little_memory_is_said(bench, folder):
    trainer = bench.start(folder)

    def out_of_memory(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor [9]")

    trainer.train_step = out_of_memory
    with pytest.raises(RunError, match=r"memory is too small .*\(OOM .*\).*lower batch_size"):
        go(trainer, 3)


@pytest.mark.slow
def test_a_set_smaller_than_a_batch_can_be_trained_on(bench, folder):
    trainer = bench.start(folder)
    trainer.data = type(bench.data)(
        *(SketchSet.from_sketches([bench.data.train[0]]) for _ in range(3)),
        max_seq_len=bench.data.max_seq_len,
        normalizing_factor=bench.data.normalizing_factor,
        fingerprint="",
    )
    go(trainer, 2)
    assert math.isfinite(float(trainer.state.best_cost))
