"""Whether z knows the factors that drawings were made from, and keeps them apart.

Factors are [n, F], a row for each drawing. NaN: the drawing has no such factor; its row is left out
for this factor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import entropy

from magenta_sketch.errors import ArgumentError

_RIDGE = 1e-6  # of dimensions with variance 1: only against dimensions that depend on each other


def linear_probe(
    z_train: ArrayLike, factors_train: ArrayLike, z_test: ArrayLike, factors_test: ArrayLike
) -> NDArray[np.float64]:
    """Return R² [F] with which a linear function of z predicts each factor of test drawings.

    1: exactly. 0: no better than the mean. It may be negative. It is NaN if no training drawing has
    the factor, or if it does not vary over test drawings. The function is fitted to the training
    drawings by least squares with an intercept.

    Args:
      z_train, z_test: latent vectors [n, Z] and [m, Z].
      factors_train, factors_test: [n, F] and [m, F].

    Raises:
      ArgumentError: z and factors do not have as many rows.

    >>> z = np.array([[0.0], [1.0], [2.0]])
    >>> linear_probe(z, 3 * z + 1, z, 3 * z + 1).round(3).tolist()
    [1.0]
    """
    z_train, factors_train = _checked(z_train, factors_train)
    z_test, factors_test = _checked(z_test, factors_test)
    columns = zip(factors_train.T, factors_test.T, strict=True)
    return np.array([_r_squared(z_train, y, z_test, to) for y, to in columns])


def _r_squared(
    z: NDArray[np.float64],
    factor: NDArray[np.float64],
    z_test: NDArray[np.float64],
    factor_test: NDArray[np.float64],
) -> float:
    known, known_test = ~np.isnan(factor), ~np.isnan(factor_test)
    z, y, z_test, to = z[known], factor[known], z_test[known_test], factor_test[known_test]
    if not len(y) or not len(to) or not to.var() > 0:
        return float("nan")
    centre, spread = z.mean(axis=0), z.std(axis=0)
    spread[spread == 0] = 1.0
    x, x_test = (z - centre) / spread, (z_test - centre) / spread
    ridge = _RIDGE * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(x.T @ x + ridge, x.T @ (y - y.mean()))
    return float(1.0 - np.mean((to - y.mean() - x_test @ weights) ** 2) / to.var())


def mutual_information_gap(z: ArrayLike, factors: ArrayLike, bins: int = 20) -> float:
    """Return the mutual information gap of z, from 0 to 1 (Chen et al. 2018, arXiv:1802.04942).

    For each factor: the largest minus the second largest mutual information with one dimension of
    z, divided by the factor's entropy (section 4.1). The result is the mean over factors
    that vary, NaN if there are none. 1: each factor has a dimension of its own.

    All are sorted into bins of equal counts, so the sizes of dimensions do not matter. Use z drawn
    from the posteriors rather than their means. Otherwise a mean that varies less than the noise
    counts, too.

    Args:
      z: latent vectors [n, Z].
      factors: [n, F].
      bins: number of bins, 2 or more. n should be large beside its square.

    Raises:
      ArgumentError: z and factors do not have as many rows, or bins is less than 2.

    >>> factors = np.stack(np.meshgrid(range(20), range(20)), axis=-1).reshape(-1, 2)
    >>> round(mutual_information_gap(factors, factors), 3)
    1.0
    """
    z, factors = _checked(z, factors)
    if bins < 2:
        raise ArgumentError(f"bins must be at least 2, got {bins}")
    gaps = []
    for factor in factors.T:
        known = ~np.isnan(factor)
        binned = _bins(factor[known], bins)
        whole = _entropy(binned)
        if whole > 0:
            found = [0.0, 0.0]  # of constant dimensions
            for dimension in z[known].T:
                other = _bins(dimension, bins)
                found.append(whole + _entropy(other) - _entropy(binned * bins + other))
            found.sort()
            gaps.append((found[-1] - found[-2]) / whole)
    return float(np.mean(gaps)) if gaps else float("nan")


def _bins(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the bin of each value, 0 to count - 1. Equal values have the same bin."""
    if not len(values):
        return np.zeros(0, np.int64)
    inner = np.quantile(values, np.arange(1, count) / count)
    return np.searchsorted(inner, values, side="right")


def _entropy(labels: NDArray[np.int64]) -> float:
    """Return the entropy of the labels' frequencies, in nats; 0 if there are none."""
    return float(entropy(np.bincount(labels))) if len(labels) else 0.0


def _checked(z: ArrayLike, factors: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    z, factors = np.asarray(z, np.float64), np.asarray(factors, np.float64)
    if z.ndim != 2 or factors.ndim != 2 or len(z) != len(factors):
        raise ArgumentError(
            f"z must be [n, Z] and factors [n, F], got {list(z.shape)} and {list(factors.shape)}"
        )
    return z, factors
