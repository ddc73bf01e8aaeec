"""A whole study: keep what is finished, run the rest, measure, report."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
import platform
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from magenta_sketch import __version__, runs
from magenta_sketch._backend import keras, tf
from magenta_sketch.data import DataSet, load_data_set
from magenta_sketch.errors import RunError
from magenta_sketch.study.folder import StudyFolder, read_json, write_json
from magenta_sketch.study.lock import StudyLock
from magenta_sketch.study.measures import VERSION as MEASURES_VERSION
from magenta_sketch.study.measures import MeasureSettings, baselines
from magenta_sketch.study.plan import Plan, Trial, value_text
from magenta_sketch.study.progress import SweepProgress
from magenta_sketch.study.report import RunResult, StudyResult, write_report
from magenta_sketch.study.tasks import DONE, FAILED, Engine, Outcome, Task, measured, newest_step
from magenta_sketch.training.journal import read_history
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.signals import StopRequest
from magenta_sketch.training.step import own_cores

Report = Callable[[str], None]


class Stopped(Exception):
    """The sweep was asked to stop; ``signal_number`` says by what."""

    def __init__(self, signal_number: int):
        super().__init__("stopped; the same command goes on from here.")
        self.signal_number = signal_number


@dataclasses.dataclass(frozen=True)
class Study:
    """A plan, the folder it is carried out in, and how its runs are measured.

    command: how the program was called, for the report.
    """

    folder: StudyFolder
    plan: Plan
    settings: MeasureSettings
    command: str = ""

    def write(self) -> None:
        """Keep what this is in its folder, for `read`."""
        values = self.plan.to_dict() | {"data_dir": runs.lasting(self.plan.data_dir)}
        values |= {"settings": self.settings.to_dict(), "command": self.command}
        write_json(self.folder.plan, values)

    @classmethod
    def read(cls, folder: StudyFolder) -> Study:
        """The study that was last carried out in a folder.

        Raises:
          RunError: there is none, or its file is damaged.
        """
        if not folder.plan.exists():
            raise RunError(f"{folder.root} holds no study: {folder.plan.name} is missing.")
        try:
            values = read_json(folder.plan)
            settings = MeasureSettings.from_dict(values["settings"])
            return cls(folder, Plan.from_dict(values), settings, str(values["command"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{folder.plan} is damaged ({error!r}): give the study's command again."
            ) from error

    def task(self, trial: Trial) -> Task:
        """What an engine has to do for one run."""
        plan = self.plan
        values = plan.hparams(trial.setting).to_dict()
        return Task(
            name=trial.name,
            log_root=str(self.folder.run(trial).resolve()),
            log=str(self.folder.log(trial).resolve()),
            measures=str(self.folder.measures(trial).resolve()),
            assignments={n: v for n, v in values.items() if n not in runs.NOT_THE_USERS},
            seed=trial.seed,
            data_dir=runs.lasting(plan.data_dir),
            num_epochs=plan.num_epochs,
            mixed_precision=plan.mixed_precision,
            bucket_by_length=plan.bucket_by_length,
            settings=self.settings,
        )


def run_study(study: Study, engine: Callable[[int], Engine], *, report: Report = print) -> int:
    """Train and measure what is not finished yet, and write the report of it all.

    Args:
      engine: makes what carries out the runs; is given the descriptor of the `StudyLock`.

    Returns:
      How many runs failed; they are named in the report, and tried again the next time.

    Raises:
      RunError: a run that is there was begun with other settings or data than are asked for now,
        or another sweep is at work in the folder.
      DataError: the data can't be read.
      Stopped: SIGINT or SIGTERM asked for it; every run has written a checkpoint.
    """
    data = _load(study.plan, report)  # before there is a folder
    with StudyLock(study.folder.root, report) as lock:
        failed = _run(study, data, engine(lock), report)
        write_study_report(study, report=report)
    return failed


def _run(
    study: Study, data: Mapping[tuple[str, ...], _Data], engine: Engine, report: Report
) -> int:
    plan = study.plan
    trials = {trial.name: trial for trial in plan.trials()}
    totals = {
        name: total_steps(
            plan.hparams(trial.setting), plan.num_epochs, data[_names(plan, trial)].train_count
        )
        for name, trial in trials.items()
    }
    steps = {name: newest_step(RunFolder(study.folder.run(t))) for name, t in trials.items()}
    _check_runs(study, data, totals, steps)
    study.write()
    tasks = [study.task(trial) for trial in trials.values()]
    todo = [
        task for task in tasks if steps[task.name] < totals[task.name] or measured(task) is None
    ]
    report(_describe(plan, totals, steps, todo))
    failed = 0

    def ended(task: Task, outcome: Outcome) -> None:
        nonlocal failed
        failed += outcome.status == FAILED
        progress.ended(task, outcome)
        path = study.folder.outcome(trials[task.name])
        try:
            _record(path, outcome)
        except OSError as error:  # the others have to go on
            progress.say(f"warning: {path} can't be written: {error.strerror}")

    def tick() -> None:
        progress.tick()
        if stop.signal_number is not None:
            raise Stopped(stop.signal_number)

    if todo:
        with SweepProgress(totals, steps, len(todo), report) as progress:
            with StopRequest().listening() as stop:
                engine.run(todo, progress.began, ended, tick)
    return failed


def write_study_report(study: Study, *, report: Report = print) -> None:
    """Write the report of what there is: of the runs that are finished and measured.

    Raises:
      DataError: the data can't be read.
    """
    report(f"writing the report in {study.folder.report} ...")
    results = [_result(study, trial) for trial in study.plan.trials()]
    described, real = _describe_data(study)
    written = write_report(
        study.folder.report,
        StudyResult(
            plan=study.plan,
            command=study.command,
            data=described,
            baselines=real,
            runs=results,
            settings=study.settings,
            versions=_versions(),
            machine=f"{len(own_cores())} cores, {platform.system()} {platform.machine()}",
            seconds=sum(result.seconds for result in results),
            **_times(study, results),
        ),
    )
    report(f"written: {written[0]}, for a browser, and {len(written) - 1} files beside it")


@dataclasses.dataclass(frozen=True)
class _Data:
    """What is needed of a data set before its runs begin."""

    train_count: int
    fingerprint: str


def _names(plan: Plan, trial: Trial) -> tuple[str, ...]:
    return plan.hparams(trial.setting).data_set


def _load(plan: Plan, report: Report) -> dict[tuple[str, ...], _Data]:
    """Every data set of the plan is there and can be read: else no run is begun."""
    found = {}
    for setting in plan.settings():
        names = plan.hparams(setting).data_set
        if names not in found:
            data = load_data_set(list(names), plan.data_dir, report=report)
            found[names] = _Data(len(data.train), data.fingerprint)
    return found


def _check_runs(
    study: Study,
    data: Mapping[tuple[str, ...], _Data],
    totals: Mapping[str, int],
    steps: Mapping[str, int],
) -> None:
    """Raises RunError unless the runs that are there are those of the plan."""
    plan = study.plan
    for trial in plan.trials():
        folder = RunFolder(study.folder.run(trial))
        try:
            if not folder.run.exists():
                continue
            info = folder.read()
        except RunError:
            continue  # damaged: the run will fail by that, and the others go on
        hparams = plan.hparams(trial.setting)
        different = runs.settings_differences(
            info, hparams, trial.seed, plan.mixed_precision, plan.bucket_by_length
        )
        if info.fingerprint != data[_names(plan, trial)].fingerprint:
            different.append(f"data: not those in {plan.data_dir}")
        if steps[trial.name] > totals[trial.name]:
            different.append(f"it has {steps[trial.name]} steps, now {totals[trial.name]}")
        if different:
            raise RunError(
                f"{folder.root} holds a run of another study ({'; '.join(different)}): give the "
                "settings it has, or name another --out."
            )


def _describe(
    plan: Plan, totals: Mapping[str, int], steps: Mapping[str, int], open_tasks: list[Task]
) -> str:
    axes = " x ".join(
        f"{axis.name} {', '.join(map(value_text, axis.values))}" for axis in plan.axes
    )
    seeds = ", ".join(map(str, plan.seeds))
    kept = len(totals) - len(open_tasks)
    again = sum(0 < steps[task.name] < totals[task.name] for task in open_tasks)
    new = sum(steps[task.name] == 0 for task in open_tasks)
    measure = len(open_tasks) - again - new
    parts = [f"{kept} finished", f"{again} to go on with", f"{measure} to measure", f"{new} new"]
    counts = ", ".join(part for part in parts if not part.startswith("0 "))
    return f"study: {len(totals)} runs, {axes} x seeds {seeds}: {counts}"


def _record(path: pathlib.Path, outcome: Outcome) -> None:
    before = read_json(path)
    before = before if isinstance(before, dict) else {}
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


def _result(study: Study, trial: Trial) -> RunResult:
    outcome = read_json(study.folder.outcome(trial))
    outcome = outcome if isinstance(outcome, dict) else {}
    measures = measured(study.task(trial))
    status = DONE if measures is not None else outcome.get("status", "waiting")
    folder = RunFolder(study.folder.run(trial))
    hparams = study.plan.hparams(trial.setting)
    with contextlib.suppress(RunError):  # none yet, or damaged
        hparams = folder.read().hparams  # they have what follows from the data
    return RunResult(
        trial=trial,
        hparams=hparams.to_dict(),
        # A run that is finished, whose measures are not those asked for now, is not done.
        status="waiting" if measures is None and status == DONE else status,
        message="" if measures is not None else outcome.get("message", ""),
        seconds=outcome.get("seconds", 0.0),
        history=read_history(folder.history),
        measures=measures,
        log_root=str(folder.root.relative_to(study.folder.root)),
    )


def _describe_data(study: Study) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the data are, and the baselines: of the one data set, or of each by its names."""
    described, real = {}, {}
    for setting in study.plan.settings():
        names = study.plan.hparams(setting).data_set
        key = value_text(names)
        if key in described:
            continue
        data = load_data_set(list(names), study.plan.data_dir, report=lambda _: None)
        described[key] = {
            "names": list(names),
            "fingerprint": data.fingerprint,
            "train": len(data.train),
            "valid": len(data.valid),
            "test": len(data.test),
            "max_seq_len": data.max_seq_len,
            "normalizing_factor": data.normalizing_factor,
        }
        real[key] = _baselines(study, data)
    if len(described) == 1:
        return next(iter(described.values())), next(iter(real.values()))
    return described, real


def _baselines(study: Study, data: DataSet) -> dict[str, float | None]:
    """The distances of real drawings; kept, for they take a while."""
    path = study.folder.baselines(data.fingerprint)
    key = {"version": MEASURES_VERSION, "settings": study.settings.to_dict()}
    kept = read_json(path)
    if not isinstance(kept, dict) or {name: kept.get(name) for name in key} != key:
        kept = key | {"values": baselines(data, study.settings)}
        write_json(path, kept)
    return kept["values"]


def _times(study: Study, results: list[RunResult]) -> dict[str, str]:
    outcomes = [read_json(study.folder.outcome(result.trial)) for result in results]
    outcomes = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    return {
        "began": min((str(one["began"]) for one in outcomes if "began" in one), default=""),
        "ended": max((str(one["ended"]) for one in outcomes if "ended" in one), default=""),
    }


def _versions() -> dict[str, str]:
    return {
        "magenta_sketch": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
