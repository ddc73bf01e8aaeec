"""The importance-weighted bound of log p(x): how probable sketches are to a conditional model.

Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, eq. 8. For each sketch x, z_1 to z_K are
drawn from q(z|x) = N(mu, (s·sigma)²), the noise that the decoder was trained with. Then

    log 1/K·sum over k of p(x|z_k)·p(z_k)/q(z_k|x)

is in expectation a lower bound of log p(x) under the prior p(z). It rises with K, from the usual
bound (ELBO) at K = 1. So models of different noise scales can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from magenta_sketch.data.sketch_set import Sketches, SketchSet
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import natural, positive
from magenta_sketch.inference.trained_model import TrainedModel

_AT_ONCE = 1000  # latent vectors decoded together


class Density(Protocol):
    """A prior: its log density [...] at latent vectors z [..., Z], in nats."""

    def log_density(self, z: NDArray[Any], /) -> Any: ...


def importance_bound(
    trained: TrainedModel,
    sketches: Sketches,
    priors: Mapping[str, Density],
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, NDArray[np.float64]]:
    """Return a lower bound of log p(x) in nats of each sketch, [n], for each prior.

    The offsets' density is in data units, as in `TrainedModel.log_prob`. The same draws serve all
    priors.

    Args:
      trained: a conditional model, trained with a ``scale`` above 0.
      sketches: stroke-3 arrays [n, 3], or a `SketchSet`.
      priors: densities of z by name.
      draws: K, draws per sketch, 1 or more.
      seed: seed of the draws, 0 or more.

    Raises:
      ArgumentError: the model is unconditional, its scale is 0, or an argument is out of its range.

    >>> model = magenta_sketch.TrainedModel(magenta_sketch.SketchRNN(
    ...     magenta_sketch.HParams(enc_rnn_size=8, dec_rnn_size=8, z_size=2)))
    >>> prior = magenta_sketch.inference.priors.Prior.standard(2)
    >>> importance_bound(model, [np.array([[3, 0, 1]])], {"standard": prior}, 5)["standard"].shape
    (1,)
    """
    draws, seed, scale = positive("draws", draws), natural("seed", seed), _scale(trained)
    if not isinstance(sketches, SketchSet):
        sketches = SketchSet.from_sketches(sketches)
    mu, sigma = (part.astype(np.float64) for part in trained.encode_distribution(sketches))
    result = {name: np.zeros(len(sketches)) for name in priors}
    random = np.random.default_rng(seed)
    together = max(_AT_ONCE // draws, 1)
    for start in range(0, len(sketches), together):
        here = np.arange(start, min(start + together, len(sketches)))
        noise = (scale * sigma[here])[:, None]
        eps = random.standard_normal((len(here), draws, mu.shape[1]))
        z = mu[here, None] + noise * eps
        log_q = -np.sum(0.5 * eps**2 + np.log(noise) + 0.5 * np.log(2 * np.pi), axis=-1)
        repeated = sketches.take(np.repeat(here, draws))
        log_likelihood = trained.log_likelihood(repeated, z.reshape(len(repeated), -1))
        weights = log_likelihood.reshape(log_q.shape) - log_q
        for name, prior in priors.items():
            total = logsumexp(weights + prior.log_density(z), axis=1)
            result[name][here] = total - np.log(draws)
    return result


def _scale(trained: TrainedModel) -> float:
    scale = float(trained.config.hparams.scale)
    if scale == 0.0:
        raise ArgumentError(
            "scale of the model is 0, without noise there is no bound; use a model trained with a "
            "scale above 0"
        )
    return scale
