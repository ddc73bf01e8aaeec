"""Runs of the programs in processes of their own, without importing TensorFlow for each.

TensorFlow's import takes most of the time of a short run. Here a server process imports it once,
does nothing with it, and forks for each run; the fork runs the program's script as its main
module, with streams, arguments and an exit status of its own, and can be killed.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import pathlib
import resource
import runpy
import signal
import subprocess
import sys
import traceback
from typing import Any, TextIO

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run gave: its exit status (-N when signal N killed it) and its output."""

    status: int
    out: str
    err: str


class Forks:
    """The server, as tests see it. A context manager."""

    def __enter__(self) -> Forks:
        command = [sys.executable, "-W", "ignore", __file__]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(CHECKOUT)}
        environment.pop("KERAS_BACKEND", None)
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()

    def run(
        self,
        script: str,
        *arguments: str,
        cwd: pathlib.Path,
        out: str | None = "out.txt",
        err: str | None = "err.txt",
        hook: tuple[str, int, int] | None = None,
        file_size: int | None = None,
    ) -> Result:
        """Run ``script``, a path in the checkout, in ``cwd``.

        Args:
          out, err: files (or terminals) for the two streams; None closes the stream.
          hook: (module:name, n, signal): the process gets the signal when it makes its n-th call
            of that function.
          file_size: limit on the size of files, in bytes.
        """
        request = {
            "script": str(CHECKOUT / script),
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "streams": [out and str(cwd / out), err and str(cwd / err)],
            "hook": hook,
            "file_size": file_size,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        files = [cwd / name for name in (out, err) if name]
        texts = {path.name: path.read_bytes().decode() for path in files if path.is_file()}
        return Result(status, texts.get(out, ""), texts.get(err, ""))


def _serve() -> None:
    import matplotlib.figure  # noqa: F401
    import tensorflow  # noqa: F401  (Keras with it)

    for line in sys.stdin:
        child = os.fork()
        if not child:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: dict[str, Any]) -> None:
    """In the child: be the program, and never return."""
    status: Any = 1
    try:
        os.chdir(request["cwd"])
        sys.stdout, sys.stderr = map(_stream, (1, 2), request["streams"])
        # A shell's background job, which the tests may be, ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if request["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
        if request["hook"] is not None:
            _set_hook(*request["hook"])
        sys.argv = [request["script"], *request["arguments"]]
        runpy.run_path(request["script"], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            status = 120  # as the interpreter has it
    os._exit(status)


def _stream(number: int, name: str | None) -> TextIO | None:
    """Python's stream on the descriptor ``number``, which is opened on ``name`` or closed."""
    if name is None:
        os.close(number)
        return None
    target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY)
    os.dup2(target, number)
    os.close(target)
    return open(number, "w", closefd=False)


def _set_hook(target: str, count: int, number: int) -> None:
    module, _, name = target.partition(":")
    *owners, name = name.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    original, calls = getattr(owner, name), []

    def hooked(*args, **kwargs):
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), number)
        return original(*args, **kwargs)

    setattr(owner, name, hooked)


if __name__ == "__main__":
    _serve()
