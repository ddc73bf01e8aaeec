"""The training loop: exact resuming, stopping, evaluation, what it reports and when it gives up."""

import dataclasses
import errno
import json
import math
import os
import pathlib
import re
import signal
import sys
import threading

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow.python.framework import config as tensorflow_config
from tripwire import FILE_OPERATIONS, Killed, Tripwire

from magenta_sketch._backend import tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import SketchSet, load_data_set
from magenta_sketch.data.batches import training_batch
from magenta_sketch.errors import RunError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.evaluation import Evaluation, Evaluator
from magenta_sketch.training.journal import Journal, read_history
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.loop import loop as training
from magenta_sketch.training.run_folder import RunFolder, RunInfo, saved_steps
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.signals import Interrupted, StopRequest
from magenta_sketch.training.step import PARTS, TrainStep

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
# Everything random is on: recurrent, input and output dropout, latent noise, augmentation.
HPARAMS = HParams(
    data_set=("tiny.npz",),
    enc_rnn_size=4,
    dec_rnn_size=4,
    z_size=2,
    num_mixture=2,
    batch_size=8,
    save_every=2,
    use_input_dropout=True,
    use_output_dropout=True,
)


class Bench:
    """A compiled trainer for many tests; each `start` is like the start of a new program."""

    def __init__(self, **modes):
        self.data = load_data_set(["tiny.npz"], DATA, report=lambda line: None)
        self.info = RunInfo(
            HPARAMS.replace(max_seq_len=self.data.max_seq_len),
            5,
            self.data.normalizing_factor,
            self.data.fingerprint,
            **modes,
        )
        self.trainer = Trainer(RunFolder("unused"), self.info, self.data)
        self.kept = dict(self.trainer.__dict__)
        variables = self.trainer.model.variables + self.trainer.train_step.optimizer.variables
        self.initial = [(variable, variable.numpy()) for variable in variables]

    def start(self, folder, **changes):
        """The trainer with its first values; ``changes`` are hyperparameters of the loop."""
        trainer = self.trainer
        trainer.__dict__.update(self.kept)
        for variable, value in self.initial:
            variable.assign(value)
        trainer.folder = folder
        hparams = self.info.hparams.replace(**changes)
        trainer.info = dataclasses.replace(self.info, hparams=hparams)
        optimizer = trainer.train_step.optimizer
        trainer.state = Checkpoints(folder, trainer.model, optimizer, seed=5)
        return trainer


@pytest.fixture(scope="module")
def bench():
    tf.config.experimental.enable_op_determinism()
    yield Bench()
    tensorflow_config.disable_op_determinism()  # other tests draw without a seed


@pytest.fixture(scope="module")
def fast_bench(bench):
    return Bench(mixed_precision=True, bucket_by_length=True)


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    return folder


def go(trainer, total, stop=None, warn=pytest.fail):
    """Take the run up where its folder has it, and train to the end."""
    trainer.restore(warn)
    start, evaluated = trainer.step, int(trainer.state.evaluated_step)
    with Journal(trainer.folder, start, total, evaluated) as journal:
        trainer.run(total, journal, stop or StopRequest())
    return trainer


def everything(trainer):
    state = trainer.state
    own = [state.step, state.evaluated_step, state.best_step, state.best_cost, state.seed]
    optimizer = trainer.train_step.optimizer
    variables = [*trainer.model.variables, *optimizer.variables, *own]
    return [np.array(variable.numpy()) for variable in variables]


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def events(folder):
    found = EventAccumulator(str(folder.root), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    scalars = {}
    for tag in found.Tags()["tensors"]:
        scalars[tag] = [
            (e.step, float(tf.make_ndarray(e.tensor_proto))) for e in found.Tensors(tag)
        ]
    return scalars


# ------------------------------------------------------------------------------ exact resuming


@pytest.fixture
def log_often(monkeypatch):
    monkeypatch.setattr(training, "LOG_EVERY", 2)


def operations(trainer):
    """Where a run is stopped below: in steps, evaluations, reports, and each write.

    All in the main thread, so that a run's n-th one is the same each time."""
    loop = ((TrainStep, "__call__"), (Journal, "say"), (Journal, "_record"), (Journal, "_scalars"))
    return (*loop, (trainer.evaluate, "_compiled"), *FILE_OPERATIONS)


@pytest.mark.parametrize(
    "modes, total, kept, every", [("bench", 4, [2, 4], 3), ("fast_bench", 6, [2, 4, 6], 7)]
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


def untimed(folder):
    return [json.loads(line) for line in folder.history.read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(
    "where, when, step, total",
    [
        ("step", 0, 1, 5),
        ("step", 2, 3, 5),
        ("valid", 0, 2, 5),
        ("valid", 0, 2, 2),
        ("test", 0, 2, 5),
        ("test", 0, 2, 2),
        ("save", 0, 2, 5),
    ],
)
def test_a_signal_saves_says_so_and_the_run_goes_on_exactly(
    bench, tmp_path, monkeypatch, capfd, number, where, when, step, total
):
    straight = RunFolder(tmp_path / "straight")
    straight.root.mkdir()
    whole = everything(go(bench.start(straight), total))

    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    trainer = bench.start(folder)
    target = {
        "step": (TrainStep, "__call__"),
        "valid": (trainer.evaluate, "_compiled"),
        "test": (trainer.evaluate, "_compiled"),
        "save": (tf.train.Checkpoint, "write"),
    }[where]
    batches = math.ceil(len(bench.data.valid) / HPARAMS.batch_size)
    stop = StopRequest()
    with monkeypatch.context() as patched:
        allowed = when + (batches if where == "test" else 0)
        Tripwire(patched, allowed, lambda: signal.raise_signal(number), (target,))
        with stop.listening(), pytest.raises(Interrupted) as caught:
            go(trainer, total, stop)
    assert caught.value.signal_number == number
    message = str(caught.value)
    assert f"interrupted at step {step};" in message and "--resume_training" in message
    assert str(folder.newest) in message
    assert "to write a checkpoint" in capfd.readouterr().err
    assert saved_steps(folder.newest)[-1] == step
    # It did not wait for the end of an evaluation.
    assert [row["split"] for row in untimed(folder)].count(where) == 0

    assert_same(everything(go(bench.start(folder), total)), whole)
    assert_same(everything(restored(bench.start(folder))), whole)
    rows = [(row["step"], row["split"]) for row in untimed(folder)]
    assert len(rows) == len(set(rows))
    assert untimed(folder) == untimed(straight)


def test_signal_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest().listening():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_is_not_held_back(monkeypatch, capfd):
    stop, raised, raise_signal = StopRequest(), [], signal.raise_signal
    before = signal.getsignal(signal.SIGTERM)
    with stop.listening():
        raise_signal(signal.SIGTERM)
        assert "again: at once" in capfd.readouterr().err
        monkeypatch.setattr(signal, "raise_signal", raised.append)  # else it would end pytest
        raise_signal(signal.SIGTERM)
        assert raised == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_lost_reader_stops_the_run_with_a_checkpoint(bench, tmp_path, monkeypatch, log_often):
    straight, folder = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    straight.root.mkdir(), folder.root.mkdir()
    whole = everything(go(bench.start(straight), 4))
    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="at step 2;") as caught:
        Tripwire(patched, 1, BrokenPipeError(), ((Journal, "say"),))
        go(bench.start(folder), 4)
    assert caught.value.signal_number == signal.SIGPIPE
    assert_same(everything(go(bench.start(folder), 4)), whole)


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
    other_info = RunInfo(bench.info.hparams, 6, bench.info.normalizing_factor)
    other = Trainer(folders[0], other_info, bench.data)
    initial = dict((v.path, value) for v, value in bench.initial)
    for weight in other.model.trainable_variables:
        if "bias" not in weight.path or "output" in weight.path:  # the others begin with zeros
            assert not np.array_equal(weight.numpy(), initial[weight.path]), weight.path


# ----------------------------------------------------------------------- what the steps are given


def batch_of(bench, step, **changes):
    info = dataclasses.replace(bench.info, **changes)
    return training_batch(
        bench.data.train,
        step,
        seed=info.seed,
        batch_size=HPARAMS.batch_size,
        max_seq_len=info.max_seq_len,
        normalizing_factor=info.normalizing_factor,
        random_scale_factor=HPARAMS.random_scale_factor,
        augment_stroke_prob=HPARAMS.augment_stroke_prob,
        to_longest=info.bucket_by_length,
    )


def recorded(trainer):
    """The trainer, and what its steps will have been given."""
    step, given = trainer.train_step, []

    def call(*args):
        given.append(args)
        return step(*args)

    trainer.train_step = call
    return trainer, given


@pytest.mark.parametrize("modes", ["bench", "fast_bench"])
def test_each_step_gets_its_own_batch_and_seeds(request, folder, modes):
    bench = request.getfixturevalue(modes)
    trainer, first = recorded(bench.start(folder, save_every=3))
    go(trainer, 3)
    trainer, rest = recorded(bench.start(folder, save_every=3))
    go(trainer, 7)
    assert (len(first), len(rest)) == (3, 4)
    times = set()
    for step, (strokes, lengths, seeds, *_, rows) in enumerate(first + rest):
        expected = batch_of(bench, step)
        np.testing.assert_array_equal(strokes, expected.strokes)
        np.testing.assert_array_equal(lengths, expected.lengths)
        np.testing.assert_array_equal(seeds, seed_table(5, step, 0))
        assert rows == bench.info.max_seq_len
        times.add(strokes.shape[1] - 1)
    padded_alike = times == {bench.info.max_seq_len}
    assert padded_alike != bench.info.bucket_by_length


def working():
    return [thread for thread in threading.enumerate() if thread.name.startswith("made_ahead")]


def test_no_batch_is_made_beyond_the_last_step_and_no_thread_stays(bench, folder, monkeypatch):
    made, threads = [], set()

    def noted(sketches, step, **kwargs):
        made.append(step)
        threads.add(threading.current_thread().name)
        return training_batch(sketches, step, **kwargs)

    monkeypatch.setattr(training, "training_batch", noted)
    go(bench.start(folder), 5)
    assert made == [0, 1, 2, 3, 4] and working() == []
    assert threads != {threading.current_thread().name}
    go(bench.start(folder), 5)  # nothing to do
    assert made == [0, 1, 2, 3, 4]
    go(bench.start(folder), 6)
    assert made == [0, 1, 2, 3, 4, 5] and working() == []


def test_an_error_in_making_a_batch_comes_at_its_step(bench, folder, monkeypatch):
    def failing(sketches, step, **kwargs):
        if step == 3:
            raise ValueError("no batch 3")
        return training_batch(sketches, step, **kwargs)

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


@pytest.mark.parametrize("count", [8, 9, 21])
@pytest.mark.parametrize("modes", [{}, dict(bucket_by_length=True)])
def test_a_batch_in_parts_is_the_batch(bench, count, modes):
    hparams = HPARAMS.replace(scale=0.0, use_recurrent_dropout=False, use_input_dropout=False)
    hparams = hparams.replace(use_output_dropout=False, kl_tolerance=0.01)
    results = []
    for parts in (1, PARTS):
        model = SketchRNN(hparams, seed=1, **modes)
        step, evaluate = TrainStep(model), Evaluator(model)
        batch = training_batch(
            bench.data.train,
            0,
            seed=0,
            batch_size=count,
            max_seq_len=bench.info.max_seq_len,
            normalizing_factor=bench.info.normalizing_factor,
        )
        sums = evaluate._by_parts[parts](*batch, seed_table(0, 0))
        rates = tf.constant(0.01), tf.constant(0.5), tf.constant(30)
        found = step._by_parts[parts](*batch, seed_table(0, 0), *rates)
        after = [v.numpy() for v in model.trainable_variables]
        results.append([[float(x) for x in (*found[:3], *sums)], after])
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    for whole, parted in zip(results[0][1], results[1][1], strict=True):
        # Adam divides by a gradient's own size, so that rounding shows where that is tiny.
        assert np.abs(whole - parted).max() < 3e-3
        assert np.mean(np.abs(whole - parted) > 1e-5) < 0.02


def test_the_parts_of_a_batch_drop_and_draw_independently(bench):
    one, other = training._in_parts(
        tf.zeros([8, 3, 5]), tf.ones([8], tf.int32), seed_table(0, 0), PARTS
    )
    assert not set(one[2].numpy().ravel()) & set(other[2].numpy().ravel())


def test_one_compiled_step_takes_batches_of_all_sizes(bench):
    step = TrainStep(SketchRNN(bench.info.hparams, seed=1))
    results = []
    for number, (count, rows) in enumerate([(9, 20), (8, 23), (10, 21)]):
        strokes = np.zeros((count, rows + 1, 5), np.float32)
        strokes[..., 4] = 1
        strokes[:, :2] = [1, 0, 1, 0, 0]
        lengths = np.ones(count, np.int32)
        results.append(step(strokes, lengths, seed_table(1, number), 0.0, 0.0))
    assert step._by_parts[PARTS].experimental_get_tracing_count() == 1
    again = step(strokes, lengths, seed_table(1, number), 0.0, 0.0, 42)
    assert step._by_parts[PARTS].experimental_get_tracing_count() == 1
    # Twice the rows to divide by, and half the loss; given none, it is the padded length.
    assert float(again.cost) == pytest.approx(float(results[-1].cost) / 2, rel=1e-5)


@pytest.mark.parametrize("mode", ["mixed_precision", "bucket_by_length"])
def test_a_mode_of_the_run_reaches_its_steps(bench, tmp_path, mode):
    folders = [RunFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.root.mkdir()
    default = go(bench.start(folders[0]), 2)
    before = [v.numpy() for v in default.model.trainable_variables]
    trainer = Trainer(folders[1], dataclasses.replace(bench.info, **{mode: True}), bench.data)
    assert trainer.model.mixed_precision == (mode == "mixed_precision")
    assert trainer.model.bucket_by_length == (mode == "bucket_by_length")
    go(trainer, 2)
    after = [v.numpy() for v in trainer.model.trainable_variables]
    assert {value.dtype for value in after} == {np.dtype(np.float32)}
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


# ---------------------------------------------------------------------------------- evaluation


@pytest.fixture(scope="module")
def noiseless():
    return Evaluator(SketchRNN(HPARAMS.replace(scale=0.0), seed=3))


@pytest.mark.parametrize("count, batch_size", [(13, 8), (13, 13), (13, 5), (3, 100), (1, 1)])
def test_evaluation_counts_every_sketch_once(bench, noiseless, count, batch_size):
    hparams = bench.info.hparams.replace(scale=0.0, batch_size=batch_size)
    info = RunInfo(hparams, 5, bench.info.normalizing_factor)
    sketches = bench.data.valid.take(range(count))
    calls = []
    whole = noiseless(sketches, info, (5, 1, 1), lambda: calls.append(1))
    each = [noiseless(sketches.take([i]), info, (5, 1, 1)) for i in range(count)]
    for name in ("recon", "masked_recon"):
        mean = np.mean([getattr(one, name) for one in each])
        np.testing.assert_allclose(getattr(whole, name), mean, rtol=2e-6)
    assert whole.masked_recon < whole.recon
    # The KL tolerance acts on the mean, as it does in training.
    assert whole.kl == pytest.approx(hparams.kl_tolerance)
    assert whole.cost == pytest.approx(whole.recon + hparams.kl_weight_start * whole.kl)
    assert len(calls) == math.ceil(count / batch_size)


def test_evaluation_with_noise_repeats_with_its_key(bench, folder):
    trainer = bench.start(folder)
    first, again, other = (
        trainer.evaluate(bench.data.valid, bench.info, key) for key in [(5, 1), (5, 1), (5, 2)]
    )
    assert first == again != other


class Script:
    """Stands for an Evaluator: gives validation costs from a list and notes what was asked for."""

    def __init__(self, data, costs):
        self.data, self.costs, self.asked = data, list(costs), []

    def __call__(self, sketches, info, key, between):
        between()
        split = "test" if sketches is self.data.test else "valid"
        self.asked.append((key[1], split))
        cost = self.costs.pop(0) if split == "valid" else 9.0
        return Evaluation(cost, cost, cost, 0.2)


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


@pytest.mark.parametrize(
    "num_epochs, sketches, batch_size, expected",
    [
        (None, 1000, 100, 500),
        (1.0, 1000, 100, 10),
        (2.5, 1000, 100, 25),
        (1.0, 1001, 100, 11),
        (3.0, 1001, 100, 31),
        (0.001, 1000, 100, 1),
        (2.0, 40, 100, 2),  # a batch holds all there is
        (60.0, 1000, 100, 500),
        (1e300, 1000, 100, 500),
    ],
)
def test_the_run_ends_at_steps_or_epochs(num_epochs, sketches, batch_size, expected):
    hparams = HParams(num_steps=500, batch_size=batch_size)
    assert total_steps(hparams, num_epochs, sketches) == expected


# ------------------------------------------------------------------------------------- reports

LINE = re.compile(
    r"step: \d+, lr: \d\.\d{6}, klw: \d\.\d{4}, cost: -?\d+\.\d{4}, recon: -?\d+\.\d{4}, "
    r"kl: \d+\.\d{4}, train_time_taken: \d+\.\d{4}, "
    r"points_per_second: \d+, time_left: \d+:\d\d:\d\d"
)
TAGS = """Train_Cost Train_Reconstr_Cost Train_KL_Cost Learning_Rate KL_Weight Time_Taken_Train
    Points_Per_Second Valid_Cost Valid_Reconstr_Cost Valid_KL_Cost Valid_Masked_Reconstr_Cost
    Time_Taken_Valid Best_Valid_Cost Eval_Cost Eval_Reconstr_Cost Eval_KL_Cost
    Eval_Masked_Reconstr_Cost Time_Taken_Eval Num_Trainable_Params""".split()


def test_lines_events_and_history_agree(bench, folder, capsys):
    trainer = go(bench.start(folder, save_every=30), 60)
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith("step: ")]
    assert [line.split(",")[0] for line in lines] == ["step: 20", "step: 40", "step: 60"]
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert "\r" not in out and err == ""  # no bar where there is no terminal

    scalars = events(folder)
    assert sorted(scalars) == sorted(TAGS)
    assert [step for step, _ in scalars["Train_Cost"]] == [20, 40, 60]
    assert [step for step, _ in scalars["Valid_Cost"]] == [30, 60]
    assert scalars["Num_Trainable_Params"] == [(0, trainer.num_trainable())]
    hps = trainer.info.hparams
    (_, first), *_ = scalars["Learning_Rate"]
    spread = hps.learning_rate - hps.min_learning_rate
    assert first == pytest.approx(spread * hps.decay_rate**19 + hps.min_learning_rate, rel=1e-6)
    (_, first), *_ = scalars["KL_Weight"]
    assert first == pytest.approx(0.5 - (0.5 - 0.01) * hps.kl_decay_rate**19, rel=1e-6)

    rows = read_history(folder.history)
    train = [row for row in rows if row["split"] == "train"]
    valid = [row for row in rows if row["split"] == "valid"]
    assert [row["step"] for row in train] == [20, 40, 60]
    assert [row["step"] for row in valid] == [30, 60]
    for row, line, (_, cost) in zip(train, lines, scalars["Train_Cost"], strict=True):
        assert row["cost"] == pytest.approx(cost, rel=1e-6)
        assert f"cost: {row['cost']:.4f}, recon: {row['recon']:.4f}" in line
        assert row["cost"] == pytest.approx(row["recon"] + row["klw"] * row["kl"], rel=1e-5)
    for row, (_, cost), (_, masked) in zip(
        valid, scalars["Valid_Cost"], scalars["Valid_Masked_Reconstr_Cost"], strict=True
    ):
        assert (row["cost"], row["masked_recon"]) == pytest.approx((cost, masked), rel=1e-6)


def test_evaluation_is_not_counted_as_time_of_training(bench, folder, monkeypatch):
    """The clock ticks in training steps only, a second each, but for a very slow evaluation."""
    clock = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    trainer = bench.start(folder, save_every=7)
    trainer.evaluate = Script(bench.data, [1.0] * 9)
    step, evaluate = trainer.train_step, trainer.evaluate

    def slow_step(*args):
        clock[0] += 1.0
        return step(*args)

    def slow_evaluation(*args):
        clock[0] += 1000.0
        return evaluate(*args)

    trainer.train_step, trainer.evaluate = slow_step, slow_evaluation
    go(trainer, 40)
    scalars = events(folder)
    assert scalars["Time_Taken_Train"] == [(20, 20.0), (40, 20.0)]
    assert {seconds for _, seconds in scalars["Time_Taken_Valid"]} == {1000.0}
    # 8 sketches a step of 2 to 20 points.
    assert all(8 * 2 <= speed <= 8 * 20 for _, speed in scalars["Points_Per_Second"])


def test_a_history_is_taken_up_without_what_is_done_again(folder):
    def row(step, split):
        return {"step": step, "split": split, "cost": 1.0}

    kept = [row(20, "train"), row(20, "valid"), row(20, "test"), row(40, "train")]
    again = [row(40, "valid"), row(40, "test"), row(60, "train")]
    damaged = ['{"step": 30, "spl', "[1]", "{}", '{"step": "x", "split": "train"}', "\x00\x00", ""]
    lines = [json.dumps(r) for r in kept] + damaged + [json.dumps(r) for r in again]
    folder.history.write_text("\n".join(lines) + '\n{"step": 40, "split": "tr')
    with Journal(folder, 40, 100, evaluated_step=20) as journal:
        assert journal.history == kept
        journal.evaluation(
            40, "valid", dict.fromkeys(("cost", "recon", "kl", "masked_recon"), 1), 1
        )
    assert untimed(folder)[:-1] == kept
    assert untimed(folder)[-1]["split"] == "valid"


# --------------------------------------------------------------------------- no room, no numbers


@pytest.mark.parametrize(
    "target, what",
    [
        ((Journal, "_history_file"), "history.jsonl"),
        ((tf.summary, "scalar"), "TensorBoard's events"),
        ((sys, "stdout"), "standard output"),
    ],
)
def test_a_full_disk_ends_in_one_line_whatever_meets_it(
    bench, folder, monkeypatch, log_often, target, what
):
    go(bench.start(folder), 2)
    good = everything(bench.trainer)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Full:
        def write(self, text):
            raise full

        flush = write

        def close(self):
            raise full

    def refuse(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")

    with monkeypatch.context() as patched, pytest.raises(RunError) as caught:
        trainer = bench.start(folder)
        trainer.restore(pytest.fail)
        with Journal(folder, 2, 4) as journal:
            if target[1] == "_history_file":
                journal._history_file.close()
                journal._history_file = Full()
            else:
                patched.setattr(*target, refuse if target[1] == "scalar" else Full())
            trainer.run(4, journal, StopRequest())
    message = str(caught.value)
    assert what in message and "can't be written: No space left on device." in message
    assert "The last good checkpoint, of step 2, is intact. Make room" in message
    assert_same(everything(restored(bench.start(folder))), good)


def restored(trainer):
    trainer.restore(pytest.fail)
    return trainer


def poisoned(trainer, at_call):
    """The trainer's step, which at its ``at_call``-th call gets a batch with a NaN in it."""
    step, calls = trainer.train_step, []

    def call(strokes, *args):
        calls.append(1)
        if len(calls) == at_call:
            strokes = strokes.copy()
            strokes[0, 1, 0] = np.nan
        return step(strokes, *args)

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
    assert "The last good checkpoint, of step 2, is intact." in message and "\n" not in message
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


def test_a_gradient_that_is_not_finite_changes_nothing(bench, monkeypatch, folder):
    """The cost is finite, but the square root's slope at 0 is not."""
    model = SketchRNN(bench.info.hparams, seed=1)
    original = model.cost

    def cost(*args):
        total, kl = original(*args)
        return total + tf.sqrt(tf.reduce_sum(0.0 * model.decoder.output_bias)), kl

    monkeypatch.setattr(model, "cost", cost)
    step = TrainStep(model)
    trainer = bench.start(folder)
    before = [v.numpy() for v in [*model.variables, *step.optimizer.variables]]
    trainer.train_step = step
    with pytest.raises(RunError, match="a gradient is not finite at step 1 "):
        go(trainer, 3)
    assert_same([v.numpy() for v in [*model.variables, *step.optimizer.variables]], before)
    assert saved_steps(folder.newest) == []


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


def test_a_stop_is_asked_for_from_any_thread_however_often():
    assert not StopRequest.ask()  # nobody listens
    with StopRequest().listening() as stop:
        assert stop.signal_number is None
        askers = [threading.Thread(target=StopRequest.ask) for _ in range(2)]
        for asker in askers:
            asker.start()
            asker.join()
        assert stop.signal_number == signal.SIGTERM and StopRequest.ask()
    assert not StopRequest.ask()
