"""What is measured of a trained model for a study."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from magenta_sketch.datasets import DataSet
from magenta_sketch.trained import TrainedModel

Sketches = list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class MeasureSettings:
    """How much is measured. Equal settings give equal measures of equal models.

    checkpoint: newest or best. noises: the noise scales at which every model is evaluated. draws:
    noise draws that a loss at a noise above 0 is the mean of. reconstructed: test sketches whose
    reconstructions are compared with them. repeats: reconstructions of each that are compared with
    each other. new: sketches drawn from the prior. temperature: at which. training: training
    sketches, drawn at random where there are more, that new ones are compared with. shown: test
    sketches, new sketches and interpolations kept for the report.
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

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**dataclasses.asdict(self), "noises": list(self.noises)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MeasureSettings:
        """From what `to_dict` gives. Raises TypeError or KeyError for anything else."""
        return cls(**{**values, "noises": tuple(values["noises"])})


@dataclasses.dataclass(frozen=True)
class Measures:
    """What was measured of one run. Floats are None where they have no meaning (latent ones of an
    unconditional model) or are not finite.

    step: updates the weights have seen.
    scalars: one number for each name of `SCALARS`.
    matrix: for each of "recon", "masked_recon", "cost", a number for each of settings.noises.
    latent: for each of "mean", "mu_variance", "sigma", "variance" (of the aggregate posterior as
      the KL term has it), "actual_variance" (with the noise really added), a number for each
      latent dimension; empty for an unconditional model.
    drawings: stroke-3 sketches in pixel units: "originals" [shown], "without_noise" [shown],
      "with_noise" [shown] (greedy reconstructions, at noise 0 and the run's scale; the same noise
      draw in every run), "new" [shown], and "interpolations", a list of rows.
    test_indices: of the originals.
    """

    step: int
    settings: MeasureSettings
    scalars: dict[str, float | None]
    matrix: dict[str, list[float | None]]
    latent: dict[str, list[float]]
    drawings: dict[str, Any]
    test_indices: list[int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: sketches as lists of [dx, dy, lift]."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measures:
        """From what `to_dict` gives. Raises ValueError, KeyError or TypeError for anything else."""
        raise NotImplementedError


# Name -> (what it is, in a line; unit).
SCALARS: dict[str, tuple[str, str]] = {
    "cost": (
        "cost as trained: recon + KL weight · max(KL, tolerance), KL weight of the last step",
        "nats/point",
    ),
    "recon": (
        "reconstruction loss in the form that is trained, at the run's own noise",
        "nats/point",
    ),
    "masked_recon": (
        "reconstruction loss without the pen loss of padding, at the run's own noise",
        "nats/point",
    ),
    "masked_recon_without_noise": ("the same at z = mu", "nats/point"),
    "kl": (
        "KL(N(mu, sigma²) || N(0, 1)), the one that is optimised, before the tolerance",
        "nats/dimension",
    ),
    "kl_with_tolerance": ("the larger of it and kl_tolerance", "nats/dimension"),
    "kl_implied": (
        "KL(N(mu, (scale·sigma)²) || N(0, 1)), of the z that the decoder gets",
        "nats/dimension",
    ),
    "active_units": (
        "latent dimensions whose mu varies by more than 0.01 over the test set",
        "dimensions",
    ),
    "mean_sigma": ("mean of sigma over sketches and dimensions", ""),
    "effective_noise": ("scale · mean sigma", ""),
    "mu_spread": ("root of the mean over dimensions of the variance of mu", ""),
    "signal_to_noise": ("mu_spread / effective noise", ""),
    "chamfer_without_noise": (
        "distance of a sketch and its greedy reconstruction from z = mu",
        "model units",
    ),
    "chamfer_with_noise": ("the same at the run's own noise", "model units"),
    "chamfer_repeats": (
        "mean distance among greedy reconstructions of one sketch, each with its own noise",
        "model units",
    ),
    "diversity": ("mean distance of a new sketch to the nearest other new one", "model units"),
    "novelty": ("mean distance of a new sketch to the nearest training sketch", "model units"),
    "ended": ("share of new sketches that end before max_seq_len", ""),
    "ended_reconstructions": ("share of reconstructions at the run's own noise that do", ""),
}


def measure(trained: TrainedModel, data: DataSet, settings: MeasureSettings) -> Measures:
    """Measure a model on the test set of its data."""
    raise NotImplementedError


def baselines(data: DataSet, settings: MeasureSettings) -> dict[str, float | None]:
    """What the distances would be for real drawings, in the same model units.

    "chamfer_others": mean distance of two different test sketches. "diversity": mean distance of a
    test sketch to the nearest other among as many as `settings.new`. "novelty": mean distance of a
    test sketch to the nearest training sketch.
    """
    raise NotImplementedError
