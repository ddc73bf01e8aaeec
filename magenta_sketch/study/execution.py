"""One run of a study: train it, then measure it. Any machine that sees the folder can do it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import time
import traceback
from collections.abc import Iterator

from magenta_sketch import runs
from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import DataSet
from magenta_sketch.errors import RunError, SketchError
from magenta_sketch.interop.loading import load
from magenta_sketch.measures.measuring import measure
from magenta_sketch.study.folder import write_json
from magenta_sketch.study.lock import run_lock
from magenta_sketch.study.task import DONE, FAILED, STOPPED, Outcome, Task, measured
from magenta_sketch.training.failures import reason
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.threads import make_deterministic, use_threads

_ON_REQUEST = "stopped on request, with a checkpoint"
_PATIENCE = 300.0  # seconds to wait for another process to write its checkpoint and end


def carry_out(task: Task, cores: int | None = None) -> Outcome:
    """Train the task's run to its end and measure it, as far as this is not done yet.

    Needs a process of its own: it sets TensorFlow's threads, and sends all output of the process to
    the task's log.

    Args:
      cores: number of cores to use. None: all that the process may use.
    """
    began = time.monotonic()
    with _output_to(pathlib.Path(task.log)):
        try:
            with run_lock(pathlib.Path(task.lock), print, _PATIENCE):
                message = _carry_out(task, cores)
            status = DONE if message is None else STOPPED
        except (SketchError, OSError) as error:
            status, message = FAILED, " ".join(str(error).split())
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            status, message = FAILED, f"the memory is too small ({reason(error)})"
        except Exception as error:  # the other runs must continue
            traceback.print_exc()
            status = FAILED
            message = f"{type(error).__name__}: {reason(error)}; see {task.log}"
        print(f"{status}{': ' * bool(message)}{message or ''}", flush=True)
    return Outcome(status, message or "", time.monotonic() - began)


def _carry_out(task: Task, cores: int | None) -> str | None:
    """Train and measure the run. Return None when this is done, else why it was stopped."""
    use_threads(cores)
    make_deterministic()
    config, folder = RunConfig.from_dict(task.config), RunFolder(task.log_root)
    if folder.run.exists():
        run = runs.resume(config, task.log_root)
    else:
        # Overwrite what a killed process left before its first checkpoint, but no checkpoint.
        run = runs.begin(config, task.log_root, overwrite=not folder.holds_checkpoint())
    if folder.newest_step < run.total_steps and runs.train_run(run) != 0:
        return _ON_REQUEST
    if measured(task) is None:
        _measure(task, run.data)
    if measured(task) is None:
        # The newest checkpoint is damaged, so an earlier one was measured. Train on from that one.
        print("the last checkpoint is damaged: training again from the one before", flush=True)
        if runs.train_run(dataclasses.replace(run, resumed=True)) != 0:
            return _ON_REQUEST
        _measure(task, run.data)
    if measured(task) is None:
        raise RunError(
            f"the {task.measure_settings.checkpoint} checkpoint of {folder.root} cannot be read: "
            "restore it from a copy, or remove that folder to train the run anew"
        )
    return None


def _measure(task: Task, data: DataSet) -> None:
    settings = task.measure_settings
    print(f"measuring, at checkpoint {settings.checkpoint} ...", flush=True)
    trained = load(task.log_root, checkpoint=settings.checkpoint)
    write_json(pathlib.Path(task.measures), measure(trained, data, settings).to_dict())


@contextlib.contextmanager
def _output_to(log: pathlib.Path) -> Iterator[None]:
    """Append all output of the process, also that of native code, to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        with open(log, "a", encoding="utf-8") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            try:
                with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                    yield
            finally:
                os.dup2(kept[0], 1)
                os.dup2(kept[1], 2)
    finally:
        for descriptor in kept:
            os.close(descriptor)
