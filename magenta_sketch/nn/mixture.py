"""The mixture density of the next point: parameters, log density and sampling.

Everything is computed in log space. Density and gradient stay finite if sigma is tiny or the
correlation is close to 1. Formulas: Ha & Eck 2017, eq. 3 to 6; for the bivariate normal
distribution, Graves 2013 (arXiv:1308.0850, eq. 24 and 25).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from magenta_sketch._backend import tf

# Standardised distances are clipped here, so that their squares and all gradients are finite. The
# density at this distance is exp(-5e7), which is zero in any float.
_FARTHEST = 1e4


class MixtureParams(NamedTuple):
    """The distribution of the next point: M mixture components, offsets in model units.

    Attributes:
      pen_logits: logits of pen down, pen up and end of sketch, [..., 3].
      log_pi: log weights of the components, normalised, [..., M].
      mu1, mu2: means of dx and dy, [..., M].
      log_sigma1, log_sigma2: log standard deviations of dx and dy, [..., M].
      corr_logits: the correlation is tanh(corr_logits), [..., M].

    >>> params = split_output(tf.zeros([1, 9]))
    >>> tf.exp(params.log_sigma1).numpy().tolist()
    [[1.0]]
    """

    pen_logits: tf.Tensor
    log_pi: tf.Tensor
    mu1: tf.Tensor
    mu2: tf.Tensor
    log_sigma1: tf.Tensor
    log_sigma2: tf.Tensor
    corr_logits: tf.Tensor


def output_width(num_mixture: int) -> int:
    """Return the width of the decoder's output vector: 3 pen logits, and 6 numbers a component.

    >>> output_width(20)
    123
    """
    return 3 + 6 * num_mixture


def split_output(output: tf.Tensor) -> MixtureParams:
    """Split the decoder's output vectors [..., 3 + 6·M] into `MixtureParams`.

    >>> split_output(tf.zeros([4, 123])).mu1.shape.as_list()
    [4, 20]
    """
    pen_logits, rest = output[..., :3], output[..., 3:]
    pi, mu1, mu2, sigma1, sigma2, corr = tf.split(rest, 6, axis=-1)
    return MixtureParams(pen_logits, tf.nn.log_softmax(pi), mu1, mu2, sigma1, sigma2, corr)


def log_density(params: MixtureParams, offsets: tf.Tensor, reg_covar: float = 0.0) -> tf.Tensor:
    """Return log Σ_m pi_m N(dx, dy; ...) for ``offsets`` [..., 2] in model units: [...].

    ``reg_covar`` >= 0 is added to both variances first (regularisation of the PyTorch port). The
    result and its gradients are finite for offsets up to ±1e3, log sigmas up to ±30 and corr_logits
    up to ±20.

    >>> params = split_output(tf.zeros([1, 9]))
    >>> round(float(log_density(params, tf.zeros([1, 2]))[0]), 3)  # -log(2π)
    -1.838
    """
    log_s1, log_s2 = params.log_sigma1, params.log_sigma2
    # log(1 - rho) and log(1 + rho) for rho = tanh(corr_logits).
    log_minus = math.log(2.0) - tf.nn.softplus(2.0 * params.corr_logits)
    log_plus = math.log(2.0) - tf.nn.softplus(-2.0 * params.corr_logits)
    if reg_covar > 0.0:
        log_s1, log_s2, log_minus, log_plus = _regularised(
            log_s1, log_s2, log_minus, log_plus, math.log(reg_covar)
        )
    a = (offsets[..., 0:1] - params.mu1) * tf.exp(-log_s1)
    b = (offsets[..., 1:2] - params.mu2) * tf.exp(-log_s2)
    # (a² + b² - 2·rho·a·b) / (1 - rho²) = (u² + v²) / 2. The right side is safe: no cancellation,
    # and no division by a difference that may round to zero.
    u = (a - b) * tf.exp(-0.5 * log_minus)
    v = (a + b) * tf.exp(-0.5 * log_plus)
    u, v = (tf.clip_by_value(x, -_FARTHEST, _FARTHEST) for x in (u, v))
    log_normal = (
        -0.25 * (tf.square(u) + tf.square(v))
        - 0.5 * (log_minus + log_plus)
        - log_s1
        - log_s2
        - math.log(2.0 * math.pi)
    )
    return tf.reduce_logsumexp(params.log_pi + log_normal, axis=-1)


def _regularised(
    log_s1: tf.Tensor, log_s2: tf.Tensor, log_minus: tf.Tensor, log_plus: tf.Tensor, log_r: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the log sigmas and log(1 ∓ rho) after adding r = exp(log_r) to both variances.

    With s1' = sqrt(s1² + r), s2' = sqrt(s2² + r) and rho' = rho·s1·s2 / (s1'·s2'):

        1 ∓ rho'        = ((s1'·s2' - s1·s2) + (1 ∓ rho)·s1·s2) / (s1'·s2')
        s1'·s2' - s1·s2 = r·(s1² + s2² + r) / (s1'·s2' + s1·s2)

    All these sums have positive terms only.
    """
    new_1 = 0.5 * _log_add(2.0 * log_s1, log_r)
    new_2 = 0.5 * _log_add(2.0 * log_s2, log_r)
    old, new = log_s1 + log_s2, new_1 + new_2
    grown = log_r + _log_add(_log_add(2.0 * log_s1, 2.0 * log_s2), log_r) - _log_add(old, new)
    return (
        new_1,
        new_2,
        _log_add(grown, old + log_minus) - new,
        _log_add(grown, old + log_plus) - new,
    )


def _log_add(x: tf.Tensor, y: Any) -> tf.Tensor:
    """Return log(exp(x) + exp(y)) without overflow."""
    return y + tf.nn.softplus(x - y)


def adjust_temperature(params: MixtureParams, temperature: tf.Tensor) -> MixtureParams:
    """Lower the randomness (Ha & Eck 2017, eq. 8): pi and pen logits / τ, variances · τ.

    ``temperature`` τ is in (0, 1]. Sigma is multiplied by √τ, as in the paper and the JavaScript
    libraries; Magenta's Python code multiplies sigma by τ.

    >>> params = adjust_temperature(split_output(tf.zeros([1, 9])), 0.25)
    >>> round(float(tf.exp(params.log_sigma1)[0, 0]), 3)
    0.5
    """
    half_log = 0.5 * tf.math.log(temperature)
    return params._replace(
        pen_logits=params.pen_logits / temperature,
        log_pi=tf.nn.log_softmax(params.log_pi / temperature),
        log_sigma1=params.log_sigma1 + half_log,
        log_sigma2=params.log_sigma2 + half_log,
    )


def draw_points(params: MixtureParams, uniforms: tf.Tensor, normals: tf.Tensor) -> tf.Tensor:
    """Draw one stroke-5 point from each distribution: [batch, 5].

    Args:
      params: distributions, with shapes [batch, 3] and [batch, M].
      uniforms: random numbers in [0, 1), [batch, 2], to choose the mixture component and the pen
        state.
      normals: standard normal random numbers, [batch, 2].

    >>> params = split_output(tf.zeros([1, 9]))
    >>> draw_points(params, uniforms=tf.zeros([1, 2]), normals=tf.ones([1, 2])).numpy().tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0]]
    """
    component = _choose(tf.exp(params.log_pi), uniforms[:, 0])
    pen = _choose(tf.nn.softmax(params.pen_logits), uniforms[:, 1])
    mu1, mu2, log_s1, log_s2, corr_logits = (
        tf.gather(x, component, batch_dims=1)
        for x in (params.mu1, params.mu2, params.log_sigma1, params.log_sigma2, params.corr_logits)
    )
    rho = tf.tanh(corr_logits)
    # sqrt(1 - rho²) = 1/cosh(corr_logits), computed from exp(-|x|) to avoid overflow.
    small = tf.exp(-tf.abs(corr_logits))
    rest = 2.0 * small / (1.0 + tf.square(small))
    dx = mu1 + tf.exp(log_s1) * normals[:, 0]
    dy = mu2 + tf.exp(log_s2) * (rho * normals[:, 0] + rest * normals[:, 1])
    return _point(dx, dy, pen)


def greedy_points(params: MixtureParams) -> tf.Tensor:
    """Return the mean of the likeliest component and the likeliest pen state: [batch, 5].

    >>> greedy_points(split_output(tf.constant([[0, 1.0, 0, 0, 2, 3, 0, 0, 0]]))).numpy().tolist()
    [[2.0, 3.0, 0.0, 1.0, 0.0]]
    """
    component = tf.argmax(params.log_pi, axis=-1)
    dx, dy = (tf.gather(x, component, batch_dims=1) for x in (params.mu1, params.mu2))
    return _point(dx, dy, tf.argmax(params.pen_logits, axis=-1))


def _choose(probabilities: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Draw an index for each row of probabilities [batch, n] from uniforms [batch]."""
    below = tf.cumsum(probabilities, axis=-1) <= uniform[:, None]
    index = tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
    return tf.minimum(index, probabilities.shape[-1] - 1)  # the rounded sum may be below 1


def _point(dx: tf.Tensor, dy: tf.Tensor, pen: tf.Tensor) -> tf.Tensor:
    return tf.concat([dx[:, None], dy[:, None], tf.one_hot(pen, 3, dtype=dx.dtype)], axis=-1)
