"""The distances of real drawings."""

import dataclasses

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.measures import chamfer
from magenta_sketch.measures.baselines import baselines, training_sketches
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
    assert training_sketches(data.train, MeasureSettings()) is data.train


def test_baselines_are_of_real_drawings(data):
    found = baselines(data, SETTINGS)
    chosen = [data.test[int(i)] for i in np.linspace(0, len(data.test) - 1, 5)]
    apart = [
        [chamfer.paired([a], [b])[0] for j, b in enumerate(chosen) if j != i]
        for i, a in enumerate(chosen)
    ]
    factor = data.normalizing_factor
    assert found["chamfer_others"] == pytest.approx(np.mean(apart) / factor)
    assert found["diversity"] == pytest.approx(np.mean(np.min(apart, axis=1)) / factor)
    train = training_sketches(data.train, SETTINGS)
    novelty = [chamfer.paired([a] * len(train), list(train)).min() for a in chosen]
    assert found["novelty"] == pytest.approx(np.mean(novelty) / factor)
    error = np.std(novelty) / np.sqrt(len(novelty)) / factor
    assert found["novelty_error"] == pytest.approx(error)


def test_baselines_where_there_is_one_test_sketch(data):
    one = dataclasses.replace(data, test=data.test.take([0]))
    found = baselines(one, SETTINGS)
    assert found["chamfer_others"] is found["diversity"] is None and found["novelty"] > 0
