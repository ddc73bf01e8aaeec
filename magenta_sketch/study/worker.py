"""The process that `local.LocalEngine` runs a task in: ``python -m magenta_sketch.study.worker``.

Standard input brings one line, a JSON object {"task": {...}, "cores": [...], "share_gpu": ...}, and
stays open for as long as the sweep lives: its end is a request to stop. Standard output gets one
line, the `Outcome`.
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
    # The sweep may have been killed so that it could not say anything; a run that trained on
    # alone would be in the way of the next sweep. As on SIGTERM, a checkpoint is written.
    # Not by sys.stdin: its lock, held by this thread, would be in the way of the interpreter's end.
    while os.read(0, 4096):
        pass
    signals = sys.modules.get("magenta_sketch.training.signals")
    # Not by a signal while a run listens: with one from elsewhere, as when a whole group of
    # processes is told to end, it would be the second, which means at once.
    if signals is None or not signals.StopRequest.ask():
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Carry out the task that standard input names."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_when_orphaned, daemon=True).start()
    cores = order["cores"]
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # a container that has lost them meanwhile
            os.sched_setaffinity(0, cores)  # before TensorFlow makes its threads
    # Here, for the same reason.
    from magenta_sketch.study.task import Task
    from magenta_sketch.training.run_folder import RunFolder

    task = Task(**order["task"])
    RunFolder(task.log_root).use_its_onednn()
    from magenta_sketch._backend import tf
    from magenta_sketch.study.execution import carry_out

    if order["share_gpu"]:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    outcome = carry_out(task, len(cores))
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
