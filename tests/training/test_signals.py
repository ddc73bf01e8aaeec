"""Stopping on request: signals, a second one, other threads, a lost reader."""

import math
import signal
import threading

import pytest
from bench import HPARAMS, assert_same, everything, go, restored, untimed
from slow import slow_but
from tripwire import Tripwire

from magenta_sketch._backend import tf
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.signals import Interrupted, StopRequest
from magenta_sketch.training.step import TrainStep


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    slow_but([signal.SIGTERM, signal.SIGINT], signal.SIGTERM),
    ids=["SIGTERM", "SIGINT"],
)
@pytest.mark.parametrize(
    "where, when, step, total",
    [
        pytest.param("step", 0, 1, 5, marks=pytest.mark.slow),
        ("step", 2, 3, 5),
        pytest.param("valid", 0, 2, 5, marks=pytest.mark.slow),
        ("valid", 0, 2, 2),
        pytest.param("test", 0, 2, 5, marks=pytest.mark.slow),
        pytest.param("test", 0, 2, 2, marks=pytest.mark.slow),
        pytest.param("save", 0, 2, 5, marks=pytest.mark.slow),
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
