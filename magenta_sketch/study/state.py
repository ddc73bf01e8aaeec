"""Whether a run of a study is measured, from its files."""

from __future__ import annotations

import pathlib

from magenta_sketch.measures.result import Measures
from magenta_sketch.study.folder import read_json
from magenta_sketch.study.task import Task
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder


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
