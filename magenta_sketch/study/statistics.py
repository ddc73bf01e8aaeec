"""Estimates with intervals, and paired comparisons of two settings.

Seed i of one setting is compared with seed i of the other, because both begin with the same weights
and see the same batches. Intervals are bootstrap intervals (BCa; Efron 1987) of the mean.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL = 0.95  # of intervals
_EQUIVALENCE_LEVEL = 0.90  # two one-sided tests at 5 %
_RESAMPLES = 9_999
_POWER = 0.8


class Estimate(NamedTuple):
    """A mean over n seeds and its 95 % interval. NaN: unknown, as the interval of one seed.

    >>> Estimate(1.0, 0.8, 1.2, 10).known
    True
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return bool(np.isfinite(self.value))

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


class Comparison(NamedTuple):
    """A setting compared with another one, on a measure.

    Attributes:
      difference: the mean of the differences of pairs; for a ratio, their geometric mean ratio.
      is_ratio: whether it is a ratio.
      p: two-sided p-value of the exact sign-flip test of the pairs, after `holm` if that was used.
      improvement: the probability that a run of the setting has a greater value than a run of the
        other (ties count half); its interval is a percentile bootstrap over pairs.
      smallest: the smallest difference (or ratio above 1) that this many pairs find in four of five
        studies, at 5 %.
      equal: whether the 90 % interval is within the margin; None without a margin.

    >>> compare([2.0, 2.1, 2.2], [1.0, 1.2, 1.1]).difference.n
    3
    """

    difference: Estimate
    is_ratio: bool
    p: float
    improvement: Estimate
    smallest: float
    equal: bool | None

    @property
    def verdict(self) -> str:
        """ "greater", "less", "equal" (within the margin), or "undecided"."""
        none = 1.0 if self.is_ratio else 0.0
        low, high = self.difference.low, self.difference.high
        if self.p < 1 - LEVEL and not low <= none <= high:
            return "greater" if self.difference.value > none else "less"
        return "equal" if self.equal else "undecided"


def estimate(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Return the mean of the finite values and its interval.

    >>> estimate([1.0, 2.0, 3.0]).value
    2.0
    """
    return estimates([np.ravel(values)], level)[0]


def estimates(rows: ArrayLike, level: float = LEVEL) -> list[Estimate]:
    """Return the `estimate` of each row of values, [rows, seeds].

    >>> [one.value for one in estimates([[1.0, 2.0], [3.0, np.nan]])]
    [1.5, 3.0]
    """
    found: dict[int, Estimate] = {}
    groups: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
    for i, row in enumerate(np.asarray(rows, np.float64)):
        known = row[np.isfinite(row)]
        mean = float(np.mean(known)) if len(known) else np.nan
        if len(known) > 1 and np.ptp(known) > 0:
            groups.setdefault(len(known), []).append((i, known))
        else:
            end = mean if len(known) > 1 else np.nan
            found[i] = Estimate(mean, end, end, len(known))
    for n, group in groups.items():  # all rows of a length at once, which is faster
        data = np.stack([known for _, known in group])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a jackknife of almost equal values
            ends = stats.bootstrap(
                (data,),
                np.mean,
                axis=1,
                confidence_level=level,
                n_resamples=_RESAMPLES,
                method="BCa",
                random_state=np.random.default_rng(0),
            ).confidence_interval
        for (i, _), mean, low, high in zip(group, data.mean(axis=1), *ends, strict=True):
            found[i] = Estimate(float(mean), float(low), float(high), n)
    return [found[i] for i in range(len(found))]


def compare(
    values: ArrayLike,
    others: ArrayLike,
    *,
    is_ratio: bool = False,
    margin: float | None = None,
) -> Comparison:
    """Compare two settings, whose values are in the order of their seeds, both [seeds].

    Pairs with a missing value (NaN), or for a ratio one of 0 or less, are left out.

    Args:
      is_ratio: compare the quotient in place of the difference.
      margin: settings are equal if the difference is within ± margin; for a ratio, if it is
        between 1/margin and margin.

    >>> compare([1.0, 1.1, 0.9], [1.0, 1.1, 0.9], margin=0.1).verdict
    'equal'
    """
    rows = np.asarray(values, np.float64)[None], np.asarray(others, np.float64)[None]
    return compare_rows(*rows, is_ratio=is_ratio, margin=margin)[0]


def compare_rows(
    rows: ArrayLike, others: ArrayLike, *, is_ratio: bool = False, margin: float | None = None
) -> list[Comparison]:
    """Return what `compare` returns for each row of values, both [rows, seeds].

    >>> len(compare_rows([[1.0, 1.1], [2.0, 2.2]], [[1.0, 1.0], [1.0, 1.0]]))
    2
    """
    a, b = np.asarray(rows, np.float64), np.asarray(others, np.float64)
    if is_ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = np.log(a), np.log(b)
        margin = None if margin is None else float(np.log(margin))
    apart = np.where(np.isfinite(a) & np.isfinite(b), a - b, np.nan)
    made = []
    for x, y, pairs, found, within in zip(
        a, b, apart, estimates(apart), estimates(apart, _EQUIVALENCE_LEVEL), strict=True
    ):
        x, y, pairs = (one[np.isfinite(pairs)] for one in (x, y, pairs))
        equal = None
        if margin is not None and within.has_interval:
            equal = -margin < within.low and within.high < margin
        smallest = _smallest(pairs)
        if is_ratio:
            value, low, high = np.exp(found[:3]).tolist()
            found = Estimate(value, low, high, found.n)
            smallest = float(np.exp(smallest))
        p = _sign_flip(pairs)
        made.append(Comparison(found, is_ratio, p, _improvement(x, y), smallest, equal))
    return made


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with p-values corrected for their number (Holm 1979).

    >>> pairs = [compare([2.0, 2.1, 2.2, 2.4], [1.0, 1.2, 1.1, 1.0])] * 2
    >>> [round(one.p, 3) for one in holm(pairs)]
    [0.25, 0.25]
    """
    p = np.array([one.p for one in comparisons])
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = p[order] * np.arange(len(order), 0, -1)
    p[order] = np.minimum(np.maximum.accumulate(corrected), 1.0)
    return [one._replace(p=float(new)) for one, new in zip(comparisons, p, strict=True)]


def _improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> Estimate:
    """Return the probability that a value of x, [seeds], is greater than one of y."""
    n = len(x)
    greater = np.sign(x[:, None] - y) / 2 + 0.5
    if n < 2:
        return Estimate(float(greater[0, 0]) if n else np.nan, np.nan, np.nan, n)
    weights = _bootstrap_weights(n)
    drawn = np.sum(weights @ greater * weights, axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(greater.mean()), float(low), float(high), n)


@functools.cache
def _bootstrap_weights(n: int) -> NDArray[np.float64]:
    """Return the share of each of n pairs in each resample, [resamples, n]."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _RESAMPLES) / n


def _sign_flip(pairs: NDArray[np.float64]) -> float:
    """Return the p-value of the mean of paired differences, if the sign of each were random."""
    if len(pairs) < 2:
        return np.nan
    found = stats.permutation_test(
        (pairs, np.zeros_like(pairs)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _smallest(pairs: NDArray[np.float64]) -> float:
    """Return the true mean difference that a paired t-test of so many pairs finds with `_POWER`."""
    n = len(pairs)
    if n < 2:
        return np.nan
    quantiles = stats.t.ppf(1 - (1 - LEVEL) / 2, n - 1) + stats.t.ppf(_POWER, n - 1)
    return float(quantiles * np.std(pairs, ddof=1) / np.sqrt(n))
