"""The engine for several machines: tasks on a Ray cluster."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pickle
import secrets
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from magenta_sketch import __version__
from magenta_sketch.study.ray_cluster import connected, one_line, require_machine
from magenta_sketch.study.task import FAILED, STOPPED, Outcome, Task

_TICK = 0.5  # seconds
_PATIENCE = 300.0  # seconds that a task may take to write its checkpoint


class RayEngine:
    """An engine that runs tasks on a Ray cluster, as many at a time as cores and GPUs allow.

    If a task's machine or process dies, Ray starts the task again, perhaps on another machine, and
    the run resumes from its last checkpoint. Errors of a run itself are not retried. All machines
    must see the study's folder and the data, and need the same version of this package.

    Args:
      address: "auto" for the cluster of this machine, or host:port of a cluster's head.
      cpus: cores per task.
      gpus: GPUs per task, >= 0; 0.5 lets two tasks share one.
      retries: how many times Ray starts a task again.
    """

    def __init__(self, address: str, *, cpus: int = 1, gpus: float = 0.0, retries: int = 3):
        self._address, self._cpus, self._gpus, self._retries = address, cpus, gpus, retries

    def run(
        self,
        tasks: Sequence[Task],
        began: Callable[[Task], None],
        ended: Callable[[Task, Outcome], None],
        tick: Callable[[], None],
    ) -> None:
        """Run all tasks, see `task.Engine`.

        Raises:
          RunError: Ray is not installed, there is no cluster at the address, or none of its
            machines has enough cores and GPUs.
        """
        with connected(self._address, self._retries) as ray:
            require_machine(ray, self._cpus, self._gpus)
            carry_out = ray.remote(
                num_cpus=self._cpus,
                num_gpus=self._gpus,
                max_calls=1,  # TensorFlow's threads are set once in a process
                max_retries=self._retries,
                retry_exceptions=[InterruptedError],
            )(_carrier())
            token = f"sweep {secrets.token_hex(8)}"
            open_tasks = {}
            for task in tasks:
                size = _announce(task, token)
                ref = carry_out.remote(pickle.dumps(task), task.log, token, __version__, self._cpus)
                open_tasks[ref] = _Open(task, size)
            try:
                while open_tasks:
                    ready = _ready(ray, open_tasks)
                    for one in open_tasks.values():
                        one.look(began)
                    for ref in ready:
                        open_tasks.pop(ref).end(_outcome(ray, ref), began, ended)
                    tick()
            except BaseException:
                _stop(ray, open_tasks, began, ended)
                raise


class _Open:
    """A task that waits for a core of the cluster, or runs.

    Args:
      size: size of its log in bytes. The log grows when the task starts, on any machine.
    """

    def __init__(self, task: Task, size: int):
        self.task, self._size = task, size
        self._began: float | None = None

    def look(self, began: Callable[[Task], None]) -> bool:
        """Return whether the task has started. The first time, call ``began``."""
        if self._began is None:
            with contextlib.suppress(OSError):
                if os.stat(self.task.log).st_size > self._size:
                    self._begin(began)
        return self._began is not None

    def _begin(self, began: Callable[[Task], None]) -> float:
        self._began = time.monotonic()
        began(self.task)
        return self._began

    def end(
        self,
        outcome: Outcome,
        began: Callable[[Task], None],
        ended: Callable[[Task, Outcome], None],
    ) -> None:
        """Call ``ended``, and ``began`` before it if that was not called yet."""
        since = self._begin(began) if self._began is None else self._began
        # This includes attempts that died.
        seconds = max(outcome.seconds, time.monotonic() - since)
        ended(self.task, Outcome(outcome.status, outcome.message, seconds))


def _carrier() -> Callable[..., dict[str, Any]]:
    """Return the function that Ray runs on the cluster's machines.

    Ray copies a local function to a machine, but imports one of this package by name. A copy can
    report that the package is missing there or has another version. So it imports all it needs.
    """

    def carry_out_there(
        task: bytes, log: str, token: str, version: str, cpus: int
    ) -> dict[str, Any]:
        import dataclasses
        import os
        import pickle
        import socket

        def failed(message: str) -> dict[str, Any]:
            return {"status": "failed", "message": f"{message}, on {socket.gethostname()}"}

        try:
            with open(log, "rb") as written:
                seen = token.encode() in written.read()
        except OSError:
            seen = False
        if not seen:
            return failed(
                f"{log} is not there, or not that of the sweep: --out must be in a folder that "
                "all machines see, at the same path"
            )
        with open(log, "a", encoding="utf-8") as file:
            # Ray sets the variable to the GPUs of the task.
            gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
            gpu = f", GPU {gpus}" if gpus else ""
            file.write(f"begins on {socket.gethostname()}, process {os.getpid()}{gpu}\n")
        try:
            import magenta_sketch

            if magenta_sketch.__version__ != version:
                return failed(
                    f"magenta_sketch is {magenta_sketch.__version__}, that of the sweep {version}: "
                    "install the same version on all machines"
                )
            from magenta_sketch.study.task import STOPPED
            from magenta_sketch.training.run_folder import RunFolder

            order = pickle.loads(task)
            RunFolder(order.log_root).use_its_onednn()  # before TensorFlow is imported
            from magenta_sketch.study.execution import carry_out
        except ImportError as error:
            return failed(
                f"magenta_sketch {version} is not installed, or not whole "
                f"({' '.join(str(error).split())}): install the same version on all machines"
            )
        outcome = carry_out(order, cpus)
        if outcome.status == STOPPED:
            # The sweep stops a task by cancelling it, which ends its retries, too. Any other stop,
            # such as the shutdown of a machine, is retried.
            raise InterruptedError(outcome.message)
        return dataclasses.asdict(outcome)

    return carry_out_there


def _announce(task: Task, token: str) -> int:
    """Write a line with the token to a task's log, for `_carrier`. Return the log's size."""
    log = pathlib.Path(task.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"waits for a machine of the Ray cluster, {token}\n")
    return log.stat().st_size


def _ready(ray: ModuleType, open_tasks: dict[Any, _Open], seconds: float = _TICK) -> list[Any]:
    return ray.wait(list(open_tasks), num_returns=len(open_tasks), timeout=seconds)[0]


def _outcome(ray: ModuleType, ref: Any, stopping: bool = False) -> Outcome:
    """Return the outcome of an ended task: its own, or one that follows from Ray's error."""
    try:
        return Outcome(**ray.get(ref))
    except ray.exceptions.TaskCancelledError:
        return Outcome(STOPPED, "stopped on request")
    except InterruptedError:  # raised by `_carrier`
        if stopping:
            return Outcome(STOPPED, "stopped on request, with a checkpoint")
        why = "its process was stopped from outside"
    except ray.exceptions.OutOfMemoryError:
        why = "the memory of its machine ran out"
    except (ray.exceptions.NodeDiedError, ray.exceptions.WorkerCrashedError):
        why = "its machine or process died"
    except ray.exceptions.RayError as error:
        why = f"Ray: {one_line(str(error))}"
    return Outcome(FAILED, f"{why}, and Ray's retries are used up")


def _stop(
    ray: ModuleType,
    open_tasks: dict[Any, _Open],
    began: Callable[[Task], None],
    ended: Callable[[Task, Outcome], None],
) -> None:
    """Ask running tasks to write their checkpoints, and wait for them."""
    for ref in reversed(open_tasks):  # waiting tasks first, so that none of them starts now
        ray.cancel(ref)
    last = time.monotonic() + _PATIENCE
    while open_tasks and time.monotonic() < last:
        for ref in _ready(ray, open_tasks):
            one = open_tasks.pop(ref)
            if one.look(began):
                one.end(_outcome(ray, ref, stopping=True), began, ended)
    for ref, one in open_tasks.items():
        ray.cancel(ref, force=True)
        if one.look(began):
            message = f"did not end within {_PATIENCE:g} seconds of the request to stop"
            one.end(Outcome(FAILED, message), began, ended)
