"""The measures of a run, and the settings of the measuring. Both can be saved as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from magenta_sketch.measures.scalars import SCALARS

Sketches = Sequence[np.ndarray]

VERSION = 4  # measures of another version are measured again
LATENT = ("mean", "mu_variance", "sigma", "sigma_square", "kl")
DRAWINGS = (
    *("originals", "without_noise", "with_noise", "ladder"),
    *("new_standard", "new_scaled", "new_aggregate"),
)
_AT_LEAST = {"importance": 0, "reconstructed": 2, "repeats": 2, "new": 4, "shown": 2}


@dataclasses.dataclass(frozen=True)
class MeasureSettings:
    """What to measure. Equal settings give equal measures of equal models.

    Attributes:
      checkpoint: "newest" or "best".
      noises: noise scales at which every model is evaluated.
      draws: noise draws that each loss is averaged over, unless the noise scale is 0.
      importance: draws of the importance-weighted bound; 0: it is not measured.
      bounded: test sketches with an importance-weighted bound.
      reconstructed: test sketches that are compared with their reconstructions.
      repeats: reconstructions of each of these sketches, which are compared with each other.
      new: new sketches, drawn from each prior, and real ones that they are compared with.
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
    importance: int = 1000
    bounded: int = 20
    reconstructed: int = 100
    repeats: int = 5
    new: int = 100
    temperature: float = 0.3
    training: int = 1000
    shown: int = 8

    def __post_init__(self) -> None:
        if self.checkpoint not in ("newest", "best"):
            raise ValueError(f"checkpoint must be newest or best, got {self.checkpoint!r}")
        if not self.noises or not all(0 <= noise < math.inf for noise in self.noises):
            raise ValueError(f"noises must be one or more of at least 0, got {self.noises}")
        if not 0 < self.temperature <= 1:
            raise ValueError(f"temperature must be in (0, 1], got {self.temperature}")
        for name, value in dataclasses.asdict(self).items():
            least = _AT_LEAST.get(name, 1)
            if isinstance(value, int) and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")

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

    A number is None if it is not finite, or if it was not measured: an unconditional model has no
    latent vector.

    Attributes:
      step: training steps of the measured weights.
      settings: the settings of the measuring.
      scalars: one number for each name in `SCALARS`.
      masked_recon: the loss of that name at each of settings.noises.
      latent: for each name in `LATENT`, one number for each latent dimension: mean and variance of
        mu, mean of sigma and of sigma², and the KL term. Empty for an unconditional model.
      factors: R² of a linear probe of each known factor, by name.
      drawings: stroke-3 sketches in pixels, rounded to 0.01, by names in `DRAWINGS`. "originals":
        test sketches. "without_noise" and "with_noise": their greedy reconstructions, at noise 0
        and at the run's own noise. "ladder": reconstructions of the first one, at each of
        settings.noises. "new_...": new sketches from each prior.
      test_indices: indices of the originals in the test set.

    >>> found = Measures(100, MeasureSettings(), {"recon": 0.5}, [], {}, {}, {}, [])
    >>> found.scalars["recon"]
    0.5
    """

    step: int
    settings: MeasureSettings
    scalars: dict[str, float | None]
    masked_recon: list[float | None]
    latent: dict[str, list[float | None]]
    factors: dict[str, float | None]
    drawings: dict[str, Sketches]
    test_indices: list[int]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types: sketches as lists of [dx, dy, lift], rounded to 0.01 pixels."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        drawings = {name: list(map(_to_list, found)) for name, found in self.drawings.items()}
        return {
            **values,
            "version": VERSION,
            "settings": self.settings.to_dict(),
            "drawings": drawings,
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
        return cls(
            step=int(values["step"]),
            settings=MeasureSettings.from_dict(values["settings"]),
            scalars={name: _number(values["scalars"][name]) for name in SCALARS},
            masked_recon=list(map(_number, values["masked_recon"])),
            latent={name: list(map(_number, row)) for name, row in values["latent"].items()},
            factors={name: _number(value) for name, value in values["factors"].items()},
            drawings={
                name: list(map(_to_array, values["drawings"].get(name, []))) for name in DRAWINGS
            },
            test_indices=[int(index) for index in values["test_indices"]],
        )


def _to_list(sketch: np.ndarray) -> list[list[float]]:
    rows = np.asarray(sketch, np.float64).round(2) + 0.0  # -0.0 becomes 0.0
    return [[dx, dy, int(lift)] for dx, dy, lift in rows.tolist()]


def _to_array(sketch: Sequence[Any]) -> np.ndarray:
    array = np.asarray(sketch, np.float32).reshape(len(sketch), 3)
    if not np.isfinite(array).all():
        raise ValueError("a drawing has a number that is not finite")
    return array


def _number(value: Any) -> float | None:
    """Return a number from JSON as a float; None stays. Raise ValueError if it is not finite."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return None if value is None else float(value)
