"""What was measured of a run, and how much is measured: two values that JSON files hold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from magenta_sketch.study.scalars import SCALARS

Sketches = list[np.ndarray]

INTERPOLATIONS = 2  # rows of them that are kept for the report
VERSION = 3  # of what is measured: measures of another are made anew
MATRIX = ("recon", "masked_recon", "cost")
LATENT = ("mean", "mu_variance", "sigma", "variance", "actual_variance")
DRAWINGS = ("originals", "without_noise", "with_noise", "new", "interpolations")


@dataclasses.dataclass(frozen=True)
class MeasureSettings:
    """How much is measured. Equal settings give equal measures of equal models.

    checkpoint: newest or best. noises: the noise scales at which every model is evaluated. draws:
    noise draws that a loss at a noise above 0 is the mean of. reconstructed: test sketches whose
    reconstructions are compared with them. repeats: reconstructions of each that are compared with
    each other. new: sketches drawn from the prior. temperature: at which. training: training
    sketches, drawn at random where there are more, that new ones are compared with. shown: test
    sketches and new sketches kept for the report.

    Raises:
      ValueError: a value out of its range.
    """

    checkpoint: str = "newest"
    noises: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0)
    draws: int = 5
    reconstructed: int = 100
    repeats: int = 5
    new: int = 100
    temperature: float = 0.3
    training: int = 10_000
    shown: int = 8

    def __post_init__(self) -> None:
        if self.checkpoint not in ("newest", "best"):
            raise ValueError(f"checkpoint must be newest or best, got {self.checkpoint!r}")
        if not self.noises or not all(0 <= noise < math.inf for noise in self.noises):
            raise ValueError(f"noises must be one or more of at least 0, got {self.noises}")
        if not 0 < self.temperature <= 1:
            raise ValueError(f"temperature must be in (0, 1], got {self.temperature}")
        for name in ("draws", "reconstructed", "repeats", "new", "training", "shown"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in the types of JSON."""
        return {**dataclasses.asdict(self), "noises": list(self.noises)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MeasureSettings:
        """Return what `to_dict` was made of.

        Raises ValueError, KeyError or TypeError for anything else.
        """
        fields: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(cls)}
        if set(values) != set(fields):
            raise ValueError(f"measure settings must be {sorted(fields)}, got {sorted(values)}")
        kept = {name: type(default)(values[name]) for name, default in fields.items()}
        return cls(**{**kept, "noises": tuple(map(float, values["noises"]))})


@dataclasses.dataclass(frozen=True)
class Measures:
    """What was measured of one run. Floats are None where they have no meaning (latent ones of an
    unconditional model) or are not finite.

    step: training steps of the weights.
    settings: what they were measured with.
    scalars: one number for each name of `SCALARS`.
    matrix: for each of `MATRIX`, a number for each of settings.noises; None for an unconditional
      model, which has no noise.
    latent: for each of "mean", "mu_variance", "sigma", "variance" (of the aggregate posterior as
      the KL term has it), "actual_variance" (with the noise really added), a number for each
      latent dimension; empty for an unconditional model.
    drawings: stroke-3 sketches in pixel units: "originals" [shown], "without_noise" [shown],
      "with_noise" [shown] (greedy reconstructions, at noise 0 and the run's scale; the same noise
      draw in every run), "new" [shown], and "interpolations", a list of rows, of greedy drawings
      on the way from one original's mu to another's. Those of an unconditional model are "new"
      alone, the others empty.
    test_indices: of the originals.
    """

    step: int
    settings: MeasureSettings
    scalars: dict[str, float | None]
    matrix: dict[str, list[float | None]]
    latent: dict[str, list[float | None]]
    drawings: dict[str, Any]
    test_indices: list[int]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types: sketches as lists of [dx, dy, lift], rounded to 0.01 pixels."""
        return {
            "version": VERSION,
            "step": self.step,
            "settings": self.settings.to_dict(),
            "scalars": dict(self.scalars),
            "matrix": {name: list(row) for name, row in self.matrix.items()},
            "latent": {name: list(row) for name, row in self.latent.items()},
            "drawings": {name: _to_lists(drawings) for name, drawings in self.drawings.items()},
            "test_indices": list(self.test_indices),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measures:
        """Return what `to_dict` was made of.

        Raises ValueError, KeyError or TypeError for anything else.
        """
        if values.get("version") != VERSION:
            raise ValueError(f"measures are of version {values.get('version')}, not {VERSION}")
        if set(values["scalars"]) != set(SCALARS):
            raise ValueError(f"scalars must be {sorted(SCALARS)}, got {sorted(values['scalars'])}")
        drawings: dict[str, Any] = {
            name: _to_arrays(values["drawings"][name]) for name in DRAWINGS[:-1]
        }
        drawings["interpolations"] = [
            _to_arrays(row) for row in values["drawings"]["interpolations"]
        ]
        return cls(
            step=int(values["step"]),
            settings=MeasureSettings.from_dict(values["settings"]),
            scalars={name: _number(values["scalars"][name]) for name in SCALARS},
            matrix={name: _numbers(values["matrix"][name]) for name in MATRIX},
            latent={name: _numbers(values["latent"][name]) for name in LATENT},
            drawings=drawings,
            test_indices=[int(index) for index in values["test_indices"]],
        )


def interpolation_ends(shown: Sequence[int]) -> list[tuple[int, int]]:
    """Return the two of the shown sketches that each interpolation joins.

    From the first half to the second, since a test set may be sorted by class.

    >>> interpolation_ends([3, 5, 8, 9])
    [(3, 8), (5, 9)]
    """
    half = len(shown) // 2
    return [(shown[i], shown[half + i]) for i in range(min(INTERPOLATIONS, half))]


def _to_lists(drawings: Any) -> list[Any]:
    """Return sketches in lists of any depth as lists [dx, dy, lift]; -0.0 as 0.0."""
    if isinstance(drawings, list):
        return [_to_lists(one) for one in drawings]
    rows = np.asarray(drawings, np.float64).round(2) + 0.0
    return [[dx, dy, int(lift)] for dx, dy, lift in rows.tolist()]


def _to_arrays(sketches: Sequence[Any]) -> Sketches:
    arrays = [np.asarray(sketch, np.float32).reshape(len(sketch), 3) for sketch in sketches]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("a drawing has a number that is not finite")
    return arrays


def _number(value: Any) -> float | None:
    """Return a number as JSON may hold it. Raises ValueError for one that is not finite."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return None if value is None else float(value)


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [_number(value) for value in values]
