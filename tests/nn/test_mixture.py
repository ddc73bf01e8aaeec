"""The mixture density against its textbook formula in NumPy, and what is drawn from it."""

import itertools

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.nn import mixture
from magenta_sketch.nn.mixture import MixtureParams


def params_of(pen, pi, mu1, mu2, log_s1, log_s2, corr, dtype="float32"):
    """Parameters from nested lists; ``pi`` are logits."""
    pen, pi, *rest = (tf.constant(x, dtype) for x in (pen, pi, mu1, mu2, log_s1, log_s2, corr))
    return MixtureParams(pen, tf.nn.log_softmax(pi), *rest)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def ordinary(batch=200, components=4, dtype="float32", seed=0):
    """Output vectors and offsets as training meets them."""
    random = np.random.default_rng(seed)
    output = random.normal(size=(batch, mixture.output_width(components))).astype(dtype)
    return output, random.normal(size=(batch, 2)).astype(dtype)


def direct_log_density(output, offsets):
    """REFERENCE.md section 3 as it stands, in float64: nothing is done in log space."""
    output, offsets = output.astype("float64"), offsets.astype("float64")
    pi, mu1, mu2, s1, s2, corr = np.split(output[..., 3:], 6, axis=-1)
    pi, s1, s2, rho = softmax(pi), np.exp(s1), np.exp(s2), np.tanh(corr)
    a, b = (offsets[..., :1] - mu1) / s1, (offsets[..., 1:] - mu2) / s2
    q = (a**2 + b**2 - 2 * rho * a * b) / (1 - rho**2)
    normal = np.exp(-q / 2) / (2 * np.pi * s1 * s2 * np.sqrt(1 - rho**2))
    return np.log((pi * normal).sum(axis=-1))


def covariance_log_density(output, offsets, reg_covar):
    """With covariance matrices, ``reg_covar`` on their diagonals, in float64."""
    output, offsets = output.astype("float64"), offsets.astype("float64")
    pi, mu1, mu2, s1, s2, corr = np.split(output[..., 3:], 6, axis=-1)
    pi, s1, s2, rho = softmax(pi), np.exp(s1), np.exp(s2), np.tanh(corr)
    covariance = np.stack([s1 * s1, rho * s1 * s2, rho * s1 * s2, s2 * s2], axis=-1)
    covariance = covariance.reshape(*s1.shape, 2, 2) + reg_covar * np.eye(2)
    d = np.stack([offsets[..., :1] - mu1, offsets[..., 1:] - mu2], axis=-1)[..., None]
    q = (d * np.linalg.solve(covariance, d)).sum(axis=(-2, -1))
    log_normal = -q / 2 - np.log(2 * np.pi) - np.linalg.slogdet(covariance)[1] / 2
    weighed = np.log(pi) + log_normal
    top = weighed.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(weighed - top).sum(axis=-1, keepdims=True)))[..., 0]


def found_log_density(output, offsets, reg_covar=0.0):
    return mixture.log_density(
        mixture.split_output(tf.constant(output)), offsets, reg_covar
    ).numpy()


# Splitting.


def test_output_width():
    assert [mixture.output_width(m) for m in (1, 2, 20)] == [9, 15, 123]


def test_split_order():
    output = tf.reshape(tf.range(15.0) / 10, [1, 15])
    params = mixture.split_output(output)
    np.testing.assert_allclose(params.pen_logits, [[0.0, 0.1, 0.2]], rtol=1e-6)
    np.testing.assert_allclose(tf.exp(params.log_pi), softmax(np.array([[0.3, 0.4]])), rtol=1e-6)
    for k, name in enumerate(["mu1", "mu2", "log_sigma1", "log_sigma2", "corr_logits"]):
        expected = [[0.5 + 0.2 * k, 0.6 + 0.2 * k]]
        np.testing.assert_allclose(getattr(params, name), expected, rtol=1e-6, err_msg=name)


def test_split_keeps_leading_axes():
    params = mixture.split_output(tf.zeros([2, 5, 9]))
    assert params.pen_logits.shape == (2, 5, 3) and params.mu1.shape == (2, 5, 1)
    assert mixture.log_density(params, tf.zeros([2, 5, 2])).shape == (2, 5)


# Density.


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_log_density(dtype, tolerance):
    output, offsets = ordinary(dtype=dtype)
    expected = direct_log_density(output, offsets)
    in_graph = tf.function(found_log_density_tensor, autograph=False)(output, offsets)
    for found in (found_log_density(output, offsets), in_graph):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def found_log_density_tensor(output, offsets):
    return mixture.log_density(mixture.split_output(output), offsets)


@pytest.mark.parametrize("corr", [-8.0, -3.0, 3.0, 8.0])
def test_log_density_of_narrow_components(corr):
    output, offsets = ordinary(dtype="float64", seed=1)
    output[:, 3 + 12 : 3 + 20] = np.random.default_rng(2).uniform(-6, 1, (len(output), 8))
    output[:, 3 + 20 :] = corr
    # Near the ridge of the first component: elsewhere the direct formula is zero.
    along = np.linspace(-2, 2, len(output))
    offsets[:, 0] = output[:, 3 + 4] + along * np.exp(output[:, 3 + 12])
    offsets[:, 1] = output[:, 3 + 8] + np.tanh(corr) * along * np.exp(output[:, 3 + 16])
    expected = direct_log_density(output, offsets)
    np.testing.assert_allclose(found_log_density(output, offsets), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("log_s1", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("log_s2", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("corr", [-20.0, 0.0, 20.0])
def test_log_density_at_the_mean_is_exact_at_extremes(log_s1, log_s2, corr):
    params = params_of([0.0] * 3, [0.0], [1.0], [2.0], [log_s1], [log_s2], [corr])
    # 1 - tanh² = 1 / cosh², and log cosh 20 = 20 - log 2 to far more than float32.
    log_cosh = abs(corr) - np.log(2) if corr else 0.0
    expected = -np.log(2 * np.pi) - log_s1 - log_s2 + log_cosh
    found = float(mixture.log_density(params, tf.constant([1.0, 2.0])))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("reg_covar", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-8)])
def test_reg_covar(reg_covar, dtype, tolerance):
    output, offsets = ordinary(dtype=dtype, seed=3)
    # From sigmas far below the square root of reg_covar to ones above it, and correlations up to
    # tanh(8), which is 2e-7 below one.
    random = np.random.default_rng(4)
    output[:, 3 + 12 : 3 + 20] = random.uniform(-15, 1, (len(output), 8))
    output[:, 3 + 20 :] = random.uniform(-8, 8, (len(output), 4))
    offsets[:] = output[:, [3 + 4, 3 + 8]] + offsets * np.sqrt(reg_covar)
    expected = covariance_log_density(output, offsets, reg_covar)
    found = found_log_density(output, offsets, reg_covar)
    near = expected > -50  # farther out, float32 offsets are what limits
    assert near.mean() > 0.9
    np.testing.assert_allclose(found[near], expected[near], rtol=tolerance, atol=30 * tolerance)


def test_reg_covar_is_an_addition_to_both_variances():
    params = params_of([0.0] * 3, [0.0], [0.0], [0.0], [np.log(3.0)], [np.log(4.0)], [0.0])
    found = float(mixture.log_density(params, tf.constant([0.0, 0.0]), 2.0))
    assert found == pytest.approx(-np.log(2 * np.pi * np.sqrt(11.0 * 18.0)), rel=1e-6)


def test_reg_covar_keeps_the_correlation_where_it_is_negligible():
    output, offsets = ordinary(seed=5)
    np.testing.assert_allclose(
        found_log_density(output, offsets, 1e-12), found_log_density(output, offsets), atol=1e-5
    )


def extreme_outputs():
    """Every combination of the extremes for two components, each with every extreme offset."""
    one = np.array(list(itertools.product([-30, 0, 30], [-30, 0, 30], [-20, 0, 20])), "float32")
    offsets = np.array(list(itertools.product([-1e3, 0, 1e-3, 1e3], repeat=2)), "float32")
    indices = itertools.product(range(len(one)), range(len(one)), range(len(offsets)))
    a, b, at = np.array(list(indices)).T
    output = np.zeros((len(at), 15), "float32")
    for component, values in enumerate((one[a], one[b])):
        output[:, 9 + component : 15 : 2] = values  # log sigma1, log sigma2, corr
    output[:, 5:9] = [0.0, 1.0, 0.5, -1e3]  # mu1, mu2
    output[::2, 3] = 20.0  # also with a component that counts for nothing
    return output, offsets[at]


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6, 1.0])
def test_extremes_are_finite_with_finite_gradients(reg_covar):
    output, offsets = (tf.constant(x) for x in extreme_outputs())
    with tf.GradientTape() as tape:
        tape.watch([output, offsets])
        found = mixture.log_density(mixture.split_output(output), offsets, reg_covar)
    assert np.isfinite(found).all()
    for gradient in tape.gradient(found, [output, offsets]):
        assert np.isfinite(gradient).all()
    # A density is never above what the narrowest component has at its mean.
    assert found.numpy().max() < 30 + 30 + 20


def test_gradients_are_those_of_finite_differences():
    output, offsets = (tf.constant(x) for x in ordinary(8, dtype="float64"))
    for reg_covar in (0.0, 0.1):
        with tf.GradientTape() as tape:
            tape.watch(output)
            total = mixture.log_density(mixture.split_output(output), offsets, reg_covar)
        gradient = tape.gradient(total, output).numpy()
        for k in range(output.shape[1]):
            step = np.zeros(output.shape)
            step[:, k] = 1e-5
            ends = [found_log_density(output + s * step, offsets, reg_covar) for s in (1, -1)]
            np.testing.assert_allclose(gradient[:, k], (ends[0] - ends[1]) / 2e-5, atol=1e-7)


# Temperature.


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_temperature(temperature):
    output, _ = ordinary(5)
    params = mixture.split_output(tf.constant(output))
    cooled = mixture.adjust_temperature(params, tf.constant(temperature))
    pi, pen = np.exp(params.log_pi.numpy()), softmax(output[:, :3])
    for found, p in ((tf.exp(cooled.log_pi), pi), (tf.nn.softmax(cooled.pen_logits), pen)):
        expected = p ** (1 / temperature)
        np.testing.assert_allclose(found, expected / expected.sum(-1, keepdims=True), rtol=1e-4)
    for name in ("log_sigma1", "log_sigma2"):
        before, after = (np.exp(2 * getattr(p, name).numpy()) for p in (params, cooled))
        np.testing.assert_allclose(after, before * temperature, rtol=1e-5)
    for name in ("mu1", "mu2", "corr_logits"):
        np.testing.assert_array_equal(getattr(params, name), getattr(cooled, name))


# Drawing.

DRAWS = 40_000


def drawn(
    pen=(0.0, 0.0, 0.0), pi=(0.0,), mu1=(0.0,), mu2=(0.0,), s1=(1.0,), s2=(1.0,), corr=(0.0,)
):
    """Many draws from one distribution; ``s1`` and ``s2`` are standard deviations."""
    values = (pen, pi, mu1, mu2, np.log(s1), np.log(s2), corr)
    params = params_of(*([list(map(float, v))] * DRAWS for v in values))
    random = np.random.default_rng(8)
    uniforms = tf.constant(random.random((DRAWS, 2)), tf.float32)
    normals = tf.constant(random.normal(size=(DRAWS, 2)), tf.float32)
    return mixture.draw_points(params, uniforms, normals).numpy()


def test_draws_follow_each_component():
    corr = (-1.0, 0.0, 1.5)
    points = drawn(
        pi=np.log([0.2, 0.3, 0.5]),
        mu1=(-100, 0, 100),
        mu2=(7, 8, 9),
        s1=(0.5, 1.0, 2.0),
        s2=(3.0, 0.1, 1.0),
        corr=corr,
    )
    nearest = np.abs(points[:, :1] - [-100, 0, 100]).argmin(axis=1)
    for k, share in enumerate((0.2, 0.3, 0.5)):
        dx, dy = points[nearest == k, 0], points[nearest == k, 1]
        s1, s2 = (0.5, 1.0, 2.0)[k], (3.0, 0.1, 1.0)[k]
        assert len(dx) / DRAWS == pytest.approx(share, abs=0.01)
        assert dx.mean() == pytest.approx((-100, 0, 100)[k], abs=0.04 * s1)
        assert dy.mean() == pytest.approx((7, 8, 9)[k], abs=0.04 * s2)
        assert dx.std() == pytest.approx(s1, rel=0.03)
        assert dy.std() == pytest.approx(s2, rel=0.03)
        assert np.corrcoef(dx, dy)[0, 1] == pytest.approx(np.tanh(corr[k]), abs=0.03)


def test_draws_of_the_pen():
    shares = (0.6, 0.3, 0.1)
    points = drawn(pen=np.log(shares))
    pen = points[:, 2:]
    assert set(np.unique(pen)) == {0.0, 1.0} and (pen.sum(axis=1) == 1).all()
    np.testing.assert_allclose(pen.mean(axis=0), shares, atol=0.01)


def test_pen_and_component_are_independent():
    points = drawn(
        pen=np.log([0.5, 0.5, 1e-9]),
        pi=(0.0, 0.0),
        mu1=(-50, 50),
        mu2=(0, 0),
        s1=(1, 1),
        s2=(1, 1),
        corr=(0, 0),
    )
    assert ((points[:, 0] > 0) == (points[:, 2] > 0)).mean() == pytest.approx(0.5, abs=0.01)


def test_a_draw_in_numbers():
    params = params_of([[0.0] * 3], [[0.0]], [[1.0]], [[2.0]], [[0.5]], [[-0.5]], [[0.7]])
    point = mixture.draw_points(params, tf.zeros([1, 2]), tf.constant([[0.3, -0.4]]))
    rho = np.tanh(0.7)
    dx = 1 + np.exp(0.5) * 0.3
    dy = 2 + np.exp(-0.5) * (rho * 0.3 + np.sqrt(1 - rho**2) * -0.4)
    np.testing.assert_allclose(point, [[dx, dy, 1, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize("corr", [-100.0, 100.0])
def test_draws_of_perfect_correlation_are_on_a_line(corr):
    points = drawn(corr=(corr,))
    np.testing.assert_allclose(points[:, 1], np.sign(corr) * points[:, 0], atol=1e-6)


def test_greedy_takes_the_likeliest():
    params = params_of(
        pen=[[0.0, 2.0, 1.0], [5.0, 0.0, 1.0], [0.0, 1.0, 2.0]],
        pi=[[1.0, 3.0], [3.0, 1.0], [-5.0, -4.0]],
        mu1=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        mu2=[[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]],
        log_s1=[[9.0, 9.0]] * 3,
        log_s2=[[9.0, 9.0]] * 3,
        corr=[[1.0, 1.0]] * 3,
    )
    expected = [[2, -2, 0, 1, 0], [3, -3, 1, 0, 0], [6, -6, 0, 0, 1]]
    np.testing.assert_array_equal(mixture.greedy_points(params), expected)


@pytest.mark.parametrize(
    ("probabilities", "uniform", "index"),
    [
        ([0.25, 0.25, 0.5], 0.0, 0),
        ([0.25, 0.25, 0.5], 0.2499, 0),
        ([0.25, 0.25, 0.5], 0.25, 1),  # a half-open interval each: its start belongs to it
        ([0.25, 0.25, 0.5], 0.5, 2),
        ([0.25, 0.25, 0.5], 0.9999999, 2),
        ([0.0, 1.0, 0.0], 0.0, 1),  # what has no probability is never chosen
        ([0.0, 1.0, 0.0], 0.9999999, 1),
        ([0.3, 0.3, 0.399], 0.9999, 2),  # rounding left the sum below 1
    ],
)
def test_choose(probabilities, uniform, index):
    found = mixture._choose(tf.constant([probabilities]), tf.constant([uniform]))
    assert found.numpy().tolist() == [index]
