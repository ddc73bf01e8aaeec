"""One run of a study as a unit of work, and its outcome."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from magenta_sketch.measures.result import Measures, MeasureSettings
from magenta_sketch.study.folder import read_json
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder

DONE, FAILED, STOPPED = "done", "failed", "stopped"
WAITING = "waiting"  # status of a run without an outcome


@dataclasses.dataclass(frozen=True)
class Task:
    """One run to train and measure. It is sent to other processes, so it has plain values only.

    Attributes:
      log_root, log, measures, lock: absolute paths of the run's folder, of the file for its output,
        of its measures, and of its lock file.
      config: options that count as given, for `RunConfig.from_dict`.
      settings: the settings of the measuring, for `MeasureSettings.from_dict`.
    """

    name: str
    log_root: str
    log: str
    measures: str
    lock: str
    config: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def measure_settings(self) -> MeasureSettings:
        """The settings of the measuring."""
        return MeasureSettings.from_dict(self.settings)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a task ended.

    status: `DONE`, `FAILED`, or `STOPPED` on request. message: the reason for a failure or stop.
    seconds: time of this attempt.
    """

    status: str
    message: str = ""
    seconds: float = 0.0


class Engine(Protocol):
    """An object that runs tasks: `LocalEngine` or `RayEngine`."""

    def run(
        self,
        tasks: Sequence[Task],
        began: Callable[[Task], None],
        ended: Callable[[Task, Outcome], None],
        tick: Callable[[], None],
    ) -> None:
        """Run all tasks. If one fails, the others continue.

        Args:
          began, ended: called from this thread when a task starts and when it ends.
          tick: called from this thread about twice per second. If it raises an exception, the
            running tasks are stopped, and the exception is raised again.
        """


def measured(task: Task) -> Measures | None:
    """Return the measures of a run, or None if they are missing or out of date.

    They are out of date if the run has a new checkpoint, or the task has other settings.
    """
    folder, settings = RunFolder(task.log_root), task.measure_settings
    steps = saved_steps(folder.best if settings.checkpoint == "best" else folder.newest)
    try:
        found = Measures.from_dict(read_json(pathlib.Path(task.measures)))
    except (AttributeError, KeyError, TypeError, ValueError):  # missing, damaged, another version
        return None
    return found if steps and found.step == steps[-1] and found.settings == settings else None
