"""Mutual information, rate and marginal KL, against cases with exact answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import magenta_sketch
from magenta_sketch.inference.priors import Prior
from magenta_sketch.measures import information, latent
from magenta_sketch.measures.information import aggregate_measures


def test_posteriors_far_apart_say_which_sketch_it_is():
    mu = np.arange(50.0)[:, None] * [1.0, -2.0]
    found = aggregate_measures(mu, np.full((50, 2), 0.01), {})
    assert found.mutual_information == pytest.approx(np.log(50), abs=1e-9)
    assert found.bound == np.log(50)


def test_equal_posteriors_say_nothing():
    mu, sigma = np.full((40, 3), 0.7), np.full((40, 3), 1.3)
    found = aggregate_measures(mu, sigma, {"own": Prior.aggregate(mu, sigma, 1.0)})
    assert found.mutual_information == pytest.approx(0.0, abs=1e-9)
    assert found.rate["own"] == pytest.approx(0.0, abs=1e-9)


def test_a_gaussian_channel():
    """½·sum of log(1 + r), r = Var(mu)/sigma² (Cover & Thomas 2006, section 9.1)."""
    random, spread, noise = np.random.default_rng(8), np.array([1.0, 0.8, 0.0]), [0.5, 0.6, 1.0]
    mu = random.normal(size=(4000, 3)) * spread
    sigma = np.tile(noise, (4000, 1))
    prior = Prior.aggregate(mu, sigma, 1.0)
    found = aggregate_measures(mu, sigma, {"own": prior})
    expected = 0.5 * np.sum(np.log1p(spread**2 / np.square(noise)))
    assert found.mutual_information == pytest.approx(expected, abs=0.05)
    # The mixture is almost normal: its best normal prior has hardly more than the information.
    assert found.rate["own"] == pytest.approx(expected, abs=0.05)
    assert found.marginal_kl["own"] == pytest.approx(0.0, abs=0.05)


def posteriors(count=60, size=3, seed=1):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, size)), np.exp(random.normal(-0.5, 0.4, (count, size)))


def test_rates_are_divergences():
    """To a standard normal as `latent.kl_by_dimension` says; to any other as draws say."""
    mu, sigma = posteriors()
    priors = {
        "standard": Prior.standard(3),
        "scaled": Prior.scaled(3, 2.0),
        "own": Prior.aggregate(mu, sigma, 1.0),
    }
    priors["tilted"] = priors["own"]._replace(mean=np.array([0.5, -1.0, 0.0]))
    rate = aggregate_measures(mu, sigma, priors).rate
    assert rate["standard"] == pytest.approx(3 * latent.kl_by_dimension(mu, sigma).mean())
    assert rate["scaled"] == pytest.approx(
        3 * latent.kl_by_dimension(mu / 2, sigma / 2).mean()
    )  # the same in units of 2
    eps = np.random.default_rng(0).normal(size=(4000, *mu.shape))
    log_q = -np.sum(0.5 * eps**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi), axis=-1)
    for name in ("own", "tilted"):
        prior = multivariate_normal(priors[name].mean, priors[name].covariance)
        ratio = log_q - prior.logpdf(mu + sigma * eps)
        assert rate[name] == pytest.approx(ratio.mean(), abs=0.02)
    assert rate["own"] == min(rate.values())


def test_mutual_information_is_what_its_definition_says(monkeypatch):
    monkeypatch.setattr(information, "_AT_ONCE", 60 * 7)  # blocks of unequal size
    mu, sigma = posteriors(size=2)
    z = mu + sigma * np.random.default_rng(3).standard_normal(mu.shape)
    log_q = [
        [multivariate_normal(m, np.diag(s**2)).logpdf(one) for m, s in zip(mu, sigma, strict=True)]
        for one in z
    ]
    expected = np.mean(np.diag(log_q)) - np.mean(np.log(np.mean(np.exp(log_q), axis=1)))
    found = aggregate_measures(mu, sigma, {"p": Prior.standard(2)}, seed=3)
    assert found.mutual_information == pytest.approx(expected, rel=1e-9)
    assert found.marginal_kl["p"] == pytest.approx(found.rate["p"] - expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(0, 99), st.floats(0.01, 10), st.floats(-100, 100))
def test_never_above_the_bound_and_free_of_the_unit_of_z(count, seed, unit, shift):
    mu, sigma = posteriors(count, 2, seed)
    found = aggregate_measures(mu, sigma, {}, seed=seed)
    assert found.mutual_information <= found.bound + 1e-9
    moved = aggregate_measures(mu * unit + shift, sigma * unit, {}, seed=seed)
    assert moved.mutual_information == pytest.approx(found.mutual_information, abs=1e-4)


def test_of_many_sketches_some_are_chosen():
    mu, sigma = posteriors(300)
    found = aggregate_measures(mu, sigma, {}, most=100)
    assert found.bound == np.log(100)
    assert found == aggregate_measures(mu, sigma, {}, most=100)
    assert found != aggregate_measures(mu, sigma, {}, most=100, seed=1)


def test_what_cannot_be_measured():
    for mu, sigma in ((np.zeros(3), np.ones(3)), (np.zeros((2, 3)), np.ones((2, 2)))):
        with pytest.raises(magenta_sketch.ArgumentError, match=r"must both be \[n, Z\]"):
            aggregate_measures(mu, sigma, {})
    with pytest.raises(magenta_sketch.ArgumentError, match="sigma must be above 0"):
        aggregate_measures(np.zeros((2, 3)), np.zeros((2, 3)), {})


def test_active_units_at_each_threshold():
    mu = np.array([-1.0, 1.0])[:, None] * [2.0, 0.5, 0.11, 0.0]  # variances 4, 0.25, 0.0121, 0
    assert latent.active_units(mu) == 3 == latent.use(mu, np.ones((2, 4)), 1.0)["active_units"]
    assert latent.active_units(mu, [0.0, 0.02, 0.25, 5.0]).tolist() == [3, 2, 1, 0]


def test_kl_by_dimension_adds_up():
    mu, sigma = posteriors()
    found = latent.kl_by_dimension(mu, sigma)
    assert found.mean() == pytest.approx(latent.kl_by_dimension(mu, sigma).mean())
    weighted = latent.kl_by_dimension(mu, sigma, mu_weight=0.25)
    np.testing.assert_allclose(weighted, found - 0.375 * np.mean(mu**2, axis=0))
    assert latent.kl_by_dimension([[0.0]], [[0.0]])[0] == np.inf
