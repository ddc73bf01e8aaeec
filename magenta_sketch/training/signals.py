"""Stopping a run on request: SIGINT, SIGTERM, or another thread."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import ClassVar


class Interrupted(Exception):
    """The run was asked to stop, and its state is saved; ``signal_number`` says what asked."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class StopNow(Exception):
    """Raised within the loop when a stop was requested."""


class StopRequest:
    """Turns SIGINT and SIGTERM into a request that the loop notices between two batches."""

    _listening: ClassVar[list[StopRequest]] = []

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def check(self) -> None:
        """Raise `StopNow` if a stop was requested."""
        if self.signal_number is not None:
            raise StopNow

    @classmethod
    def ask(cls) -> bool:
        """Request a stop from any thread, as SIGTERM does, however often; whether one listens."""
        for one in cls._listening:
            if one.signal_number is None:
                one.signal_number = signal.SIGTERM
        return bool(cls._listening)

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Install the handlers for the body of a with statement; a second signal ends at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.signal_number is not None:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.signal_number = number
            # Not print: a handler may interrupt a print in progress.
            with contextlib.suppress(OSError):
                os.write(2, b"\nstopping after this step, to write a checkpoint (again: at once)\n")

        # Python lets the main thread alone set handlers; `ask` works from any.
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
