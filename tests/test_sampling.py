"""Drawing: the compiled loop with stub decoders that spell known drawings, and with real ones."""

import types

import numpy as np
import pytest

from magenta_sketch._backend import tf
from magenta_sketch.hparams import HParams
from magenta_sketch.model import SketchRNN
from magenta_sketch.sampling import Sampler

DOWN, UP, END = np.eye(3)
SURE = 60.0  # a logit, or a negative log sigma, that leaves nothing to chance

# stroke-3; every offset is one float32 has exactly
DRAWINGS = [
    np.array([[1, 2, 0], [-3, 0.5, 1], [0.25, -4, 0], [2, 2, 1]], "float32"),
    np.array([[8, -1, 1]], "float32"),
    np.zeros((0, 3), "float32"),  # ends at once
    np.array([[k, -k, k % 2] for k in range(1, 7)], "float32"),
]


class SpellingDecoder:
    """A decoder whose z says which drawing comes; what comes after its end is more drawing.

    Its output has two mixture components, of which the second, unlikely one is far away.
    """

    def __init__(self, drawings, longest):
        rows = np.full((len(drawings), longest + 1, 5), 77.0, "float32")
        rows[..., 2:] = DOWN
        for row, drawing in zip(rows, drawings, strict=True):
            row[: len(drawing), :2] = drawing[:, :2]
            row[: len(drawing), 2:] = np.where(drawing[:, 2:] == 1, UP, DOWN)
            row[len(drawing), 2:] = END
        self.rows = tf.constant(rows)
        self.steps = tf.Variable(0)

    def initial_state(self, z, batch):
        return [tf.zeros([batch, 1], tf.int32)]

    def step(self, points, z, state):
        self.steps.assign_add(1)
        (t,) = state
        row = tf.gather(self.rows, tf.cast(z[:, 0], tf.int32))
        row = tf.gather(row, t[:, 0], batch_dims=1)
        pen, (dx, dy) = SURE * row[:, 2:], tf.unstack(row[:, :2], axis=1)
        ones = tf.ones_like(dx)
        columns = [SURE * ones, -SURE * ones, dx, 1e6 * ones, dy, 1e6 * ones]
        columns += [-SURE * ones] * 4 + [0 * ones] * 2
        return tf.concat([pen, tf.stack(columns, axis=1)], axis=1), [t + 1]


def spell(which, max_seq_len=20, **options):
    """The drawings of the numbers in ``which`` as the sampler draws them, and the steps taken."""
    decoder = SpellingDecoder(DRAWINGS, 20)
    sampler = Sampler(types.SimpleNamespace(decoder=decoder))
    z = np.array(which, "float32")[:, None]
    return sampler.decode(z, max_seq_len=max_seq_len, **options), int(decoder.steps)


@pytest.mark.parametrize("options", [{}, {"greedy": True}, {"temperature": 0.1, "seed": 9}])
def test_spells_what_the_decoder_says(options):
    drawn, _ = spell([0, 1, 2, 3, 0], **options)
    for found, number in zip(drawn, [0, 1, 2, 3, 0], strict=True):
        assert found.shape == DRAWINGS[number].shape and found.dtype == np.float32
        np.testing.assert_array_equal(found, DRAWINGS[number])


@pytest.mark.parametrize(("which", "steps"), [([2], 1), ([1], 2), ([2, 1, 0], 5), ([3, 2], 7)])
def test_stops_when_all_have_ended(which, steps):
    drawn, taken = spell(which)
    assert taken == steps  # the longest drawing's points and its end
    assert [len(d) for d in drawn] == [len(DRAWINGS[k]) for k in which]


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_is_cut_at_max_seq_len(limit):
    drawn, taken = spell([3, 1, 2], max_seq_len=limit)
    assert taken == limit
    for found, number in zip(drawn, [3, 1, 2], strict=True):
        np.testing.assert_array_equal(found, DRAWINGS[number][:limit])


def test_one_sampler_draws_to_different_lengths():
    sampler = Sampler(types.SimpleNamespace(decoder=SpellingDecoder(DRAWINGS, 20)))
    for limit, count in ((4, 1), (20, 2), (2, 3)):
        drawn = sampler.decode(np.full((count, 1), 3.0), max_seq_len=limit)
        assert [len(d) for d in drawn] == [min(limit, 6)] * count


class EchoDecoder:
    """Its dx is that of the point it was given plus one; its dy is the number of its step.

    The pen of what it was given is down in the start token as in all its own points; anything
    else would show in dx.
    """

    def initial_state(self, z, batch):
        return [tf.zeros([batch, 1])]

    def step(self, points, z, state):
        (t,) = state
        assert z is None
        pen = tf.tile([[SURE, 0.0, 0.0]], [tf.shape(points)[0], 1])
        other_pen = 10 * (1 - points[:, 2:3]) + 100 * points[:, 3:4] + 1000 * points[:, 4:5]
        dx = points[:, :1] + 1 + other_pen
        sure = -SURE * tf.ones_like(t)
        return tf.concat([pen, 0 * t, dx, t, sure, sure, 0 * t], axis=1), [t + 1]


def test_each_point_is_drawn_from_the_one_before():
    sampler = Sampler(types.SimpleNamespace(decoder=EchoDecoder()))
    (drawn,) = sampler.decode(None, count=1, max_seq_len=4)
    np.testing.assert_allclose(drawn, [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 0]], atol=1e-6)


class NoiseDecoder:
    """The same distribution for ever: sigmas 2 and 3, and a pen that is mostly down."""

    def initial_state(self, z, batch):
        return [tf.zeros([batch, 1])]

    def step(self, points, z, state):
        row = np.array([[np.log(0.8), np.log(0.2), -SURE, 0, 0, 0, np.log(2), np.log(3), 0.5]])
        return tf.tile(tf.constant(row, tf.float32), [tf.shape(points)[0], 1]), state


def noise(temperature=1.0, count=2000, points=5, **options):
    sampler = Sampler(types.SimpleNamespace(decoder=NoiseDecoder()))
    drawn = sampler.decode(
        None, count=count, max_seq_len=points, temperature=temperature, **options
    )
    return np.stack(drawn)


@pytest.mark.parametrize("temperature", [0.25, 1.0])
def test_temperature_reaches_the_points(temperature):
    drawn = noise(temperature)
    assert drawn[..., 0].std() == pytest.approx(2 * np.sqrt(temperature), rel=0.03)
    assert drawn[..., 1].std() == pytest.approx(3 * np.sqrt(temperature), rel=0.03)
    up = 0.2 ** (1 / temperature)
    up /= up + 0.8 ** (1 / temperature)
    assert drawn[..., 2].mean() == pytest.approx(up, abs=0.02)


def test_noise_is_fresh_for_each_sketch_and_point():
    drawn = noise()
    for column in range(3):
        correlation = np.corrcoef(drawn[..., column].T)  # point against point
        assert np.abs(correlation - np.eye(5)).max() < 0.08
    neighbours = np.corrcoef(drawn[1:, :, 0].ravel(), drawn[:-1, :, 0].ravel())
    assert abs(neighbours[0, 1]) < 0.05
    assert abs(np.corrcoef(drawn[..., 0].ravel(), drawn[..., 2].ravel())[0, 1]) < 0.05
    other = noise(seed=1)
    assert abs(np.corrcoef(drawn[..., 0].ravel(), other[..., 0].ravel())[0, 1]) < 0.05


# With a real, if untrained, model.

SMALL = HParams(enc_rnn_size=8, dec_rnn_size=12, z_size=4, num_mixture=3)


@pytest.fixture(scope="module", params=[True, False], ids=["conditional", "unconditional"])
def draw(request):
    """A function that draws ``count`` sketches of some ten points each."""
    model = SketchRNN(SMALL.replace(conditional=request.param), seed=1)
    bias = model.decoder.output_bias.numpy()
    bias[:3] = [1.0, 0.0, -1.5]  # mostly down, seldom the end
    model.decoder.output_bias.assign(bias)
    sampler = Sampler(model)
    z = 3 * np.random.default_rng(0).normal(size=(20, 4)).astype("float32")

    def draw(count=8, seed=0, max_seq_len=30, **options):
        arguments = dict(seed=seed, max_seq_len=max_seq_len, **options)
        if request.param:
            return sampler.decode(z[:count], **arguments)
        return sampler.decode(None, count=count, **arguments)

    return draw


def equal(one, other):
    return len(one) == len(other) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-4)
        for a, b in zip(one, other, strict=True)
    )


def test_draws_finite_stroke3(draw):
    drawn = draw(20)
    assert len(drawn) == 20 and len({len(sketch) for sketch in drawn}) > 3
    for sketch in drawn:
        assert sketch.ndim == 2 and sketch.shape[1] == 3 and len(sketch) <= 30
        assert np.isfinite(sketch).all() and set(sketch[:, 2]) <= {0.0, 1.0}
    assert {0.0, 1.0} == {lift for sketch in drawn for lift in sketch[:, 2]}


def test_equal_seeds_equal_drawings(draw):
    first, again = draw(seed=3), draw(seed=3)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for other in (draw(seed=4), draw(seed=3 + 2**32)):
        assert not any(equal([a], [b]) for a, b in zip(first, other, strict=True) if len(a))


def test_parts_of_a_seed_differ(draw):
    assert equal(draw(), draw(part=0)) and equal(draw(part=2), draw(part=2))
    one, two = draw(part=1), draw(part=2)
    assert not any(equal([a], [b]) for a, b in zip(one, two, strict=True) if len(a))


@pytest.mark.parametrize("name", ["count", "seed", "part"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", None, 2**63])
def test_numbers_out_of_range(name, value):
    sampler = Sampler(types.SimpleNamespace(decoder=NoiseDecoder()))
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 0 to .*, got"):
        sampler.decode(None, **({"count": 1, "max_seq_len": 2} | {name: value}))


def test_temperature_changes_drawings(draw):
    assert not equal(draw(temperature=0.5), draw(temperature=1.0))


def test_first_sketches_do_not_depend_on_how_many_follow(draw):
    assert equal(draw(3), draw(20)[:3])


def test_a_longer_limit_continues_the_same_drawings(draw):
    assert equal([sketch[:5] for sketch in draw(max_seq_len=30)], draw(max_seq_len=5))


def test_greedy_needs_no_luck(draw):
    first = draw(greedy=True, seed=1)
    assert equal(first, draw(greedy=True, seed=2))
    assert equal(first, draw(greedy=True, temperature=0.3))
    assert not equal(first, draw(seed=1))


def test_no_sketches(draw):
    assert draw(0) == []


def test_sketches_follow_z():
    model = SketchRNN(SMALL, seed=1)
    dense = model.decoder.state_dense
    dense.kernel.assign(np.random.default_rng(1).normal(size=dense.kernel.shape))
    z = np.repeat(np.eye(4, dtype="float32"), 2, axis=0)
    drawn = Sampler(model).decode(z, max_seq_len=6, greedy=True)
    assert equal(drawn[0::2], drawn[1::2])  # equal z
    assert not any(equal([a], [b]) for a, b in zip(drawn, drawn[2:], strict=False) if len(a))


@pytest.mark.parametrize("temperature", [0.0, -0.5, 1.5, float("nan")])
def test_temperature_out_of_range(temperature):
    sampler = Sampler(types.SimpleNamespace(decoder=NoiseDecoder()))
    message = rf"the temperature must be in \(0, 1\], got {temperature:g}\."
    with pytest.raises(ValueError, match=message):
        sampler.decode(None, count=1, max_seq_len=2, temperature=temperature)
