"""One run of a study as a unit of work, and how it ended. Standard library alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from magenta_sketch.study.measures import MeasureSettings

DONE, FAILED, STOPPED = "done", "failed", "stopped"
WAITING = "waiting"  # what a run is that has no outcome yet


@dataclasses.dataclass(frozen=True)
class Task:
    """What to do for one run. Plain values only: it travels to other processes and machines.

    log_root, log, measures, lock: absolute paths, of the run, of the file for what it prints, of
    its measures, and of the file that its process locks. config: for `RunConfig.from_dict`, what
    counts as given. settings: what `MeasureSettings.to_dict` gives.
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
        """How the run is measured."""
        return MeasureSettings.from_dict(self.settings)


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
