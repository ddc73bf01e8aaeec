"""Means and spreads over the seeds, for each setting of a study."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch.measures.latent import ACTIVE
from magenta_sketch.study.measures import LATENT, MATRIX, Measures
from magenta_sketch.study.plan import Axis, Setting, value_text
from magenta_sketch.study.results import RunResult, StudyResult, at_noise
from magenta_sketch.study.scalars import SCALARS
from magenta_sketch.study.spread import Spread, finite
from magenta_sketch.study.task import DONE

# Measure of drawings -> its baseline.
_BASELINE = {
    "chamfer_without_noise": "chamfer_others",
    "chamfer_with_noise": "chamfer_others",
    "chamfer_repeats": "chamfer_others",
    "diversity": "diversity",
    "novelty": "novelty",
}


@dataclasses.dataclass(frozen=True)
class SettingSummary:
    """One setting, summarised over its seeds.

    Attributes:
      runs: the runs with results, in the order of the plan's seeds.
      planned: number of runs in the plan.
      scalars: name -> spread, for `SCALARS` and `scalars.DERIVED`.
      matrix: name -> one spread for each noise.
      latent: name -> one spread for each dimension. In each run, the dimensions are sorted first,
        largest value first, because their order differs between seeds and has no meaning.
      baselines: those of the setting's data, see `baselines.baselines`.
      label: name for people, without the values that all settings of a `Slice` share.
    """

    setting: Setting
    runs: list[RunResult]
    planned: int
    scalars: dict[str, Spread]
    matrix: dict[str, list[Spread]]
    latent: dict[str, list[Spread]]
    baselines: dict[str, float]
    label: str

    def baseline(self, measure: str) -> float | None:
        """Return the value of a distance for real drawings of the setting's data."""
        return self.baselines.get(_BASELINE.get(measure, ""))

    @property
    def conditional(self) -> bool:
        """Whether its runs have a latent vector."""
        return bool(self.latent)

    def value(self, axis: Axis) -> Any:
        """Return the setting's value of an axis."""
        return dict(self.setting.values)[axis.name]


class Slice(NamedTuple):
    """Settings that differ only in the main axis. label: the value they share, "" with one axis."""

    label: str
    settings: list[SettingSummary]


@dataclasses.dataclass(frozen=True)
class Summary:
    """A study, summarised over its seeds.

    Attributes:
      axes: the main axis first, along which settings are compared. Numbers are in rising order.
      settings: all settings, also those without results. The last axis of the plan varies fastest.
      noises: the noise scales of the matrix.
    """

    axes: tuple[Axis, ...]
    settings: list[SettingSummary]
    noises: tuple[float, ...]

    @property
    def main(self) -> Axis:
        """The main axis."""
        return self.axes[0]

    @property
    def measured(self) -> list[SettingSummary]:
        """The settings with results."""
        return [one for one in self.settings if one.runs]

    def slices(self) -> list[Slice]:
        """Return the settings with results, one slice per value of the second axis, if any."""
        if len(self.axes) == 1:
            return [Slice("", self.measured)] if self.measured else []
        other = self.axes[1]
        slices = [
            Slice(
                f"{other.name} {value_text(value)}",
                [
                    dataclasses.replace(
                        one, label=f"{self.main.name} {value_text(one.value(self.main))}"
                    )
                    for one in self.measured
                    if one.value(other) == value
                ],
            )
            for value in other.values
        ]
        return [one for one in slices if one.settings]

    def baseline(self, measure: str) -> float | None:
        """Return the value of a distance for real drawings; None if data sets differ."""
        found = {one.baseline(measure) for one in self.settings}
        return found.pop() if len(found) == 1 else None

    def has(self, measure: str) -> bool:
        """Return whether any setting has a value of a scalar."""
        return any(one.scalars[measure].n for one in self.settings)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the summary in the types of JSON: one dict per setting."""
        return [
            {
                "swept": dict(one.setting.values),
                "seeds": [run.trial.seed for run in one.runs],
                "planned": one.planned,
                "scalars": {name: value._asdict() for name, value in one.scalars.items()},
                "matrix": {
                    name: [value._asdict() for value in row] for name, row in one.matrix.items()
                },
            }
            for one in self.settings
        ]


def is_numeric(axis: Axis) -> bool:
    """Return whether all values of an axis are numbers.

    >>> is_numeric(Axis("scale", (0.5, 1.0))), is_numeric(Axis("dec_model", ("lstm", "hyper")))
    (True, False)
    """
    return all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in axis.values)


def summarise(result: StudyResult) -> Summary:
    """Return means and spreads over the seeds, for each setting.

    >>> from magenta_sketch.study.plan import Plan
    >>> from magenta_sketch.study.measures import MeasureSettings
    >>> plan = Plan.from_dict({"sweep": {"scale": [1, 0.5]}, "seeds": [0], "hparams": {}})
    >>> result = StudyResult(plan, "", {}, {}, [], MeasureSettings(), {}, "", "", 0.0, "")
    >>> [one.label for one in summarise(result).settings]
    ['scale 0.5', 'scale 1']
    """
    axes = [
        dataclasses.replace(axis, values=tuple(sorted(axis.values))) if is_numeric(axis) else axis
        for axis in result.plan.axes
    ]
    order = {axis.name: axis.values.index for axis in axes}
    settings = sorted(
        result.plan.settings(),
        key=lambda one: [order[name](value) for name, value in one.values],
    )
    # The main axis: scale, or else numbers, because lines can be drawn along them.
    axes.sort(key=lambda axis: (axis.name != "scale", not is_numeric(axis)))
    noises = tuple(float(noise) for noise in result.settings.noises)
    return Summary(
        axes=tuple(axes),
        settings=[_setting(result, setting, noises) for setting in settings],
        noises=noises,
    )


def _setting(result: StudyResult, setting: Setting, noises: Sequence[float]) -> SettingSummary:
    place = {seed: i for i, seed in enumerate(result.plan.seeds)}
    runs = [
        run
        for run in result.runs
        if run.trial.setting == setting and run.status == DONE and run.measures is not None
    ]
    runs.sort(key=lambda run: place.get(run.trial.seed, len(place)))
    measures = [run.measured for run in runs]
    scalars = {name: Spread.of(m.scalars.get(name) for m in measures) for name in SCALARS}
    scalars["active_sigma"] = Spread.of(map(active_sigma, runs))
    scalars["active_effective_noise"] = Spread.of(map(_active_effective_noise, runs))
    matrix = {
        name: [Spread.of(at_noise(m, name, noise) for m in measures) for noise in noises]
        for name in MATRIX
    }
    latent = {}
    for name in LATENT:
        rows = [sorted(row, reverse=True) for m in measures if (row := _finite_row(m, name))]
        if rows:
            latent[name] = [Spread.of(column) for column in zip(*rows, strict=False)]
    planned = len(result.plan.seeds)
    real = _baselines(result, setting)
    return SettingSummary(setting, runs, planned, scalars, matrix, latent, real, setting.label)


def _baselines(result: StudyResult, setting: Setting) -> dict[str, float]:
    names = value_text(result.plan.config(setting).hparams.data_set)
    values = result.baselines.get(names, result.baselines)
    return {
        name: number
        for name, value in (values.items() if isinstance(values, dict) else ())
        if (number := finite(value)) is not None
    }


def _finite_row(measures: Measures, name: str) -> list[float]:
    """Return one number for each latent dimension; an empty list if one is not finite."""
    values = measures.latent.get(name) or []
    known = [number for value in values if (number := finite(value)) is not None]
    return known if len(known) == len(values) else []


def active_sigma(run: RunResult) -> float | None:
    """Return the mean sigma of the active dimensions; None if there are none."""
    sigma, variance = (_finite_row(run.measured, name) for name in ("sigma", "mu_variance"))
    if not sigma or not variance:
        return None
    active = np.asarray(variance) > ACTIVE
    return float(np.mean(np.asarray(sigma)[active])) if active.any() else None


def _active_effective_noise(run: RunResult) -> float | None:
    sigma, scale = active_sigma(run), finite(run.hparams.get("scale"))
    return None if sigma is None or scale is None else scale * sigma
