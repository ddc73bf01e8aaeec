"""Stop a run on request: by SIGINT, SIGTERM, or from another thread."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import ClassVar


class Interrupted(Exception):
    """The run was stopped by ``signal_number``, and its state is saved."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class StopNow(Exception):
    """Raised in the loop if a stop was requested."""


class StopRequest:
    """Turn SIGINT and SIGTERM into a request that the loop checks between batches.

    Args:
      when: when the loop stops, for the line on standard error that says so.
    """

    _listening: ClassVar[list[StopRequest]] = []

    def __init__(self, when: str = "after this step") -> None:
        self.signal_number: int | None = None
        self._line = f"\nstopping {when}, to write a checkpoint (again: at once)\n"

    def check(self) -> None:
        """Raise `StopNow` if a stop was requested."""
        if self.signal_number is not None:
            raise StopNow

    @classmethod
    def ask(cls) -> bool:
        """Request a stop from any thread, as SIGTERM does; return whether a run is listening.

        More requests change nothing.
        """
        for one in cls._listening:
            if one.signal_number is None:
                one.signal_number = signal.SIGTERM
        return bool(cls._listening)

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Install the signal handlers in a with statement. A second signal stops at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.signal_number is not None:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.signal_number = number
            # Not print, because the handler may interrupt another print.
            with contextlib.suppress(OSError):
                os.write(2, self._line.encode())

        # Only the main thread may set handlers; `ask` works from any thread.
        main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if main else ()
        old = {number: signal.signal(number, handle) for number in numbers}
        self._listening.append(self)
        try:
            yield self
        finally:
            self._listening.remove(self)
            for number, handler in old.items():
                signal.signal(number, handler)
