"""What is measured of a trained model for a study.

Everything random in it is drawn from fixed seeds that have nothing to do with the run's own, so
that two models are measured with the same test sketches, the same latent noise and the same prior
draws, and one model measured twice gives the same numbers.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch.data import DataSet, SketchSet
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn import losses
from magenta_sketch.study import chamfer, latent

Sketches = list[np.ndarray]

INTERPOLATIONS = 2  # rows of them that are kept for the report
INTERPOLATION_STEPS = 7  # drawings in a row, both ends among them
VERSION = 3  # of what is measured: measures of another are made anew
_TRAINING_CHOICE = 0  # seed of the choice of training sketches


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
            raise ValueError(f"checkpoint must be newest or best, got {self.checkpoint!r}.")
        if not self.noises or not all(0 <= noise < math.inf for noise in self.noises):
            raise ValueError(f"noises must be one or more of at least 0, got {self.noises}.")
        if not 0 < self.temperature <= 1:
            raise ValueError(f"temperature must be in (0, 1], got {self.temperature}.")
        for name in ("draws", "reconstructed", "repeats", "new", "training", "shown"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**dataclasses.asdict(self), "noises": list(self.noises)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MeasureSettings:
        """From what `to_dict` gives. Raises ValueError, KeyError or TypeError for anything else."""
        fields = {field.name: field.default for field in dataclasses.fields(cls)}
        if set(values) != set(fields):
            raise ValueError(f"measure settings must be {sorted(fields)}, got {sorted(values)}.")
        kept = {name: type(default)(values[name]) for name, default in fields.items()}
        return cls(**{**kept, "noises": tuple(map(float, values["noises"]))})


@dataclasses.dataclass(frozen=True)
class Measures:
    """What was measured of one run. Floats are None where they have no meaning (latent ones of an
    unconditional model) or are not finite.

    step: updates the weights have seen.
    settings: what they were measured with.
    scalars: one number for each name of `SCALARS`.
    matrix: for each of "recon", "masked_recon", "cost", a number for each of settings.noises; None
      for an unconditional model, which has no noise.
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
        """As JSON has it: sketches as lists of [dx, dy, lift], rounded to 0.01 pixels."""
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
        """From what `to_dict` gives. Raises ValueError, KeyError or TypeError for anything else."""
        if values.get("version") != VERSION:
            raise ValueError(f"measures are of version {values.get('version')}, not {VERSION}.")
        if set(values["scalars"]) != set(SCALARS):
            raise ValueError(f"scalars must be {sorted(SCALARS)}, got {sorted(values['scalars'])}.")
        drawings = {name: _to_arrays(values["drawings"][name]) for name in _DRAWINGS[:-1]}
        drawings["interpolations"] = [
            _to_arrays(row) for row in values["drawings"]["interpolations"]
        ]
        return cls(
            step=int(values["step"]),
            settings=MeasureSettings.from_dict(values["settings"]),
            scalars={name: _number(values["scalars"][name]) for name in SCALARS},
            matrix={name: _numbers(values["matrix"][name]) for name in _MATRIX},
            latent={name: _numbers(values["latent"][name]) for name in _LATENT},
            drawings=drawings,
            test_indices=[int(index) for index in values["test_indices"]],
        )


_MATRIX = ("recon", "masked_recon", "cost")
_LATENT = ("mean", "mu_variance", "sigma", "variance", "actual_variance")
_DRAWINGS = ("originals", "without_noise", "with_noise", "new", "interpolations")


def _to_lists(drawings: Any) -> list:
    """Sketches in lists of any depth as lists [dx, dy, lift]; -0.0 as 0.0."""
    if isinstance(drawings, list):
        return [_to_lists(one) for one in drawings]
    rows = np.asarray(drawings, np.float64).round(2) + 0.0
    return [[dx, dy, int(lift)] for dx, dy, lift in rows.tolist()]


def _to_arrays(sketches: Sequence[Any]) -> Sketches:
    arrays = [np.asarray(sketch, np.float32).reshape(len(sketch), 3) for sketch in sketches]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("a drawing has a number that is not finite.")
    return arrays


def _number(value: Any) -> float | None:
    """A number as JSON may hold it."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is not finite.")
    return None if value is None else float(value)


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [_number(value) for value in values]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# Name -> (what it is, in a line; unit).
SCALARS: dict[str, tuple[str, str]] = {
    "cost": (
        "cost as trained: recon + KL weight · max(KL, tolerance), KL weight reached at that step, "
        "at the run's own noise",
        "nats/point",
    ),
    "recon": (
        "reconstruction loss in the form that is trained (with bucket_by_length, one end row a "
        "sketch), at the run's own noise",
        "nats/point",
    ),
    "masked_recon": (
        "reconstruction loss without the pen loss of padding, at the run's own noise",
        "nats/point",
    ),
    "masked_recon_without_noise": (
        "reconstruction loss without the pen loss of padding, at z = mu",
        "nats/point",
    ),
    "kl": (
        "KL(N(mu, sigma²) || N(0, 1)), the one that is optimised, before the tolerance",
        "nats/dimension",
    ),
    "kl_with_tolerance": ("the larger of kl and kl_tolerance", "nats/dimension"),
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
    "chamfer_with_noise": (
        "distance of a sketch and its greedy reconstruction at the run's own noise",
        "model units",
    ),
    "chamfer_repeats": (
        "mean distance among greedy reconstructions of one sketch, each with its own noise",
        "model units",
    ),
    "diversity": ("mean distance of a new sketch to the nearest other new one", "model units"),
    "novelty": ("mean distance of a new sketch to the nearest training sketch", "model units"),
    "ended": ("share of new sketches that end before max_seq_len", ""),
    "ended_reconstructions": (
        "share of greedy reconstructions at the run's own noise that end before max_seq_len",
        "",
    ),
}


class _Losses(NamedTuple):
    """Means over a set, as in `losses`; kl before and after the tolerance."""

    recon: float
    masked_recon: float
    cost: float
    kl: float
    kl_with_tolerance: float


def measure(trained: TrainedModel, data: DataSet, settings: MeasureSettings) -> Measures:
    """Measure a model on the test set of its data.

    A loss at a noise above 0 is the mean of settings.draws draws of the noise. Of an unconditional
    model, which has no noise, there are its losses and its new sketches.

    Raises:
      ValueError: a test sketch is longer than the model's max_seq_len.
    """
    hps = trained.info.hparams
    own = float(hps.scale) if trained.conditional else 0.0
    noises = {0.0, own, *(settings.noises if trained.conditional else ())}
    at = {noise: _losses(trained, data.test, noise, settings.draws) for noise in sorted(noises)}
    scalars: dict[str, float] = {
        "cost": at[own].cost,
        "recon": at[own].recon,
        "masked_recon": at[own].masked_recon,
    }
    matrix: dict[str, list[float | None]] = {
        name: [None] * len(settings.noises) for name in _MATRIX
    }
    by_dimension: dict[str, list] = {name: [] for name in _LATENT}
    drawings: dict[str, Any] = {name: [] for name in _DRAWINGS}
    shown: list[int] = []
    if trained.conditional:
        matrix = {
            name: [_finite(getattr(at[noise], name)) for noise in settings.noises]
            for name in _MATRIX
        }
        scalars["masked_recon_without_noise"] = at[0.0].masked_recon
        scalars["kl"], scalars["kl_with_tolerance"] = at[0.0].kl, at[0.0].kl_with_tolerance
        mu, sigma = trained.encode_distribution(data.test)
        scalars |= latent.use(mu, sigma, own)
        by_dimension = {
            name: [_finite(value) for value in values]
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
        scalars={name: _finite(scalars.get(name, math.nan)) for name in SCALARS},
        matrix=matrix,
        latent=by_dimension,
        drawings=drawings,
        test_indices=shown,
    )


def baselines(data: DataSet, settings: MeasureSettings) -> dict[str, float | None]:
    """What the distances would be for real drawings, in the same model units.

    Of as many test sketches as `settings.new`, or all where there are fewer, spread evenly over the
    test set. "chamfer_others": mean distance of two different ones. "diversity": mean distance of
    one to the nearest other. "novelty": mean distance of one to the nearest training sketch;
    "novelty_error" is the standard error of that mean.
    """
    chosen = [data.test[index] for index in _spread(len(data.test), settings.new)]
    apart = chamfer.among(chosen) / data.normalizing_factor
    others = apart[~np.eye(len(chosen), dtype=bool)]
    novelty = chamfer.nearest(chosen, _training(data.train, settings)) / data.normalizing_factor
    return {
        "chamfer_others": _finite(_mean(others)),
        "diversity": _finite(_mean(_to_nearest(apart))),
        "novelty": _finite(_mean(novelty)),
        "novelty_error": _finite(float(np.std(novelty)) / math.sqrt(max(len(novelty), 1))),
    }


def _losses(trained: TrainedModel, test: SketchSet, noise: float, draws: int) -> _Losses:
    hps = trained.info.hparams
    found = [
        trained.losses(test, scale=noise, seed=seed, to_first_end=trained.info.bucket_by_length)
        for seed in range(draws if noise > 0 else 1)
    ]
    recon, masked, kl = np.mean(np.asarray(found, np.float64), axis=(0, 2))
    weight = losses.kl_weight(
        trained.step,
        kl_weight=hps.kl_weight,
        kl_weight_start=hps.kl_weight_start,
        kl_decay_rate=hps.kl_decay_rate,
    )
    cost, kl_cost = trained.model.cost(recon, kl, weight)
    return _Losses(*map(float, (recon, masked, cost, kl, kl_cost)))


def _reconstructions(
    trained: TrainedModel, test: SketchSet, settings: MeasureSettings
) -> tuple[list[int], dict[str, float], dict[str, Sketches]]:
    """Greedy reconstructions: (indices of those shown, scalars, drawings)."""
    chosen = _spread(len(test), settings.reconstructed)
    originals = [test[index] for index in chosen]
    scale, repeats = trained.info.hparams.scale, settings.repeats
    # Always all of them together: a sketch's noise depends on its place in the list.
    latents = [trained.encode(originals)]
    latents += [trained.encode(originals, scale=scale, seed=seed) for seed in range(repeats)]
    drawn = trained.decode(np.concatenate(latents), greedy=True)
    without, *with_noise = (
        drawn[start : start + len(chosen)] for start in range(0, len(drawn), len(chosen))
    )
    factor = trained.info.normalizing_factor
    noisy = [sketch for drawing in with_noise for sketch in drawing]
    pairs = list(itertools.combinations(with_noise, 2))
    among = [chamfer.paired(a, b) for a, b in pairs]
    scalars = {
        "chamfer_without_noise": _mean(chamfer.paired(originals, without)) / factor,
        "chamfer_with_noise": _mean(chamfer.paired(originals * repeats, noisy)) / factor,
        "chamfer_repeats": _mean(among) / factor,
        "ended_reconstructions": _ended(trained, noisy),
    }
    shown = _spread(len(chosen), settings.shown)
    drawings = {
        name: [sketches[i] for i in shown]
        for name, sketches in (
            ("originals", originals),
            ("without_noise", without),
            ("with_noise", with_noise[0]),
        )
    }
    return [chosen[i] for i in shown], scalars, drawings


def _interpolations(trained: TrainedModel, mu: np.ndarray) -> list[Sketches]:
    """Rows of greedy drawings, straight from one shown sketch's mu to another's, of [shown, Z]."""
    part = np.linspace(0, 1, INTERPOLATION_STEPS)[:, None]
    return [
        trained.decode((1 - part) * mu[i] + part * mu[j], greedy=True)
        for i, j in interpolation_ends(range(len(mu)))
    ]


def interpolation_ends(shown: Sequence[int]) -> list[tuple[int, int]]:
    """The two of the shown sketches that each interpolation joins.

    From the first half to the second, since a test set may be sorted by class.
    """
    half = len(shown) // 2
    return [(shown[i], shown[half + i]) for i in range(min(INTERPOLATIONS, half))]


def _new_sketches(
    trained: TrainedModel, data: DataSet, settings: MeasureSettings
) -> tuple[Sketches, dict[str, float]]:
    """Sketches drawn from the prior, and the scalars on them."""
    train = data.train
    new = trained.sample(settings.new, temperature=settings.temperature, seed=0)
    factor = trained.info.normalizing_factor
    return new, {
        # The more there are, the nearer is the nearest: of as many as `baselines` has.
        "diversity": _mean(_to_nearest(chamfer.among(new[: len(data.test)]))) / factor,
        "novelty": _mean(chamfer.nearest(new, _training(train, settings))) / factor,
        "ended": _ended(trained, new),
    }


def _training(train: SketchSet, settings: MeasureSettings) -> SketchSet:
    """The training sketches that others are compared with: all, or a fixed random choice."""
    if len(train) <= settings.training:
        return train
    generator = np.random.default_rng(_TRAINING_CHOICE)
    return train.take(np.sort(generator.choice(len(train), settings.training, replace=False)))


def _ended(trained: TrainedModel, sketches: Sketches) -> float:
    """The share whose end the model drew: a sketch that was cut off has max_seq_len points."""
    return _mean([len(sketch) < trained.max_seq_len for sketch in sketches])


def _to_nearest(distances: np.ndarray) -> np.ndarray:
    """Distance [n] of each to the nearest other, from all [n, n]; NaN where there is no other."""
    if len(distances) < 2:
        return np.full(len(distances), np.nan)
    return np.where(np.eye(len(distances), dtype=bool), np.inf, distances).min(axis=1)


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of the indices below ``count``, evenly apart from the first to the last."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()


def _mean(values: Any) -> float:
    """The mean; NaN of nothing."""
    values = np.asarray(values, np.float64)
    return float(values.mean()) if values.size else math.nan
