"""Sketches in flat arrays."""

import numpy as np
import pytest
from npz_files import SKETCHES, assert_same

from magenta_sketch.data import SketchSet
from magenta_sketch.errors import DataError


def test_a_sketch_set():
    sketches = SketchSet.from_sketches(SKETCHES)
    assert len(sketches) == 3 and sketches.lengths.tolist() == [2, 1, 3]
    assert_same(list(sketches), SKETCHES)
    assert_same([sketches[-1]], SKETCHES[-1:])
    assert np.shares_memory(sketches[0], sketches.points)
    assert_same(sketches.take([2, 0, 2]), [SKETCHES[2], SKETCHES[0], SKETCHES[2]])
    assert len(sketches.take([])) == 0
    joined = SketchSet.concatenate([sketches, sketches.take([]), sketches.take([1])])
    assert_same(joined, [*SKETCHES, SKETCHES[1]])
    assert len(SketchSet.concatenate([])) == 0
    with pytest.raises(IndexError):
        sketches[3]
    with pytest.raises(ValueError, match="read-only"):
        sketches[0][0, 0] = 1


def test_several_sketches_at_once():
    sketches = SketchSet.from_sketches(SKETCHES)
    for index, expected in (
        (slice(None, 2), [0, 1]),
        (slice(None, None, -1), [2, 1, 0]),
        ([0, 2], [0, 2]),
        (np.array([1, -1]), [1, 2]),
        (np.array([True, False, True]), [0, 2]),
        (range(2), [0, 1]),
        (slice(5, 9), []),
    ):
        found = sketches[index]
        assert isinstance(found, SketchSet)
        assert_same(found, [SKETCHES[i] for i in expected])
    for number in (1, np.int64(1), np.array(1)):
        np.testing.assert_array_equal(sketches[number], SKETCHES[1])
    with pytest.raises(IndexError):
        sketches[[0, 3]]


@pytest.mark.parametrize("starts", [[0, 2, 2, 6], [1, 6], [0, 5], [0, 7], [], [[0, 6]]])
def test_a_sketch_set_checks_its_starts(starts):
    with pytest.raises(DataError, match="starts"):
        SketchSet(np.zeros((6, 3), np.float32), np.array(starts, np.int64))
