"""Connecting to a Ray cluster. Ray is imported here alone, and late: it is an extra, and slow."""

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
# There is one display of a sweep's progress, and Ray's workers are not to write into it.
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
NO_RAY = "--ray_address needs Ray, which is not installed here: pip install -e '.[ray]'"


@contextlib.contextmanager
def connected(address: str, retries: int) -> Iterator[ModuleType]:
    """Yield Ray, connected to the cluster, for the body of a with statement."""
    # Nothing of a study is to be sent to anybody unasked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's words on a task or machine that died, of dozens of lines, would break the one progress
    # display; the ends of tasks say it in a line. log_to_driver leaves them in.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", r"[\s\S]*")
    # Else Ray begins a task for ever again that does not fit in a machine's memory.
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

    In a process of its own: where none answers, Ray tries again for minutes, and cannot be told not
    to, and there are replies at which it ends the process.
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
            start_new_session=True,  # Ctrl-C is for us
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
    """Put back the handlers of signals, which Ray sets in place of a sweep's own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def require_cores(ray: ModuleType, cpus: int) -> None:
    """Raise RunError unless a machine of the cluster has enough cores for a task."""
    most = max(
        (node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0
    )
    if most < cpus:
        raise RunError(
            f"no machine of the Ray cluster has {cpus} cores, the largest has {most:g}: ask for "
            "fewer for each run, with --ray_cpus"
        )


def one_line(text: str) -> str:
    """Return a text of Ray's as one line of bearable length."""
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
