"""Sketches of different lengths in one batch, longest first.

The sketches that still have a point at time t are then the first rows of the batch. Ended sketches
are removed by cutting rows off the end.
"""

from __future__ import annotations

from typing import NamedTuple

from magenta_sketch._backend import tf


def counts(lengths: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Return how many sketches have a point at each time: int [batch] -> int32 [time]."""
    has_point = tf.range(time)[:, None] < tf.cast(lengths, tf.int32)
    return tf.reduce_sum(tf.cast(has_point, tf.int32), axis=1)


def rows(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Keep only the points that sketches have: [time, batch, ...] -> [points, ...].

    The result holds the first points of all sketches, then all second points, and so on, each in
    the order of the batch. ``lengths``: int [batch], longest first.

    >>> values = tf.constant([[1, 5, 9], [2, 6, 0], [3, 0, 0]])  # three sketches, a column each
    >>> rows(values, tf.constant([3, 2, 1])).numpy().tolist()
    [1, 5, 9, 2, 6, 3]
    """
    ragged = tf.RaggedTensor.from_tensor(values, counts(lengths, tf.shape(values)[0]))
    return ragged.values


def per_sketch(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Sum flattened per-point values for each sketch: [points, ...] -> [batch, ...].

    The values are in the order of `rows`.

    >>> per_sketch(tf.constant([1, 5, 9, 2, 6, 3]), tf.constant([3, 2, 1])).numpy().tolist()
    [6, 11, 9]
    """
    sketches = tf.ragged.range(counts(lengths, tf.reduce_max(lengths))).values
    return tf.math.unsorted_segment_sum(values, sketches, tf.shape(lengths)[0])


class Running(NamedTuple):
    """The rows of a batch with a point at one time: the first ``number``, or all if it is None."""

    number: tf.Tensor | None

    def of(self, values: tf.Tensor) -> tf.Tensor:
        """Return these rows of ``values`` [..., batch, n]."""
        return values if self.number is None else values[..., : self.number, :]

    def into(self, old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        """Return ``old`` [..., batch, n] with these rows replaced by ``new``."""
        if self.number is not None:
            new = tf.concat([new, old[..., self.number :, :]], axis=-2)
        new.set_shape(old.shape)
        return new
