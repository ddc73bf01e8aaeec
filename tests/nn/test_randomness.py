"""Seed tables, seeds of initial weights, and masks: functions of their keys."""

import statistics

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.nn.randomness import (
    SEED_ROWS,
    PlacedSeeds,
    initializer_seed,
    keep_mask,
    seed_of,
    seed_table,
    standard_normal,
)
from magenta_sketch.seeds import DecoderPart, Draw, EncoderPart, Purpose


def test_seed_table_is_a_function_of_its_key():
    table = seed_table(1, 2, 3)
    assert table.dtype == tf.int64 and table.shape == (SEED_ROWS, 2)
    np.testing.assert_array_equal(table, seed_table(1, 2, 3))
    assert len({tuple(row) for row in table.numpy()}) == SEED_ROWS


def test_the_seed_of_a_draw_is_its_row():
    table = seed_table(1, 2)
    np.testing.assert_array_equal(seed_of(table, Draw.LATENT), table[Draw.LATENT])
    with pytest.raises(ValueError, match="need seeds, got None; pass a randomness.seed_table"):
        seed_of(None, Draw.LATENT)


def test_seed_tables_of_different_keys_differ():
    numbers = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1]
    keys = [(a, b) for a in numbers for b in numbers]
    keys += [(0, 0, 1), (0, 1, 1), (1, 0, 1), (2**32, 0, 1), (0, 0, 0, 0), (0, 0, 0, 1)]
    rows = np.concatenate([seed_table(*key).numpy() for key in keys])
    assert (rows >= 0).all()
    assert len({tuple(row) for row in rows}) == len(keys) * SEED_ROWS


def test_every_purpose_has_numbers_of_its_own():
    tables = [seed_table(1, 2, purpose) for purpose in Purpose]
    tables += [seed_table(1, 2, purpose, 0) for purpose in Purpose]
    rows = {tuple(row) for table in tables for row in table.numpy()}
    assert len(rows) == 2 * len(Purpose) * SEED_ROWS
    np.testing.assert_array_equal(seed_table(1, 2), seed_table(1, 2, Purpose.TRAINING))


def test_initializer_seeds_are_a_function_of_seed_and_number():
    seeds = [initializer_seed(seed, n) for seed in (0, 1, 2**32, 2**63 - 1) for n in DecoderPart]
    assert len(set(seeds)) == 4 * len(DecoderPart)
    assert all(0 <= seed < 2**31 for seed in seeds)  # cells add to them what stays below 2**32
    assert initializer_seed(2**62, EncoderPart.MU) == initializer_seed(2**62, 2)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (4, 3, 5), (0, 5)])
def test_keep_mask_is_a_function_of_its_seed(shape):
    seed, other = seed_table(1, 2).numpy()[:2]
    mask = keep_mask(shape, 0.5, seed)
    assert mask.shape == shape and set(np.unique(mask)) <= {0.0, 2.0}
    np.testing.assert_array_equal(keep_mask(shape, 0.5, seed), mask)
    if len(mask) > 3:
        assert (keep_mask(shape, 0.5, other) != mask).numpy().any()
    assert keep_mask(shape, 1.0, seed) is None
    assert (keep_mask(shape, 1e-9, seed).numpy() <= 1e9).all()  # never NaN, however small


def placed(*places):
    return PlacedSeeds(seed_of(seed_table(1, 2), Draw.DECODER), tf.constant(places))


@pytest.mark.parametrize("units", [4, 7])
def test_a_sketch_has_the_draws_of_its_place(units):
    everyone = keep_mask([40, 10, units], 0.5, placed(*range(10))).numpy()
    some = keep_mask([40, 3, units], 0.5, placed(5, 3, 4)).numpy()
    np.testing.assert_array_equal(some, everyone[:, [5, 3, 4]])
    assert abs(everyone.mean() - 1) < 0.1
    # All sketches, time steps and units have draws of their own.
    for axis in range(3):
        assert (np.diff(everyone, axis=axis) != 0).mean() > 0.3
    normals = standard_normal([10, units], placed(*range(10)), "float32").numpy()
    some = standard_normal([3, units], placed(5, 3, 4), "float32").numpy()
    np.testing.assert_allclose(some, normals[[5, 3, 4]], rtol=0, atol=1e-6)
    assert len(set(normals.ravel())) == normals.size


def test_padding_does_not_change_the_masks():
    short, long = (keep_mask([time, 3, 5], 0.5, placed(2, 1, 3)).numpy() for time in (33, 64))
    np.testing.assert_array_equal(short, long[:33])


def test_placed_draws_are_the_same_in_xla():
    def mask():
        return keep_mask([40, 3, 7], 0.5, placed(3, 5, 4))

    def normals():
        return standard_normal([3, 5], placed(7, 6, 8), "float32")

    in_xla = [tf.function(draw, jit_compile=True)().numpy() for draw in (mask, normals)]
    np.testing.assert_array_equal(in_xla[0], mask())
    np.testing.assert_allclose(in_xla[1], normals(), rtol=0, atol=1e-5)


def test_placed_noise_is_normal():
    drawn = np.sort(standard_normal([500, 101], placed(*range(500)), "float32").numpy().ravel())
    quantiles = (np.arange(drawn.size) + 0.5) / drawn.size
    expected = np.array([statistics.NormalDist().inv_cdf(one) for one in quantiles[250::500]])
    np.testing.assert_allclose(drawn[250::500], expected, atol=0.08)
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.01
