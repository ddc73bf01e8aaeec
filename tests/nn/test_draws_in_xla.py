"""Random numbers in a program that XLA compiles are those of TensorFlow's own kernels."""

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.nn import draws_in_xla
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.randomness import keep_mask, seed_table
from magenta_sketch.seeds import Draw

SEED = tf.constant([123456789012, 987654321], tf.int64)
SHAPES = [[1, 1], [3, 3], [500, 16]]


def in_xla(function):
    return tf.function(function, autograph=False, jit_compile=True)()


@pytest.mark.parametrize("shape", [[1, 2, 1], [7, 5, 13], [20, 10, 64]])
def test_dropout_masks_are_equal(shape):
    inside = in_xla(lambda: keep_mask(shape, 0.9, SEED))
    np.testing.assert_array_equal(inside, keep_mask(shape, 0.9, SEED))


def test_a_longer_mask_begins_with_the_shorter():
    """Rows that only fill a batch do not change what is dropped before them."""
    longer = in_xla(lambda: keep_mask([32, 5, 13], 0.9, SEED))
    np.testing.assert_array_equal(longer[:21], keep_mask([21, 5, 13], 0.9, SEED))


@pytest.mark.parametrize("shape", SHAPES)
def test_uniform_numbers_are_equal(shape):
    expected = tf.random.stateless_uniform(shape, SEED, alg="philox")
    for found in (
        in_xla(lambda: draws_in_xla.uniform(shape, SEED)),
        draws_in_xla.uniform(shape, SEED),
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_normal_numbers_are_equal_to_rounding(shape):
    expected = tf.random.stateless_normal(shape, SEED, alg="philox")
    for found in (
        in_xla(lambda: draws_in_xla.normal(shape, SEED)),
        draws_in_xla.normal(shape, SEED),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_latent_noise_is_equal_to_rounding():
    mu, presig, seeds = tf.ones([7, 3]), tf.zeros([7, 3]), seed_table(1, 2)
    inside = in_xla(lambda: draw_z(mu, presig, 2.0, seeds, static=True))
    np.testing.assert_allclose(inside, draw_z(mu, presig, 2.0, seeds), rtol=0, atol=1e-5)
    other = draw_z(mu, presig, 2.0, seeds + (1 + Draw.LATENT), static=True)
    assert np.abs(inside - other).max() > 0.1
