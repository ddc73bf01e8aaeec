"""A whole study: train and measure what is missing, then write the report."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from magenta_sketch.data import load_data_set
from magenta_sketch.errors import RunError
from magenta_sketch.study.collecting import write_study_report
from magenta_sketch.study.definition import Study
from magenta_sketch.study.folder import read_json_object, write_json
from magenta_sketch.study.lock import sweep_lock, wait_for_run
from magenta_sketch.study.plan import Plan, value_text
from magenta_sketch.study.progress import SweepProgress
from magenta_sketch.study.task import FAILED, Engine, Outcome, Task, measured
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.signals import StopRequest

Report = Callable[[str], None]


class Stopped(Exception):
    """Raised when a signal stops the sweep. signal_number: number of the signal.

    >>> Stopped(15).signal_number
    15
    """

    def __init__(self, signal_number: int):
        super().__init__("stopped; the same command goes on from here.")
        self.signal_number = signal_number


class _Data(NamedTuple):
    """What runs need to know of a data set before they start."""

    train_count: int
    fingerprint: str


_DataByNames = Mapping[tuple[str, ...], _Data]


class _Steps(NamedTuple):
    """Number of training steps of a run: so far, and in the end."""

    done: int
    total: int


def run_study(study: Study, engine: Engine, *, report: Report = print) -> int:
    """Train and measure all runs that are not finished, and write the report.

    Returns:
      The number of failed runs. The report names them, and the next call retries them.

    Raises:
      RunError: a run in the folder has other settings or data, or another sweep or one of its
        processes works in the folder.
      DataError: the data cannot be read.
      Stopped: SIGINT or SIGTERM came. All running runs have written a checkpoint.

    >>> from unittest.mock import Mock
    >>> from magenta_sketch.study.folder import StudyFolder
    >>> from magenta_sketch.measures.result import MeasureSettings
    >>> plan = Plan.from_dict(
    ...     {"sweep": {"scale": [1, 2]}, "seeds": [0], "hparams": {"data_set": ["lines.npz"]}}
    ... )
    >>> study = Study(StudyFolder("study"), plan, MeasureSettings()).with_data_in(".")
    >>> run_study(study, Mock(), report=[].append)  # trains nothing; else LocalEngine(1, cores)
    0
    """
    data = _load(study.plan, report)  # before there is a folder
    with sweep_lock(study.folder.root, report):
        for trial in study.plan.trials():
            wait_for_run(study.folder.lock(trial), report)
        failed = _run(study, data, engine, report)
        write_study_report(study, report=report)
    return failed


def _run(study: Study, data: _DataByNames, engine: Engine, report: Report) -> int:
    trials = {trial.name: trial for trial in study.plan.trials()}
    steps = {}
    for name, trial in trials.items():
        config = study.plan.config(trial)
        total = total_steps(config, data[config.hparams.data_set].train_count)
        steps[name] = _Steps(RunFolder(study.folder.run(trial)).newest_step, total)
    _check_runs(study, data, steps)
    study.write()
    tasks = [study.task(trial) for trial in trials.values()]
    todo = [
        task
        for task in tasks
        if steps[task.name].done < steps[task.name].total or measured(task) is None
    ]
    report(_describe(study.plan, steps, todo))
    failed = 0

    def ended(task: Task, outcome: Outcome) -> None:
        nonlocal failed
        failed += outcome.status == FAILED
        progress.ended(task, outcome)
        path = study.folder.outcome(trials[task.name])
        try:
            _record(path, outcome)
        except OSError as error:  # the other runs must continue
            progress.say(f"warning: {path} cannot be written: {error.strerror}")

    def tick() -> None:
        progress.tick()
        if stop.signal_number is not None:
            raise Stopped(stop.signal_number)

    if todo:
        totals = {name: one.total for name, one in steps.items()}
        done = {name: one.done for name, one in steps.items()}
        with SweepProgress(totals, done, len(todo), report) as progress:
            with StopRequest().listening() as stop:
                engine.run(todo, progress.began, ended, tick)
    return failed


def _load(plan: Plan, report: Report) -> dict[tuple[str, ...], _Data]:
    """Load all data sets of the plan, so that no run starts if one cannot be read."""
    found = {}
    for setting in plan.settings():
        names = plan.config(setting).hparams.data_set
        if names not in found:
            data = load_data_set(
                names, plan.base.data_dir, max_seq_len=plan.base.given_max_seq_len, report=report
            )
            found[names] = _Data(len(data.train), data.fingerprint)
    return found


def _check_runs(study: Study, data: _DataByNames, steps: Mapping[str, _Steps]) -> None:
    """Raise RunError if a run in the folder has other settings or data than in the plan."""
    for trial in study.plan.trials():
        folder = RunFolder(study.folder.run(trial))
        try:
            if not folder.run.exists():
                continue
            saved = folder.read()
        except RunError:
            continue  # a damaged run fails later, and the others continue
        asked = study.plan.config(trial)
        different = saved.differences(asked)
        if saved.fingerprint != data[asked.hparams.data_set].fingerprint:
            different.append(f"data: not those in {asked.data_dir}")
        done, total = steps[trial.name]
        if done > total:
            different.append(f"it has {done} steps, now {total}")
        if different:
            raise RunError(
                f"{folder.root} holds a run of another study ({'; '.join(different)}): give the "
                "settings it has, or name another --out"
            )


def _describe(plan: Plan, steps: Mapping[str, _Steps], todo: list[Task]) -> str:
    settings = " x ".join(
        f"{axis.name} {', '.join(map(value_text, axis.values))}" for axis in plan.axes
    )
    if plan.others:
        plural = "s" * (len(plan.others) > 1)
        count = f"{len(plan.others)} {'more ' * bool(settings)}setting{plural}"
        settings = f"({settings} and {count})" if settings else count
    seeds = ", ".join(map(str, plan.seeds))
    open_runs = [steps[task.name] for task in todo]
    new = sum(done == 0 for done, _ in open_runs)
    again = sum(0 < done < total for done, total in open_runs)
    counts = {
        "finished": len(steps) - len(todo),
        "to go on with": again,
        "to measure": len(todo) - again - new,
        "new": new,
    }
    text = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"study: {len(steps)} runs, {settings} x seeds {seeds}: {text}"


def _record(path: pathlib.Path, outcome: Outcome) -> None:
    """Write how an attempt of a run ended, and the time of all attempts."""
    before = read_json_object(path)
    now = datetime.datetime.now(datetime.timezone.utc)
    began = now - datetime.timedelta(seconds=outcome.seconds)
    write_json(
        path,
        {
            "status": outcome.status,
            "message": outcome.message,
            "seconds": before.get("seconds", 0.0) + outcome.seconds,
            "attempts": before.get("attempts", 0) + 1,
            "began": before.get("began", began.isoformat(timespec="seconds")),
            "ended": now.isoformat(timespec="seconds"),
        },
    )
