"""Connecting to a Ray cluster. Ray is imported when it is needed: it is optional and slow."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from magenta_sketch.errors import RunError

_ANSWER = 30.0  # seconds that a cluster may take to answer
# Output of Ray's workers would disturb the display of a sweep.
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
NO_RAY = "--ray_address needs Ray, which is not installed here: pip install -e '.[ray]'"


@contextlib.contextmanager
def connected(address: str, retries: int) -> Iterator[ModuleType]:
    """Connect to the cluster during a with statement, and yield the module ray."""
    # Send no usage statistics.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's long messages on dead tasks would break the display, even without log_to_driver. Each
    # task's outcome has a short one.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", r"[\s\S]*")
    # Otherwise Ray retries forever a task that does not fit in a machine's memory.
    os.environ.setdefault("RAY_task_oom_retries", str(retries))
    if importlib.util.find_spec("ray") is None:
        raise RunError(NO_RAY)
    _probe(address)
    import ray  # reads the environment

    with _signals_kept():
        try:
            ray.init(address=address, **_QUIET)
        except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            raise RunError(f"{_no_cluster(address)} ({one_line(str(error))})") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _probe(address: str) -> None:
    """Raise RunError unless there is a cluster at the address.

    A separate process connects, because without an answer Ray retries for minutes, and after some
    answers it ends the process.
    """
    if address != "auto" and not re.fullmatch(r"[^:/\s]+:\d{1,5}", address):
        raise RunError(
            f"--ray_address={address}: give auto, on a machine of the cluster, or the host:port of "
            "its head"
        )
    code = f"import ray, sys; ray.init(address=sys.argv[1], **{_QUIET})"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", code, address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER,
            start_new_session=True,  # Ctrl-C must not reach it
        )
    except subprocess.TimeoutExpired:
        why = f"no answer in {_ANSWER:g} seconds"
    else:
        if probe.returncode == 0:
            return
        why = one_line((probe.stderr.strip() or "Ray ended").splitlines()[-1])
    raise RunError(
        f"{_no_cluster(address)} ({why}): start one with `ray start --head`, and give its address"
    )


def _no_cluster(address: str) -> str:
    return f"--ray_address={address}: no Ray cluster there that this machine is a part of"


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore the signal handlers, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def require_machine(ray: ModuleType, cpus: int, gpus: float) -> None:
    """Raise RunError if no machine of the cluster has enough cores and GPUs for a task."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fit = [one for one in machines if one.get("CPU", 0) >= cpus]
    if not fit:
        most = max((one.get("CPU", 0) for one in machines), default=0)
        raise RunError(
            f"no machine of the Ray cluster has {cpus} cores, the largest has {most:g}: ask for "
            "fewer for each run, with --ray_cpus"
        )
    most = max(one.get("GPU", 0) for one in fit)
    if most < gpus:
        raise RunError(
            f"no machine of the Ray cluster with {cpus} cores has {gpus:g} GPUs, the most are "
            f"{most:g}: ask for fewer for each run, with --ray_gpus"
        )


def one_line(text: str) -> str:
    """Return a text as one line, cut to 200 characters."""
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
