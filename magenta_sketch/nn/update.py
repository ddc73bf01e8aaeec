"""One update of a model: cost, gradients, clipping and Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.compiling import has_gpu
from magenta_sketch.nn.randomness import PlacedSeeds

ADAM_EPSILON = 1e-8

# On a CPU, two groups of threads with half a batch each are faster than all threads with the whole
# batch, because all threads wait for each other at every small operation.
PARTS = 2  # of runs of before, in which each part has draws of its own; the least of others
_SMALLEST_PART = 4  # sketches; a batch too small for such parts is not split
_PLACE_BITS = 24  # enough for the places of any batch


class UpdateResult(NamedTuple):
    """Scalars of one update: the losses, and whether cost and gradients are finite.

    ``kl`` is the KL cost, after the tolerance.
    """

    cost: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    finite: tf.Tensor


class Share(NamedTuple):
    """Which sketches of a batch are computed here, and in how many parts.

    The batch is split into ``workers`` times ``parts`` parts of nearly equal sizes and lengths.
    Worker w has those from w·parts on. TensorFlow can compute its parts in parallel.
    """

    parts: int = 1
    workers: int = 1
    worker: int = 0

    def numbers(self) -> list[int]:
        """Return the numbers of the parts that are computed here."""
        return [self.worker * self.parts + part for part in range(self.parts)]

    @property
    def total(self) -> int:
        """Number of parts of all workers."""
        return self.workers * self.parts


Tensors = Sequence[tf.Tensor]
AddUp = Callable[[Tensors], Tensors]  # the sums over all workers of each tensor


def alone(values: Tensors) -> Tensors:
    """Return the values: their sums, if there is one worker."""
    return values


def new_optimizer(model: keras.Model) -> keras.optimizers.Adam:
    """Return the optimizer of a run, built for ``model``. `update` sets its learning rate."""
    optimizer = keras.optimizers.Adam(epsilon=ADAM_EPSILON)
    optimizer.build(model.trainable_variables)
    return optimizer


def parts_of(sketches: int, parts: int = PARTS) -> int:
    """Return the number of parts for ``sketches`` of one worker: 1 or ``parts``."""
    # A GPU is fastest with the whole batch.
    return 1 if has_gpu() or sketches < parts * _SMALLEST_PART else parts


def parts_for(cores: int) -> int:
    """Return how many parts of a batch are best for so many cores.

    Two for up to 11 cores, then one for every four cores, at most 8. Each part has an equal share
    of the cores as threads. On one core, one part would be a little faster, but a run must have the
    same bits there as on a few cores. The value for 2 cores is measured (benchmarks/parts.py);
    those for more are a rule: parts need not wait for each other, but the products of a small part
    do not fill many cores.

    >>> [parts_for(cores) for cores in (1, 2, 8, 16, 64)]
    [2, 2, 2, 4, 8]
    """
    return max(PARTS, min(cores // 4, 8))


def places_of(count: tf.Tensor) -> tf.Tensor:
    """Return the places of ``count`` sketches, longest first: int32 [count], each place once.

    Any range of neighbouring places has sketches of all lengths. (The bits of a sketch's index are
    reversed, as in a van der Corput sequence.)

    >>> places_of(6).numpy().tolist()
    [0, 3, 2, 5, 1, 4]
    """
    index = tf.range(count)
    reverse = tf.zeros_like(index)
    for bit in range(_PLACE_BITS):
        reverse += tf.bitwise.bitwise_and(index // 2**bit, 1) * 2 ** (_PLACE_BITS - 1 - bit)
    return tf.argsort(tf.argsort(reverse))


def loss_sums(
    model: keras.Model,
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    seeds: tf.Tensor,
    share: Share,
    **how: Any,
) -> list[tf.Tensor]:
    """Return the sum of each of `losses.SketchLosses` over the sketches of ``share``.

    Args:
      model: the model.
      strokes, lengths, seeds: the whole batch, longest sketch first, see `SketchRNN.call`.
      share: what of it to compute.
      how: further arguments of `SketchRNN.call`.
    """
    if model.config.draws_by_place:
        pieces = _by_place(lengths, seeds, share)
    else:
        pieces = _by_stride(lengths, seeds, share)
    found = [
        model(tf.gather(strokes, rows), tf.gather(lengths, rows), seeds=own, **how)
        for rows, own in pieces
    ]
    return [tf.add_n([tf.reduce_sum(one) for one in each]) for each in zip(*found, strict=True)]


def _by_place(
    lengths: tf.Tensor, seeds: tf.Tensor, share: Share
) -> list[tuple[tf.Tensor, PlacedSeeds]]:
    """Return, for each part, its rows of the batch, longest first, and their seeds."""
    count = tf.shape(lengths)[0]
    places = places_of(count)
    at_place = tf.argsort(places)
    pieces = []
    for number in share.numbers():
        first, end = count * number // share.total, count * (number + 1) // share.total
        rows = tf.sort(at_place[first:end])
        pieces.append((rows, PlacedSeeds(seeds, tf.gather(places, rows))))
    return pieces


def _by_stride(
    lengths: tf.Tensor, seeds: tf.Tensor, share: Share
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Return what `_by_place` does for runs of before, in which each part had its own draws."""
    rows = tf.range(tf.shape(lengths)[0])
    return [(rows[number :: share.total], seeds + number) for number in share.numbers()]


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
    share: Share,
    add_up: AddUp = alone,
    sums_of: Callable[..., list[tf.Tensor]] = loss_sums,
    static: bool = False,
) -> UpdateResult:
    """Make one update, with gradients clipped to ±grad_clip.

    If the cost or a gradient is not finite, nothing changes.

    Args:
      model, optimizer: what to update.
      strokes, lengths, seeds, rows: the whole batch, see `SketchRNN.call`.
      kl_weight: weight of the KL cost, a scalar.
      learning_rate: a scalar; None: the current one of the optimizer.
      share: what of the batch is computed here.
      add_up: function that adds up tensors over all workers.
      sums_of: `loss_sums`, perhaps compiled by itself.
      static: see `SketchRNN.call`.
    """
    how = {"static": True} if static else {}
    variables = model.trainable_variables
    count = tf.cast(tf.shape(lengths)[0], tf.float32)
    with tf.GradientTape() as tape:
        sums = sums_of(model, strokes, lengths, seeds, share, training=True, rows=rows, **how)
    # The tolerance is one of the whole batch's KL, so all workers need it before the gradient.
    trained = [sums[0], sums[2]]  # reconstruction and KL
    totals = add_up(trained)
    with tf.GradientTape() as of_cost:
        of_cost.watch(totals)
        reconstruction, kl = (total / count for total in totals)
        cost, kl_cost = model.cost(reconstruction, kl, kl_weight)
    slopes = of_cost.gradient(cost, totals)
    values = [v.value for v in variables]
    gradients = add_up(tape.gradient(trained, values, output_gradients=slopes))
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
