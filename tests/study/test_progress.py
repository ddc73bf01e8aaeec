"""The one display of a sweep."""

import io
import json
import sys

import pytest

from magenta_sketch.study import progress
from magenta_sketch.study.progress import SweepProgress
from magenta_sketch.study.task import DONE, FAILED, Outcome


class Task:
    """As much of a task as the display looks at."""

    def __init__(self, folder, name):
        self.name, self.log_root = name, str(folder / name)
        (folder / name).mkdir()

    def is_at(self, step, tail=""):
        rows = [json.dumps({"step": at, "split": "train"}) for at in range(20, step + 1, 20)]
        with open(f"{self.log_root}/history.jsonl", "w") as file:
            file.write("\n".join(rows) + "\n" + tail)


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when the test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_count_all_runs_and_estimate_from_the_steps_of_this_sweep(tmp_path, clock):
    lines = []
    first, second = Task(tmp_path, "first"), Task(tmp_path, "second")
    totals = dict.fromkeys(["kept", "first", "second", "third"], 10_000)
    steps = {"kept": 10_000, "first": 4000, "second": 0, "third": 0}
    with SweepProgress(totals, steps, 3, lines.append) as shown:
        shown.began(first)
        shown.began(second)
        assert lines == ["first: begins again at step 4000", "second: begins"]
        first.is_at(6000, tail='{"step": 60')  # a row that is being written
        second.is_at(1000)
        clock[0] = 100.0
        shown.tick()
        assert lines[2:] == [
            "runs 1/4 done, 2 at work; step 17000 of 40000, 30.0 steps/s in all, 0:12:47 left"
        ]
        clock[0] = 130.0
        shown.tick()
        assert len(lines) == 3  # a line a minute
        shown.ended(first, Outcome(DONE, "", 3725.0))
        shown.ended(second, Outcome(FAILED, "not finite", 3.0))
        assert lines[3:] == [
            "first: done after 1:02:05",
            "second: failed after 0:00:03: not finite",
        ]
        # What the failed one has not done is not to come.
        assert shown.line().startswith("runs 2/4 done, 0 at work, 1 failed; step 21000 of 31000")


def test_a_run_that_is_trained_is_only_measured(tmp_path):
    lines = []
    with SweepProgress({"first": 100}, {"first": 100}, 1, lines.append) as shown:
        shown.began(Task(tmp_path, "first"))
        assert lines == ["first: is measured"]
        assert shown.line().startswith("runs 0/1 done, 1 at work; step 100 of 100")


def test_before_the_first_step_there_is_no_estimate(tmp_path, clock):
    with SweepProgress({"first": 100}, {"first": 0}, 1, print) as shown:
        clock[0] = 10.0
        assert "0.0 steps/s in all, ? left" in shown.line()


def test_on_a_terminal_it_is_a_bar_over_the_steps_of_all_runs(tmp_path, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_LOOK_EVERY", 0.0)
    task = Task(tmp_path, "first")
    totals, steps = {"kept": 100, "first": 100}, {"kept": 100, "first": 0}
    with SweepProgress(totals, steps, 1, lambda text: pytest.fail(text)) as shown:
        shown.began(task)
        task.is_at(60)
        shown.tick()
        assert (
            "160/200" in terminal.getvalue() and "runs 1/2 done, 1 at work" in terminal.getvalue()
        )
        shown.ended(task, Outcome(DONE, "", 60.0))
        assert "200/200" in terminal.getvalue() and "runs 2/2 done" in terminal.getvalue()
    assert capsys.readouterr().out == "first: begins\nfirst: done after 0:01:00\n"
