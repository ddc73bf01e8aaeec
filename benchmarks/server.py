"""A process that works on request, so that several processes can take turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any


class Server:
    """This program in a new process, with other arguments; it runs `serve`.

    ``about`` is its first answer, when it is ready.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None):
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.about = self._answer()

    def ask(self, number: int) -> Any:
        """Send a number; return the answer of the work."""
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a process of the benchmark ended early, see above")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def serve(about: Any, work: Callable[[int], Any]) -> None:
    """Answer each number on standard input with ``work(number)``."""
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        print(json.dumps(work(int(line))), flush=True)
