"""Sketches of different lengths in one batch."""

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.nn.lengths import Running, counts, per_sketch, rows


def test_rows_stand_point_by_point_and_are_summed_by_sketch():
    lengths = tf.constant([3, 2, 2, 0])
    values = tf.constant(np.arange(16.0).reshape(4, 4))  # time, batch
    np.testing.assert_array_equal(rows(values, lengths), [0, 1, 2, 4, 5, 6, 8])
    sums = per_sketch(rows(values, lengths), lengths)
    np.testing.assert_array_equal(sums, [0 + 4 + 8, 1 + 5, 2 + 6, 0])


def test_counts_of_sketches_with_a_point_at_each_time():
    np.testing.assert_array_equal(counts(tf.constant([3, 2, 2, 0]), tf.constant(4)), [3, 3, 1, 0])


def test_running_rows_are_taken_and_put_back():
    old, new = tf.zeros([2, 3, 1]), tf.ones([2, 2, 1])
    first = Running(tf.constant(2))
    assert first.of(old).shape == (2, 2, 1)
    np.testing.assert_array_equal(first.into(old, new)[..., 0], [[1, 1, 0]] * 2)
    everything = Running(None)
    assert everything.of(old) is old
    assert everything.into(old, old) is old
