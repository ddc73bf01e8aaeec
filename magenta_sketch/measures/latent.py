"""How a conditional model uses its latent vector, from the posteriors of a set of sketches.

For sketch n and dimension j the encoder gives N(mu[n, j], sigma[n, j]²). With the noise scale s the
decoder gets z ~ N(mu, (s·sigma)²). Variances are population variances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A dimension is active if the variance of its mu over the data is larger (Burda, Grosse and
# Salakhutdinov 2016, arXiv:1509.00519, section 5.2).
ACTIVE = 0.01


def use(mu: ArrayLike, sigma: ArrayLike, scale: float) -> dict[str, float]:
    """Return the scalars (see `scalars.SCALARS`) that follow from mu, sigma and the noise scale."""
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    active = mu.var(axis=0) > ACTIVE
    spread = np.sqrt(np.mean(mu.var(axis=0)))
    noise = scale * np.mean(sigma)
    return {
        "active_units": float(active_units(mu)),
        "mean_sigma": float(np.mean(sigma)),
        "active_sigma": float(np.mean(sigma[:, active])) if active.any() else np.nan,
        "other_sigma": float(np.mean(sigma[:, ~active])) if not active.all() else np.nan,
        "mu_spread": float(spread),
        "signal_to_noise": float(spread / noise) if noise > 0 else np.inf,
        "balance": float(np.mean(mu**2 + sigma**2)),
    }


def active_units(mu: ArrayLike, thresholds: ArrayLike = ACTIVE) -> NDArray[np.int64]:
    """Return in how many dimensions the variance of mu [n, Z] is above each threshold, an array.

    The whole curve shows whether the number depends on the threshold.

    >>> active_units([[-1.0, 0.1], [1.0, -0.1]], [0.001, 0.1, 2.0]).tolist()
    [2, 1, 0]
    """
    variance = np.asarray(mu, np.float64).var(axis=0)
    return np.count_nonzero(variance > np.asarray(thresholds)[..., None], axis=-1)


def kl_by_dimension(
    mu: ArrayLike, sigma: ArrayLike, *, mu_weight: float = 1.0
) -> NDArray[np.float64]:
    """Return the mean over sketches of KL(N(mu, sigma²) || N(0, 1)), in nats, for each dimension.

    Args:
      mu: [n, Z].
      sigma: [n, Z]. That of the encoder gives the KL as training pays it; times the run's
        ``scale``, that of the noise that the decoder gets. Infinite where it is 0.
      mu_weight: factor of mu². Training pays with the hyperparameter ``kl_mu_weight``.

    >>> kl_by_dimension([[1.0, 0.0]], [[1.0, 1.0]]).tolist()
    [0.5, 0.0]
    """
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    with np.errstate(divide="ignore"):
        kl = 0.5 * (mu_weight * mu**2 + sigma**2 - 1) - np.log(sigma)
    return np.mean(kl, axis=0)
