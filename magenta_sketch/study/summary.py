"""A study setting by setting: means and spreads over its seeds."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch.study.latent import ACTIVE
from magenta_sketch.study.measures import LATENT, MATRIX, Measures
from magenta_sketch.study.plan import Axis, Setting, value_text
from magenta_sketch.study.results import RunResult, StudyResult, at_noise
from magenta_sketch.study.scalars import SCALARS
from magenta_sketch.study.spread import Spread, finite
from magenta_sketch.study.task import DONE

# Of the measures of drawings the report has baselines for, by name of the measure.
_BASELINE = {
    "chamfer_without_noise": "chamfer_others",
    "chamfer_with_noise": "chamfer_others",
    "chamfer_repeats": "chamfer_others",
    "diversity": "diversity",
    "novelty": "novelty",
}


@dataclasses.dataclass(frozen=True)
class SettingSummary:
    """One setting over its seeds.

    runs: those with results, in the order of the plan's seeds. planned: how many there should be.
    scalars: by name, those of `SCALARS` and `scalars.DERIVED`. matrix: by name, a spread for each
    noise. latent: by name, a spread for each dimension; within each run dimensions are sorted in
    falling order first, since their order means nothing and differs between seeds.
    baselines: see `measuring.baselines`, of the setting's data. label: for people, without what the
    settings beside it share.
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
        """Return what a distance would be for real drawings of the setting's data."""
        return self.baselines.get(_BASELINE.get(measure, ""))

    @property
    def conditional(self) -> bool:
        """Whether any of its runs has a latent vector."""
        return bool(self.latent)

    def value(self, axis: Axis) -> Any:
        """Return its value of an axis."""
        return dict(self.setting.values)[axis.name]


class Slice(NamedTuple):
    """Settings that differ in the main axis alone. label: what they share, "" for one axis."""

    label: str
    settings: list[SettingSummary]


@dataclasses.dataclass(frozen=True)
class Summary:
    """A study over its seeds. axes: values in rising order where they are numbers; the main one,
    along which settings are compared, first. settings: in the order of the plan's axes, the last
    running fastest, also where no run has results."""

    axes: tuple[Axis, ...]
    settings: list[SettingSummary]
    noises: tuple[float, ...]

    @property
    def main(self) -> Axis:
        return self.axes[0]

    @property
    def measured(self) -> list[SettingSummary]:
        return [one for one in self.settings if one.runs]

    def slices(self) -> list[Slice]:
        """Return settings with results by the second axis; one slice where there is none."""
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
        """Return what a distance would be for real drawings; None where data sets differ."""
        found = {one.baseline(measure) for one in self.settings}
        return found.pop() if len(found) == 1 else None

    def has(self, measure: str) -> bool:
        """Return whether any setting has a number for a scalar."""
        return any(one.scalars[measure].n for one in self.settings)

    def to_list(self) -> list[dict[str, Any]]:
        """Return JSON types, a dict for each setting."""
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
    """Return whether an axis has numbers, which have an order and distances."""
    return all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in axis.values)


def summarise(result: StudyResult) -> Summary:
    """Return means and spreads of a study's runs, setting by setting."""
    axes = [
        dataclasses.replace(axis, values=tuple(sorted(axis.values))) if is_numeric(axis) else axis
        for axis in result.plan.axes
    ]
    order = {axis.name: axis.values.index for axis in axes}
    settings = sorted(
        result.plan.settings(),
        key=lambda one: [order[name](value) for name, value in one.values],
    )
    # scale is what studies are about; else numbers, along which a line can be drawn.
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
    """Return a number for each latent dimension; none at all where one is not finite."""
    values = measures.latent.get(name) or []
    known = [number for value in values if (number := finite(value)) is not None]
    return known if len(known) == len(values) else []


def active_sigma(run: RunResult) -> float | None:
    """Return the mean sigma of the dimensions that the model uses; None where there is none."""
    sigma, variance = (_finite_row(run.measured, name) for name in ("sigma", "mu_variance"))
    if not sigma or not variance:
        return None
    active = np.asarray(variance) > ACTIVE
    return float(np.mean(np.asarray(sigma)[active])) if active.any() else None


def _active_effective_noise(run: RunResult) -> float | None:
    sigma, scale = active_sigma(run), finite(run.hparams.get("scale"))
    return None if sigma is None or scale is None else scale * sigma
