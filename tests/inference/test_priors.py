"""The distributions from which z of new sketches are drawn."""

import dataclasses
import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.data import SketchSet
from magenta_sketch.inference import priors
from magenta_sketch.inference.priors import Prior
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.seeds import Purpose

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[2.0, 0.6, 0.0], [0.6, 0.5, -0.2], [0.0, -0.2, 0.3]])
TILTED = Prior(MEAN, COVARIANCE)
# What version 0.5 draws with seed 5.
RECORDED = [[0.368436873, 0.471169531, -0.876134872], [-0.502296746, 0.298380405, 0.23082754]]


@pytest.fixture(scope="module")
def model(trained_run):
    return magenta_sketch.load(trained_run)


@pytest.fixture(scope="module")
def noisy(trained_run):
    """A trained model whose hyperparameter scale says 2."""
    return with_config(magenta_sketch.load(trained_run), lambda config: config.replace(scale=2.0))


@pytest.fixture(scope="module")
def train_set(tiny_folder):
    return magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None).train


def with_config(model, change):
    """The same model with another configuration."""
    twin = TrainedModel(model.model)
    twin.config = change(model.config)
    return twin


def assert_same(found, expected):
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def assert_moments(z, prior, rtol=0.05):
    """Assert that draws have the moments of a prior; rtol is a part of the largest deviation."""
    variance = prior.covariance.max()
    np.testing.assert_allclose(z.mean(axis=0), prior.mean, atol=rtol * variance**0.5)
    np.testing.assert_allclose(np.cov(z.T), prior.covariance, atol=rtol * variance)


# ----------------------------------------------------------------------------- distributions


def test_draws_have_the_moments():
    z = TILTED.draw(40_000, seed=3)
    assert z.dtype == np.float32 and z.shape == (40_000, 3)
    assert_moments(z, TILTED, rtol=0.02)


def test_density_is_scipys():
    z = TILTED.draw(6, seed=1).reshape(2, 3, 3)
    expected = multivariate_normal(MEAN, COVARIANCE).logpdf(z)
    np.testing.assert_allclose(TILTED.log_density(z), expected, rtol=1e-10)
    assert TILTED.log_density(MEAN).shape == ()
    many = Prior.scaled(128, 3.0)
    expected = multivariate_normal(cov=9 * np.eye(128)).logpdf(many.draw(4))
    np.testing.assert_allclose(many.log_density(many.draw(4)), expected, rtol=1e-10)


@pytest.mark.parametrize("size", [1, 4, 128])
def test_standard_draws_are_plain_normal_draws_to_the_bit(size):
    noise = seed_table(7, 0, Purpose.PRIOR)[0]
    plain = tf.random.stateless_normal([50, size], noise, alg="philox").numpy()
    assert Prior.standard(size).draw(50, seed=7).tobytes() == plain.tobytes()


def test_standard_draws_stay_the_same():
    np.testing.assert_allclose(Prior.standard(3).draw(2, seed=5), RECORDED, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 0.3, 0.5, 2.0, 4.0])
def test_scaled_draws_are_standard_ones_times_the_scale(scale):
    scaled, standard = (one.draw(20, seed=2) for one in (Prior.scaled(5, scale), Prior.standard(5)))
    np.testing.assert_allclose(scaled, scale * standard, rtol=1e-6)


def test_equal_seeds_draw_similar_vectors():
    standard, tilted = Prior.standard(3).draw(500, seed=4), TILTED.draw(500, seed=4)
    for j in range(3):
        assert np.corrcoef(standard[:, j], tilted[:, j])[0, 1] > 0.8


def test_aggregate_has_the_moments_of_the_mixture():
    random = np.random.default_rng(0)
    mu, sigma = random.normal(size=(40, 3)) @ [[1, 0.5, 0], [0, 1, 0], [0, 0, 0.1]], 0.5
    prior = Prior.aggregate(mu, np.full((40, 3), sigma), scale=2.0)
    np.testing.assert_allclose(prior.mean, mu.mean(axis=0))
    np.testing.assert_allclose(prior.covariance, np.cov(mu.T, bias=True) + np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "prior",
    [
        Prior.scaled(3, 0.0),
        Prior.aggregate([[1.0, 2.0, 3.0]], [[1.0, 0.5, 0.2]], scale=0.0),
        Prior.aggregate([[1.0, 2.0, 3.0], [2.0, 4.0, 3.0]], np.ones((2, 3)), scale=0.0),
        Prior(MEAN, np.outer(MEAN, MEAN)),
    ],
)
def test_a_singular_prior_is_drawn_but_has_no_density(prior):
    z = prior.draw(20_000, seed=1)
    assert_moments(z, prior)
    flat = prior.covariance.any(axis=0) == 0
    np.testing.assert_allclose(z[:, flat] - prior.mean[flat].astype(np.float32), 0.0)
    message = "has no density: its covariance is singular, with variance 0 in [23] of 3 directions"
    with pytest.raises(magenta_sketch.ArgumentError, match=message):
        prior.log_density(z)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Prior.standard(0), "z_size must be at least 1, got 0"),
        (lambda: Prior.scaled(2, -1), "scale must be finite and at least 0, got -1"),
        (lambda: Prior.standard(2).draw(-1), "count must be a whole number from 0 to"),
        (lambda: Prior.standard(2).draw(1, seed=0.5), "seed must be a whole number from 0 to"),
        (lambda: Prior.standard(2).log_density([1.0]), r"z must be \[..., 2\], got the shape \[1"),
        (lambda: Prior.standard(2).log_density(1.0), r"z must be \[..., 2\], got the shape \[\]"),
        (
            lambda: Prior.aggregate(np.zeros((2, 3)), np.zeros((2, 2)), 1),
            r"both be \[n, Z\] .* got the shapes \[2, 3\] and \[2, 2\]",
        ),
        (lambda: Prior.aggregate(np.zeros((0, 3)), np.zeros((0, 3)), 1), "at least one sketch"),
        (lambda: Prior.aggregate([[np.nan]], [[1.0]], 1), "mu and sigma must be finite"),
        (lambda: Prior(MEAN, np.eye(2)).draw(1), r"a mean \[Z\] and a covariance \[Z, Z\]"),
        (lambda: Prior(MEAN, np.diag(MEAN)).draw(1), "without negative variances, got"),
        (lambda: Prior(MEAN, np.tri(3)).draw(1), "must be symmetric"),
        (lambda: Prior(MEAN, np.inf * np.ones((3, 3))).draw(1), "must be finite"),
    ],
)
def test_bad_values_are_refused(call, message):
    with pytest.raises(magenta_sketch.ArgumentError, match=message):
        call()


# ------------------------------------------------------------------------------ of a model


def test_new_sketches_are_standard_unless_asked(model):
    z = Prior.standard(model.z_size).draw(4, seed=3)
    assert_same(model.sample(4, seed=3), model.decode(z, seed=3))
    assert_same(model.sample(4, seed=3), model.sample(4, prior="standard", seed=3))
    np.testing.assert_array_equal(model.prior(4, seed=3), z)


def test_scaled_has_the_models_own_scale(noisy):
    z = 2 * Prior.standard(noisy.z_size).draw(4, seed=3)
    np.testing.assert_array_equal(noisy.prior(4, prior="scaled", seed=3), z)
    assert_same(noisy.sample(4, prior="scaled", seed=3), noisy.decode(z, seed=3))


def test_a_prior_of_ones_own(model):
    prior = Prior(np.arange(model.z_size, dtype=float), np.eye(model.z_size) / 4)
    z = prior.draw(3, seed=1)
    assert_same(model.sample(3, prior=prior, greedy=True, seed=1), model.decode(z, greedy=True))


def test_aggregate_has_the_moments_of_the_z_that_the_decoder_is_given(noisy, train_set):
    prior = noisy.fit_prior(train_set)
    z = noisy.encode(train_set.take(np.tile(np.arange(len(train_set)), 50)), scale=2.0, seed=9)
    assert_moments(z, prior, rtol=0.1)
    assert np.diag(prior.covariance).min() > 2.0  # mostly noise, after six steps of training


def test_aggregate_is_of_the_training_sketches_and_read_once(noisy, train_set, monkeypatch):
    model = with_config(noisy, lambda config: config)
    fitted = model.fit_prior(train_set)
    found = model.prior(5, prior="aggregate", seed=1)
    monkeypatch.setattr(priors, "load_data_set", None)
    np.testing.assert_array_equal(found, fitted.draw(5, seed=1))
    np.testing.assert_array_equal(model.prior(5, prior="aggregate", seed=1), found)
    assert_same(model.sample(2, prior="aggregate"), model.sample(2, prior=fitted))


def test_at_most_2000_evenly_spaced_sketches_are_taken():
    chosen = priors.some_of(SketchSet.from_sketches([[[i, 0, 1]] for i in range(4000)]))
    numbers = chosen.points[:, 0]
    assert len(numbers) == 2000 and numbers[0] == 0 and numbers[-1] == 3999
    assert set(np.diff(numbers)) == {2, 3}


# ------------------------------------------------------------------------------- mistakes

NEEDS = 'prior="aggregate" needs the training sketches, '
INSTEAD = "give prior=model.fit_prior(sketches) with training sketches"


def message_of(call):
    with pytest.raises(magenta_sketch.ArgumentError) as error:
        call()
    return str(error.value)


def test_training_data_that_are_gone_or_others_are_named(model, tiny_folder, tmp_path):
    def said(**changes):
        twin = with_config(model, lambda config: dataclasses.replace(config, **changes))
        return message_of(lambda: twin.sample(2, prior="aggregate"))

    assert said(fingerprint="") == f"{NEEDS}and this model does not say which they are: {INSTEAD}"
    assert said(data_dir=str(tmp_path)) == (
        f"{NEEDS}which cannot be read: {tmp_path}/tiny.npz: no such file; {tmp_path} has no .npz "
        f"file, check data_dir; or {INSTEAD}"
    )
    assert said(fingerprint="0") == (
        f"{NEEDS}but the data in {tiny_folder} are not those this model was trained on: {INSTEAD}"
    )


def test_a_prior_that_does_not_fit_is_refused(model, unconditional_run):
    assert message_of(lambda: model.sample(2, prior="agregate")) == (
        "prior must be one of standard, scaled, aggregate, or a Prior, got 'agregate'"
    )
    assert message_of(lambda: model.sample(2, prior=Prior.standard(3))) == (
        "prior must have a mean of shape [4], as this model's z, got [3]"
    )
    assert message_of(lambda: model.fit_prior([])) == (
        "sketches is empty: give at least one sketch"
    )
    unconditional = magenta_sketch.load(unconditional_run)
    assert len(unconditional.sample(2, prior="standard")) == 2
    for prior in ("scaled", Prior.standard(3)):
        said = message_of(lambda prior=prior: unconditional.sample(2, prior=prior))
        assert said == "this model is unconditional, without a z: leave out prior"
    assert re.match("this model is unconditional", message_of(lambda: unconditional.fit_prior([1])))
