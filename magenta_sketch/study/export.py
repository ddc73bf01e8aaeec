"""A study's results as files for other programs: results.csv, comparisons.csv, results.json."""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from magenta_sketch.errors import RunError
from magenta_sketch.measures.numbers import finite
from magenta_sketch.measures.result import Measures, MeasureSettings
from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study.plan import Plan, value_text
from magenta_sketch.study.results import RunResult, StudyResult
from magenta_sketch.study.tables import comparison_rows


def results_csv(result: StudyResult) -> bytes:
    """Return results.csv. One row per run: its setting, status and all numbers.

    Values that were not measured are empty.
    """
    set_here = list(dict.fromkeys(name for one in result.plan.settings() for name, _ in one.values))
    noises = result.settings.noises
    factors = list(
        dict.fromkeys(name for run in result.runs if run.measures for name in run.measures.factors)
    )
    header = ["run", *set_here, "seed", "status", "seconds", "step", *SCALARS]
    header += [f"masked_recon_at_noise_{value_text(float(noise))}" for noise in noises]
    header += [f"factor_r2_{name}" for name in factors]
    rows = []
    for run in result.runs:
        config = result.plan.config(run.trial)
        row: list[Any] = [run.trial.name, *(value_text(config[name]) for name in set_here)]
        row += [run.trial.seed, run.status, finite(run.seconds)]
        if run.measures is not None:
            row += [run.measures.step, *run.measures.scalars.values()]
            row += run.measures.masked_recon or [None] * len(noises)
            row += [run.measures.factors.get(name) for name in factors]
        rows.append(row + [None] * (len(header) - len(row)))
    return _csv([header, *rows])


def comparisons_csv(result: StudyResult) -> bytes:
    """Return comparisons.csv: one row per measure and setting, see `tables.comparison_rows`.

    Numbers that do not exist, such as the interval of one pair, are empty.
    """
    rows = comparison_rows(result)
    numbers = ([_plain(value) for value in row.values()] for row in rows)
    return _csv([list(rows[0]), *numbers] if rows else [])


def results_json(result: StudyResult) -> bytes:
    """Return results.json: the whole study, but without drawings and learning curves."""
    value: dict[str, Any] = {
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
        "comparisons": comparison_rows(result),
    }
    lines = []
    for name, one in value.items():
        rows = one if name in ("runs", "comparisons") else [one]
        texts = ",\n".join(json.dumps(_plain(row), allow_nan=False) for row in rows)
        lines.append(f'"{name}": ' + (texts if rows is not one else f"[\n{texts}\n]"))
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_results(path: str | os.PathLike[str]) -> StudyResult:
    """Return the study in a results.json, without drawings and learning curves.

    Raises:
      RunError: the file cannot be read, or is no results.json of this version.

    >>> read_results("other.json")
    Traceback (most recent call last):
    magenta_sketch.errors.RunError: other.json is no results.json of a study
    """
    try:
        found = json.loads(pathlib.Path(path).read_text("utf-8"))
        plan, settings = Plan.from_dict(found["plan"]), MeasureSettings.from_dict(found["settings"])
        trials = {trial.name: trial for trial in plan.trials()}
        runs = [
            RunResult(
                trial=trials[run["name"]],
                history=[],
                measures=None
                if "scalars" not in run
                else Measures(settings=settings, drawings={}, **{n: run[n] for n in _MEASURED}),
                **{n: run[n] for n in ("hparams", "status", "message", "seconds", "log_root")},
            )
            for run in found["runs"]
        ]
        kept = {name: found[name] for name in ("command", "data", "baselines", "versions")}
        kept |= {name: found[name] for name in ("began", "ended", "seconds", "machine")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is no results.json of a study ({error!r})") from error
    return StudyResult(plan=plan, settings=settings, runs=runs, **kept)


_MEASURED = ("step", "scalars", "masked_recon", "latent", "factors", "test_indices")


def _run(run: RunResult) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": run.trial.name,
        "setting": dict(run.trial.setting.values),
        "seed": run.trial.seed,
        "status": run.status,
        "message": run.message,
        "seconds": run.seconds,
        "log_root": run.log_root,
        "hparams": run.hparams,
    }
    if run.measures is not None:
        for name in _MEASURED:
            value[name] = getattr(run.measures, name)
    return value


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


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
