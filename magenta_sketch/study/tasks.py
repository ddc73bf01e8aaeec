"""One run of a study as a unit of work, for any process on any machine that sees the folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from magenta_sketch.study.measures import MeasureSettings

DONE, FAILED, STOPPED = "done", "failed", "stopped"


@dataclasses.dataclass(frozen=True)
class Task:
    """What to do for one run. Plain values only: it travels to other processes and machines.

    Paths are absolute. assignments: all hyperparameters but those that follow from the data.
    settings: None leaves the run unmeasured.
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
    settings: MeasureSettings | None


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
        """Carry out all tasks; a task that fails does not end the others.

        Args:
          began, ended: called from this thread when a task begins and ends.
          tick: called from this thread about twice a second. What it raises ends the run: tasks
            that are running are asked to stop, and waited for, and it is raised again.
        """


def carry_out(task: Task) -> Outcome:
    """Train the task's run to its end if it is not there yet, and measure it if that was not done.

    Needs a process of its own, whose output goes to the task's log meanwhile.
    """
    raise NotImplementedError
