"""What a run reports: lines, events, history, and a disk that is full."""

import errno
import json
import os
import re
import sys
import types

import pytest
from bench import (
    Script,
    assert_same,
    events,
    everything,
    go,
    restored,
    untimed,
)

from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.training import loop as training
from magenta_sketch.training.history import read_history
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.signals import StopRequest

LINE = re.compile(
    r"step: \d+, lr: \d\.\d{6}, klw: \d\.\d{4}, cost: -?\d+\.\d{4}, recon: -?\d+\.\d{4}, "
    r"kl: \d+\.\d{4}, train_time_taken: \d+\.\d{4}, "
    r"points_per_second: \d+, time_left: \d+:\d\d:\d\d"
)


TAGS = """Train_Cost Train_Reconstr_Cost Train_KL_Cost Learning_Rate KL_Weight Time_Taken_Train
    Points_Per_Second Valid_Cost Valid_Reconstr_Cost Valid_KL_Cost Valid_Masked_Reconstr_Cost
    Time_Taken_Valid Best_Valid_Cost Eval_Cost Eval_Reconstr_Cost Eval_KL_Cost
    Eval_Masked_Reconstr_Cost Time_Taken_Eval Num_Trainable_Params""".split()


@pytest.mark.slow
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
    hps = trainer.config.hparams
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


def test_a_notebook_gets_a_progress_bar(folder, monkeypatch, capsys):
    """Its standard error is no terminal; what says that it is one is IPython's kernel."""
    terminal, kernel = (
        types.SimpleNamespace(get_ipython=lambda shell=shell: shell)
        for shell in (types.SimpleNamespace(), types.SimpleNamespace(kernel=object()))
    )
    for modules, bars in (
        ({}, False),
        ({"ipykernel": object()}, False),  # imported by a program that runs notebooks elsewhere
        ({"IPython": terminal}, False),
        ({"IPython": kernel}, True),
    ):
        with monkeypatch.context() as patched:
            for name, module in modules.items():
                patched.setitem(sys.modules, name, module)
            with Journal(folder, 0, 4) as journal:
                journal.advance(1.25)
        errors = capsys.readouterr().err
        assert ("training" in errors and "/4" in errors) == bars


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "target, what",
    [
        pytest.param((Journal, "_history_file"), "history.jsonl", marks=pytest.mark.slow),
        pytest.param((tf.summary, "scalar"), "TensorBoard's events", marks=pytest.mark.slow),
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
    assert what in message and "cannot be written: No space left on device;" in message
    assert "the last good checkpoint, of step 2, is intact; make room" in message
    assert_same(everything(restored(bench.start(folder))), good)
