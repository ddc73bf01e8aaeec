"""From a study's folder to its report."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_sketch import __version__
from magenta_sketch._backend import keras, tf
from magenta_sketch.data import DataSet, load_data_set
from magenta_sketch.data.fixed_part import fixed_part
from magenta_sketch.data.unpacked import report_unpacking
from magenta_sketch.errors import RunError
from magenta_sketch.measures.baselines import baselines
from magenta_sketch.measures.result import VERSION as MEASURES_VERSION
from magenta_sketch.study.definition import Study
from magenta_sketch.study.folder import read_json, read_json_object, write_json
from magenta_sketch.study.plan import Trial, value_text
from magenta_sketch.study.report import write_report
from magenta_sketch.study.results import RunResult, StudyResult
from magenta_sketch.study.task import DONE, WAITING, measured
from magenta_sketch.training.history import read_history
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.threads import own_cores


def write_study_report(study: Study, *, report: Callable[[str], None] = print) -> None:
    """Write the report of the runs that are finished and measured.

    Raises:
      DataError: the data cannot be read.
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


def _result(study: Study, trial: Trial) -> RunResult:
    outcome = read_json_object(study.folder.outcome(trial))
    measures = measured(study.task(trial))
    status = DONE if measures is not None else outcome.get("status", WAITING)
    folder = RunFolder(study.folder.run(trial))
    hparams = study.plan.config(trial).hparams
    with contextlib.suppress(RunError):  # no run yet, or a damaged one
        hparams = folder.read().hparams  # with the values that follow from the data
    return RunResult(
        trial=trial,
        hparams=hparams.to_dict(),
        # A finished run whose measures are out of date must be measured again.
        status=WAITING if measures is None and status == DONE else status,
        message="" if measures is not None else outcome.get("message", ""),
        seconds=outcome.get("seconds", 0.0),
        history=read_history(folder.history),
        measures=measures,
        log_root=str(folder.root.relative_to(study.folder.root)),
    )


def _describe_data(study: Study) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a description of the data, and baselines. With several data sets, both are by name."""
    described, real = {}, {}
    for setting in study.plan.settings():
        names = study.plan.config(setting).hparams.data_set
        key = value_text(names)
        if key in described:
            continue
        base = study.plan.base
        data = load_data_set(
            names, base.data_dir, max_seq_len=base.given_max_seq_len, report=report_unpacking
        )
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
    """Return the distances of real drawings, kept in a file because they take long."""
    path = study.folder.baselines(data.fingerprint)
    key: dict[str, Any] = {"version": MEASURES_VERSION, "settings": study.settings.to_dict()}
    part = fixed_part(data.test, study.plan.base.evaluate_at_most)
    if len(part) < len(data.test):
        key["test"] = len(part)
        data = dataclasses.replace(data, test=part)
    kept: Any = read_json(path)
    if not isinstance(kept, dict) or {name: kept.get(name) for name in key} != key:
        kept = key | {"values": baselines(data, study.settings)}
        write_json(path, kept)
    return kept["values"]


def _times(study: Study, results: list[RunResult]) -> dict[str, str]:
    outcomes = [read_json_object(study.folder.outcome(result.trial)) for result in results]
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
