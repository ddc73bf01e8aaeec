"""What a study found, as data: run by run, and the two files that keep it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from magenta_sketch.study.measures import SCALARS, Measures, MeasureSettings
from magenta_sketch.study.plan import Plan, Trial, value_text

if TYPE_CHECKING:
    from magenta_sketch.study.findings import Finding
    from magenta_sketch.study.summary import Summary

MATRIX = ("recon", "masked_recon", "cost")


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How one run ended, and what was measured of it.

    hparams: all hyperparameters of the run, by name. status: done, failed, stopped or waiting.
    message: a line on what went wrong. seconds: of training and measuring, all attempts together.
    history: rows of history.jsonl. measures: None where nothing was measured. log_root: relative to
    the study's folder.
    """

    trial: Trial
    hparams: dict[str, Any]
    status: str
    message: str
    seconds: float
    history: list[dict[str, Any]]
    measures: Measures | None
    log_root: str


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """A study as far as it has come.

    command: how it was called. data: names, fingerprint (SHA-256), counts, max_seq_len and
    normalizing_factor of the data set; of several, a dict of that kind for each, by its names as
    `plan.value_text` writes them. baselines: see `measures.baselines`, likewise. settings: how much
    was measured. versions: of the software, by name. began, ended: ISO 8601. seconds: all runs
    together. machine: in a few words.
    """

    plan: Plan
    command: str
    data: dict[str, Any]
    baselines: dict[str, Any]
    runs: list[RunResult]
    settings: MeasureSettings
    versions: dict[str, str]
    began: str
    ended: str
    seconds: float
    machine: str


def finite(value: Any) -> float | None:
    """The number as a float; None for what is no finite number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def at_noise(measures: Measures, name: str, noise: float) -> float | None:
    """An entry of the matrix: what the model has at a noise; None where it was not measured."""
    noises = list(measures.settings.noises)
    row = measures.matrix.get(name, [])
    if noise not in noises or noises.index(noise) >= len(row):
        return None
    return finite(row[noises.index(noise)])


def results_csv(result: StudyResult) -> bytes:
    """One row a run: its swept hyperparameters, how it ended, all scalars and the matrix.

    What was not measured is left empty.
    """
    swept = [axis.name for axis in result.plan.axes]
    entries = [(name, noise) for name in MATRIX for noise in result.settings.noises]
    header = ["run", *swept, "seed", "status", "seconds", "step", *SCALARS]
    header += [f"{name}_at_noise_{value_text(float(noise))}" for name, noise in entries]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for run in result.runs:
        values = dict(run.trial.setting.values)
        row = [run.trial.name, *(value_text(values[name]) for name in swept)]
        row += [run.trial.seed, run.status, finite(run.seconds)]
        if run.measures is not None:
            row.append(run.measures.step)
            row += [finite(run.measures.scalars.get(name)) for name in SCALARS]
            row += [at_noise(run.measures, name, noise) for name, noise in entries]
        writer.writerow(row + [None] * (len(header) - len(row)))
    return text.getvalue().encode()


def results_json(result: StudyResult, summary: Summary, findings: Sequence[Finding]) -> bytes:
    """All of the study but its drawings and learning curves, with the summary and the findings."""
    value = {
        "plan": result.plan.to_dict(),
        "command": result.command,
        "data": result.data,
        "baselines": result.baselines,
        "settings": result.settings.to_dict(),
        "versions": result.versions,
        "began": result.began,
        "ended": result.ended,
        "seconds": result.seconds,
        "machine": result.machine,
        "runs": [_run(run) for run in result.runs],
        "summary": summary.to_list(),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    return (json.dumps(_plain(value), indent=1, allow_nan=False) + "\n").encode()


def _run(run: RunResult) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": run.trial.name,
        "swept": dict(run.trial.setting.values),
        "seed": run.trial.seed,
        "status": run.status,
        "message": run.message,
        "seconds": run.seconds,
        "log_root": run.log_root,
        "hparams": run.hparams,
    }
    if run.measures is not None:
        for name in ("step", "scalars", "matrix", "latent", "test_indices"):
            value[name] = getattr(run.measures, name)
        value["noises"] = list(run.measures.settings.noises)
    return value


def _plain(value: Any) -> Any:
    """As JSON has it: numbers that are not finite become null, tuples lists."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return finite(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return _plain(value.tolist())
    return str(value)
