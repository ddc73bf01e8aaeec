"""The results of a study, run by run."""

from __future__ import annotations

import dataclasses
from typing import Any

from magenta_sketch.study.measures import Measures, MeasureSettings
from magenta_sketch.study.plan import Plan, Trial
from magenta_sketch.study.spread import finite


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How one run ended, and its measures.

    Attributes:
      hparams: all hyperparameters of the run, by name.
      status: "done", "failed", "stopped" or "waiting".
      message: the reason for a failure or stop, or "".
      seconds: time of training and measuring, in all attempts.
      history: rows of history.jsonl.
      measures: None if the run was not measured.
      log_root: the run's folder, relative to the study's.

    >>> plan = Plan.from_dict({"sweep": {"scale": [0.5, 1]}, "seeds": [0], "hparams": {}})
    >>> run = RunResult(plan.trials()[0], {}, "failed", "no memory", 2.5, [], None, "runs/x")
    >>> run.trial.name, run.status
    ('scale-0.5_seed-0', 'failed')
    """

    trial: Trial
    hparams: dict[str, Any]
    status: str
    message: str
    seconds: float
    history: list[dict[str, Any]]
    measures: Measures | None
    log_root: str

    @property
    def measured(self) -> Measures:
        """The measures. They must not be None."""
        assert self.measures is not None
        return self.measures


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """The results of a study, finished or not.

    Attributes:
      command: the command line.
      data: names, fingerprint (SHA-256), counts, max_seq_len and normalizing_factor of the data
        set. With several data sets: a dict of such dicts, by `plan.value_text` of their names.
      baselines: see `baselines.baselines`. With several data sets: by names, like data.
      settings: the settings of the measuring.
      versions: name -> version of the software.
      began, ended: times in ISO 8601.
      seconds: time of all runs together.
      machine: a short description.

    >>> plan = Plan.from_dict({"sweep": {"scale": [0.5, 1]}, "seeds": [0], "hparams": {}})
    >>> result = StudyResult(plan, "", {}, {}, [], MeasureSettings(), {}, "", "", 0.0, "")
    >>> result.plan.axes[0].name
    'scale'
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


def at_noise(measures: Measures, name: str, noise: float) -> float | None:
    """Return the entry of ``measures.matrix[name]`` for a noise scale; None if not measured.

    >>> settings = MeasureSettings(noises=(0.0, 1.0))
    >>> at_noise(Measures(100, settings, {}, {"recon": [0.2, 0.3]}, {}, {}, []), "recon", 1.0)
    0.3
    """
    noises = list(measures.settings.noises)
    row = measures.matrix.get(name, [])
    if noise not in noises or noises.index(noise) >= len(row):
        return None
    return finite(row[noises.index(noise)])
