"""Locks: only one sweep works in a folder, and only one process on a run.

If a sweep is killed, its processes write their checkpoints and end. Until then each keeps the lock
of its run, and a new sweep waits for it. The system frees a lock when its process ends for any
reason; the file stays.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import filelock

from magenta_sketch.errors import RunError


@contextlib.contextmanager
def locked(
    path: pathlib.Path, what: str, report: Callable[[str], None], *, patience: float
) -> Iterator[None]:
    """Hold the lock of a file during a with statement.

    Args:
      path: the file; it is made if it does not exist.
      what: says who holds the lock, for messages.
      report: called with a line before waiting.
      patience: seconds to wait.

    Raises:
      RunError: another process holds it for longer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        report(f"{what}: waiting ...")
        try:
            lock.acquire(timeout=patience, poll_interval=0.5)
        except filelock.Timeout:
            raise RunError(f"{what}: wait for it to end, or name another --out") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def sweep_lock(
    folder: pathlib.Path, report: Callable[[str], None], patience: float = 60.0
) -> Iterator[None]:
    """Hold the lock of a study's folder. Raise RunError as `locked` does."""
    what = f"another sweep is at work in {folder}"
    with locked(folder / ".lock", what, report, patience=patience):
        yield


@contextlib.contextmanager
def run_lock(
    path: pathlib.Path, report: Callable[[str], None], patience: float = 60.0
) -> Iterator[None]:
    """Hold the lock ``path`` of a run. Raise RunError as `locked` does."""
    what = f"another process is at work on the run {path.stem}, as that of a sweep that was killed"
    with locked(path, what, report, patience=patience):
        yield


def wait_for_run(path: pathlib.Path, report: Callable[[str], None], patience: float = 60.0) -> None:
    """Wait until no process works on a run. Raise RunError as `locked` does."""
    if path.exists():
        with run_lock(path, report, patience):
            pass
