"""Probes of z for known factors, in cases with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import magenta_sketch
from magenta_sketch.measures.probes import linear_probe, mutual_information_gap


@pytest.fixture
def factors():
    return np.random.default_rng(0).uniform(-1, 1, (2000, 3))


def turned(z):
    """Return z in other axes, none of which is near an old one."""
    half = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    return np.pad(z, ((0, 0), (0, 1))) @ half


def halves(array):
    return array[:1000], array[1000:]


def probe(z, factors):
    (z_train, z_test), (train, test) = halves(z), halves(factors)
    return linear_probe(z_train, train, z_test, test)


def test_factors_in_dimensions_of_their_own(factors):
    z = np.column_stack([factors * [2, 0.01, -5], np.zeros(2000)])
    np.testing.assert_allclose(probe(z, factors), 1.0, atol=1e-6)
    assert mutual_information_gap(z, factors) > 0.9


def test_factors_spread_over_all_dimensions(factors):
    """A linear function finds them as well, but no dimension has one for itself."""
    z = turned(factors)
    np.testing.assert_allclose(probe(z, factors), 1.0, atol=1e-6)
    assert mutual_information_gap(z, factors) < 0.05


def test_noise_says_nothing(factors):
    z = np.random.default_rng(1).normal(size=(2000, 8))
    found = probe(z, factors)
    assert (found < 0.01).all() and (found > -0.05).all()
    assert 0 <= mutual_information_gap(z, factors) < 0.03


def test_the_share_of_the_variance_that_is_linear(factors):
    """z = factor + noise of the same variance: R² is ½."""
    noise = np.random.default_rng(2).uniform(-1, 1, factors.shape)
    np.testing.assert_allclose(probe(factors + noise, factors), 0.5, atol=0.06)
    # Of test drawings, whatever the training drawings are: the wrong sign is worse than the mean.
    assert linear_probe(factors, factors, -factors, factors) == pytest.approx([-3.0] * 3, abs=0.1)


def test_the_gap_of_one_bit():
    """A coin that one dimension shows, and another one three times out of four, as a table."""
    coin = np.repeat([0, 1], 400)[:, None]
    other = np.where(np.arange(800)[:, None] % 4 == 0, 1 - coin, coin)
    known = np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    found = mutual_information_gap(np.column_stack([other, coin]), coin)
    assert found == pytest.approx(1 - known / np.log(2))
    assert mutual_information_gap(coin, coin) == pytest.approx(1.0)  # no second dimension


def test_drawings_without_a_factor_are_left_out_for_it_alone(factors):
    z, missing = np.column_stack([factors, factors**2]), factors.copy()
    missing[::3, 1] = np.nan
    kept = np.arange(2000) % 3 != 0
    np.testing.assert_allclose(probe(z, missing), 1.0, atol=1e-6)
    single = mutual_information_gap(z[kept], factors[kept, 1:2])
    others = [mutual_information_gap(z, factors[:, i : i + 1]) for i in (0, 2)]
    found = mutual_information_gap(z, missing)
    assert found == pytest.approx(np.mean([single, *others]))


def test_factors_that_never_vary_or_never_are(factors):
    z = factors.copy()
    factors[:, 0], factors[:, 1] = 1.0, np.nan
    found = probe(z, factors)
    assert np.isnan(found).tolist() == [True, True, False]
    alone = mutual_information_gap(z, factors[:, 2:])
    assert mutual_information_gap(z, factors) == pytest.approx(alone)
    assert np.isnan(mutual_information_gap(z, factors[:, :2]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(0.01, 100), st.floats(-50, 50))
def test_the_unit_of_z_does_not_matter(seed, unit, shift):
    random = np.random.default_rng(seed)
    z, factors = random.normal(size=(300, 3)), random.normal(size=(300, 2))
    factors[:, 0] += z[:, 0]
    found = linear_probe(z[:200], factors[:200], z[200:], factors[200:])
    other = z * unit + shift
    again = linear_probe(other[:200], factors[:200], other[200:], factors[200:])
    np.testing.assert_allclose(again, found, atol=1e-6)
    gap = mutual_information_gap(z, factors, bins=8)
    assert 0 <= gap <= 1
    assert mutual_information_gap(-z, factors, bins=8) == pytest.approx(gap, abs=0.05)


def test_what_does_not_fit(factors):
    with pytest.raises(magenta_sketch.ArgumentError, match=r"z must be \[n, Z\] and factors"):
        mutual_information_gap(factors[:5], factors)
    with pytest.raises(magenta_sketch.ArgumentError, match=r"z must be \[n, Z\] and factors"):
        linear_probe(factors, factors, factors, factors[0])
    with pytest.raises(magenta_sketch.ArgumentError, match="bins must be at least 2, got 1"):
        mutual_information_gap(factors, factors, bins=1)
