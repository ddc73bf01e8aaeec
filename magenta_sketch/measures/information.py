"""How much z says about the sketch, and how far all z together are from a prior.

Hoffman and Johnson 2016, "ELBO surgery". For posteriors q(z|x) of n sketches and the aggregate
posterior q(z), their mixture,

    rate = E KL(q(z|x) || p(z)) = mutual information of x and z + KL(q(z) || p(z)).

The last term is the marginal KL. Only it and the rate depend on the prior p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from magenta_sketch.errors import ArgumentError

MOST = 5000
_AT_ONCE = 2**22  # log densities held together: 32 MiB


class Gaussian(Protocol):
    """A normal prior: mean [Z] and covariance [Z, Z]."""

    @property
    def mean(self) -> Any: ...
    @property
    def covariance(self) -> Any: ...


class Aggregate(NamedTuple):
    """Measures of the posteriors of n sketches, in nats a sketch.

    Attributes:
      mutual_information: of x and z, if x is one of these n sketches. It estimates a lower bound of
        that of all sketches there could be. A rate is an upper bound of it.
      bound: log n, the largest possible mutual_information. Near it, n is too small to tell more.
      rate: mean KL(q(z|x) || p) for each prior, exact.
      marginal_kl: KL(q(z) || p) for each prior: its rate minus mutual_information. It is estimated
        too, and may be a little below 0. Differences between priors are exact.

    >>> Aggregate._fields
    ('mutual_information', 'bound', 'rate', 'marginal_kl')
    """

    mutual_information: float
    bound: float
    rate: dict[str, float]
    marginal_kl: dict[str, float]


def aggregate_measures(
    mu: ArrayLike,
    sigma: ArrayLike,
    priors: Mapping[str, Gaussian],
    seed: int = 0,
    most: int = MOST,
) -> Aggregate:
    """Return the `Aggregate` measures of posteriors N(mu, sigma²), with one draw of z a sketch.

    Args:
      mu, sigma: [n, Z]. sigma, above 0, is the real noise: the run's ``scale`` times the sigma of
        the encoder.
      priors: normal distributions by name.
      seed: seed of the draws, 0 or more.
      most: of more sketches, this many are chosen at random.

    Raises:
      ArgumentError: mu and sigma are not both [n, Z], n >= 1, or a sigma is not above 0.

    >>> found = aggregate_measures([[-9.0], [9.0]], [[0.1], [0.1]], {})
    >>> round(found.mutual_information, 3), round(found.bound, 3)
    (0.693, 0.693)
    """
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    if mu.ndim != 2 or mu.shape != sigma.shape or not len(mu):
        raise ArgumentError(
            f"mu and sigma must both be [n, Z], n >= 1, got {list(mu.shape)} and "
            f"{list(sigma.shape)}"
        )
    if not (sigma > 0).all():
        raise ArgumentError(f"sigma must be above 0 everywhere, got {sigma.min()}")
    random = np.random.default_rng(seed)
    if len(mu) > most:
        chosen = random.choice(len(mu), most, replace=False)
        mu, sigma = mu[chosen], sigma[chosen]
    information = _mutual_information(mu, sigma, random)
    rate = {name: _rate(mu, sigma, prior) for name, prior in priors.items()}
    marginal = {name: value - information for name, value in rate.items()}
    return Aggregate(information, float(np.log(len(mu))), rate, marginal)


def _mutual_information(
    mu: NDArray[np.float64], sigma: NDArray[np.float64], random: np.random.Generator
) -> float:
    """Return the mean of log q(z|x) - log q(z), at one z from the posterior of each x."""
    eps = random.standard_normal(mu.shape)
    z = mu + sigma * eps
    # Up to a constant, log q(z_i|x_j) = -½·sum of (z_i - mu_j)²/sigma_j² - sum of log sigma_j.
    precision = sigma**-2
    own = -0.5 * np.sum(mu**2 * precision, axis=1) - np.sum(np.log(sigma), axis=1)
    log_own = -0.5 * np.sum(eps**2, axis=1) - np.sum(np.log(sigma), axis=1)
    log_all = np.zeros(len(z))
    block = max(_AT_ONCE // len(mu), 1)
    for start in range(0, len(z), block):
        part = z[start : start + block]
        joint = part @ (mu * precision).T - 0.5 * part**2 @ precision.T + own
        log_all[start : start + block] = logsumexp(joint, axis=1)
    return float(np.mean(log_own - log_all) + np.log(len(z)))


def _rate(mu: NDArray[np.float64], sigma: NDArray[np.float64], prior: Gaussian) -> float:
    """Return the mean over sketches of KL(N(mu, sigma²) || prior)."""
    covariance = np.asarray(prior.covariance, np.float64)
    apart = mu - np.asarray(prior.mean, np.float64)
    # The mean of (mu - m)ᵀ C⁻¹ (mu - m) + tr(C⁻¹ sigma²) is a trace, too.
    second = apart.T @ apart / len(mu) + np.diag(np.mean(sigma**2, axis=0))
    trace = np.trace(np.linalg.solve(covariance, second))
    log_ratio = np.linalg.slogdet(covariance)[1] - np.mean(2 * np.sum(np.log(sigma), axis=1))
    return float(0.5 * (trace - mu.shape[1] + log_ratio))
