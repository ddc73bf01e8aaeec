"""The engine for one machine: one process per task; the processes share the cores."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

from magenta_sketch.study.task import FAILED, STOPPED, Outcome, Task

_TICK = 0.5  # seconds
_PATIENCE = 300.0  # seconds that a task may take to write its checkpoint


@dataclasses.dataclass
class _Running:
    task: Task
    process: subprocess.Popen[bytes]
    slot: int
    began: float


class LocalEngine:
    """An engine that runs ``jobs`` tasks at a time, each on its own share of ``cores``.

    Args:
      jobs: from 1 to the number of cores.
      cores: numbers of the cores.
      command: command line of a task's process; `worker` says what it reads and writes.
      patience: seconds that a task may take to stop.
    """

    def __init__(
        self,
        jobs: int,
        cores: Sequence[int],
        command: Sequence[str] = (sys.executable, "-m", "magenta_sketch.study.worker"),
        patience: float = _PATIENCE,
    ):
        self._patience = patience
        self._command = list(command)
        self._shares = [list(cores[slot::jobs]) for slot in range(jobs)]

    def run(
        self,
        tasks: Sequence[Task],
        began: Callable[[Task], None],
        ended: Callable[[Task, Outcome], None],
        tick: Callable[[], None],
    ) -> None:
        """Run all tasks, see `task.Engine`."""
        waiting = deque(tasks)
        running: list[_Running] = []
        free = list(range(len(self._shares)))
        try:
            while waiting or running:
                while waiting and free:
                    task = waiting.popleft()
                    running.append(self._start(task, free.pop(0)))
                    began(task)
                time.sleep(_TICK)
                for one in [one for one in running if one.process.poll() is not None]:
                    running.remove(one)
                    free.append(one.slot)
                    ended(one.task, _unasked(_outcome(one)))
                tick()
        except BaseException:
            self._stop(running)
            for one in running:
                ended(one.task, _outcome(one))
            raise

    def _stop(self, running: Sequence[_Running]) -> None:
        """Ask the processes to write their checkpoints, and wait for all of them."""
        for one in running:
            _close(one.process.stdin)
        last = time.monotonic() + self._patience
        for one in running:
            try:
                one.process.wait(max(last - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()

    def _start(self, task: Task, slot: int) -> _Running:
        log = pathlib.Path(task.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as file:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                # Otherwise Ctrl-C would reach the process, in addition to our own request.
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": _path()},
            )
        order = {"task": dataclasses.asdict(task), "cores": self._shares[slot]}
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: `_outcome` sees why
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        return _Running(task, process, slot, time.monotonic())


def _close(pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _unasked(outcome: Outcome) -> Outcome:
    """Return the outcome of a task that the sweep did not stop: a stop counts as a failure."""
    if outcome.status != STOPPED:
        return outcome
    return Outcome(FAILED, "its process was stopped from outside", outcome.seconds)


def _path() -> str:
    """Return a PYTHONPATH with which a process imports this same package."""
    own = str(pathlib.Path(__file__).resolve().parents[2])
    return os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])


def _outcome(one: _Running) -> Outcome:
    """Return the outcome that a task has written, or else one that follows from its exit status."""
    seconds = time.monotonic() - one.began
    assert one.process.stdout is not None
    said = one.process.stdout.read()
    one.process.stdout.close()
    _close(one.process.stdin)
    status = one.process.returncode
    with contextlib.suppress(IndexError, ValueError, TypeError):  # it has written none
        return Outcome(**json.loads(said.splitlines()[-1]))
    if status == -signal.SIGTERM:
        return Outcome(STOPPED, "stopped on request", seconds)
    if status < 0:
        name = signal.Signals(-status).name
        why = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
        return Outcome(FAILED, f"its process was killed by {name}{why}", seconds)
    return Outcome(FAILED, f"its process ended with status {status}; see {one.task.log}", seconds)
