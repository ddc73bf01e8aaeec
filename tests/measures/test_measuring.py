"""Measuring a model for a study, on a small one."""

import copy
import dataclasses
import json

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import SketchSet
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.measures import chamfer, measuring
from magenta_sketch.measures.measuring import measure
from magenta_sketch.measures.result import Measures, MeasureSettings
from magenta_sketch.training import schedules

SETTINGS = MeasureSettings(
    noises=(0.0, 1.0, 3.0), draws=3, reconstructed=6, repeats=3, new=5, training=20, shown=4
)
LATENT = set("kl kl_with_tolerance kl_implied active_units mean_sigma effective_noise".split()) | {
    "mu_spread",
    "signal_to_noise",
    "masked_recon_without_noise",
    "chamfer_without_noise",
    "chamfer_with_noise",
    "chamfer_repeats",
    "ended_reconstructions",
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


def test_losses_are_means_over_sketches_and_draws(trained, data, measured):
    for column, noise in enumerate(SETTINGS.noises):
        draws = [trained.losses(data.test, scale=noise, seed=seed) for seed in (0, 1, 2)]
        recon = np.mean([draw.reconstruction for draw in draws])
        masked = np.mean([draw.masked_reconstruction for draw in draws])
        assert measured.matrix["recon"][column] == pytest.approx(recon, rel=1e-6)
        assert measured.matrix["masked_recon"][column] == pytest.approx(masked, rel=1e-6)
    assert measured.matrix["masked_recon"][0] != measured.matrix["masked_recon"][2]


def test_the_runs_own_noise_is_an_entry_of_the_matrix(measured):
    for name in ("cost", "recon", "masked_recon"):
        assert measured.scalars[name] == measured.matrix[name][2]
    assert measured.scalars["masked_recon_without_noise"] == measured.matrix["masked_recon"][0]


def test_an_own_noise_outside_the_matrix(trained, data, measured, monkeypatch):
    other = measure(changed(trained, monkeypatch, scale=0.5), data, SETTINGS)
    assert other.matrix["recon"] == measured.matrix["recon"]
    assert other.scalars["recon"] not in other.matrix["recon"]


def test_cost_has_the_weight_of_the_step_and_the_tolerance(trained, measured):
    hps = trained.config.hparams
    assert trained.step == measured.step == 6
    weight = hps.kl_weight - (hps.kl_weight - hps.kl_weight_start) * hps.kl_decay_rate**6
    assert measured.scalars["kl"] < 0.9 == pytest.approx(measured.scalars["kl_with_tolerance"])
    assert measured.scalars["cost"] == pytest.approx(
        measured.scalars["recon"] + weight * 0.9, rel=1e-6
    )


def test_cost_above_the_tolerance(trained, data, monkeypatch):
    other = changed(trained, monkeypatch, kl_tolerance=0.0, scale=1.0)
    found = measure(other, data, SETTINGS).scalars
    weight = schedules.kl_weight(6, HParams())
    assert found["kl"] == found["kl_with_tolerance"] > 0
    assert found["cost"] == pytest.approx(found["recon"] + weight * found["kl"], rel=1e-5)
    assert found["kl_implied"] == pytest.approx(found["kl"], rel=1e-3)  # at a noise of 1


def test_latent_numbers_are_of_the_whole_test_set_at_the_runs_noise(trained, data, measured):
    mu, sigma = (x.astype(np.float64) for x in trained.encode_distribution(data.test))
    z = (3 * sigma) ** 2
    implied = np.mean(0.5 * (z + mu**2 - 1 - np.log(z)))
    assert measured.scalars["kl_implied"] == pytest.approx(implied, rel=1e-9)
    assert measured.scalars["effective_noise"] == pytest.approx(3 * sigma.mean(), rel=1e-9)
    assert measured.latent["mean"] == pytest.approx(mu.mean(axis=0).tolist(), rel=1e-9)
    actual = mu.var(axis=0) + z.mean(axis=0)
    assert measured.latent["actual_variance"] == pytest.approx(actual.tolist(), rel=1e-9)
    assert {len(values) for values in measured.latent.values()} == {trained.z_size}


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


def test_reconstructions_without_noise_repeat(trained, data, monkeypatch):
    scalars = measure(changed(trained, monkeypatch, scale=0.0), data, SETTINGS).scalars
    assert scalars["chamfer_repeats"] == pytest.approx(0.0, abs=1e-6)
    assert scalars["chamfer_with_noise"] == pytest.approx(scalars["chamfer_without_noise"])
    assert scalars["effective_noise"] == 0.0
    assert scalars["kl_implied"] is scalars["signal_to_noise"] is None


def test_interpolations_begin_and_end_at_two_originals(measured):
    rows = measured.drawings["interpolations"]
    assert [len(row) for row in rows] == [7, 7]
    for i, row in enumerate(rows):
        for end, original in ((0, i), (-1, i + 2)):
            np.testing.assert_allclose(
                row[end], measured.drawings["without_noise"][original], atol=1e-2
            )


class Spelling:
    """Stands in for a model that draws what it is told to."""

    def __init__(self, trained, drawings):
        self.config, self.max_seq_len = trained.config, trained.max_seq_len
        self.normalizing_factor, self.drawings = trained.normalizing_factor, drawings

    def sample(self, count, *, temperature, seed):
        assert (count, temperature, seed) == (SETTINGS.new, SETTINGS.temperature, 0)
        return self.drawings


def test_new_sketches_that_copy_and_repeat(trained, data):
    """Copies of a training sketch, elsewhere on the paper and cut otherwise, are not new."""
    sketch = next(data.train[i] for i in range(9) if data.train[i][:-1, 2].any())
    rows = [[0, 0, 1], [400, -90, 0]]  # a dot, which has no ink, and a move through the air
    for row, in_the_air in zip(sketch, [False, *sketch[:-1, 2]], strict=True):
        rows += [row] if in_the_air else [row * [0.5, 0.5, 0], row * [0.5, 0.5, 1]]
    drawn = [sketch, np.array(rows)] * 2
    _, found = measuring._new_sketches(Spelling(trained, drawn), data, SETTINGS)
    assert found["novelty"] == pytest.approx(0.0, abs=1e-6)
    assert found["diversity"] == pytest.approx(0.0, abs=1e-6)


def test_new_sketches_at_known_distances(trained, data):
    """Pairs of bars 4, 6 and 12 apart: each point of a bar is half the difference from the next."""
    bars = [from_polylines([[(0, 0), (0, 90)], [(x, 0), (x, 90)]]) for x in (4, 6, 12)]
    known = dataclasses.replace(data, train=SketchSet.from_sketches([bars[0]]))
    new, found = measuring._new_sketches(Spelling(trained, bars), known, SETTINGS)
    factor = trained.normalizing_factor
    assert new is bars
    assert found["diversity"] == pytest.approx((1 + 1 + 3) / 3 / factor)
    assert found["novelty"] == pytest.approx((0 + 1 + 4) / 3 / factor)
    # Of as many as there are test sketches, for those are compared with them.
    known = dataclasses.replace(known, test=data.test.take([0, 1]))
    _, found = measuring._new_sketches(Spelling(trained, bars), known, SETTINGS)
    assert found["diversity"] == pytest.approx(1 / factor)


def test_ended(trained, data):
    """A sketch has max_seq_len points exactly when its end was never drawn."""
    longest = np.ones((trained.max_seq_len, 3))
    drawings = [longest, longest[:-1], longest[:0], longest]
    _, found = measuring._new_sketches(Spelling(trained, drawings), data, SETTINGS)
    assert found["ended"] == 0.5


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
    expected = trained.losses(data.test, to_first_end=True).reconstruction.mean()
    assert found.matrix["recon"][0] == pytest.approx(expected, rel=1e-6)
    assert found.matrix["recon"][0] < measured.matrix["recon"][0] - 0.1
    first = measured.matrix["masked_recon"][0]
    assert found.matrix["masked_recon"][0] == pytest.approx(first, abs=1e-5)


def test_an_unconditional_model_has_losses_and_new_sketches(unconditional_run, data):
    trained = magenta_sketch.load(unconditional_run, checkpoint="newest")
    found = measure(trained, data, SETTINGS)
    assert {name for name, value in found.scalars.items() if value is None} == LATENT
    expected = np.mean(trained.losses(data.test).reconstruction)
    assert found.scalars["recon"] == pytest.approx(expected, rel=1e-6)
    assert found.scalars["cost"] == pytest.approx(expected, rel=1e-6)  # no KL to pay for
    assert found.matrix == {name: [None] * 3 for name in ("recon", "masked_recon", "cost")}
    assert all(values == [] for values in found.latent.values()) and found.test_indices == []
    assert {name for name, drawings in found.drawings.items() if drawings} == {"new"}
    assert len(found.drawings["new"]) == SETTINGS.shown
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert Measures.from_dict(values).to_dict() == values
