"""The loss in both its forms against the textbook formula in NumPy; KL."""

import itertools

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.nn import losses

BATCH, TIME, COMPONENTS, Z = 4, 6, 3, 5
LENGTHS = (6, 3, 1, 4)
DOWN, UP, END = np.eye(3)


def case(dtype="float32", seed=0):
    """Output vectors and padded targets."""
    random = np.random.default_rng(seed)
    output = random.normal(size=(BATCH, TIME, 3 + 6 * COMPONENTS)).astype(dtype)
    target = np.zeros((BATCH, TIME, 5), dtype)
    target[..., 4] = 1
    for i, n in enumerate(LENGTHS):
        target[i, :n, :2] = random.normal(size=(n, 2))
        target[i, :n, 2:] = np.where(random.random((n, 1)) < 0.3, UP, DOWN)
    return output, target


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def oracle(output, target, reg_covar=0.0):
    """REFERENCE.md section 3, directly and in float64: offset and pen losses [batch, time]."""
    output, target = output.astype("float64"), target.astype("float64")
    pi, mu1, mu2, s1, s2, corr = np.split(output[..., 3:], 6, axis=-1)
    pi = softmax(pi)
    v1, v2 = np.exp(s1) ** 2 + reg_covar, np.exp(s2) ** 2 + reg_covar
    rho = np.tanh(corr) * np.exp(s1) * np.exp(s2) / np.sqrt(v1 * v2)
    a = (target[..., 0:1] - mu1) / np.sqrt(v1)
    b = (target[..., 1:2] - mu2) / np.sqrt(v2)
    q = (a * a + b * b - 2 * rho * a * b) / (1 - rho * rho)
    density = pi * np.exp(-q / 2) / (2 * np.pi * np.sqrt(v1 * v2 * (1 - rho * rho)))
    offset = -np.log(density.sum(axis=-1) + 1e-6)
    offset[target[..., 4] == 1] = 0.0
    pen = -(target[..., 2:] * np.log(softmax(output[..., :3]))).sum(axis=-1)
    return offset, pen


@pytest.mark.parametrize("reg_covar", [0.0, 0.3])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-12)])
def test_point_losses(dtype, tolerance, reg_covar):
    output, target = case(dtype)
    expected = oracle(output, target, reg_covar)

    def both(output, target):
        return losses.point_losses(output, target, reg_covar)

    for found in (
        both(tf.constant(output), tf.constant(target)),
        tf.function(both, autograph=False)(output, target),
    ):
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_both_forms_of_the_loss():
    output, target = case()
    offset, pen = oracle(output, target)
    found = losses.sketch_losses(output, target, None, None)
    # The divisor is T in both; the pen state of the padding counts in training alone.
    training = [(offset[i].sum() + pen[i].sum()) / TIME for i in range(BATCH)]
    masked = [(offset[i, :n].sum() + pen[i, :n].sum()) / TIME for i, n in enumerate(LENGTHS)]
    np.testing.assert_allclose(found.reconstruction, training, rtol=0, atol=2e-6)
    np.testing.assert_allclose(found.masked_reconstruction, masked, rtol=0, atol=2e-6)
    full = LENGTHS.index(TIME)
    difference = found.reconstruction - found.masked_reconstruction
    assert abs(difference[full]) < 1e-6  # a sketch without padding has one loss
    assert (np.delete(difference, full) > 0.1).all()


def test_reg_covar_reaches_the_sketch_losses():
    output, target = case()
    found = losses.sketch_losses(output, target, None, None, 0.3)
    offset, pen = oracle(output, target, 0.3)
    np.testing.assert_allclose(found.reconstruction, (offset + pen).mean(axis=1), atol=2e-6)


def point(log_s=0.0, dx=0.0, pen=DOWN):
    """One point under one component of correlation zero, all pen states alike."""
    output = np.zeros((1, 1, 9), "float32")
    output[..., 6:8] = log_s
    return output, np.array([[[dx, 0.0, *pen]]], "float32")


def test_density_floor_bounds_the_loss_of_a_far_point():
    offset, _ = losses.point_losses(*point(dx=1e3))
    assert float(offset[0, 0]) == pytest.approx(-np.log(1e-6), rel=1e-6)


def test_density_floor_is_added_to_the_density():
    dx = np.sqrt(2 * np.log(1e6 / (2 * np.pi)))  # here the density is the floor
    offset, _ = losses.point_losses(*point(dx=dx))
    assert float(offset[0, 0]) == pytest.approx(-np.log(2e-6), rel=1e-6)


def test_loss_of_a_sure_point_goes_below_zero():
    offset, _ = losses.point_losses(*point(log_s=-30.0))
    assert float(offset[0, 0]) == pytest.approx(np.log(2 * np.pi) - 60, rel=1e-6)


def test_end_of_sketch_has_a_pen_loss_alone():
    offset, pen = losses.point_losses(*point(dx=3.0, pen=END))
    assert float(offset[0, 0]) == 0.0
    assert float(pen[0, 0]) == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_extremes_are_finite_with_finite_gradients(reg_covar):
    # offsets to 1e3, log sigmas to 30, correlation logits to 20, pen logits to 50
    grid = itertools.product([-1e3, 0, 1e3], [0, 1e3], [-30, 0, 30], [-30, 0, 30], [-20, 0, 20])
    grid = np.array([(*row, pen) for row in grid for pen in (-50, 50)], "float32")
    output = np.zeros((len(grid), 2, 9), "float32")
    output[..., 6:9], output[..., 0] = grid[:, None, 2:5], grid[:, None, 5]
    target = np.zeros((len(grid), 2, 5), "float32")
    target[:, :, :2] = grid[:, None, :2]
    target[:, 0, 2:], target[:, 1, 2:] = DOWN, END
    output, target = tf.constant(output), tf.constant(target)
    with tf.GradientTape() as tape:
        tape.watch(output)
        found = losses.sketch_losses(output, target, None, None, reg_covar)
        total = tf.reduce_sum(found.reconstruction)
    assert np.isfinite(found.reconstruction).all()
    assert np.isfinite(found.masked_reconstruction).all()
    assert np.isfinite(tape.gradient(total, output)).all()


# KL.


def latent(seed=1):
    random = np.random.default_rng(seed)
    return random.normal(size=(2, BATCH, Z)).astype("float32")


def test_kl_is_the_mean_over_the_latent_dimensions():
    mu, presig = latent()
    # Of normals, from the textbook: log(1/sigma) + (sigma² + mu²)/2 - 1/2.
    sigma = np.exp(presig.astype("float64") / 2)
    expected = (-np.log(sigma) + (sigma**2 + mu.astype("float64") ** 2) / 2 - 0.5).mean(axis=1)
    np.testing.assert_allclose(losses.kl_divergence(mu, presig), expected, rtol=1e-6)
    output, target = case()
    found = losses.sketch_losses(output, target, mu, presig)
    np.testing.assert_allclose(found.kl, expected, rtol=1e-6)


def test_kl_of_the_prior_is_zero():
    zeros = tf.zeros([2, Z])
    np.testing.assert_array_equal(losses.kl_divergence(zeros, zeros), [0, 0])


def test_no_latent_no_kl():
    found = losses.sketch_losses(*case(), None, None)
    np.testing.assert_array_equal(found.kl, np.zeros(BATCH))


@pytest.mark.parametrize(("kl", "paid"), [(0.1, 0.2), (0.2, 0.2), (0.5, 0.5)])
def test_kl_below_the_tolerance_costs_the_tolerance(kl, paid):
    cost, kl_cost = losses.total_cost(tf.constant(1.5), tf.constant(kl), 0.25, 0.2)
    assert float(kl_cost) == pytest.approx(paid)
    assert float(cost) == pytest.approx(1.5 + 0.25 * paid)


def test_kl_below_the_tolerance_has_no_gradient():
    for value, slope in ((0.1, 0.0), (0.5, 0.25)):
        kl = tf.constant(value)
        with tf.GradientTape() as tape:
            tape.watch(kl)
            cost, _ = losses.total_cost(tf.constant(1.0), kl, 0.25, 0.2)
        assert float(tape.gradient(cost, kl)) == slope
