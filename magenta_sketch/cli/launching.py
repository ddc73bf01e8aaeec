"""Start all workers of a run on this machine, and wait for them: --workers=NUMBER."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from magenta_sketch.errors import RunError, UsageError

LAUNCHER = "MAGENTA_SKETCH_LAUNCHER"  # variable of a worker: the process that started it
_LOOK_EVERY = 0.1  # seconds
_PATIENCE = 30.0  # seconds for the others to end by themselves, once a worker has failed
_PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>


def launch(addresses: Sequence[str], module: str, advice: Callable[[], str]) -> int:
    """Start a process for each worker, with the flags of this one, and wait until all have ended.

    The machine's GPUs and cores are shared among them. A first SIGINT, SIGTERM or SIGHUP goes to
    the chief, which stops all in order. A second one goes to all, and a third one kills them.

    Args:
      addresses: host:port of each worker, on this machine; the first is the chief.
      module: the program's module.
      advice: returns a clause that says what to do after a worker was killed.

    Returns:
      The exit status of the chief, or 128 + the signal's number.

    Raises:
      UsageError: there are fewer GPUs than workers, but some.
      RunError: a worker was killed, and the chief did not end by itself.
    """
    count = len(addresses)
    gpus, cores = visible_gpus(), _own_cores()
    _check_sharing(count, len(gpus), len(cores))
    workers: list[subprocess.Popen[bytes]] = []
    with _forwarding(workers) as signals:
        dealt = zip(dealt_to(count, gpus), dealt_to(count, cores), strict=True)
        for index, (own_gpus, own_cores) in enumerate(dealt):
            environment = _environment(addresses, index, own_gpus)
            workers.append(_start([sys.executable, "-m", module, *sys.argv[1:]], environment))
            if own_cores:
                with contextlib.suppress(OSError):  # it may have ended already
                    os.sched_setaffinity(workers[-1].pid, own_cores)
        status, failure = _wait_for(workers, signals)
    if status is None:
        raise RunError(f"{failure}, and the others with it; {advice()}")
    return status


def _environment(addresses: Sequence[str], index: int, gpus: Sequence[str]) -> dict[str, str]:
    task = {
        "cluster": {"worker": list(addresses)},
        "task": {"type": "worker", "index": index},
    }
    # A clone's program can be started without installing: then only its own process finds it.
    package = pathlib.Path(__file__).resolve().parents[2]
    own = {
        "TF_CONFIG": json.dumps(task),
        LAUNCHER: str(os.getpid()),
        "PYTHONSAFEPATH": "1",  # no modules from the current folder, as for an installed program
    }
    if package.name not in ("site-packages", "dist-packages"):
        path = (str(package), os.environ.get("PYTHONPATH"))
        own["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    if gpus:
        own["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return {**os.environ, **own}


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C in a terminal reaches it once, through this process.
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


@contextlib.contextmanager
def _forwarding(workers: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Pass signals on to the workers, and kill those that are left at the end.

    Yields the list of the signals so far.
    """
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        passed = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
        for one in workers[:1] if len(seen) == 1 else workers:
            if len(seen) < 3:
                one.send_signal(passed)
            else:
                one.kill()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    old = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield seen
    finally:
        for one in workers:
            one.kill()
            one.wait()
        for number, handler in old.items():
            signal.signal(number, handler)


def _wait_for(
    workers: Sequence[subprocess.Popen[bytes]], signals: Sequence[int]
) -> tuple[int | None, str]:
    """Wait until all have ended, or it is of no use.

    Returns:
      The exit status, and a clause on the first worker that failed. The status is None if the chief
      did not end by itself.
    """
    failure, failed_at = "", math.inf
    while True:
        statuses = [one.poll() for one in workers]
        failed = [number for number, status in enumerate(statuses) if status not in (None, 0)]
        if failed and not failure:
            failure = f"worker {failed[0]} ended {_how(statuses[failed[0]] or 0)}"
            failed_at = time.monotonic()
        # After a signal a worker may end early, while the chief still writes a checkpoint.
        ended = statuses[0] is not None if signals else time.monotonic() > failed_at + _PATIENCE
        if ended or None not in statuses:
            break
        time.sleep(_LOOK_EVERY)
    if signals and statuses[0] != 0:
        return 128 + signals[0], failure
    return statuses[0] if statuses[0] is not None and statuses[0] >= 0 else None, failure


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

    # SIGKILL, because TensorFlow ignores SIGTERM while it waits. The last checkpoint stays whole.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
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
        names = [name.strip() for name in visible.split(",")]
        names = names[: names.index("-1")] if "-1" in names else names  # CUDA stops there, too
        return [name for name in names if name]
    devices = pathlib.Path("/dev").glob("nvidia[0-9]*")
    return [str(number) for number in range(len(list(devices)))]


def _own_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def _check_sharing(count: int, gpus: int, cores: int) -> None:
    """Refuse workers that would share a GPU, and say so if they share a core.

    Raises:
      UsageError: they would share a GPU, which NVIDIA's library for adding up does not allow.
    """
    if 0 < gpus < count:
        raise UsageError(
            f"--workers={count}, but there are {gpus} GPUs here: each worker needs one of its own "
            "(CUDA_VISIBLE_DEVICES= trains on the cores)"
        )
    if not gpus and 0 < cores < count:
        shared = f"{cores} core" + "s" * (cores > 1)
        print(f"note: {count} workers share {shared}; more than {cores} are no faster", flush=True)
