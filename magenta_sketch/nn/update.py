"""One update of a model: cost, gradients, clipping and Adam."""

from __future__ import annotations

from typing import Any, NamedTuple

from magenta_sketch._backend import keras, tf

ADAM_EPSILON = 1e-8

# On a CPU, two groups of threads with half a batch each are faster than all threads with the whole
# batch, because all threads wait for each other at every small operation.
PARTS = 2
_SMALLEST_PART = 4  # sketches; a batch too small for such parts is not split


class UpdateResult(NamedTuple):
    """Scalars of one update: the losses, and whether cost and gradients are finite.

    ``kl`` is the KL cost, after the tolerance.
    """

    cost: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    finite: tf.Tensor


def new_optimizer(model: keras.Model) -> keras.optimizers.Adam:
    """Return the optimizer of a run, built for ``model``. `update` sets its learning rate."""
    optimizer = keras.optimizers.Adam(epsilon=ADAM_EPSILON)
    optimizer.build(model.trainable_variables)
    return optimizer


def parts_of(batch: int) -> int:
    """Return the number of parts that ``batch`` sketches are split into: 1 or `PARTS`."""
    gpu = tf.config.list_physical_devices("GPU")  # a GPU is fastest with the whole batch
    return 1 if gpu or batch < PARTS * _SMALLEST_PART else PARTS


def loss_sums(
    model: keras.Model,
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    seeds: tf.Tensor,
    parts: int,
    **how: Any,
) -> list[tf.Tensor]:
    """Return the sum over a batch of each of `losses.SketchLosses`.

    The batch, longest sketch first, is split into ``parts`` with similar lengths. Each part has its
    own random draws, and TensorFlow can compute the parts in parallel.
    """
    found = [
        model(strokes[part::parts], lengths[part::parts], seeds=seeds + part, **how)
        for part in range(parts)
    ]
    return [tf.add_n([tf.reduce_sum(one) for one in each]) for each in zip(*found, strict=True)]


def update(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    seeds: tf.Tensor,
    kl_weight: tf.Tensor,
    rows: tf.Tensor,
    learning_rate: tf.Tensor | None = None,
    *,
    parts: int,
) -> UpdateResult:
    """Make one update, with gradients clipped to ±grad_clip.

    If the cost or a gradient is not finite, nothing changes.

    Args:
      strokes, lengths, seeds, rows: see `SketchRNN.call`.
      kl_weight: weight of the KL cost, a scalar.
      learning_rate: a scalar; None: the current one of the optimizer.
      parts: see `loss_sums`.
    """
    variables = model.trainable_variables
    count = tf.cast(tf.shape(lengths)[0], tf.float32)
    with tf.GradientTape() as tape:
        sums = loss_sums(model, strokes, lengths, seeds, parts, training=True, rows=rows)
        reconstruction, kl = sums[0] / count, sums[2] / count
        cost, kl_cost = model.cost(reconstruction, kl, kl_weight)
    gradients = tape.gradient(cost, [v.value for v in variables])
    finite = tf.math.is_finite(cost)
    for gradient in gradients:
        finite &= tf.reduce_all(tf.math.is_finite(gradient))
    limit = model.hparams.grad_clip
    clipped = [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]

    def apply() -> tf.Tensor:
        if learning_rate is not None:
            optimizer.learning_rate.assign(learning_rate)
        optimizer.apply(clipped, variables)
        return tf.constant(True)

    tf.cond(finite, apply, lambda: tf.constant(False))
    return UpdateResult(cost, reconstruction, kl_cost, finite)
