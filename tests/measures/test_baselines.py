"""The distances of real drawings."""

import dataclasses

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.measures import chamfer, manifold
from magenta_sketch.measures.baselines import (
    baselines,
    evenly_spread,
    to_nearest,
    training_indices,
    training_sketches,
)
from magenta_sketch.measures.result import MeasureSettings

SETTINGS = MeasureSettings(new=5, training=20)


@pytest.fixture(scope="module")
def data(tiny_folder):
    return magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None)


def test_training_sketches_are_a_fixed_choice(data):
    few, again = (training_sketches(data.train, SETTINGS) for _ in range(2))
    assert len(few) == SETTINGS.training < len(data.train)
    np.testing.assert_array_equal(few.points, again.points)
    assert len({few[i].tobytes() for i in range(len(few))}) == len(few)
    all_of_them = training_sketches(data.train, MeasureSettings())
    assert [one.tolist() for one in all_of_them] == [one.tolist() for one in data.train]


def test_training_indices():
    assert training_indices(5, 9).tolist() == [0, 1, 2, 3, 4] == training_indices(5, 5).tolist()
    few = training_indices(1000, 50)
    assert len(set(few.tolist())) == 50 and few.tolist() == sorted(few.tolist())
    assert 0 <= few.min() < 100 and 900 < few.max() < 1000


def test_baselines_are_of_real_drawings(data):
    found = baselines(data, SETTINGS)
    chosen = [data.test[int(i)] for i in np.linspace(0, len(data.test) - 1, 5)]
    apart = chamfer.among(chosen, manifold.POINTS)
    others = [[apart[i, j] for j in range(5) if j != i] for i in range(5)]
    factor = data.normalizing_factor
    assert set(found) == {"chamfer_others", "diversity", "novelty"}
    assert found["chamfer_others"] == pytest.approx(np.mean(others) / factor)
    assert found["diversity"] == pytest.approx(np.mean(np.min(others, axis=1)) / factor)
    train = training_sketches(data.train, SETTINGS)
    novelty = chamfer.between(chosen, train, manifold.POINTS).min(axis=1)
    assert found["novelty"] == pytest.approx(np.mean(novelty) / factor)


def test_a_test_sketch_that_is_in_the_training_set_is_not_new(data):
    known = dataclasses.replace(data, train=data.test)
    assert baselines(known, SETTINGS)["novelty"] == pytest.approx(0.0, abs=1e-9)


def test_baselines_of_a_single_test_sketch(data):
    one = dataclasses.replace(data, test=data.test.take([0]))
    found = baselines(one, SETTINGS)
    assert found["chamfer_others"] is found["diversity"] is None and found["novelty"] > 0


def test_the_nearest_other_drawing():
    distances = np.array([[0.0, 3.0, 2.0], [3.0, 0.0, 7.0], [2.0, 7.0, 0.0]])
    assert to_nearest(distances).tolist() == [2.0, 3.0, 2.0]
    assert np.isnan(to_nearest(np.zeros((1, 1)))).all() and len(to_nearest(np.zeros((0, 0)))) == 0


def test_indices_are_evenly_spread():
    assert evenly_spread(11, 3) == [0, 5, 10]
    assert evenly_spread(3, 9) == [0, 1, 2]
    assert evenly_spread(5, 1) == [0]
