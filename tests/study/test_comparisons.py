"""Estimates with intervals and paired comparisons, against hand calculations and scipy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from magenta_sketch.study.statistics import (
    Comparison,
    Estimate,
    compare,
    compare_rows,
    estimate,
    estimates,
    holm,
)

SEVEN = [2.0, 3.5, 1.0, 4.0, 2.5, 3.0, 9.0]
OPPOSITE = {"greater": "less", "less": "greater", "undecided": "undecided"}
quick = settings(max_examples=25, deadline=None)
values = st.lists(st.integers(-99, 99).map(float), min_size=2, max_size=8)
pairs = st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=8)


# ---------------------------------------------------------------------------------- estimates


def test_an_estimate_is_the_mean_with_the_interval_of_scipy():
    expected = stats.bootstrap(
        (SEVEN,), np.mean, n_resamples=9_999, method="BCa", random_state=np.random.default_rng(0)
    ).confidence_interval
    found = estimate(SEVEN)
    assert found == (pytest.approx(25 / 7), *map(pytest.approx, expected), 7)
    assert found.low < found.value < found.high
    # BCa leans towards the long tail: here to the 9.
    assert found.high - found.value > found.value - found.low


def test_an_interval_of_a_lower_level_is_inside():
    wide, narrow = estimate(SEVEN), estimate(SEVEN, 0.90)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_ten_normal_values_are_covered_by_most_intervals():
    # BCa intervals of ten values cover a little less than 95 %: about 91 %.
    rows = np.random.default_rng(1).normal(3.0, 2.0, (400, 10))
    covered = [one.low <= 3.0 <= one.high for one in estimates(rows)]
    assert 0.87 < np.mean(covered) < 0.96


def test_rows_together_are_rows_alone():
    rows = [SEVEN, [1.0, math.nan, 3.0, 5.0, math.inf, 2.0, 2.0], [4.0] * 7, [math.nan] * 7]
    rows += [[0.5 * value**2 for value in SEVEN]]
    for together, row in zip(estimates(rows), rows, strict=True):
        # Resamples that tie with the mean are counted as rounding has it.
        np.testing.assert_allclose(together, estimate(row), rtol=0.01)


def test_values_that_are_not_finite_are_left_out():
    found = estimate([1.0, math.nan, 3.0, math.inf, -math.inf, 5.0])
    assert (found.value, found.n) == (3.0, 3)
    assert found == estimate([1.0, 3.0, 5.0])


def test_constant_values_have_an_interval_of_no_width():
    assert estimate([0.25, 0.25, 0.25]) == Estimate(0.25, 0.25, 0.25, 3)


@pytest.mark.parametrize(("one", "n"), [([4.0], 1), ([4.0, math.nan], 1), ([], 0), ([math.nan], 0)])
def test_fewer_than_two_values_have_no_interval(one, n):
    found = estimate(one)
    assert found.n == n and not found.has_interval
    assert found.known == (n == 1)
    assert math.isnan(found.value) if n == 0 else found.value == 4.0


def test_almost_equal_values_give_no_warning():
    found = estimate([1.0, 1.0 + 2e-16, 1.0])  # the tests turn warnings into errors
    assert found.value == pytest.approx(1.0) and found.n == 3


@quick
@given(values, st.integers(-50, 50))
def test_a_shift_moves_the_mean_and_the_interval(some, shift):
    found, moved = estimate(some), estimate(np.add(some, shift))
    np.testing.assert_allclose(moved[:3], np.add(found[:3], shift), atol=1e-9)


# ------------------------------------------------------------------------------------ pairing


def test_a_shift_of_pairs_is_found_however_different_the_seeds_are():
    random = np.random.default_rng(2)
    seeds = random.normal(0, 10.0, 10)  # between seeds: 10; the shift: 0.5
    a, b = seeds + 0.5 + 0.1 * random.normal(size=10), seeds
    found = compare(a, b)
    assert found.verdict == "greater" and found.p == 2 / 2**10
    assert found.difference.value == pytest.approx(np.mean(a - b))
    assert 0.4 < found.difference.low < 0.5 < found.difference.high < 0.6
    # The same numbers in another order: no pair, no difference.
    assert stats.ttest_ind(a, b).pvalue > 0.5
    assert compare(a, np.roll(b, 3)).verdict == "undecided"


def test_a_missing_value_drops_its_pair():
    found = compare([1.0, math.nan, 3.0, 7.0], [0.5, 2.0, math.nan, 6.0])
    assert found == compare([1.0, 7.0], [0.5, 6.0])
    assert (found.difference.value, found.difference.n) == (0.75, 2)
    nothing = compare([math.nan, 1.0], [1.0, math.nan])
    assert nothing.difference.n == 0 and nothing.verdict == "undecided"
    assert math.isnan(nothing.improvement.value) and math.isnan(nothing.p)


@quick
@given(pairs)
def test_swapping_the_settings_turns_the_comparison_around(some):
    a, b = np.array(some, float).T
    there, back = compare(a, b), compare(b, a)
    assert back.difference.value == pytest.approx(-there.difference.value)
    assert back.p == pytest.approx(there.p) and back.smallest == pytest.approx(there.smallest)
    value, low, high, n = there.improvement
    assert back.improvement == pytest.approx((1 - value, 1 - high, 1 - low, n))
    if min(map(abs, there.difference[1:3])) > 1e-9:  # an end at 0 may be rounded either way
        assert back.verdict == OPPOSITE[there.verdict]


@quick
@given(pairs, st.integers(-1000, 1000))
def test_shifting_both_settings_changes_nothing(some, shift):
    a, b = np.array(some, float).T
    found, moved = compare(a, b), compare(a + shift, b + shift)
    assert (moved, moved.verdict) == (found, found.verdict)


# ------------------------------------------------------------------------------------- ratios


def test_a_ratio_is_the_geometric_mean_of_pairs():
    a, b = [2.0, 8.0, 3.0, 5.0], [1.0, 2.0, 2.0, 4.0]
    found, logs = compare(a, b, is_ratio=True), compare(np.log(a), np.log(b))
    assert found.difference.value == pytest.approx((2 * 4 * 1.5 * 1.25) ** (1 / 4))
    np.testing.assert_allclose(found.difference[:3], np.exp(logs.difference[:3]))
    assert found.smallest == pytest.approx(math.exp(logs.smallest))
    assert (found.p, found.improvement, found.difference.n) == (logs.p, logs.improvement, 4)
    assert found.is_ratio and not logs.is_ratio


def test_pairs_without_a_ratio_are_left_out():
    found = compare([2.0, 0.0, 1.0, -1.0, 6.0], [1.0, 1.0, 0.0, -2.0, 2.0], is_ratio=True)
    assert found == compare([2.0, 6.0], [1.0, 2.0], is_ratio=True)


def test_the_verdict_on_a_ratio_is_about_one():
    near = np.linspace(0.9, 1.1, 10)
    assert compare(0.5 * near, np.ones(10), is_ratio=True).verdict == "less"
    assert compare(1.5 * near, np.ones(10), is_ratio=True).verdict == "greater"
    assert compare(near, np.ones(10), is_ratio=True).verdict == "undecided"
    assert compare(near, np.ones(10), is_ratio=True, margin=1.25).verdict == "equal"


# -------------------------------------------------------------------------------- the p-value


def sign_flips(pairs):
    """The two-sided p-value by its definition: as extreme a mean, over all choices of signs."""
    found = abs(np.mean(pairs))
    means = [
        abs(np.mean(np.multiply(pairs, s))) for s in itertools.product((1, -1), repeat=len(pairs))
    ]
    return np.mean(np.array(means) >= found - 1e-12)


@pytest.mark.parametrize("n", [3, 6, 10])
def test_the_p_value_is_that_of_all_sign_flips(n):
    random = np.random.default_rng(n)
    for shift in (0.0, 0.5, 1.0):
        apart = random.normal(shift, 1.0, n)
        assert compare(apart, np.zeros(n)).p == pytest.approx(sign_flips(apart))
    assert compare(np.arange(1.0, n + 1), np.zeros(n)).p == 2 / 2**n  # all of one sign


def test_three_seeds_are_too_few_for_a_verdict():
    found = compare([5.0, 5.1, 5.2], [1.0, 1.0, 1.0])
    assert found.difference.low > 3 and found.p == 0.25 and found.verdict == "undecided"


def test_one_seed_has_no_interval_no_p_value_and_no_verdict():
    found = compare([5.0], [1.0], margin=10.0)
    assert (found.difference.value, found.difference.n) == (4.0, 1)
    assert not found.difference.has_interval
    assert math.isnan(found.p) and math.isnan(found.smallest)
    assert found.equal is None and found.verdict == "undecided"


def test_equal_values_are_not_different_and_equal_only_with_a_margin():
    same = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    found = compare(same, same)
    assert found.difference == Estimate(0.0, 0.0, 0.0, 7)
    assert (found.p, found.improvement.value, found.verdict) == (1.0, 0.5, "undecided")
    assert compare(same, same, margin=0.01).verdict == "equal"


def test_the_same_shift_of_every_pair_is_a_difference():
    found = compare(np.arange(10) + 0.5, np.arange(10))
    assert found.difference == Estimate(0.5, 0.5, 0.5, 10) and found.verdict == "greater"


def test_improvement_is_the_share_of_all_pairs_of_runs_with_ties_half():
    a, b = [1.0, 5.0, 3.0], [2.0, 3.0, 0.0]
    # 1 beats 0; 5 beats all; 3 beats 2 and 0, and ties with 3.
    assert compare(a, b).improvement.value == pytest.approx((1 + 3 + 2.5) / 9)
    u = stats.mannwhitneyu(a, b).statistic
    assert compare(a, b).improvement.value == pytest.approx(u / 9)


def test_the_interval_of_the_improvement_is_a_bootstrap_over_pairs():
    random = np.random.default_rng(3)
    b = random.normal(size=10)
    a = b + random.normal(0.5, 1.0, size=10)
    found = compare(a, b).improvement
    ends = stats.bootstrap(
        (a, b),
        lambda a, b: stats.mannwhitneyu(a, b).statistic / 100,
        paired=True,
        vectorized=False,
        n_resamples=999,
        method="percentile",
        random_state=random,
    ).confidence_interval
    assert found.low == pytest.approx(ends.low, abs=0.04) and found.low < found.value
    assert found.high == pytest.approx(ends.high, abs=0.04) and found.high > found.value


# --------------------------------------------------------------------------------- equivalence


def test_equal_means_that_the_narrow_interval_is_inside_the_margin():
    apart = np.array([-0.3, 0.4, 0.1, -0.2, 0.3, -0.1, 0.2, 0.0, -0.4, 0.25])
    narrow = estimate(apart, 0.90)
    ends = max(-narrow.low, narrow.high)
    zero = np.zeros(10)
    inside, outside = (compare(apart, zero, margin=ends * f) for f in (1.01, 0.99))
    assert (inside.equal, inside.verdict) == (True, "equal")
    assert (outside.equal, outside.verdict) == (False, "undecided")
    assert compare(apart, zero).equal is None


def test_a_difference_outside_the_margin_is_not_equal():
    apart = 2.0 + np.linspace(-0.1, 0.1, 10)
    found = compare(apart, np.zeros(10), margin=1.0)
    assert (found.equal, found.verdict) == (False, "greater")


def test_a_difference_that_is_sure_but_within_the_margin_is_told_as_a_difference():
    apart = 0.2 + np.linspace(-0.1, 0.1, 10)
    found = compare(apart, np.zeros(10), margin=1.0)
    assert (found.equal, found.verdict) == (True, "greater")


def test_the_margin_of_a_ratio_is_a_factor_both_ways():
    near = np.exp(np.linspace(-0.02, 0.02, 10))
    for factor in (1.2, 1 / 1.2):
        assert compare(factor * near, np.ones(10), is_ratio=True, margin=1.25).equal
        assert not compare(factor * near, np.ones(10), is_ratio=True, margin=1.15).equal


# ----------------------------------------------------------------------- the smallest difference


def test_the_smallest_difference_by_its_formula():
    apart = np.array([0.1, 0.5, -0.2, 0.4, 0.3])
    spread = math.sqrt(sum((x - 0.22) ** 2 for x in apart) / 4)
    # Quantiles of t with 4 degrees of freedom: 97.5 % and 80 %.
    expected = (2.776445 + 0.940965) * spread / math.sqrt(5)
    assert compare(apart, np.zeros(5)).smallest == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_the_smallest_difference_is_found_in_four_of_five_studies():
    n, random = 10, np.random.default_rng(4)
    quantiles = stats.t.ppf([0.975, 0.8], n - 1).sum()
    studies = quantiles / math.sqrt(n) + random.normal(size=(4000, n))
    found = np.mean(stats.ttest_1samp(studies, 0.0, axis=1).pvalue < 0.05)
    assert 0.77 < found < 0.85
    # The test that decides here is about as strong as the t-test.
    decided = compare_rows(studies[:150], np.zeros((150, n)))
    assert 0.7 < np.mean([one.p < 0.05 for one in decided]) < 0.92


# --------------------------------------------------------------------------------------- Holm


def with_p(p):
    return Comparison(Estimate(1.0, 0.5, 1.5, 10), False, p, 0.5, 1.0, None)


def test_holm_by_hand():
    # Sorted: 0.005 · 4 = 0.02, 0.011 · 3 = 0.033, 0.02 · 2 = 0.04, 0.04 · 1 = 0.04.
    found = holm([with_p(p) for p in (0.02, 0.005, 0.04, 0.011)])
    assert [one.p for one in found] == pytest.approx([0.04, 0.02, 0.04, 0.033])


def test_holm_keeps_the_order_and_stops_at_one():
    # 0.03 · 3 = 0.09; 0.031 · 2 = 0.062 may not be less than that; 0.9 stays.
    found = holm([with_p(p) for p in (0.9, 0.03, 0.031)])
    assert [one.p for one in found] == pytest.approx([0.9, 0.09, 0.09])
    assert [one.p for one in holm([with_p(0.6), with_p(0.7)])] == [1.0, 1.0]


def test_holm_counts_only_known_p_values():
    found = holm([with_p(math.nan), with_p(0.02), with_p(0.03)])
    assert math.isnan(found[0].p) and [one.p for one in found[1:]] == pytest.approx([0.04, 0.04])
    assert holm([]) == []


def test_a_correction_can_take_a_verdict_away():
    made = compare(1.0 + np.linspace(-0.1, 0.1, 7), np.zeros(7))  # p = 2/128
    assert made.verdict == "greater"
    assert [one.verdict for one in holm([made] * 3)] == ["greater"] * 3
    assert [one.verdict for one in holm([made] * 4)] == ["undecided"] * 4


def test_ten_seeds_can_decide_all_comparisons_of_the_largest_study():
    made = compare(1.0 + np.linspace(-0.1, 0.1, 10), np.zeros(10))
    assert {one.verdict for one in holm([made] * 16)} == {"greater"}
