"""How a run of a study ends, whatever goes wrong in it."""

import pathlib

import pytest
from test_local import task

from magenta_sketch._backend import tf
from magenta_sketch.errors import DataError, RunError
from magenta_sketch.study import execution
from magenta_sketch.study.lock import run_lock
from magenta_sketch.study.task import DONE, FAILED, STOPPED


def ends(monkeypatch, folder, what):
    """The outcome and the log of a task whose work returns ``what``, or raises it."""

    def work(one, cores):
        print("at work")
        if isinstance(what, BaseException):
            raise what
        return what

    monkeypatch.setattr(execution, "_carry_out", work)
    one = task(folder / "deeper", "run")
    return execution.carry_out(one), pathlib.Path(one.log).read_text()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RunError("the cost (nan) is not finite"), "the cost (nan) is not finite"),
        (DataError("cat.npz: no such\nfile"), "cat.npz: no such file"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (MemoryError("no room"), "the memory is too small (no room)"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            "the memory is too small (OOM when allocating)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_a_line_in_the_outcome_and_in_the_log(monkeypatch, tmp_path, error, message):
    outcome, log = ends(monkeypatch, tmp_path, error)
    assert (outcome.status, outcome.message) == (FAILED, message)
    assert log == f"at work\nfailed: {message}\n"


def test_a_mistake_of_ours_leaves_its_traceback_in_the_log(monkeypatch, tmp_path):
    outcome, log = ends(monkeypatch, tmp_path, ZeroDivisionError("by zero"))
    assert outcome.status == FAILED
    assert outcome.message.startswith("ZeroDivisionError: by zero; see ")
    assert outcome.message.count("\n") == 0 and "Traceback" in log


@pytest.mark.parametrize(("said", "status"), [(None, DONE), ("stopped on request", STOPPED)])
def test_the_end_and_a_stop(monkeypatch, tmp_path, said, status):
    outcome, log = ends(monkeypatch, tmp_path, said)
    assert outcome.status == status and outcome.seconds >= 0
    assert log.splitlines()[1].startswith(status)


def test_a_run_that_another_process_is_at_work_on_is_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr(execution, "_PATIENCE", 0.1)
    lock = pathlib.Path(task(tmp_path / "deeper", "run").lock)
    with run_lock(lock, print):
        outcome, log = ends(monkeypatch, tmp_path, None)
    assert outcome.status == FAILED and "another process is at work on the run run" in log
    assert log.splitlines()[0].endswith(": waiting ...") and "at work\n" not in log
    assert ends(monkeypatch, tmp_path, None)[0].status == DONE
