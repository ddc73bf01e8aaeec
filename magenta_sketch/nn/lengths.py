"""Sketches of different lengths in one batch, longest first.

Because the longest come first, the sketches that still have a point at time t are the first few
rows of the batch, and those that have ended drop out by cutting rows off the end.
"""

from __future__ import annotations

from typing import NamedTuple

from magenta_sketch._backend import tf


def counts(lengths: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """How many sketches have a point t, int32 [time], for int lengths [batch]."""
    has_point = tf.range(time)[:, None] < tf.cast(lengths, tf.int32)
    return tf.reduce_sum(tf.cast(has_point, tf.int32), axis=1)


def rows(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Keep the points that sketches have: [time, batch, ...] -> [points, ...].

    All first points come first, then all second ones, and so on; at each time the sketches stand in
    the order of the batch. ``lengths``: int [batch], longest first. `per_sketch` is the way back.

    >>> values = tf.constant([[1, 5, 9], [2, 6, 0], [3, 0, 0]])  # three sketches, a column each
    >>> rows(values, tf.constant([3, 2, 1])).numpy().tolist()
    [1, 5, 9, 2, 6, 3]
    """
    ragged = tf.RaggedTensor.from_tensor(values, counts(lengths, tf.shape(values)[0]))
    return ragged.values


def per_sketch(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Sum flattened per-point values, in the order of `rows`, for each sketch: [batch, ...].

    >>> per_sketch(tf.constant([1, 5, 9, 2, 6, 3]), tf.constant([3, 2, 1])).numpy().tolist()
    [6, 11, 9]
    """
    sketches = tf.ragged.range(counts(lengths, tf.reduce_max(lengths))).values
    return tf.math.unsorted_segment_sum(values, sketches, tf.shape(lengths)[0])


class Running(NamedTuple):
    """The rows of a batch that have a point at one time: the first ``number``, or all (None)."""

    number: tf.Tensor | None

    def of(self, values: tf.Tensor) -> tf.Tensor:
        """Those rows of values [..., batch, n]."""
        return values if self.number is None else values[..., : self.number, :]

    def into(self, old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        """``old`` [..., batch, n] with its first rows replaced by ``new``."""
        if self.number is not None:
            new = tf.concat([new, old[..., self.number :, :]], axis=-2)
        new.set_shape(old.shape)
        return new
