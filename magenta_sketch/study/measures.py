"""The measures of a run, and the settings of the measuring. Both can be saved as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from magenta_sketch.study.scalars import SCALARS

Sketches = Sequence[np.ndarray]

INTERPOLATIONS = 2  # rows of interpolations for the report
VERSION = 3  # measures of another version are measured again
MATRIX = ("recon", "masked_recon", "cost")
LATENT = ("mean", "mu_variance", "sigma", "variance", "actual_variance")
DRAWINGS = ("originals", "without_noise", "with_noise", "new", "interpolations")


@dataclasses.dataclass(frozen=True)
class MeasureSettings:
    """What to measure. Equal settings give equal measures of equal models.

    Attributes:
      checkpoint: "newest" or "best".
      noises: noise scales at which every model is evaluated.
      draws: noise draws that each loss is averaged over, unless the noise scale is 0.
      reconstructed: test sketches that are compared with their reconstructions.
      repeats: reconstructions of each of these sketches, which are compared with each other.
      new: new sketches, drawn from the prior.
      temperature: temperature of the new sketches, in (0, 1].
      training: training sketches, chosen at random, that new sketches are compared with.
      shown: test sketches and new sketches in the report.

    Raises:
      ValueError: a value is out of its range.

    >>> MeasureSettings(noises=(0.0, 1.0), draws=2).new
    100
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
        """Return settings from the result of `to_dict`.

        Raises ValueError, KeyError or TypeError for any other value.

        >>> MeasureSettings.from_dict(MeasureSettings(draws=2).to_dict()).draws
        2
        """
        fields: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(cls)}
        if set(values) != set(fields):
            raise ValueError(f"measure settings must be {sorted(fields)}, got {sorted(values)}")
        kept = {name: type(default)(values[name]) for name, default in fields.items()}
        return cls(**{**kept, "noises": tuple(map(float, values["noises"]))})


@dataclasses.dataclass(frozen=True)
class Measures:
    """The measures of one run.

    A number is None if it is not finite, or if it does not exist for an unconditional model.

    Attributes:
      step: training steps of the measured weights.
      settings: the settings of the measuring.
      scalars: one number for each name in `SCALARS`.
      matrix: for each name in `MATRIX`, one number for each of settings.noises.
      latent: for each name in `LATENT`, one number for each latent dimension, see
        `latent.by_dimension`. Empty for an unconditional model.
      drawings: stroke-3 sketches in pixels. "originals": test sketches. "without_noise" and
        "with_noise": their greedy reconstructions, at noise 0 and at the run's own noise scale.
        "new": new sketches. "interpolations": rows of greedy drawings, from one original to
        another. An unconditional model has only "new".
      test_indices: indices of the originals in the test set.

    >>> scalars = dict.fromkeys(SCALARS, 0.5)
    >>> found = Measures(100, MeasureSettings(), scalars, {}, {}, {}, [])
    >>> found.scalars["recon"]
    0.5
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
        """Return measures from the result of `to_dict`.

        Raises ValueError, KeyError or TypeError for any other value.
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
    """Return the two sketches of each interpolation, of the indices of the shown sketches.

    The first is from the first half, the second from the other, because a test set may be sorted by
    class.

    >>> interpolation_ends([3, 5, 8, 9])
    [(3, 8), (5, 9)]
    """
    half = len(shown) // 2
    return [(shown[i], shown[half + i]) for i in range(min(INTERPOLATIONS, half))]


def _to_lists(drawings: Any) -> list[Any]:
    """Return nested lists of sketches with lists [dx, dy, lift] for points; -0.0 becomes 0.0."""
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
    """Return a number from JSON as a float; None stays. Raise ValueError if it is not finite."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return None if value is None else float(value)


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [_number(value) for value in values]
