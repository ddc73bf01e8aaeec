"""The Sketch-RNN loss (Ha & Eck 2017, section 3.3).

Training, evaluation and studies use the same loss. It is one number for each sketch, so that
averages are over sketches, not over batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from magenta_sketch._backend import tf
from magenta_sketch.nn import mixture

# Added to the density before the logarithm, as in the original. It limits the loss of a point.
DENSITY_FLOOR = 1e-6


class SketchLosses(NamedTuple):
    """Losses of each sketch of a batch, [batch], in nats.

    Attributes:
      reconstruction: sum over all T rows of offset loss and pen loss, divided by T (the trained
        form).
      masked_reconstruction: the same without the pen loss at end-of-sketch rows (the form in
        papers).
      kl: the KL term, mean over the latent dimensions, before the tolerance: see `kl_divergence`.

    >>> SketchLosses._fields
    ('reconstruction', 'masked_reconstruction', 'kl')
    """

    reconstruction: tf.Tensor
    masked_reconstruction: tf.Tensor
    kl: tf.Tensor


def point_losses(
    output: tf.Tensor, target: tf.Tensor, reg_covar: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the offset loss and the pen loss of each point, both [...], in nats.

    The offset loss is zero where the target is the end of the sketch. The pen loss is not masked.

    Args:
      output: the decoder's output vectors [..., 3 + 6·M].
      target: points to predict, stroke-5 in model units, [..., 5].
      reg_covar: see `mixture.log_density`.

    >>> offset, pen = point_losses(tf.zeros([1, 9]), tf.constant([[0.0, 0, 1, 0, 0]]))
    >>> round(float(offset[0]), 3), round(float(pen[0]), 3)
    (1.838, 1.099)
    """
    params = mixture.split_output(output)
    log_density = mixture.log_density(params, target[..., :2], reg_covar)
    # -log(density + floor) in log space.
    log_floor = math.log(DENSITY_FLOOR)
    offset = -(log_floor + tf.nn.softplus(log_density - log_floor))
    offset = offset * (1.0 - target[..., 4])
    pen = tf.nn.softmax_cross_entropy_with_logits(labels=target[..., 2:], logits=params.pen_logits)
    return offset, pen


def sketch_losses(
    output: tf.Tensor,
    target: tf.Tensor,
    mu: tf.Tensor | None,
    presig: tf.Tensor | None,
    reg_covar: float = 0.0,
    rows: tf.Tensor | None = None,
    add_up: Callable[[tf.Tensor], tf.Tensor] | None = None,
    kl_mu_weight: float = 1.0,
) -> SketchLosses:
    """Return the `SketchLosses` of a batch.

    Args:
      output, target, reg_covar: see `point_losses`.
      mu, presig: parameters of the posterior, [batch, Z]; None if unconditional.
      rows: the T that sums over points are divided by. None: the number of rows of ``target``. If a
        batch is padded only to its own longest sketch, give the T of the data, so that losses can
        be compared.
      add_up: function that sums flattened per-point values [points, 2] for each sketch, to [batch,
        2]; give ``rows`` with it. None: ``output`` and ``target`` are [batch, time, ...].
      kl_mu_weight: see `kl_divergence`.

    >>> target = tf.constant([[[0.0, 0, 1, 0, 0], [0, 0, 0, 0, 1]]])  # one point, one end row
    >>> sketch_losses(tf.zeros([1, 2, 9]), target, None, None).kl.numpy().tolist()
    [0.0]
    """
    offset, pen = point_losses(output, target, reg_covar)
    drawn = 1.0 - target[..., 4]
    losses = tf.stack([offset + pen, offset + pen * drawn], axis=-1)
    sums = tf.reduce_sum(losses, axis=1) if add_up is None else add_up(losses)
    sums /= tf.cast(tf.shape(target)[1] if rows is None else rows, offset.dtype)
    reconstruction, masked = tf.unstack(sums, axis=-1)
    kl = tf.zeros_like(reconstruction) if mu is None else kl_divergence(mu, presig, kl_mu_weight)
    return SketchLosses(reconstruction, masked, kl)


def kl_divergence(mu: tf.Tensor, presig: tf.Tensor, mu_weight: float = 1.0) -> tf.Tensor:
    """Return -½·mean_Z(1 + presig - mu_weight·mu² - exp(presig)), [batch], in nats.

    With mu_weight 1 this is KL(N(mu, sigma²) || N(0, 1)) (Ha & Eck 2017, eq. 10). With 1/s² it is
    KL(N(mu, (s·sigma)²) || N(0, s²)): docs/noise_theory.md. ``mu`` and ``presig`` are [batch, Z].

    >>> kl_divergence(tf.constant([[1.0, 1.0]]), tf.constant([[0.0, 0.0]])).numpy().tolist()
    [0.5]
    """
    return -0.5 * tf.reduce_mean(1.0 + presig - mu_weight * tf.square(mu) - tf.exp(presig), axis=-1)


def total_cost(
    reconstruction: tf.Tensor, kl: tf.Tensor, kl_weight: tf.Tensor, kl_tolerance: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (cost, KL cost) for mean losses. The KL cost is at least ``kl_tolerance``.

    >>> cost, kl_cost = total_cost(tf.constant(2.0), tf.constant(0.1), 0.5, kl_tolerance=0.25)
    >>> float(cost), float(kl_cost)
    (2.125, 0.25)
    """
    kl_cost = tf.maximum(kl, kl_tolerance)
    return reconstruction + kl_weight * kl_cost, kl_cost
