"""Measuring a model for a study, on a small one."""

import copy
import dataclasses
import json

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import SketchSet
from magenta_sketch.data.factors import Factors, write_factors
from magenta_sketch.data.fixed_part import indices_of_part
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError
from magenta_sketch.inference.priors import Prior
from magenta_sketch.measures import chamfer, latent, measuring, probes
from magenta_sketch.measures.importance import importance_bound
from magenta_sketch.measures.information import aggregate_measures
from magenta_sketch.measures.manifold import likeness
from magenta_sketch.measures.measuring import measure
from magenta_sketch.measures.result import DRAWINGS, LATENT, Measures, MeasureSettings
from magenta_sketch.measures.scalars import PRIORS, SCALARS
from magenta_sketch.training import schedules

SETTINGS = MeasureSettings(
    noises=(0.0, 1.0, 3.0),
    draws=3,
    importance=5,
    bounded=2,
    reconstructed=6,
    repeats=3,
    new=5,
    training=20,
    shown=4,
)
FEW = dataclasses.replace(SETTINGS, noises=(0.0, 1.0), draws=1, reconstructed=2, repeats=2, new=4,
                          shown=2)  # fmt: skip
OF_NEW = ("precision", "recall", "f", "ended", "novelty", "diversity", "copying")
UNCONDITIONAL = {"cost", "recon", "masked_recon", *(f"{name}_standard" for name in OF_NEW)}
FACTORS = {"factor_r2", "factor_mig"}
OF_NOISE = {"mutual_information"} | {
    f"{name}_{prior}" for name in ("rate", "marginal_kl", "bound") for prior in PRIORS
}


@pytest.fixture(scope="module")
def data(tiny_folder):
    return magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None)


def changed(trained, monkeypatch, **changes):
    """The same network with other hyperparameters than it was trained with."""
    other = copy.copy(trained)
    other.config = trained.config.replace(**changes)
    monkeypatch.setattr(other.model, "config", other.config)
    return other


@pytest.fixture(scope="module")
def trained(trained_run):
    """A model at a noise of 3, whose KL tolerance lies above its KL."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        trained = magenta_sketch.load(trained_run, checkpoint="newest")
        yield changed(trained, monkeypatch, scale=3.0, kl_tolerance=0.9)


@pytest.fixture(scope="module")
def measured(trained, data):
    return measure(trained, data, SETTINGS)


def missing(measures):
    return {name for name, value in measures.scalars.items() if value is None}


# --------------------------------------------------------------------------------------- losses


def test_losses_are_means_over_sketches_and_draws(trained, data, measured):
    for column, noise in enumerate(SETTINGS.noises):
        draws = [trained.losses(data.test, scale=noise, seed=seed) for seed in (0, 1, 2)]
        masked = np.mean([draw.masked_reconstruction for draw in draws])
        assert measured.masked_recon[column] == pytest.approx(masked, rel=1e-6)
    recon = np.mean([draw.reconstruction for draw in draws])
    assert measured.scalars["recon"] == pytest.approx(recon, rel=1e-6)
    assert measured.masked_recon[0] != measured.masked_recon[2]


def test_the_runs_own_noise_may_be_one_of_the_noises(measured):
    assert measured.scalars["masked_recon"] == measured.masked_recon[2]
    assert measured.scalars["masked_recon_without_noise"] == measured.masked_recon[0]


def test_the_runs_own_noise_may_be_none_of_the_noises(trained, data, measured, monkeypatch):
    other = measure(changed(trained, monkeypatch, scale=0.5), data, SETTINGS)
    assert other.masked_recon == measured.masked_recon
    assert other.scalars["masked_recon"] not in other.masked_recon
    assert other.scalars["masked_recon_without_noise"] == other.masked_recon[0]


def test_all_numbers_are_there_but_those_of_known_factors(measured):
    # Six training steps: no dimension may be active, or all may be.
    assert missing(measured) - {"active_sigma", "other_sigma"} == FACTORS
    assert measured.factors == {} and set(measured.scalars) == set(SCALARS)


def test_cost_has_the_weight_of_the_step_and_the_tolerance(trained, measured):
    hps = trained.config.hparams
    assert trained.step == measured.step == 6
    weight = hps.kl_weight - (hps.kl_weight - hps.kl_weight_start) * hps.kl_decay_rate**6
    assert 0 < measured.scalars["kl"] < 0.9
    assert measured.scalars["cost"] == pytest.approx(
        measured.scalars["recon"] + weight * 0.9, rel=1e-6
    )


def test_cost_above_the_tolerance(trained, data, monkeypatch):
    other = changed(trained, monkeypatch, kl_tolerance=0.0, scale=1.0)
    found = measure(other, data, SETTINGS).scalars
    weight = schedules.kl_weight(6, HParams())
    assert found["cost"] == pytest.approx(found["recon"] + weight * found["kl"], rel=1e-5)
    mu, sigma = trained.encode_distribution(data.test)
    assert found["kl"] == pytest.approx(latent.kl_by_dimension(mu, sigma).mean(), rel=1e-4)


# ---------------------------------------------------------------------- latent vector, information


def posteriors(trained, sketches):
    return [part.astype(np.float64) for part in trained.encode_distribution(sketches)]


def priors_of(trained, data, scale):
    mu, sigma = posteriors(trained, data.train)
    size = trained.z_size
    return {
        "standard": Prior.standard(size),
        "scaled": Prior.scaled(size, scale),
        "aggregate": Prior.aggregate(mu, sigma, scale),
    }


def test_latent_numbers_are_of_the_whole_test_set_at_the_runs_noise(trained, data, measured):
    mu, sigma = posteriors(trained, data.test)
    for name, value in latent.use(mu, sigma, 3.0).items():
        expected = pytest.approx(value, rel=1e-9) if np.isfinite(value) else None
        assert measured.scalars[name] == expected, name
    expected = {
        "mean": mu.mean(axis=0),
        "mu_variance": mu.var(axis=0),
        "sigma": sigma.mean(axis=0),
        "sigma_square": np.mean(sigma**2, axis=0),
        "kl": latent.kl_by_dimension(mu, sigma),
    }
    assert set(measured.latent) == set(LATENT) == set(expected)
    for name, values in expected.items():
        assert measured.latent[name] == pytest.approx(values.tolist(), rel=1e-9), name
    assert np.mean(measured.latent["kl"]) == pytest.approx(measured.scalars["kl"], rel=1e-4)


def test_the_kl_of_dimensions_is_the_one_that_training_pays(trained, data, monkeypatch):
    found = measure(changed(trained, monkeypatch, kl_mu_weight=0.25), data, FEW)
    expected = latent.kl_by_dimension(*posteriors(trained, data.test), mu_weight=0.25)
    assert found.latent["kl"] == pytest.approx(expected.tolist(), rel=1e-9)


def test_information_is_that_of_the_training_sketches_at_the_runs_noise(trained, data, measured):
    mu, sigma = posteriors(trained, data.train)
    found = aggregate_measures(mu, 3.0 * sigma, priors_of(trained, data, 3.0))
    scalars = measured.scalars
    assert scalars["mutual_information"] == pytest.approx(found.mutual_information)
    assert scalars["mutual_information"] <= np.log(len(data.train))
    for prior in PRIORS:
        assert scalars[f"rate_{prior}"] == pytest.approx(found.rate[prior])
        # A rate is the information and the divergence of all z from the prior.
        parts = scalars["mutual_information"] + scalars[f"marginal_kl_{prior}"]
        assert scalars[f"rate_{prior}"] == pytest.approx(parts)
    # No other normal distribution is nearer to all z.
    assert scalars["rate_aggregate"] <= min(scalars["rate_standard"], scalars["rate_scaled"])


def test_bounds_are_of_test_sketches_spread_over_the_set(trained, data, measured):
    chosen = data.test.take(np.array([0, len(data.test) - 1]))
    found = importance_bound(trained, chosen, priors_of(trained, data, 3.0), draws=5)
    for prior in PRIORS:
        assert measured.scalars[f"bound_{prior}"] == pytest.approx(found[prior].mean(), rel=1e-5)


def test_bounds_can_be_left_out(trained, data, monkeypatch):
    monkeypatch.setattr(measuring.importance, "importance_bound", None)
    found = measure(trained, data, dataclasses.replace(FEW, importance=0))
    bounds = {f"bound_{prior}" for prior in PRIORS}
    assert missing(found) - {"active_sigma", "other_sigma"} == FACTORS | bounds


def test_a_model_without_noise_has_no_information_and_repeats_itself(trained, data, monkeypatch):
    found = measure(changed(trained, monkeypatch, scale=0.0), data, SETTINGS)
    # z says everything about a sketch: the information has no bound, and there is no noise.
    assert missing(found) - {"active_sigma", "other_sigma"} == (
        FACTORS | OF_NOISE | {"signal_to_noise"}
    )
    scalars = found.scalars
    assert scalars["chamfer_repeats"] == pytest.approx(0.0, abs=1e-6)
    assert scalars["chamfer_with_noise"] == pytest.approx(scalars["chamfer_without_noise"])
    assert scalars["masked_recon"] == scalars["masked_recon_without_noise"]
    # Without noise there is one sketch of the scaled prior, N(0, 0).
    assert scalars["diversity_scaled"] >= 0 and len(found.drawings["new_scaled"]) == 4


def test_known_factors_are_read_from_z(trained, data, tmp_path, monkeypatch):
    random = np.random.default_rng(6)
    counts = [len(data.train), len(data.valid), len(data.test)]
    columns = [[[len(sketch), random.normal()] for sketch in split]
               for split in (data.train, data.valid, data.test)]  # fmt: skip
    columns[0][3][1] = np.nan
    made = Factors(("points", "chance"), *(np.array(one, np.float32) for one in columns))
    write_factors(tmp_path / "tiny.npz", made)
    other = copy.copy(trained)
    other.config = trained.config.replace(data_dir=str(tmp_path))
    found = measure(other, data, FEW)
    mu, sigma = posteriors(trained, data.train)
    test_mu, test_sigma = posteriors(trained, data.test)
    draw = np.random.default_rng(0)
    z = mu + 3.0 * sigma * draw.normal(size=mu.shape)
    z_test = test_mu + 3.0 * test_sigma * draw.normal(size=test_mu.shape)
    expected = probes.linear_probe(z, made.train, z_test, made.test)
    assert found.factors == pytest.approx(dict(zip(made.names, expected, strict=True)))
    assert found.scalars["factor_r2"] == pytest.approx(expected.mean())
    gap = probes.mutual_information_gap(z_test, made.test)
    assert found.scalars["factor_mig"] == (pytest.approx(gap) if np.isfinite(gap) else None)
    # Factors of other data are refused.
    counts[2] -= 1
    write_factors(tmp_path / "tiny.npz", made._replace(test=made.test[1:]))
    with pytest.raises(DataError, match="do not fit"):
        measure(other, data, FEW)


def test_a_large_test_set_is_measured_by_the_part_that_training_evaluates(trained, data, tmp_path):
    part = indices_of_part(data.test, 9)
    columns = (np.array([[len(one)] for one in split], np.float32)
               for split in (data.train, data.valid, data.test))  # fmt: skip
    write_factors(tmp_path / "tiny.npz", Factors(("points",), *columns))
    limited = copy.copy(trained)
    limited.config = trained.config.replace(data_dir=str(tmp_path), evaluate_at_most=9)
    found = measure(limited, data, FEW)
    alone = dataclasses.replace(data, test=data.test.take(part), files=())
    expected = measure(trained, alone, FEW)
    for name in ("recon", "kl", "chamfer_with_noise", "novelty_standard"):
        assert found.scalars[name] == expected.scalars[name]
    assert found.scalars["recon"] != measure(trained, data, FEW).scalars["recon"]
    assert found.test_indices == [part[index] for index in expected.test_indices]
    assert set(found.factors) == {"points"}


# --------------------------------------------------------------------------------- reconstructions


def test_reconstructions(trained, data, measured):
    chosen = np.linspace(0, len(data.test) - 1, 6).astype(int)
    originals = [data.test[int(i)] for i in chosen]
    without = trained.reconstruct(originals, greedy=True)
    noisy = [trained.reconstruct(originals, scale=3.0, greedy=True, seed=seed) for seed in range(3)]
    factor = trained.normalizing_factor

    def distance(a, b):
        return np.mean(chamfer.paired(a, b)) / factor

    scalars = measured.scalars
    assert scalars["chamfer_without_noise"] == pytest.approx(distance(originals, without), rel=1e-4)
    expected = np.mean([distance(originals, drawn) for drawn in noisy])
    assert scalars["chamfer_with_noise"] == pytest.approx(expected, rel=1e-4)
    pairs = [distance(noisy[i], noisy[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert scalars["chamfer_repeats"] == pytest.approx(np.mean(pairs), rel=1e-4)
    assert scalars["chamfer_repeats"] > 0
    # The ones shown are among them, and spread over the test set.
    assert measured.test_indices == [chosen[i] for i in (0, 1, 3, 5)]
    assert measured.test_indices[-1] == len(data.test) - 1
    for name, drawn in (
        ("originals", originals),
        ("without_noise", without),
        ("with_noise", noisy[0]),
    ):
        for shown, i in zip(measured.drawings[name], (0, 1, 3, 5), strict=True):
            np.testing.assert_allclose(shown, drawn[i], atol=1e-2)


def test_the_ladder_has_one_reconstruction_for_each_noise(trained, measured):
    ladder, original = measured.drawings["ladder"], measured.drawings["originals"][0]
    assert len(ladder) == len(SETTINGS.noises)
    expected = trained.noise_ladder(original, SETTINGS.noises, draws=1, greedy=True)
    for found, (one,) in zip(ladder, expected, strict=True):
        np.testing.assert_allclose(found, one, atol=1e-2)
    np.testing.assert_allclose(ladder[0], measured.drawings["without_noise"][0], atol=1e-2)


# ------------------------------------------------------------------------------------ new sketches


class Spelling:
    """Stands in for a model that draws what it is told to."""

    def __init__(self, trained, drawings):
        self.config, self.max_seq_len = trained.config, trained.max_seq_len
        self.normalizing_factor, self.drawings = trained.normalizing_factor, drawings

    def sample(self, count, *, prior, temperature, seed):
        assert (count, temperature, seed) == (SETTINGS.new, SETTINGS.temperature, 0)
        return self.drawings[prior]


def of_new(trained, drawings, data, settings=SETTINGS):
    """The scalars and drawings of new sketches, by the standard prior alone."""
    made = Measures(0, settings, {}, [], {}, {}, {}, [])
    model = Spelling(trained, {"standard": drawings})
    priors = {"standard": "standard"}
    found = measuring._new_sketches(model, data.train, data.test, settings, priors, made)
    return {name.removesuffix("_standard"): value for name, value in found.items()}, made


def test_new_sketches_that_copy_and_repeat(trained, data):
    """Copies of a training sketch, elsewhere on the paper and cut otherwise, are not new."""
    sketch = next(data.train[i] for i in range(9) if data.train[i][:-1, 2].any())
    rows = [[0, 0, 1], [400, -90, 0]]  # a dot, which has no ink, and a move through the air
    for row, in_the_air in zip(sketch, [False, *sketch[:-1, 2]], strict=True):
        rows += [row] if in_the_air else [row * [0.5, 0.5, 0], row * [0.5, 0.5, 1]]
    drawn = [sketch, np.array(rows)] * 2
    one = dataclasses.replace(data, train=data.train.take(np.arange(9)))
    found, _ = of_new(trained, drawn, one)
    assert found["novelty"] == pytest.approx(0.0, abs=1e-6)
    assert found["diversity"] == pytest.approx(0.0, abs=1e-6)
    assert found["copying"] == 1.0  # nearer to the training set than any test sketch


def test_new_sketches_at_known_distances(trained, data):
    """Pairs of bars 4, 6 and 12 apart: each point of a bar is half the difference from the next."""
    bars = [from_polylines([[(0, 0), (0, 90)], [(x, 0), (x, 90)]]) for x in (4, 6, 12, 20)]
    known = dataclasses.replace(data, train=SketchSet.from_sketches([bars[0]]))
    found, made = of_new(trained, bars, known)
    factor = trained.normalizing_factor
    assert made.drawings == {"new_standard": bars}
    assert found["diversity"] == pytest.approx((1 + 1 + 3 + 4) / 4 / factor)
    assert found["novelty"] == pytest.approx((0 + 1 + 4 + 8) / 4 / factor)
    # Only as many as there are test sketches, because those are compared with them.
    known = dataclasses.replace(known, test=data.test.take([0, 1]))
    found, _ = of_new(trained, bars, known)
    assert found["diversity"] == pytest.approx(1 / factor)
    assert found["novelty"] == pytest.approx(0.5 / factor)


def test_precision_and_recall_are_of_test_sketches(trained, data):
    real = [data.test[int(i)] for i in np.linspace(0, len(data.test) - 1, SETTINGS.new)]
    found, _ = of_new(trained, real, data)
    assert (found["precision"], found["recall"], found["f"]) == (1.0, 1.0, 1.0)
    new = [*real[:2], *(3 * one for one in real[2:])]
    found, _ = of_new(trained, new, data)
    expected = likeness(real, new)._asdict()
    assert {name: found[name] for name in expected} == expected
    assert expected["recall"] != 1.0 or expected["precision"] != 1.0


def test_too_few_test_sketches_have_no_neighbours_to_count(trained, data):
    for count, there in ((3, False), (4, True)):
        known = dataclasses.replace(data, test=data.test.take(np.arange(count)))
        found, _ = of_new(trained, list(data.test)[:5], known)
        assert ("precision" in found) is ("recall" in found) is ("f" in found) is there
        assert np.isfinite(found["novelty"]) and np.isfinite(found["copying"])


def test_ended(trained, data):
    """A sketch has max_seq_len points exactly when its end was never drawn."""
    longest = np.ones((trained.max_seq_len, 3))
    drawings = [longest, longest[:-1], longest[:0], longest]
    found, _ = of_new(trained, drawings, data)
    assert found["ended"] == 0.5


def test_each_prior_has_its_new_sketches(trained, data, measured):
    shown = {}
    for prior in (None, *priors_of(trained, data, 3.0).items()):
        name, z_prior = prior or ("standard", "standard")
        drawn = trained.sample(
            SETTINGS.new, prior=z_prior, temperature=SETTINGS.temperature, seed=0
        )
        shown[name] = list(drawn)
    for name in PRIORS:
        found = measured.drawings[f"new_{name}"]
        assert len(found) == SETTINGS.shown
        for a, b in zip(found, shown[name], strict=False):
            np.testing.assert_allclose(a, b, atol=1e-2)
        train = measuring.training_sketches(data.train, SETTINGS)
        novelty = chamfer.between(shown[name], train, measuring.manifold.POINTS).min(axis=1).mean()
        assert measured.scalars[f"novelty_{name}"] == pytest.approx(
            novelty / trained.normalizing_factor, rel=1e-4
        )
    assert set(measured.drawings) == set(DRAWINGS)


# ---------------------------------------------------------------------------------------- the whole


@pytest.mark.slow
def test_loaded_and_measured_twice_gives_the_same(trained_run, data):
    first, again = (magenta_sketch.load(trained_run, checkpoint="newest") for _ in range(2))
    assert measure(again, data, SETTINGS).to_dict() == measure(first, data, SETTINGS).to_dict()


@pytest.mark.slow
def test_what_was_trained_by_buckets_is_measured_so(trained, data, measured):
    """Its cost has one end row of each sketch; what does not count end rows is as ever."""
    bucketed = copy.copy(trained)
    bucketed.config = trained.config.replace(bucket_by_length=True)
    found = measure(bucketed, data, SETTINGS)
    expected = np.mean(
        [
            trained.losses(data.test, scale=3.0, seed=seed, to_first_end=True).reconstruction
            for seed in range(3)
        ]
    )
    assert found.scalars["recon"] == pytest.approx(expected, rel=1e-6)
    assert found.scalars["recon"] < measured.scalars["recon"] - 0.1
    assert found.masked_recon == pytest.approx(measured.masked_recon, abs=1e-5)


@pytest.mark.slow
def test_an_unconditional_model_has_losses_and_new_sketches(unconditional_run, data):
    trained = magenta_sketch.load(unconditional_run, checkpoint="newest")
    found = measure(trained, data, SETTINGS)
    assert missing(found) == set(SCALARS) - UNCONDITIONAL
    expected = np.mean(trained.losses(data.test).reconstruction)
    assert found.scalars["recon"] == pytest.approx(expected, rel=1e-6)
    assert found.scalars["cost"] == pytest.approx(expected, rel=1e-6)  # no KL to pay for
    assert (found.masked_recon, found.latent, found.factors, found.test_indices) == ([], {}, {}, [])
    assert set(found.drawings) == {"new_standard"}
    assert len(found.drawings["new_standard"]) == SETTINGS.shown
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert Measures.from_dict(values).to_dict()["scalars"] == values["scalars"]


def test_measures_of_a_model_go_through_json(measured):
    values = json.loads(json.dumps(measured.to_dict(), allow_nan=False))
    assert Measures.from_dict(values).to_dict() == values
