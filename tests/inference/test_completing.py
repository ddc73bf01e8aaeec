"""Endings of sketches that were begun."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.inference.sampler import Sampler

quick = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def model(trained_run):
    return magenta_sketch.load(trained_run)


@pytest.fixture(scope="module")
def unconditional(unconditional_run):
    return magenta_sketch.load(unconditional_run)


OFFSETS = st.floats(-40, 40, width=32)


@st.composite
def beginnings(draw, most=6):
    points = draw(st.integers(1, most))
    offsets = draw(hnp.arrays(np.float32, (points, 2), elements=OFFSETS))
    lifts = draw(hnp.arrays(np.float32, (points, 1), elements=st.sampled_from([0.0, 1.0])))
    return np.concatenate([offsets, lifts], axis=1)


@quick
@given(beginnings(), st.integers(0, 2**40), st.sampled_from([None, "prior", "encoded"]))
def test_the_prefix_is_kept_to_the_bit(model, begun, seed, z):
    for ending in model.complete(begun, 3, z=z, seed=seed):
        assert ending.dtype == np.float32 and ending.given == len(begun)
        np.testing.assert_array_equal(ending[: len(begun)], begun)


@pytest.mark.slow
@quick
@given(st.integers(0, 2**40), st.floats(0, 1))
def test_a_greedy_drawing_is_completed_as_it_was(model, seed, part):
    z = model.prior(1, seed=seed)
    (drawing,) = model.decode(z, greedy=True)
    points = min(max(1, int(part * len(drawing))), model.max_seq_len - 1)
    if len(drawing) > points:
        (again,) = model.complete(drawing[:points], 1, z=z[0], greedy=True)
        np.testing.assert_allclose(again, drawing, rtol=1e-3, atol=1e-3 * model.normalizing_factor)


@pytest.mark.slow
def test_a_drawing_is_completed_as_it_was_with_the_same_seed(unconditional):
    """The noise of a point depends on its place in the sketch, not on what was given."""
    drawn = unconditional.sample(60, seed=5)
    row = int(np.argmax([len(sketch) for sketch in drawn]))
    again = unconditional.complete(drawn[row][:4], 60, seed=5)
    assert len(drawn[row]) > 6
    np.testing.assert_allclose(again[row], drawn[row], rtol=1e-3, atol=1e-2)
    assert (again[row - 1].shape != drawn[row].shape) or (again[row - 1] != drawn[row]).any()


def test_endings_differ_and_repeat(model):
    begun = [[3, 0, 0], [0, 4, 1]]
    first = model.complete(begun, 6, seed=1)
    again = model.complete(begun, 6, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({ending.tobytes() for ending in first}) > 3  # some are empty
    other = model.complete(begun, 6, seed=2)
    assert sum(np.array_equal(a, b) for a, b in zip(first, other, strict=True)) < 3
    one, same = model.complete(begun, 2, z=np.zeros(4), greedy=True)
    np.testing.assert_allclose(one, same, rtol=1e-3, atol=1e-3)


def test_keep_strokes_lifts_the_pen(model):
    begun = np.array([[3, 0, 0], [0, 4, 0]], np.float32)
    (ending,) = model.complete(begun, 1, keep_strokes=True)
    assert ending[:2, 2].tolist() == [0, 1]
    (plain,) = model.complete(begun, 1)
    assert plain[:2, 2].tolist() == [0, 0]
    assert begun[:, 2].tolist() == [0, 0]  # the argument stays
    fed = model.complete([[3, 0, 0], [0, 4, 1]], 1)[0]
    np.testing.assert_array_equal(ending, fed)  # the decoder was told of the lift


def test_each_ending_has_its_own_z(model):
    begun, z = [[3, 0, 0]], 9 * model.prior(2, seed=1)
    together = model.complete(begun, 2, z=z, greedy=True)
    for ending, one in zip(together, z, strict=True):
        (alone,) = model.complete(begun, 1, z=one, greedy=True)
        np.testing.assert_allclose(ending, alone, atol=1e-2)
    assert not np.allclose(together[0][1:4], together[1][1:4], atol=1e-2)
    (encoded,) = model.complete(begun, 1, z="encoded", greedy=True)
    (same,) = model.complete(begun, 1, z=model.encode([np.array(begun)])[0], greedy=True)
    np.testing.assert_array_equal(encoded, same)
    prior = model.complete(begun, 2, seed=4, greedy=True)
    drawn = model.complete(begun, 2, z=model.prior(2, seed=4), greedy=True)
    assert all(np.array_equal(a, b) for a, b in zip(prior, drawn, strict=True))


@pytest.mark.slow
def test_many_endings_are_drawn_in_parts(unconditional, monkeypatch):
    monkeypatch.setattr(magenta_sketch.inference.coder, "_AT_ONCE", 4)
    endings = unconditional.complete([[3, 0, 0]], 10, seed=3)
    assert len(endings) == 10 and all(ending[0].tolist() == [3, 0, 0] for ending in endings)
    drawn = [ending.tobytes() for ending in endings if len(ending) > 1]
    assert len(set(drawn)) == len(drawn) > 5  # no part repeats another's noise


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]], 1), r"sketch must be stroke-3, shape \[n, 3\], got shape \[1, 2\]"),
        ((np.zeros((0, 3)), 1), "sketch has no points"),
        (([[1, 2, 0.5]], 1), r"lifts of 0 or 1, got \[1.0, 2.0, 0.5\] as point 0"),
        (([[1, np.nan, 0]], 1), "must have finite offsets"),
        (("bird", 1), "sketch must be stroke-3"),
        ((np.ones((500, 3)), 1), r"fewer than max_seq_len \(\d+\) points to go on from, got 500"),
        (([[1, 2, 0]], -1), "count must be a whole number"),
    ],
)
def test_beginnings_that_cannot_be(model, arguments, message):
    with pytest.raises(magenta_sketch.ArgumentError, match=message):
        model.complete(*arguments)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ("mean", 'z must be latent vectors, "prior" or "encoded", got \'mean\''),
        (np.zeros((2, 4)), "z must have one row for each of 3 endings, got 2"),
        (np.zeros(5), r"z must have the shape \[batch, 4\]"),
    ],
)
def test_z_that_does_not_fit(model, z, message):
    with pytest.raises(magenta_sketch.ArgumentError, match=message):
        model.complete([[1, 2, 0]], 3, z=z)


def test_an_unconditional_model_takes_no_z(unconditional):
    with pytest.raises(magenta_sketch.ArgumentError, match="unconditional, without a z: leave"):
        unconditional.complete([[1, 2, 0]], 3, z="prior")


class Counting:
    """A decoder whose points count what it was fed: dx is the sum of all dx so far, plus one."""

    def initial_state(self, z, batch):
        return [tf.zeros([batch, 1])]

    def context(self, z, batch):
        return magenta_sketch.inference.sampler.Context(own=[tf.zeros([batch, 1])], shared=())

    def step(self, points, context, state):
        total = state[0] + points[:, :1]
        ones = tf.ones_like(total)
        columns = [9 * ones, -9 * ones, -9 * ones, ones, total + 1, 0 * ones]
        return tf.concat([*columns, -60 * ones, -60 * ones, 0 * ones], axis=1), [total]


def test_the_decoder_is_fed_the_given_points():
    given = np.array([[10, 0, 1, 0, 0], [20, 0, 0, 1, 0]], np.float32)
    first, second = Sampler(Counting()).decode(None, count=2, max_seq_len=5, given=given)
    np.testing.assert_allclose(first, second, atol=1e-6)
    np.testing.assert_allclose(first[:, 0], [10, 20, 31, 62, 124], rtol=1e-5)
    assert first[:2, 2].tolist() == [0, 1]


def test_rows_of_noise_are_shared():
    sampler = Sampler(Noisy())
    alone = sampler.decode(None, count=1, max_seq_len=6, seed=3)
    shared = sampler.decode(None, count=4, max_seq_len=6, seed=3, noise_rows=[0, 1, 0, 1])
    np.testing.assert_array_equal(shared[0], alone[0])
    np.testing.assert_array_equal(shared[0], shared[2])
    np.testing.assert_array_equal(shared[1], shared[3])
    assert (shared[0][:, :2] != shared[1][:, :2]).all()


class Noisy(Counting):
    """A decoder that draws nothing but noise."""

    def step(self, points, context, state):
        zeros = tf.zeros_like(state[0])
        return tf.concat([9 + zeros, *[zeros - 9] * 2, *[zeros] * 6], axis=1), state
