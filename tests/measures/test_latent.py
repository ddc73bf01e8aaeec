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
    assert latent.kl_by_dimension(mu, sigma).mean() == pytest.approx(expected, rel=1e-12)
    assert latent.kl_by_dimension(mu, sigma).mean() == pytest.approx(expected, rel=1e-12)


def test_kl_is_the_integral_of_its_definition():
    """Of one Gaussian N(0.7, 0.8²), by adding up p·log(p/q) over a fine grid."""
    z = np.linspace(-12, 12, 200_001)
    p = np.exp(-0.5 * ((z - 0.7) / 0.8) ** 2) / (0.8 * math.sqrt(2 * math.pi))
    log_ratio = -0.5 * ((z - 0.7) / 0.8) ** 2 - math.log(0.8) + 0.5 * z**2
    expected = np.sum(p * log_ratio) * (z[1] - z[0])
    assert latent.kl_by_dimension([[0.7]], [[0.8]]).mean() == pytest.approx(expected, rel=1e-6)
    assert latent.kl_by_dimension([[0.7]], [[0.8]])[0] == pytest.approx(expected, rel=1e-6)


def test_scalars(posteriors):
    mu, sigma = posteriors
    found = latent.use(mu, sigma, SCALE)
    n, z = mu.shape
    variances = [sum((mu[i, j] - sum(mu[:, j]) / n) ** 2 for i in range(n)) / n for j in range(z)]
    assert found["active_units"] == sum(v > 0.01 for v in variances) == 2
    mean_sigma = sum(map(sum, sigma)) / (n * z)
    assert found["mean_sigma"] == pytest.approx(mean_sigma)
    spread = math.sqrt(sum(variances) / z)
    assert found["mu_spread"] == pytest.approx(spread)
    assert found["signal_to_noise"] == pytest.approx(spread / (SCALE * mean_sigma))
    # The first two of four dimensions are active.
    assert found["active_sigma"] == pytest.approx(sigma[:, :2].mean())
    assert found["other_sigma"] == pytest.approx(sigma[:, 2:].mean())
    squares = [mu[i, j] ** 2 + sigma[i, j] ** 2 for i in range(n) for j in range(z)]
    assert found["balance"] == pytest.approx(sum(squares) / (n * z))


def test_sigma_of_no_dimension_is_not_a_number(posteriors):
    mu, sigma = posteriors
    none, every = latent.use(0 * mu, sigma, 1.0), latent.use(mu[:, :2], sigma[:, :2], 1.0)
    assert none["active_units"] == 0 and math.isnan(none["active_sigma"])
    assert none["other_sigma"] == pytest.approx(none["mean_sigma"])
    assert every["active_units"] == 2 and math.isnan(every["other_sigma"])
    assert every["active_sigma"] == pytest.approx(every["mean_sigma"])


def test_without_noise_the_signal_is_infinitely_larger(posteriors):
    assert latent.use(*posteriors, 0.0)["signal_to_noise"] == math.inf
