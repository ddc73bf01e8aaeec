"""One run of a study as a unit of work, for any process on any machine that sees the folder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from magenta_sketch import runs
from magenta_sketch._backend import tf
from magenta_sketch.data import DataSet
from magenta_sketch.errors import DataError, HParamsError, RunError
from magenta_sketch.inference.trained_model import load
from magenta_sketch.study.folder import read_json, write_json
from magenta_sketch.study.measures import Measures, MeasureSettings, measure
from magenta_sketch.training.run_folder import RunFolder, reason, saved_steps
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.step import make_deterministic, use_threads

DONE, FAILED, STOPPED = "done", "failed", "stopped"


@dataclasses.dataclass(frozen=True)
class Task:
    """What to do for one run. Plain values only: it travels to other processes and machines.

    Paths are absolute. assignments: all hyperparameters but those that follow from the data.
    """

    name: str
    log_root: str
    log: str
    measures: str
    assignments: dict[str, Any]
    seed: int
    data_dir: str
    num_epochs: float | None
    mixed_precision: bool
    bucket_by_length: bool
    settings: MeasureSettings


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a task ended: status `DONE`, `FAILED` or `STOPPED` (on request, to go on later); a line
    on what went wrong; seconds it took, this time."""

    status: str
    message: str = ""
    seconds: float = 0.0


class Engine(Protocol):
    """Something that carries out tasks."""

    def run(
        self,
        tasks: Sequence[Task],
        began: Callable[[Task], None],
        ended: Callable[[Task, Outcome], None],
        tick: Callable[[], None],
    ) -> None:
        """Carry out all tasks; one that fails does not end the others.

        Args:
          began, ended: called from this thread when a task begins and ends.
          tick: called from this thread about twice a second. What it raises ends the run: tasks
            that are running are asked to stop, and waited for, and it is raised again.
        """


def carry_out(task: Task, cores: int | None = None) -> Outcome:
    """Train the task's run to its end if it is not there yet, and measure it if that was not done.

    In a process of its own: TensorFlow's threads are set, for ``cores`` of them (None: all that
    the process may use), and what the process prints goes to the task's log.
    """
    began = time.monotonic()
    with _output_to(pathlib.Path(task.log)):
        try:
            message = _carry_out(task, cores)
            status = DONE if message is None else STOPPED
        except (RunError, DataError, HParamsError, OSError) as error:
            status, message = FAILED, " ".join(str(error).split())
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            status, message = FAILED, f"the memory is too small ({reason(error)})."
        except Exception as error:  # the other runs have to go on
            traceback.print_exc()
            text = reason(error)
            status, message = FAILED, f"{type(error).__name__}: {text}; see {task.log}."
        print(f"{status}{': ' * bool(message)}{message or ''}", flush=True)
    return Outcome(status, message or "", time.monotonic() - began)


def _carry_out(task: Task, cores: int | None) -> str | None:
    use_threads(cores)
    make_deterministic()
    folder = RunFolder(task.log_root)
    if folder.run.exists():
        info, data = runs.resume(
            folder,
            task.assignments,
            data_dir=task.data_dir,
            seed=task.seed,
            num_epochs=task.num_epochs,
            mixed_precision=task.mixed_precision,
            bucket_by_length=task.bucket_by_length,
        )
        resumed = True
    else:
        info, data = runs.begin(
            folder,
            task.assignments,
            data_dir=task.data_dir,
            seed=task.seed,
            # What a program killed in the act of beginning has left; a checkpoint is never lost.
            overwrite=not (saved_steps(folder.newest) or saved_steps(folder.best)),
            num_epochs=task.num_epochs,
            mixed_precision=task.mixed_precision,
            bucket_by_length=task.bucket_by_length,
        )
        resumed = False
    if newest_step(folder) < total_steps(info.hparams, info.num_epochs, len(data.train)):
        status = runs.train(folder, info, data, resumed=resumed)
        if status != 0:
            return "stopped on request, with a checkpoint"
    if measured(task) is not None:
        return None
    _measure(task, data)
    if measured(task) is None:
        # The checkpoint that its folder names can't be read, and an earlier one was taken: from
        # there on, once more.
        print("the last checkpoint is damaged: training again from the one before", flush=True)
        status = runs.train(folder, info, data, resumed=True)
        if status != 0:
            return "stopped on request, with a checkpoint"
        _measure(task, data)
    if measured(task) is None:
        raise RunError(
            f"the {task.settings.checkpoint} checkpoint of {folder.root} can't be read: restore it "
            "from a copy, or remove that folder to train the run anew."
        )
    return None


def _measure(task: Task, data: DataSet) -> None:
    print(f"measuring, at checkpoint {task.settings.checkpoint} ...", flush=True)
    trained = load(task.log_root, checkpoint=task.settings.checkpoint)
    write_json(pathlib.Path(task.measures), measure(trained, data, task.settings).to_dict())


def newest_step(folder: RunFolder) -> int:
    """The step of a run's newest checkpoint, 0 without one."""
    return max(saved_steps(folder.newest), default=0)


def measured(task: Task) -> Measures | None:
    """The run's measures; None unless they are of its checkpoint, and made as is asked now."""
    folder = RunFolder(task.log_root)
    steps = saved_steps(folder.best if task.settings.checkpoint == "best" else folder.newest)
    try:
        found = Measures.from_dict(read_json(pathlib.Path(task.measures)))
    except (AttributeError, KeyError, TypeError, ValueError):  # none, damaged, of another version
        return None
    return found if steps and found.step == steps[-1] and found.settings == task.settings else None


@contextlib.contextmanager
def _output_to(log: pathlib.Path) -> Iterator[None]:
    """Have all that the process prints, native code included, added to a log meanwhile."""
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
