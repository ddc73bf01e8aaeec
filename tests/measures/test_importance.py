"""Importance-weighted bounds, against the exact log p(x) of a linear-Gaussian model."""

import types

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from slow import slow_but

import magenta_sketch
from magenta_sketch import HParams, SketchRNN, TrainedModel
from magenta_sketch.inference.priors import Prior
from magenta_sketch.measures.importance import importance_bound

DECODER = np.array([[1.0, 0.5, -0.3], [0.2, -1.0, 0.4]])  # from z [2] to dx, dy, and another
NOISE = 0.5


class LinearModel:
    """p(x|z) = N(z·DECODER, NOISE²) of the first three numbers of a sketch, and a rough encoder."""

    conditional, z_size = True, 2

    def __init__(self, scale=1.0):
        hparams = types.SimpleNamespace(scale=scale)
        self.config = types.SimpleNamespace(hparams=hparams)

    def encode_distribution(self, sketches):
        x = numbers(sketches)
        return x @ np.linalg.pinv(DECODER) * 0.8, np.tile([0.5, 0.6], (len(x), 1))

    def log_likelihood(self, sketches, z):
        apart = (numbers(sketches) - z @ DECODER) / NOISE
        return -0.5 * np.sum(apart**2 + np.log(2 * np.pi * NOISE**2), axis=1)


def numbers(sketches):
    return np.stack([[sketch[0, 0], sketch[0, 1], sketch[1, 0]] for sketch in sketches])


def exact(sketches, covariance):
    marginal = DECODER.T @ covariance @ DECODER + NOISE**2 * np.eye(3)
    return multivariate_normal(np.zeros(3), marginal).logpdf(numbers(sketches))


@pytest.fixture(scope="module")
def sketches():
    random = np.random.default_rng(2)
    x = random.normal(size=(7, 2)) @ DECODER + NOISE * random.normal(size=(7, 3))
    return [np.float32([[a, b, 0], [c, 0, 1]]) for a, b, c in x]


@pytest.mark.parametrize("scale", slow_but([0.8, 1.0, 2.0], 0.8))
def test_many_draws_give_the_exact_log_p_of_each_prior(sketches, scale):
    priors = {"standard": Prior.standard(2), "scaled": Prior.scaled(2, 0.5)}
    found = importance_bound(LinearModel(scale), sketches, priors, draws=20_000)
    np.testing.assert_allclose(found["standard"], exact(sketches, np.eye(2)), atol=0.05)
    np.testing.assert_allclose(found["scaled"], exact(sketches, 0.25 * np.eye(2)), atol=0.05)


def test_one_draw_gives_the_elbo(sketches):
    """E log p(x|z) - KL(q || N(0, 1)), both in closed form, as the mean over many seeds."""
    model, many = LinearModel(1.5), 4000
    mu, sigma = model.encode_distribution(sketches[:1])
    sigma = 1.5 * sigma
    given_mu = model.log_likelihood(sketches[:1], mu)
    spread = np.sum((sigma[0, :, None] * DECODER) ** 2) / NOISE**2
    kl = np.sum(0.5 * (mu**2 + sigma**2 - 1) - np.log(sigma))
    found = importance_bound(model, sketches[:1] * many, {"p": Prior.standard(2)}, draws=1)["p"]
    error = found.std() / np.sqrt(many)
    assert found.mean() == pytest.approx(given_mu[0] - 0.5 * spread - kl, abs=4 * error)
    assert 4 * error < 0.5


def test_bounds_rise_with_the_draws_and_stay_below(sketches):
    def mean(draws):
        found = importance_bound(LinearModel(2.0), sketches * 60, {"p": Prior.standard(2)}, draws)
        return found["p"].mean()

    bounds = [mean(draws) for draws in (1, 5, 50)]
    limit = exact(sketches, np.eye(2)).mean()
    assert bounds[0] + 0.3 < bounds[1] and bounds[1] + 0.05 < bounds[2] < limit + 0.02


def test_draws_are_the_same_for_all_priors_and_for_a_seed(sketches):
    """So two priors differ by log p alone, and how many are decoded together does not matter."""
    model, prior = LinearModel(), {"a": Prior.standard(2), "b": Prior.standard(2)}
    found = importance_bound(model, sketches, prior, draws=300, seed=4)
    np.testing.assert_array_equal(found["a"], found["b"])
    alone = importance_bound(model, sketches[:1], prior, draws=300, seed=4)
    assert alone["a"][0] == pytest.approx(found["a"][0], rel=1e-12)
    other = importance_bound(model, sketches, prior, draws=300, seed=5)
    assert (other["a"] != found["a"]).all()


@pytest.mark.slow
def test_a_network_at_one_draw_has_the_bound_of_log_prob():
    sizes = {"enc_rnn_size": 6, "dec_rnn_size": 8, "z_size": 2, "num_mixture": 2}
    model = TrainedModel(SketchRNN(HParams(**sizes)))
    sketch = np.array([[3, 0, 0], [0, 4, 1]])
    found = importance_bound(model, [sketch] * 50, {"p": Prior.standard(2)}, draws=1)["p"]
    expected = model.log_prob([sketch], draws=50).per_sketch[0]
    assert found.mean() == pytest.approx(expected, abs=5 * found.std() / np.sqrt(50) + 1e-3)


def test_what_has_no_bound(sketches):
    with pytest.raises(magenta_sketch.ArgumentError, match="scale of the model is 0"):
        importance_bound(LinearModel(0.0), sketches, {})
    with pytest.raises(magenta_sketch.ArgumentError, match="draws must be at least 1"):
        importance_bound(LinearModel(), sketches, {}, draws=0)
