"""What a study found, as data: run by run."""

from __future__ import annotations

import dataclasses
from typing import Any

from magenta_sketch.study.measures import Measures, MeasureSettings
from magenta_sketch.study.plan import Plan, Trial
from magenta_sketch.study.spread import finite


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

    @property
    def measured(self) -> Measures:
        """Its measures, where it has some."""
        assert self.measures is not None
        return self.measures


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """A study as far as it has come.

    command: how it was called. data: names, fingerprint (SHA-256), counts, max_seq_len and
    normalizing_factor of the data set; of several, a dict of that kind for each, by its names as
    `plan.value_text` writes them. baselines: see `measuring.baselines`, likewise. settings: how
    much was measured. versions: of the software, by name. began, ended: ISO 8601. seconds: all
    runs together. machine: in a few words.
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
    """Return an entry of the matrix, that of a noise; None where it was not measured."""
    noises = list(measures.settings.noises)
    row = measures.matrix.get(name, [])
    if noise not in noises or noises.index(noise) >= len(row):
        return None
    return finite(row[noises.index(noise)])
