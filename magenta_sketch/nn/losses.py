"""The Sketch-RNN loss (Ha & Eck 2017, section 3.3).

One loss serves training, evaluation and studies. It is kept per sketch until the very end, so
that sketches (not batches) are what an average is over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from magenta_sketch._backend import tf
from magenta_sketch.nn import mixture

# The original adds this to the density before the logarithm; it bounds the loss of a point.
DENSITY_FLOOR = 1e-6


class SketchLosses(NamedTuple):
    """Losses of a batch, one number a sketch, [batch], in nats a point (sums divided by T).

    reconstruction: offset loss plus pen loss over all T rows (the form that is trained).
    masked_reconstruction: the pen loss left out at end-of-sketch rows (the form papers quote).
    kl: KL(N(mu, sigma²) || N(0, 1)) averaged over the latent dimensions, before the tolerance.
    """

    reconstruction: tf.Tensor
    masked_reconstruction: tf.Tensor
    kl: tf.Tensor


def point_losses(
    output: tf.Tensor, target: tf.Tensor, reg_covar: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Offset loss and pen loss of each point, both [...], in nats.

    Args:
      output: the decoder's output vectors [..., 3 + 6·M].
      target: the points to predict, stroke-5 in model units, [..., 5].
      reg_covar: see `mixture.log_density`.

    The offset loss is zero where the target is the end of the sketch; the pen loss is not masked.
    """
    params = mixture.split_output(output)
    log_density = mixture.log_density(params, target[..., :2], reg_covar)
    # -log(density + floor), with the floor as a second term of the sum in log space.
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
) -> SketchLosses:
    """`SketchLosses` of a batch.

    Args:
      output, target, reg_covar: see `point_losses`.
      mu, presig: [batch, Z]; None when unconditional.
      rows: the T that sums over points are divided by; None takes that of ``target``. A batch
        padded to its own longest sketch gives the T of the data, so that its losses compare.
      add_up: sums over each sketch's points, [batch, 2], of what has a row [2] where ``output``
        and ``target`` have a point; None where they are [batch, time, ...]. With it goes ``rows``.
    """
    offset, pen = point_losses(output, target, reg_covar)
    drawn = 1.0 - target[..., 4]
    losses = tf.stack([offset + pen, offset + pen * drawn], axis=-1)
    sums = tf.reduce_sum(losses, axis=1) if add_up is None else add_up(losses)
    sums /= tf.cast(tf.shape(target)[1] if rows is None else rows, offset.dtype)
    reconstruction, masked = tf.unstack(sums, axis=-1)
    kl = tf.zeros_like(reconstruction) if mu is None else kl_divergence(mu, presig)
    return SketchLosses(reconstruction, masked, kl)


def kl_divergence(mu: tf.Tensor, presig: tf.Tensor) -> tf.Tensor:
    """-½·mean_Z(1 + presig - mu² - exp(presig)) (Ha & Eck 2017, eq. 10): [batch, Z] -> [batch]."""
    return -0.5 * tf.reduce_mean(1.0 + presig - tf.square(mu) - tf.exp(presig), axis=-1)


def total_cost(
    reconstruction: tf.Tensor, kl: tf.Tensor, kl_weight: tf.Tensor, kl_tolerance: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """(cost, KL cost) from means over sketches: kl below the tolerance costs the tolerance."""
    kl_cost = tf.maximum(kl, kl_tolerance)
    return reconstruction + kl_weight * kl_cost, kl_cost
