"""Start all workers of a run on this machine, and wait for them: --workers=NUMBER."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from magenta_sketch.errors import RunError

LAUNCHER = "MAGENTA_SKETCH_LAUNCHER"  # variable of a worker: the process that started it
_LOOK_EVERY = 0.1  # seconds
_PATIENCE = 45.0  # seconds for the others to end by themselves, once a worker has ended
_PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>


def launch(addresses: Sequence[str], module: str) -> int:
    """Start a process for each worker, with the flags of this one, and wait until all have ended.

    The machine's GPUs and cores are shared among them. SIGINT and SIGTERM are passed on: the first
    one to the chief, which stops all in order, later ones to all.

    Args:
      addresses: host:port of each worker, on this machine; the first is the chief.
      module: the program's module.

    Returns:
      The exit status of the chief.

    Raises:
      RunError: a worker was killed before it could say why, and so the chief was, too.
    """
    count = len(addresses)
    gpus, cores = visible_gpus(), _own_cores()
    _note_sharing(count, len(gpus), len(cores))
    workers: list[subprocess.Popen[bytes]] = []
    with _forwarding(workers):
        dealt = zip(dealt_to(count, gpus), dealt_to(count, cores), strict=True)
        for index, (own_gpus, own_cores) in enumerate(dealt):
            environment = _environment(addresses, index, own_gpus)
            workers.append(_start([sys.executable, "-m", module, *sys.argv[1:]], environment))
            if own_cores:
                with contextlib.suppress(OSError):  # it may have ended already
                    os.sched_setaffinity(workers[-1].pid, own_cores)
        return _wait_for(workers)


def _environment(addresses: Sequence[str], index: int, gpus: Sequence[str]) -> dict[str, str]:
    task = {
        "cluster": {"worker": list(addresses)},
        "task": {"type": "worker", "index": index},
    }
    # A clone's program can be started without installing: then only its own process finds it.
    package = str(pathlib.Path(__file__).resolve().parents[2])
    own = {
        "TF_CONFIG": json.dumps(task),
        "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH")))),
        LAUNCHER: str(os.getpid()),
    }
    if gpus:
        own["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return {**os.environ, **own}


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C in a terminal reaches it once, through this process.
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


@contextlib.contextmanager
def _forwarding(workers: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Pass SIGINT and SIGTERM on to the workers, and kill those that are left at the end."""
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        for one in workers if seen else workers[:1]:
            one.send_signal(number)
        seen.append(number)

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one in workers:
            one.kill()
        for number, handler in old.items():
            signal.signal(number, handler)


def _wait_for(workers: Sequence[subprocess.Popen[bytes]]) -> int:
    """Return the chief's status when all have ended, or the time for it is over."""
    ended_at = None
    while running := [one for one in workers if one.poll() is None]:
        if ended_at is None and len(running) < len(workers):
            ended_at = time.monotonic()
        if ended_at is not None and time.monotonic() > ended_at + _PATIENCE:
            break
        time.sleep(_LOOK_EVERY)
    status = workers[0].poll()
    if status is not None and status >= 0:
        return status
    first = next(index for index, one in enumerate(workers) if one.poll() is not None)
    raise RunError(
        f"worker {first} ended {_how(workers[first].returncode)}, and the others with it; go on "
        "with --resume_training"
    )


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    return f"by {signal.Signals(-status).name}"


def end_with_launcher() -> None:
    """End this worker if the process that started it ends (on Linux).

    TensorFlow's wait for the other workers lets no Python code run, so the system must do it.
    """
    launcher = os.environ.get(LAUNCHER)
    if launcher is None or not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(launcher):  # it had ended before
        raise RunError("the process that started this worker has ended")


def dealt_to(count: int, items: Sequence[Any]) -> list[list[Any]]:
    """Deal items to ``count`` workers; one of them to each in turn, if there are too few.

    >>> dealt_to(2, [0, 1, 2, 3]), dealt_to(3, ["0"])
    ([[0, 1], [2, 3]], [['0'], ['0'], ['0']])
    """
    size = len(items)
    if 0 < size < count:
        return [[items[index % size]] for index in range(count)]
    ends = [index * size // count for index in range(count + 1)]
    return [list(items[first:end]) for first, end in zip(ends, ends[1:], strict=False)]


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by CUDA's numbers."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    devices = pathlib.Path("/dev").glob("nvidia[0-9]*")
    return [str(number) for number in range(len(list(devices)))]


def _own_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def _note_sharing(count: int, gpus: int, cores: int) -> None:
    """Say so if workers must share a GPU or a core: they are no faster than fewer workers."""
    has, what = (gpus, "GPU") if gpus else (cores, "core")
    if 0 < has < count:
        shared = f"{has} {what}" + "s" * (has > 1)
        print(f"note: {count} workers share {shared}; more than {has} are no faster", flush=True)
