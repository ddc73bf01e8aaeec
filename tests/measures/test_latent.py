"""Latent use, recomputed number by number."""

import math

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.measures import latent
from magenta_sketch.nn.losses import kl_divergence

SCALE = 2.0


@pytest.fixture
def posteriors():
    generator = np.random.default_rng(3)
    mu = generator.normal(0, [1.0, 0.5, 0.05, 0.0], [40, 4])
    return mu, np.exp(generator.normal(-1, 0.3, [40, 4]))


def test_kl_is_the_one_of_the_losses(posteriors):
    mu, sigma = posteriors
    presig = tf.constant(2 * np.log(sigma))
    expected = float(tf.reduce_mean(kl_divergence(tf.constant(mu), presig)))
    assert latent.kl_divergence(mu, sigma) == pytest.approx(expected, rel=1e-12)
    assert latent.use(mu, sigma, 1.0)["kl_implied"] == pytest.approx(expected, rel=1e-12)


def test_kl_implied_is_the_integral_of_its_definition():
    """Of one Gaussian N(0.7, (2·0.4)²), by adding up p·log(p/q) over a fine grid."""
    z = np.linspace(-12, 12, 200_001)
    p = np.exp(-0.5 * ((z - 0.7) / 0.8) ** 2) / (0.8 * math.sqrt(2 * math.pi))
    log_ratio = -0.5 * ((z - 0.7) / 0.8) ** 2 - math.log(0.8) + 0.5 * z**2
    expected = np.sum(p * log_ratio) * (z[1] - z[0])
    assert latent.use([[0.7]], [[0.4]], 2.0)["kl_implied"] == pytest.approx(expected, rel=1e-6)


def test_scalars(posteriors):
    mu, sigma = posteriors
    found = latent.use(mu, sigma, SCALE)
    n, z = mu.shape
    variances = [sum((mu[i, j] - sum(mu[:, j]) / n) ** 2 for i in range(n)) / n for j in range(z)]
    assert found["active_units"] == sum(v > 0.01 for v in variances) == 2
    mean_sigma = sum(map(sum, sigma)) / (n * z)
    assert found["mean_sigma"] == pytest.approx(mean_sigma)
    assert found["effective_noise"] == pytest.approx(SCALE * mean_sigma)
    spread = math.sqrt(sum(variances) / z)
    assert found["mu_spread"] == pytest.approx(spread)
    assert found["signal_to_noise"] == pytest.approx(spread / (SCALE * mean_sigma))


def test_without_noise(posteriors):
    found = latent.use(*posteriors, 0.0)
    assert found["kl_implied"] == found["signal_to_noise"] == math.inf
    assert found["effective_noise"] == 0.0


def test_the_aggregate_posterior_has_the_moments_of_its_draws(posteriors):
    mu, sigma = posteriors
    found = latent.by_dimension(mu, sigma, SCALE)
    noise = np.random.default_rng(0).normal(size=[20_000, *mu.shape])
    for name, scale in (("variance", 1.0), ("actual_variance", SCALE)):
        z = (mu + scale * sigma * noise).reshape(-1, mu.shape[1])
        np.testing.assert_allclose(found["mean"], z.mean(axis=0), atol=0.01)
        np.testing.assert_allclose(found[name], z.var(axis=0), rtol=0.01)
    np.testing.assert_allclose(found["mu_variance"], mu.var(axis=0))
    np.testing.assert_allclose(found["sigma"], sigma.mean(axis=0))
