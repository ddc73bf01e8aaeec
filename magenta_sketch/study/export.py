"""A study's results as files for other programs: results.csv and results.json."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from typing import Any

from magenta_sketch.study.findings import Finding
from magenta_sketch.study.measures import MATRIX
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import RunResult, StudyResult, at_noise
from magenta_sketch.study.scalars import SCALARS
from magenta_sketch.study.spread import finite
from magenta_sketch.study.summary import Summary


def results_csv(result: StudyResult) -> bytes:
    """Return results.csv. One row per run: swept values, status, all scalars, and the matrix.

    Values that were not measured are empty.
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
        row: list[Any] = [run.trial.name, *(value_text(values[name]) for name in swept)]
        row += [run.trial.seed, run.status, finite(run.seconds)]
        if run.measures is not None:
            row.append(run.measures.step)
            row += [finite(run.measures.scalars.get(name)) for name in SCALARS]
            row += [at_noise(run.measures, name, noise) for name, noise in entries]
        writer.writerow(row + [None] * (len(header) - len(row)))
    return text.getvalue().encode()


def results_json(result: StudyResult, summary: Summary, findings: Sequence[Finding]) -> bytes:
    """Return results.json: the whole study, but without drawings and learning curves."""
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
    """Return the value in the types of JSON. Numbers that are not finite become null."""
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
