"""The results of a study: its runs, and their numbers by setting and seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.measures.numbers import finite
from magenta_sketch.measures.result import Measures, MeasureSettings
from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study.plan import Plan, Setting, Trial, value_text
from magenta_sketch.study.statistics import Comparison, Estimate, compare_rows, estimates, holm


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
    >>> result.values(plan.settings()[0], "recon")
    array([nan])
    """

    plan: Plan
    command: str
    data: dict[str, Any]
    baselines: dict[str, Any]
    runs: Sequence[RunResult]
    settings: MeasureSettings
    versions: dict[str, str]
    began: str
    ended: str
    seconds: float
    machine: str

    def runs_of(self, setting: Setting) -> list[RunResult]:
        """Return the runs of a setting with measures, in the order of the seeds."""
        found = {r.trial.seed: r for r in self.runs if r.trial.setting == setting and r.measures}
        return [found[seed] for seed in self.plan.seeds if seed in found]

    @functools.cached_property
    def measured(self) -> list[Setting]:
        """The settings with measured runs."""
        return [one for one in self.plan.settings() if self.runs_of(one)]

    @functools.cached_property
    def swept(self) -> list[Setting]:
        """The measured settings of the axes; without axes, all that are measured."""
        others = dict(self.plan.others)
        return [one for one in self.measured if one not in others] or self.measured

    def values(self, setting: Setting, name: str) -> NDArray[np.float64]:
        """Return a scalar of each run of a setting, [seeds]; NaN where there is none."""
        return self._by_seed(
            setting, {run.trial.seed: of(run).scalars.get(name) for run in self.runs_of(setting)}
        )

    def at_noise(self, setting: Setting, noise: float) -> NDArray[np.float64]:
        """Return masked_recon of each run at one of settings.noises, [seeds]."""
        place = self.settings.noises.index(noise)
        return self._by_seed(
            setting,
            {
                run.trial.seed: of(run).masked_recon[place]
                for run in self.runs_of(setting)
                if of(run).masked_recon
            },
        )

    def factor(self, setting: Setting, name: str) -> NDArray[np.float64]:
        """Return R² of a known factor of each run, [seeds]."""
        return self._by_seed(
            setting, {run.trial.seed: of(run).factors.get(name) for run in self.runs_of(setting)}
        )

    def latent(self, setting: Setting, name: str) -> list[NDArray[np.float64]]:
        """Return a measure of each latent dimension, [Z], of each run that has it."""
        rows = [of(run).latent.get(name, []) for run in self.runs_of(setting)]
        return [np.array(row, np.float64) for row in rows if row]

    def has(self, name: str) -> bool:
        """Return whether any run has a value of a scalar."""
        return any(np.isfinite(self.values(one, name)).any() for one in self.measured)

    def estimate(self, setting: Setting, name: str) -> Estimate:
        """Return the mean of a scalar over the seeds of a measured setting."""
        return self._estimates(name)[setting]

    def comparisons(self, name: str) -> dict[Setting, Comparison]:
        """Return each setting compared with its partner (`Plan.partner`), p-values after Holm."""
        return self._comparisons(name)

    @functools.cached_property
    def _estimates(self) -> Callable[[str], dict[Setting, Estimate]]:
        @functools.cache
        def of_name(name: str) -> dict[Setting, Estimate]:
            rows = [self.values(one, name) for one in self.measured]
            return dict(zip(self.measured, estimates(rows), strict=True))

        return of_name

    @functools.cached_property
    def _comparisons(self) -> Callable[[str], dict[Setting, Comparison]]:
        partners = {one: self.plan.partner(one) for one in self.measured}
        pairs = {one: partner for one, partner in partners.items() if partner is not None}

        @functools.cache
        def of_name(name: str) -> dict[Setting, Comparison]:
            declared = SCALARS[name]
            made = (
                compare_rows(
                    [self.values(one, name) for one in pairs],
                    [self.values(partner, name) for partner in pairs.values()],
                    is_ratio=declared.is_ratio,
                    margin=declared.margin,
                )
                if pairs
                else []
            )
            found = {one: c for one, c in zip(pairs, made, strict=True) if c.difference.n}
            return dict(zip(found, holm(list(found.values())), strict=True))

        return of_name

    def baseline(self, setting: Setting, name: str) -> float | None:
        """Return a distance of real drawings of the setting's data, see `baselines.baselines`."""
        names = value_text(self.plan.config(setting).hparams.data_set)
        values = self.baselines.get(names, self.baselines)
        return finite(values.get(name)) if isinstance(values, dict) else None

    def _by_seed(self, setting: Setting, found: dict[int, Any]) -> NDArray[np.float64]:
        values = (finite(found.get(seed)) for seed in self.plan.seeds)
        return np.array([np.nan if value is None else value for value in values])


def of(run: RunResult) -> Measures:
    """Return the measures of a measured run."""
    assert run.measures is not None
    return run.measures
