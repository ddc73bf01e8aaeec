"""The engine for one machine, with stubs in place of the process that trains."""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys

import pytest

from magenta_sketch.measures.result import MeasureSettings
from magenta_sketch.study.local import LocalEngine
from magenta_sketch.study.lock import wait_for_run
from magenta_sketch.study.task import DONE, FAILED, STOPPED, Outcome, Task

# What the stub's process does, by the name of the task; it has the order in `order`.
STUB = """
import json, os, pathlib, signal, sys, time
from magenta_sketch.study.lock import run_lock
order = json.loads(sys.stdin.buffer.readline())
name = order["task"]["name"]
here = os.path.dirname(order["task"]["log"])
if name.startswith("waits"):
    with run_lock(pathlib.Path(order["task"]["lock"]), print):
        open(os.path.join(here, "waiting"), "w").close()
        sys.stdin.buffer.read()
        time.sleep(0.5)
        open(os.path.join(here, "orphaned"), "w").close()
    print(json.dumps({"status": "stopped", "message": "as asked", "seconds": 1.0}), flush=True)
elif name.startswith("deaf"):
    open(os.path.join(here, "waiting"), "w").close()
    time.sleep(600)
elif name.startswith("terminated"):
    os.kill(os.getpid(), signal.SIGTERM)
elif name.startswith("quits"):
    print(json.dumps({"status": "stopped", "message": "on request", "seconds": 1.0}))
elif name.startswith("killed"):
    os.kill(os.getpid(), signal.SIGKILL)
elif name.startswith("crashes"):
    raise SystemError("deep down")
elif name.startswith("fails"):
    print(json.dumps({"status": "failed", "message": "not finite", "seconds": 2.0}))
else:
    print("noise before")
    print(json.dumps({"status": "done", "message": json.dumps(order["cores"]), "seconds": 3.0}))
"""


def task(folder, name):
    return Task(
        name=name,
        log_root=str(folder / name),
        log=str(folder / f"{name}.log"),
        measures=str(folder / f"{name}.json"),
        lock=str(folder / f"{name}.lock"),
        config={"z_size": 8},
        settings=MeasureSettings().to_dict(),
    )


@dataclasses.dataclass
class Seen:
    """What an engine tells of its tasks."""

    began: list
    ended: dict
    at_once: int = 0

    def run(self, engine, tasks, tick=lambda: None):
        def began(one):
            self.began.append(one.name)
            self.at_once = max(self.at_once, len(self.began) - len(self.ended))

        def ended(one, outcome):
            assert one.name not in self.ended and one.name in self.began
            self.ended[one.name] = outcome

        engine.run(tasks, began, ended, tick)
        return self


@pytest.fixture
def seen():
    return Seen([], {})


def engine(jobs=1, cores=(0,), **more):
    return LocalEngine(jobs, cores, command=[sys.executable, "-c", STUB], **more)


@pytest.mark.slow
def test_a_run_that_fails_or_dies_does_not_end_the_others(tmp_path, seen):
    names = ["killed", "fails", "good", "crashes", "good too"]
    seen.run(engine(), [task(tmp_path, name) for name in names])
    assert seen.began == names and seen.at_once == 1
    statuses = {name: outcome.status for name, outcome in seen.ended.items()}
    assert statuses == dict.fromkeys(names, FAILED) | {"good": DONE, "good too": DONE}
    assert seen.ended["fails"] == Outcome(FAILED, "not finite", 2.0)
    assert "killed by SIGKILL (the system does that when memory" in seen.ended["killed"].message
    assert seen.ended["crashes"].message.endswith(f"status 1; see {tmp_path / 'crashes.log'}")
    assert "SystemError: deep down" in (tmp_path / "crashes.log").read_text()


def test_the_cores_are_shared_out(tmp_path, seen):
    names = [f"good {number}" for number in range(6)]
    seen.run(engine(jobs=3, cores=[2, 3, 5, 7]), [task(tmp_path, name) for name in names])
    assert seen.at_once == 3
    shares = [tuple(json.loads(outcome.message)) for outcome in seen.ended.values()]
    assert set(shares) == {(2, 7), (3,), (5,)}


class Enough(Exception):
    """Ends a sweep from its tick."""


def enough_when_one_waits(folder):
    def tick():
        if (folder / "waiting").exists():
            raise Enough

    return tick


def test_asked_to_stop_it_asks_the_running_ones_and_starts_no_more(tmp_path, seen):
    tick = enough_when_one_waits(tmp_path)
    with pytest.raises(Enough):
        seen.run(engine(), [task(tmp_path, "waits"), task(tmp_path, "good")], tick)
    assert seen.began == ["waits"]
    assert seen.ended == {"waits": Outcome(STOPPED, "as asked", 1.0)}


def test_one_that_does_not_stop_is_killed(tmp_path, seen):
    tick = enough_when_one_waits(tmp_path)
    with pytest.raises(Enough):
        seen.run(engine(patience=0.1), [task(tmp_path, "deaf")], tick)
    assert "killed by SIGKILL" in seen.ended["deaf"].message


@pytest.mark.parametrize("name", ["terminated", "quits"])
def test_a_stop_that_the_sweep_did_not_ask_for_is_a_failure(tmp_path, seen, name):
    seen.run(engine(), [task(tmp_path, name), task(tmp_path, "good")])
    message = "its process was stopped from outside"
    assert (seen.ended[name].status, seen.ended[name].message) == (FAILED, message)
    assert seen.ended["good"].status == DONE


def test_its_processes_notice_that_the_sweep_is_gone(tmp_path):
    """What a killed sweep leaves running sees the end of its standard input.

    Whoever wants its run waits until it has ended.
    """
    one = task(tmp_path, "waits")
    sweep = f"""
import os, pathlib, signal, sys
sys.path[:0] = {sys.path!r}
from test_local import engine, task, Seen
def tick():
    if pathlib.Path({str(tmp_path)!r}, "waiting").exists():
        os.kill(os.getpid(), signal.SIGKILL)
Seen([], {{}}).run(engine(), [task(pathlib.Path({str(tmp_path)!r}), "waits")], tick)
"""
    killed = subprocess.run([sys.executable, "-W", "ignore", "-c", sweep])
    assert killed.returncode == -signal.SIGKILL
    lines = []
    wait_for_run(pathlib.Path(one.lock), lines.append)
    assert (tmp_path / "orphaned").exists()
    assert len(lines) == 1 and "at work on the run waits" in lines[0] and "waiting" in lines[0]
