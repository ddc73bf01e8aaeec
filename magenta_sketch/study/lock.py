"""One sweep at a time in a study's folder."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable

from magenta_sketch.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class StudyLock:
    """A lock on a folder that the system frees when the last process that holds it has ended.

    A context manager, whose value is the descriptor that processes of the sweep inherit (-1 where
    there are no such locks): those of a sweep that was killed hold the lock until they have written
    their checkpoints.
    """

    def __init__(self, folder: pathlib.Path, report: Callable[[str], None], patience: float = 60.0):
        self._path, self._report, self._patience = folder / ".lock", report, patience
        self._descriptor = -1

    def __enter__(self) -> int:
        """Take the lock.

        Raises:
          RunError: another sweep holds it, ``patience`` seconds long.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            return -1
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        began, told = time.monotonic(), False
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._descriptor
            except BlockingIOError:
                if time.monotonic() - began > self._patience:
                    os.close(self._descriptor)
                    raise RunError(
                        f"another sweep is at work in {self._path.parent}: wait for it to end, or "
                        "name another --out."
                    ) from None
            if not told:
                told = True
                self._report(f"{self._path.parent} is in use by another sweep: waiting ...")
            time.sleep(0.5)

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
