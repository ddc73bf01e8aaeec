"""A task's process for `local.LocalEngine`: ``python -m magenta_sketch.study.worker``.

It reads one line from standard input, a JSON object {"task": {...}, "cores": [...]}. When standard
input is closed, it stops: the sweep has asked for it or was killed. It writes one line to standard
output, the `Outcome` as JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading


def _stop_when_orphaned() -> None:
    # If the sweep was killed, the run must not train on: it would block the next sweep.
    # sys.stdin is not used here: its lock, held by this thread, would block the interpreter's end.
    while os.read(0, 4096):
        pass
    signals = sys.modules.get("magenta_sketch.training.signals")
    # A listening run is not sent a signal. If it had got one already, as part of a process group,
    # ours would be the second, which stops it at once.
    if signals is None or not signals.StopRequest.ask():
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the task from standard input."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_when_orphaned, daemon=True).start()
    cores = order["cores"]
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # cores that a container has lost
            os.sched_setaffinity(0, cores)  # before TensorFlow makes its threads
    # Imported after that.
    from magenta_sketch.study.task import Task
    from magenta_sketch.training.run_folder import RunFolder

    task = Task(**order["task"])
    RunFolder(task.log_root).use_its_onednn()
    from magenta_sketch.study.execution import carry_out

    outcome = carry_out(task, len(cores))
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
