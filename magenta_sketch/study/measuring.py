"""Measuring a trained model for a study.

All randomness comes from fixed seeds, not from the run's seed. So all models are measured with the
same test sketches, the same latent noise and the same draws from the prior, and measuring a model
twice gives the same numbers.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch.data import DataSet, SketchSet
from magenta_sketch.inference.latent import path as latent_path
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.measures import chamfer, latent
from magenta_sketch.study.baselines import evenly_spread, mean, to_nearest, training_sketches
from magenta_sketch.study.measures import (
    DRAWINGS,
    LATENT,
    MATRIX,
    Measures,
    MeasureSettings,
    Sketches,
    interpolation_ends,
)
from magenta_sketch.study.scalars import SCALARS
from magenta_sketch.study.spread import finite
from magenta_sketch.training import schedules

INTERPOLATION_STEPS = 7  # drawings per interpolation, with both ends


class _Losses(NamedTuple):
    """Losses, averaged over a set. kl: before the tolerance. kl_with_tolerance: after it."""

    recon: float
    masked_recon: float
    cost: float
    kl: float
    kl_with_tolerance: float


def measure(trained: TrainedModel, data: DataSet, settings: MeasureSettings) -> Measures:
    """Measure a model on the test set of its data.

    An unconditional model has no noise: only its losses and its new sketches are measured.

    Raises:
      ValueError: a test sketch is longer than the model's max_seq_len.
    """
    hps = trained.config.hparams
    own = float(hps.scale) if trained.conditional else 0.0
    noises = {0.0, own, *(settings.noises if trained.conditional else ())}
    at = {noise: _losses(trained, data.test, noise, settings.draws) for noise in sorted(noises)}
    scalars: dict[str, float] = {
        "cost": at[own].cost,
        "recon": at[own].recon,
        "masked_recon": at[own].masked_recon,
    }
    matrix: dict[str, list[float | None]] = {name: [None] * len(settings.noises) for name in MATRIX}
    by_dimension: dict[str, list[float | None]] = {name: [] for name in LATENT}
    drawings: dict[str, Any] = {name: [] for name in DRAWINGS}
    shown: list[int] = []
    if trained.conditional:
        matrix = {
            name: [finite(getattr(at[noise], name)) for noise in settings.noises] for name in MATRIX
        }
        scalars["masked_recon_without_noise"] = at[0.0].masked_recon
        scalars["kl"], scalars["kl_with_tolerance"] = at[0.0].kl, at[0.0].kl_with_tolerance
        mu, sigma = trained.encode_distribution(data.test)
        scalars |= latent.use(mu, sigma, own)
        by_dimension = {
            name: [finite(value) for value in values]
            for name, values in latent.by_dimension(mu, sigma, own).items()
        }
        shown, of_them, drawn = _reconstructions(trained, data.test, settings)
        scalars |= of_them
        drawings |= drawn
        drawings["interpolations"] = _interpolations(trained, mu[shown])
    new, of_new = _new_sketches(trained, data, settings)
    drawings["new"] = new[: settings.shown]
    scalars |= of_new
    return Measures(
        step=trained.step,
        settings=settings,
        scalars={name: finite(scalars.get(name, math.nan)) for name in SCALARS},
        matrix=matrix,
        latent=by_dimension,
        drawings=drawings,
        test_indices=shown,
    )


def _losses(trained: TrainedModel, test: SketchSet, noise: float, draws: int) -> _Losses:
    # The same form of the loss as in training.
    to_first_end = trained.config.bucket_by_length
    found = [
        trained.losses(test, scale=noise, seed=seed, to_first_end=to_first_end)
        for seed in range(draws if noise > 0 else 1)
    ]
    recon, masked, kl = np.mean(np.asarray(found, np.float64), axis=(0, 2))
    weight = schedules.kl_weight(trained.step, trained.config.hparams)
    cost, kl_cost = trained.model.cost(recon, kl, weight)
    return _Losses(*map(float, (recon, masked, cost, kl, kl_cost)))


def _reconstructions(
    trained: TrainedModel, test: SketchSet, settings: MeasureSettings
) -> tuple[list[int], dict[str, float], dict[str, Sketches]]:
    """Make greedy reconstructions. Return indices of the shown ones, scalars, and drawings."""
    chosen = evenly_spread(len(test), settings.reconstructed)
    originals = [test[index] for index in chosen]
    scale, repeats = trained.config.hparams.scale, settings.repeats
    # Encode all of them together: a sketch's noise depends on its place in the list.
    latents = [trained.encode(originals)]
    latents += [trained.encode(originals, scale=scale, seed=seed) for seed in range(repeats)]
    drawn = trained.decode(np.concatenate(latents), greedy=True)
    without, *with_noise = (
        drawn[start : start + len(chosen)] for start in range(0, len(drawn), len(chosen))
    )
    factor = trained.normalizing_factor
    noisy = [sketch for drawing in with_noise for sketch in drawing]
    pairs = list(itertools.combinations(with_noise, 2))
    among = [chamfer.paired(a, b) for a, b in pairs]
    scalars = {
        "chamfer_without_noise": mean(chamfer.paired(originals, without)) / factor,
        "chamfer_with_noise": mean(chamfer.paired(originals * repeats, noisy)) / factor,
        "chamfer_repeats": mean(among) / factor,
        "ended_reconstructions": _ended(trained, noisy),
    }
    shown = evenly_spread(len(chosen), settings.shown)
    drawings: dict[str, Sketches] = {
        name: [sketches[i] for i in shown]
        for name, sketches in (
            ("originals", originals),
            ("without_noise", without),
            ("with_noise", with_noise[0]),
        )
    }
    return [chosen[i] for i in shown], scalars, drawings


def _interpolations(trained: TrainedModel, mu: np.ndarray) -> list[Sketches]:
    """Return rows of greedy drawings: linear interpolations between pairs of mu, [shown, Z]."""
    return [
        trained.decode(latent_path(mu[i], mu[j], INTERPOLATION_STEPS, "linear"), greedy=True)
        for i, j in interpolation_ends(range(len(mu)))
    ]


def _new_sketches(
    trained: TrainedModel, data: DataSet, settings: MeasureSettings
) -> tuple[Sketches, dict[str, float]]:
    """Draw new sketches from the prior. Return them and their scalars."""
    new = trained.sample(settings.new, temperature=settings.temperature, seed=0)
    factor = trained.normalizing_factor
    return new, {
        # More sketches have nearer neighbours, so use as many as `baselines` does.
        "diversity": mean(to_nearest(chamfer.among(new[: len(data.test)]))) / factor,
        "novelty": mean(chamfer.nearest(new, training_sketches(data.train, settings))) / factor,
        "ended": _ended(trained, new),
    }


def _ended(trained: TrainedModel, sketches: Sketches) -> float:
    """Return the share of sketches that were not cut off at max_seq_len points."""
    return mean([len(sketch) < trained.max_seq_len for sketch in sketches])
