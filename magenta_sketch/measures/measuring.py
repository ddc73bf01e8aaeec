"""Measuring a trained model for a study.

All randomness comes from fixed seeds, not from the run's seed. So all models are measured with the
same test sketches, the same latent noise and the same draws from the prior, and measuring a model
twice gives the same numbers.
"""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import numpy as np

from magenta_sketch.data import DataSet, SketchSet
from magenta_sketch.data.factors import Factors, load_factors
from magenta_sketch.data.fixed_part import indices_of_part
from magenta_sketch.inference.priors import Prior
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.measures import chamfer, importance, information, latent, manifold, probes
from magenta_sketch.measures.baselines import (
    evenly_spread,
    mean,
    to_nearest,
    training_indices,
    training_sketches,
)
from magenta_sketch.measures.numbers import finite
from magenta_sketch.measures.result import Measures, MeasureSettings, Sketches
from magenta_sketch.measures.scalars import PRIORS, SCALARS
from magenta_sketch.training import schedules

_KNOWN = 5000  # training sketches whose z is known, for information, priors and probes


class _Losses(NamedTuple):
    """Losses, averaged over a set. kl: before the tolerance."""

    recon: float
    masked_recon: float
    cost: float
    kl: float


class _Posteriors(NamedTuple):
    """mu and sigma of sketches, [n, Z], and the same with the run's own noise."""

    mu: np.ndarray
    sigma: np.ndarray
    noise: np.ndarray


def measure(trained: TrainedModel, data: DataSet, settings: MeasureSettings) -> Measures:
    """Measure a model on the test set of its data, or the part of it that training evaluates.

    An unconditional model has no noise: only its losses and its new sketches are measured.

    Raises:
      ValueError: a test sketch is longer than the model's max_seq_len.
      DataError: the file of known factors is damaged or does not fit the data.
    """
    own = float(trained.config.hparams.scale) if trained.conditional else 0.0
    noises = {0.0, own, *(settings.noises if trained.conditional else ())}
    chosen = indices_of_part(data.test, trained.config.evaluate_at_most)
    sketches = data.test.take(chosen) if len(chosen) < len(data.test) else data.test
    at = {noise: _losses(trained, sketches, noise, settings.draws) for noise in sorted(noises)}
    scalars: dict[str, float] = {name: getattr(at[own], name) for name in ("cost", "recon")}
    scalars["masked_recon"] = at[own].masked_recon
    made = Measures(trained.step, settings, {}, [], {}, {}, {}, [])
    priors: dict[str, Prior | Literal["standard"]] = {"standard": "standard"}
    if trained.conditional:
        known_at = training_indices(len(data.train), _KNOWN)
        test = _posteriors(trained, sketches, own)
        known = _posteriors(trained, data.train.take(known_at), own)
        of_name = _priors(trained, known, own)
        scalars["masked_recon_without_noise"], scalars["kl"] = at[0.0].masked_recon, at[0.0].kl
        scalars |= latent.use(test.mu, test.sigma, own)
        scalars |= _information(trained, sketches, known, of_name, settings)
        factors = load_factors(
            data.files or trained.config.hparams.data_set,
            trained.config.data_dir,
            [len(data.train), len(data.valid), len(data.test)],
        )
        if factors is not None:
            factors = factors._replace(test=factors.test[chosen])
            found = _probe(factors, known_at, known, test)
            made.factors.update(found.r2)
            scalars |= {"factor_r2": mean(list(found.r2.values())), "factor_mig": found.gap}
        made.masked_recon.extend(finite(at[noise].masked_recon) for noise in settings.noises)
        made.latent.update(_by_dimension(trained, test))
        scalars |= _reconstructions(trained, sketches, settings, made)
        priors.update(of_name)
    made.test_indices[:] = [int(chosen[index]) for index in made.test_indices]
    scalars |= _new_sketches(trained, data.train, sketches, settings, priors, made)
    made.scalars.update({name: finite(scalars.get(name)) for name in SCALARS})
    return made


def _losses(trained: TrainedModel, test: SketchSet, noise: float, draws: int) -> _Losses:
    # The same form of the loss as in training.
    to_first_end = trained.config.bucket_by_length
    found = [
        trained.losses(test, scale=noise, seed=seed, to_first_end=to_first_end)
        for seed in range(draws if noise > 0 else 1)
    ]
    recon, masked, kl = np.mean(np.asarray(found, np.float64), axis=(0, 2))
    weight = schedules.kl_weight(trained.step, trained.config.hparams)
    cost, _ = trained.model.cost(recon, kl, weight)
    return _Losses(*map(float, (recon, masked, cost, kl)))


def _posteriors(trained: TrainedModel, sketches: SketchSet, own: float) -> _Posteriors:
    mu, sigma = (part.astype(np.float64) for part in trained.encode_distribution(sketches))
    return _Posteriors(mu, sigma, own * sigma)


def _priors(trained: TrainedModel, known: _Posteriors, own: float) -> dict[str, Prior]:
    size = trained.z_size
    return dict(
        zip(
            PRIORS,
            (
                Prior.standard(size),
                Prior.scaled(size, own),
                Prior.aggregate(known.mu, known.sigma, own),
            ),
            strict=True,
        )
    )


def _information(
    trained: TrainedModel,
    test: SketchSet,
    known: _Posteriors,
    priors: dict[str, Prior],
    settings: MeasureSettings,
) -> dict[str, float]:
    """Return information, rates and importance-weighted bounds; nothing without noise."""
    if not known.noise.any():
        return {}
    found = information.aggregate_measures(known.mu, known.noise, priors)
    scalars = {"mutual_information": found.mutual_information}
    scalars |= {f"rate_{name}": rate for name, rate in found.rate.items()}
    scalars |= {f"marginal_kl_{name}": value for name, value in found.marginal_kl.items()}
    if settings.importance:
        chosen = test.take(np.array(evenly_spread(len(test), settings.bounded)))
        bounds = importance.importance_bound(trained, chosen, priors, draws=settings.importance)
        scalars |= {f"bound_{name}": mean(values) for name, values in bounds.items()}
    return scalars


class _Probe(NamedTuple):
    r2: dict[str, float]
    gap: float


def _probe(factors: Factors, known_at: np.ndarray, known: _Posteriors, test: _Posteriors) -> _Probe:
    """Return how well known factors can be read from z with the run's own noise."""
    draw = np.random.default_rng(0)
    z_train, z_test = (one.mu + one.noise * draw.normal(size=one.mu.shape) for one in (known, test))
    r2 = probes.linear_probe(z_train, factors.train[known_at], z_test, factors.test)
    gap = probes.mutual_information_gap(z_test, factors.test)
    return _Probe(dict(zip(factors.names, map(float, r2), strict=True)), float(gap))


def _by_dimension(trained: TrainedModel, test: _Posteriors) -> dict[str, list[float | None]]:
    square = np.mean(test.sigma**2, axis=0)
    found = {
        "mean": test.mu.mean(axis=0),
        "mu_variance": test.mu.var(axis=0),
        "sigma": test.sigma.mean(axis=0),
        "sigma_square": square,
        "kl": latent.kl_by_dimension(
            test.mu, test.sigma, mu_weight=trained.config.hparams.kl_mu_weight
        ),
    }
    return {name: [finite(value) for value in values] for name, values in found.items()}


def _reconstructions(
    trained: TrainedModel, test: SketchSet, settings: MeasureSettings, made: Measures
) -> dict[str, float]:
    """Make greedy reconstructions. Add drawings to ``made``, and return scalars."""
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
    noisy = [sketch for drawing in with_noise for sketch in drawing]
    among = [chamfer.paired(a, b) for a, b in itertools.combinations(with_noise, 2)]
    shown = evenly_spread(len(chosen), settings.shown)
    made.test_indices.extend(chosen[i] for i in shown)
    for name, sketches in (
        ("originals", originals),
        ("without_noise", without),
        ("with_noise", with_noise[0]),
    ):
        made.drawings[name] = [sketches[i] for i in shown]
    ladder = trained.noise_ladder(originals[shown[0]], settings.noises, draws=1, greedy=True)
    made.drawings["ladder"] = [row[0] for row in ladder]
    factor = trained.normalizing_factor
    return {
        "chamfer_without_noise": mean(chamfer.paired(originals, without)) / factor,
        "chamfer_with_noise": mean(chamfer.paired(originals * repeats, noisy)) / factor,
        "chamfer_repeats": mean(among) / factor,
        "ended_reconstructions": _ended(trained, noisy),
    }


def _new_sketches(
    trained: TrainedModel,
    train: SketchSet,
    test: SketchSet,
    settings: MeasureSettings,
    priors: dict[str, Prior | Literal["standard"]],
    made: Measures,
) -> dict[str, float]:
    """Draw new sketches from each prior. Add drawings to ``made``, and return scalars."""
    points = manifold.POINTS
    real = [test[index] for index in evenly_spread(len(test), settings.new)]
    known = training_sketches(train, settings)
    of_real = chamfer.between(real, known, points).min(axis=1)
    among_real = chamfer.among(real, points)
    scalars: dict[str, float] = {}
    for name, prior in priors.items():
        new = trained.sample(settings.new, prior=prior, temperature=settings.temperature, seed=0)
        made.drawings[f"new_{name}"] = list(new[: settings.shown])
        new = new[: len(real)]  # more sketches have nearer neighbours
        among = chamfer.among(new, points)
        nearest = chamfer.between(new, known, points).min(axis=1)
        if len(real) > manifold.NEIGHBOURS:
            across = chamfer.between(new, real, points)
            like = manifold.precision_and_recall(among_real, among, across)
            scalars |= {f"{key}_{name}": value for key, value in like._asdict().items()}
        found = {
            "ended": _ended(trained, new),
            "novelty": mean(nearest) / trained.normalizing_factor,
            "diversity": mean(to_nearest(among)) / trained.normalizing_factor,
            "copying": manifold.copying(nearest, of_real),
        }
        scalars |= {f"{key}_{name}": value for key, value in found.items()}
    return scalars


def _ended(trained: TrainedModel, sketches: Sketches) -> float:
    """Return the share of sketches that were not cut off at max_seq_len points."""
    return mean([len(sketch) < trained.max_seq_len for sketch in sketches])
