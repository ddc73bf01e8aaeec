"""The steps of docs/noise_theory.md, checked numerically."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import batches
from magenta_sketch.measures import linear_theory
from magenta_sketch.nn import losses
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose

SCALES = [0.5, 1.0, 2.0, 4.0]
numbers = {"allow_nan": False, "allow_infinity": False}
mus = st.floats(-5, 5, **numbers)
sigmas = st.floats(0.05, 3, **numbers)
scales = st.floats(0.2, 6, **numbers)


def gaussian_kl(mu, sigma, prior_sigma):
    """KL(N(mu, sigma²) || N(0, prior_sigma²)) by numerical integration."""
    x = np.linspace(mu - 12 * sigma, mu + 12 * sigma, 20_001)
    log_q = -0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma)
    log_p = -0.5 * (x / prior_sigma) ** 2 - np.log(prior_sigma)
    return np.trapezoid(np.exp(log_q) / np.sqrt(2 * np.pi) * (log_q - log_p), x)


def paid(mu, sigma, mu_weight=1.0):
    """The KL term of training, for one dimension."""
    presig = 2 * np.log([[sigma]])
    return float(losses.kl_divergence(tf.constant([[mu]], tf.float64), presig, mu_weight)[0])


# ------------------------------------------------------------------------------------ steps 1, 2


@settings(deadline=None)  # TensorFlow starts
@given(mu=mus, sigma=sigmas, scale=scales)
def test_step_1_the_kl_to_the_noises_own_prior_and_a_penalty(mu, sigma, scale):
    own = gaussian_kl(mu, scale * sigma, scale)
    assert paid(mu, sigma) == pytest.approx(own + 0.5 * (1 - scale**-2) * mu**2, rel=1e-5, abs=1e-6)
    # And the hyperparameter that takes the penalty away.
    assert paid(mu, sigma, scale**-2) == pytest.approx(own, rel=1e-5, abs=1e-6)


@settings(deadline=None)
@given(mu=mus, sigma=sigmas, scale=scales)
def test_step_2_a_penalty_on_the_mean_of_w(mu, sigma, scale):
    m = mu / scale
    penalised = gaussian_kl(m, sigma, 1.0) + 0.5 * (scale**2 - 1) * m**2
    assert paid(mu, sigma) == pytest.approx(penalised, rel=1e-5, abs=1e-5)
    assert paid(m, sigma, scale**2) == pytest.approx(paid(mu, sigma), rel=1e-9, abs=1e-9)


SIZES = {"enc_rnn_size": 6, "dec_rnn_size": 8, "z_size": 3, "num_mixture": 2, "max_seq_len": 9}


def model_of(**hparams):
    return SketchRNN(HParams(use_recurrent_dropout=False, **SIZES, **hparams), seed=3)


def costs_and_gradients(model):
    draw = np.random.default_rng(4)
    sketches = [np.c_[draw.normal(size=(n, 2)), draw.random(n) < 0.2] for n in (9, 6, 4, 2)]
    batch = batches.pad(sketches, model.config)
    strokes, lengths = tf.constant(batch.strokes), tf.constant(batch.lengths)
    seeds = seed_table(5, 0, Purpose.TRAINING)
    with tf.GradientTape() as tape:
        found = model(strokes, lengths, seeds=seeds)
        cost = tf.reduce_mean(found.reconstruction + 0.3 * found.kl)
    weights = model.encoder.mu.trainable_variables
    return [part.numpy() for part in found], [g.numpy() for g in tape.gradient(cost, weights)]


def with_mu_times(model, of, factor):
    """Give a model the weights of another one, with mu multiplied by a factor."""
    model.set_weights(of.get_weights())
    for variable in model.encoder.mu.variables:
        variable.assign(variable * factor)


def clearly_encoding(model):
    """Make mu differ between sketches: the layer's initial weights are nearly zero."""
    for number, layer in enumerate((model.encoder.mu, model.encoder.presig)):
        values = np.random.default_rng(number).normal(0, 0.7, layer.kernel.shape)
        layer.kernel.assign(values)
    return model


@pytest.mark.parametrize("scale", slow_but([0.5, 2.0, 4.0], 2.0))
def test_step_2_models_of_both_kinds_have_equal_losses(scale):
    plain = clearly_encoding(model_of(scale=scale))
    weighted = model_of(scale=1.0, kl_mu_weight=scale**2, decoder_z_scale=scale)
    with_mu_times(weighted, plain, 1 / scale)
    (a, of_a), (b, of_b) = costs_and_gradients(plain), costs_and_gradients(weighted)
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    for ours, theirs in zip(of_a, of_b, strict=True):
        np.testing.assert_allclose(scale * ours, theirs, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("scale", slow_but([0.5, 2.0, 4.0], 2.0))
def test_step_2_noise_with_its_own_prior_is_scale_1(scale):
    plain = clearly_encoding(model_of(scale=1.0))
    own_prior = model_of(scale=scale, kl_mu_weight=scale**-2, decoder_z_scale=1 / scale)
    with_mu_times(own_prior, plain, scale)
    for ours, theirs in zip(
        costs_and_gradients(plain)[0], costs_and_gradients(own_prior)[0], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


# --------------------------------------------------------------------------------------- step 3


@settings(deadline=None)
@given(mu=mus, sigma=sigmas, scale=scales)
def test_step_3_what_is_paid_and_the_kl_to_the_standard_prior(mu, sigma, scale):
    difference = gaussian_kl(mu, scale * sigma, 1.0) - paid(mu, sigma)
    expected = 0.5 * ((scale**2 - 1) * sigma**2 - np.log(scale**2))
    assert difference == pytest.approx(expected, rel=1e-4, abs=1e-4)


@settings(deadline=None)
@given(mu=mus, sigma=sigmas, scale=st.floats(1, 6, **numbers))
def test_step_3_above_scale_1_more_is_paid_than_the_own_prior_asks(mu, sigma, scale):
    assert paid(mu, sigma) >= gaussian_kl(mu, scale * sigma, scale) - 1e-6


def test_step_3_at_half_the_noise_less_is_paid_than_z_is_worth():
    limit = np.sqrt(np.log(1 / 0.5**2) / (1 - 0.5**2))
    assert limit**2 == pytest.approx(1.85, abs=0.005)
    for sigma in (0.1, 0.9 * limit):
        assert paid(0.3, sigma) < gaussian_kl(0.3, 0.5 * sigma, 1.0)
    assert paid(0.3, 1.1 * limit) > gaussian_kl(0.3, 0.5 * 1.1 * limit, 1.0)


# --------------------------------------------------------------------------------------- step 4


@pytest.mark.parametrize("mu_weight", [1.0, 4.0])
def test_step_4_the_best_factor_and_shift_of_a_dimension(mu_weight):
    draw = np.random.default_rng(0)
    mu, sigma = draw.normal(0.4, 0.7, 500), np.exp(draw.normal(-0.5, 0.3, 500))

    def cost(change):  # mu and sigma times c, then mu plus a constant: the decoder takes it back
        factor, shift = np.exp(change[0]), change[1]
        moved, wide = factor * mu + shift, factor * sigma
        return np.mean(0.5 * (mu_weight * moved**2 + wide**2 - 1 - 2 * np.log(wide)))

    best = minimize(cost, [0.0, 0.0], tol=1e-12).x
    moved, wide = np.exp(best[0]) * mu + best[1], np.exp(best[0]) * sigma
    assert np.mean(moved) == pytest.approx(0, abs=1e-4)
    assert mu_weight * np.mean(moved**2) + np.mean(wide**2) == pytest.approx(1, abs=1e-4)


# --------------------------------------------------------------------------------------- step 5


def cost_of(log_a, log_sigma, scale, kappa):
    """The cost of the linear model over kl_weight/2, by simulation-free algebra of its parts."""
    a, sigma = np.exp(log_a), np.exp(log_sigma)
    gain = a / (a**2 + (scale * sigma) ** 2)  # least squares of u from z
    error = (1 - gain * a) ** 2 + (gain * scale * sigma) ** 2
    return kappa * error + a**2 + sigma**2 - 1 - 2 * log_sigma


def best_of(scale, kappa):
    """The minimum beside a = 0, from a start with a large signal."""
    found = minimize(
        lambda x: cost_of(*x, scale, kappa), [1.0, -1.0], method="Nelder-Mead", tol=1e-12
    )
    a, sigma = np.exp(found.x)
    return a, sigma, (a / (scale * sigma)) ** 2


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kappa", [1.5, 3.0, 5.0, 40.0])
def test_step_5_the_best_sigma_and_ratio(scale, kappa):
    expected = linear_theory.signal_to_noise_power(kappa, scale, kept=True)
    a, sigma, ratio = best_of(scale, kappa)
    if expected == 0:
        assert ratio < 1e-3
        return
    assert ratio == pytest.approx(expected, rel=1e-3)
    assert sigma**2 == pytest.approx(1 / (1 + scale**2 * expected), rel=1e-3)
    assert a**2 + sigma**2 == pytest.approx(1, abs=1e-3)  # step 4
    paid_here = 0.5 * (a**2 + sigma**2 - 1 - 2 * np.log(sigma))
    assert paid_here == pytest.approx(0.5 * np.log(1 + scale**2 * expected), rel=1e-3)


def test_step_5_the_error_that_the_best_linear_decoder_leaves():
    draw = np.random.default_rng(1)
    u = draw.normal(size=400_000)
    z = 0.8 * u + 2.0 * 0.3 * draw.normal(size=u.size)
    left = np.mean((u - z * (u @ z) / (z @ z)) ** 2)
    assert left == pytest.approx(1 / (1 + 0.8**2 / (2.0 * 0.3) ** 2), rel=5e-3)


@pytest.mark.parametrize("scale", SCALES)
def test_step_5_the_price_of_a_nat(scale):
    ratio = np.array([1e-6, 0.5, 3.0, 1e6])
    step = 1e-6 * (1 + ratio)
    cost = np.log1p(scale**2 * (ratio + step)) - np.log1p(scale**2 * ratio)
    said = np.log1p(ratio + step) - np.log1p(ratio)
    expected = scale**2 * (1 + ratio) / (1 + scale**2 * ratio)
    np.testing.assert_allclose(cost / said, expected, rtol=1e-3)
    assert expected[0] == pytest.approx(scale**2, rel=1e-4)
    assert expected[-1] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.3, 2.0, 4.0])
def test_step_5_from_the_start_a_factor_is_used_if_it_is_stronger_than_the_square_of_scale(scale):
    for kappa, used in ((1.05 * scale**2, True), (0.95 * scale**2, False)):
        assert (linear_theory.signal_to_noise_power(kappa, scale) > 0) == used

        def cost(log_ratio, kappa=kappa):
            return kappa / (1 + np.exp(log_ratio)) + np.log1p(scale**2 * np.exp(log_ratio))

        assert (cost(-9.0) < cost(-12.0)) == used  # downhill from a signal of nearly nothing?


@pytest.mark.parametrize("scale", [1.0, 1.3, 2.0, 4.0])
def test_step_5_two_minima_only_for_large_noise_and_factors_between(scale):
    low, high = 4 * (1 - scale**-2), scale**2
    kappas = np.linspace(0.5, 20, 400)
    stuck = [
        linear_theory.signal_to_noise_power(kappa, scale) == 0
        and linear_theory.signal_to_noise_power(kappa, scale, kept=True) > 0
        for kappa in kappas
    ]
    expected = (kappas > low) & (kappas < high) if scale**2 > 2 else np.zeros(400, bool)
    np.testing.assert_array_equal(stuck, expected)
    if not any(stuck):
        return
    kappa = 0.5 * (low + high)
    ratio = linear_theory.signal_to_noise_power(kappa, scale, kept=True)
    found = minimize_scalar(
        lambda x: kappa / (1 + x) + np.log1p(scale**2 * x),
        bounds=(0.5 * ratio, 3 * ratio),
        method="bounded",
    )
    assert found.x == pytest.approx(ratio, rel=1e-3)


def test_step_5_strong_factors_keep_their_ratio_and_undo_the_noise():
    ratios = [float(linear_theory.signal_to_noise_power(1000.0, scale)) for scale in SCALES]
    np.testing.assert_allclose(ratios, [999 + s**-2 - 1 for s in SCALES], rtol=1e-4)
    noise = [s / np.sqrt(1 + s**2 * r) for s, r in zip(SCALES, ratios, strict=True)]
    np.testing.assert_allclose(noise, noise[0], rtol=5e-3)


def test_from_scale_1_to_another_scale():
    mu_variance, sigma = np.array([0.9, 0.4, 0.0]), np.sqrt([0.1, 0.6, 1.0])
    at_1 = linear_theory.predict(mu_variance, sigma, 1.0)
    np.testing.assert_allclose(at_1.ratio, [9.0, 2 / 3, 0.0], atol=1e-9)
    assert at_1.information == pytest.approx(0.5 * (np.log(10) + np.log(5 / 3)))
    at_4 = linear_theory.predict(mu_variance, sigma, 4.0)
    assert at_4.ratio.tolist() == [0.0, 0.0, 0.0]  # kappa 10 < 16
    at_2 = linear_theory.predict(mu_variance, sigma, 2.0)
    assert at_2.ratio[0] == pytest.approx(0.5 * (10 + np.sqrt(100 - 30)) - 1) and at_2.ratio[1] == 0
