"""One process at a time: a sweep in its folder, a process at a run.

A sweep that is killed leaves processes, which write their checkpoints and end. Each of them locks
its own run meanwhile, and whoever wants that run waits. The system frees a lock when its process
ends, however that is; the file stays.
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
    """Hold the lock of a file for the body of a with statement.

    Args:
      path: the file, made if need be.
      what: what the lock is of and who may hold it, in a message that says so.
      report: prints a line, which says that it waits.
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
    """Hold a study's folder, as one sweep does at a time. Raises RunError as `locked` does."""
    what = f"another sweep is at work in {folder}"
    with locked(folder / ".lock", what, report, patience=patience):
        yield


@contextlib.contextmanager
def run_lock(
    path: pathlib.Path, report: Callable[[str], None], patience: float = 60.0
) -> Iterator[None]:
    """Hold a run of a study, whose lock file is ``path``. Raises RunError as `locked` does."""
    what = f"another process is at work on the run {path.stem}, as that of a sweep that was killed"
    with locked(path, what, report, patience=patience):
        yield


def wait_for_run(path: pathlib.Path, report: Callable[[str], None], patience: float = 60.0) -> None:
    """Return when no process is at work on a run. Raises RunError as `locked` does."""
    if path.exists():
        with run_lock(path, report, patience):
            pass
