import numpy as np
import pytest

from magenta_sketch.data import SketchSet
from magenta_sketch.data.offsets import clamped, mean_and_std, normalizing_factor_of


def test_offsets_are_clamped_and_lifts_are_not():
    points = np.array([[1e300, -1e300, 5000], [999.5, -1000.5, 1]])
    before = points.copy()
    result = clamped(points)
    assert result.dtype == np.float32
    assert result.tolist() == [[1000, -1000, 5000], [999.5, -1000, 1]]
    np.testing.assert_array_equal(points, before)


def test_sums_are_exact_for_many_numbers():
    # Summed in float32, these would be off in the fourth digit; more rows than are taken at once.
    random = np.random.default_rng(0)
    parts = [random.normal(1000, 1, (n, 2)).astype(np.float32) for n in (300_000, 0, 7)]
    everything = np.concatenate(parts).astype(np.float64)
    expected = everything.mean(), everything.std()
    assert mean_and_std(parts) == pytest.approx(expected, rel=1e-12)
    assert mean_and_std([]) == (0.0, 0.0)


def test_the_normalizing_factor_is_of_both_axes_and_not_of_lifts():
    train = SketchSet.from_sketches([[[1, 3, 0], [5, 7, 1]]])
    assert normalizing_factor_of(train) == pytest.approx(np.std([1, 3, 5, 7]))
    assert normalizing_factor_of(SketchSet.from_sketches([])) == 0.0
