"""The simplest model of latent noise: linear, with one factor per dimension.

docs/noise_theory.md, step 5, derives the formulas. s is the hyperparameter ``scale``; kappa is the
strength of a factor; r, the signal-to-noise power, is Var(mu)/(s·sigma)².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Prediction(NamedTuple):
    """What the theory expects at a scale.

    Attributes:
      ratio: r of each dimension, [Z].
      information: mutual information of the factors and z, in nats: the sum of ½·log(1 + r).
      mu_variance, sigma: those of each dimension, [Z].
      signal_to_noise: that of the model, as the measure of this name: the spread of mu over
        s · mean sigma.

    >>> Prediction._fields
    ('ratio', 'information', 'mu_variance', 'sigma', 'signal_to_noise')
    """

    ratio: NDArray[np.float64]
    information: float
    mu_variance: NDArray[np.float64]
    sigma: NDArray[np.float64]
    signal_to_noise: float


def signal_to_noise_power(
    kappa: ArrayLike, scale: float, *, kept: bool = False
) -> NDArray[np.float64]:
    """Return r of factors of the given strengths, an array of the same shape.

    Args:
      kappa: strengths, above 0.
      scale: s, above 0.
      kept: for a model that has learnt the factor before. Otherwise, as from the start of training,
        r is 0 unless kappa > s².

    >>> signal_to_noise_power([3.0, 10.0], scale=2.0).round(2).tolist()
    [0.0, 8.18]
    """
    kappa = np.asarray(kappa, np.float64)
    root = kappa**2 - 4 * kappa * (1 - scale**-2)
    ratio = 0.5 * (kappa + np.sqrt(np.maximum(root, 0.0))) - 1
    used = (root > 0) & (ratio > 0)
    return np.where(used if kept else used & (kappa > scale**2), ratio, 0.0)


def predict(mu_variance: ArrayLike, sigma: ArrayLike, scale: float) -> Prediction:
    """Predict the latent vector at a scale from a model that was trained at scale 1.

    Args:
      mu_variance, sigma: of the dimensions of the model of scale 1, [Z]. sigma: the root of the
        mean of sigma² over sketches.
      scale: s, above 0.

    >>> predict([0.9, 0.0], [0.316, 1.0], scale=2.0).ratio.round(1).tolist()
    [8.2, 0.0]
    """
    noise = np.square(np.asarray(sigma, np.float64))
    kappa = 1 + np.asarray(mu_variance, np.float64) / noise
    ratio = signal_to_noise_power(kappa, scale)
    sigma = np.sqrt(1 / (1 + scale**2 * ratio))
    variance = scale**2 * ratio * sigma**2
    signal_to_noise = float(np.sqrt(variance.mean()) / (scale * sigma.mean()))
    information = float(np.sum(0.5 * np.log1p(ratio)))
    return Prediction(ratio, information, variance, sigma, signal_to_noise)
