"""Drawing: the compiled loop with stub decoders that spell known drawings, and with real ones."""

import functools

import numpy as np
import pytest
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.inference import sampler as sampling
from magenta_sketch.inference.sampler import Context, PointDecoder, Sampler
from magenta_sketch.nn.sketch_rnn import SketchRNN

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

    Its output has two mixture components, of which the second, unlikely one is far away. The
    context knows dx, the state dy and the pen, so that a drawing is right only if both stay with
    their sketch. It counts its steps, and the sketches in them.
    """

    def __init__(self, drawings, longest):
        rows = np.full((len(drawings), longest + 1, 5), 77.0, "float32")
        rows[..., 2:] = DOWN
        for row, drawing in zip(rows, drawings, strict=True):
            row[: len(drawing), :2] = drawing[:, :2]
            row[: len(drawing), 2:] = np.where(drawing[:, 2:] == 1, UP, DOWN)
            row[len(drawing), 2:] = END
        self.rows = tf.constant(rows)
        self.steps, self.work = tf.Variable(0), tf.Variable(0)

    def forget(self):
        self.steps.assign(0), self.work.assign(0)

    def initial_state(self, z, batch):
        return [
            tf.zeros([batch, 1], tf.int32),
            tf.gather(self.rows[..., 1:], tf.cast(z[:, 0], "int32")),
        ]

    def context(self, z, batch):
        return Context(own=[tf.gather(self.rows[..., 0], tf.cast(z[:, 0], "int32"))], shared=())

    def step(self, points, context, state):
        self.steps.assign_add(1)
        self.work.assign_add(tf.shape(points)[0])
        t, rows = state
        dx = tf.gather(context.own[0], t[:, 0], batch_dims=1)
        row = tf.gather(rows, t[:, 0], batch_dims=1)
        pen, dy = SURE * row[:, 1:], row[:, 0]
        ones = tf.ones_like(dx)
        columns = [SURE * ones, -SURE * ones, dx, 1e6 * ones, dy, 1e6 * ones]
        columns += [-SURE * ones] * 4 + [0 * ones] * 2
        return tf.concat([pen, tf.stack(columns, axis=1)], axis=1), [t + 1, rows]


@functools.cache
def speller(of_ladder=False):
    """A decoder that spells, and a sampler that is compiled once for all tests."""
    decoder = SpellingDecoder(LADDER, 50) if of_ladder else SpellingDecoder(DRAWINGS, 20)
    return decoder, Sampler(decoder)


def spell(which, max_seq_len=20, **options):
    """The drawings of the numbers in ``which`` as the sampler draws them, and the steps taken."""
    decoder, sampler = speller()
    decoder.forget()
    z = np.array(which, "float32")[:, None]
    drawn = sampler.decode(z, max_seq_len=max_seq_len, **options)
    return drawn, int(decoder.steps)


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
    _, sampler = speller()
    for limit, count in ((4, 1), (20, 2), (2, 3)):
        drawn = sampler.decode(np.full((count, 1), 3.0), max_seq_len=limit)
        assert [len(d) for d in drawn] == [min(limit, 6)] * count


# Sketches that end leave the batch.

# One drawing of each length from 0 to 39, in no order; no zeros, which a tiny sigma would show in.
LADDER = [
    np.array([[n, k + 1, (n + k) % 2] for k in range(n)], "float32").reshape(-1, 3)
    for n in np.random.default_rng(5).permutation(40)
]


def climb(max_seq_len=50, **options):
    decoder, sampler = speller(of_ladder=True)
    decoder.forget()
    return sampler.decode(np.arange(40.0)[:, None], max_seq_len=max_seq_len, **options), decoder


@pytest.mark.parametrize("options", [{}, {"greedy": True}, {"temperature": 0.1, "seed": 9}])
@pytest.mark.parametrize("limit", [1, 11, 39, 40, 50])
def test_sketches_are_whole_when_others_end(limit, options):
    drawn, _ = climb(limit, **options)
    for found, wanted in zip(drawn, LADDER, strict=True):
        np.testing.assert_array_equal(found, wanted[:limit])


def test_work_shrinks_as_sketches_end():
    _, decoder = climb()
    assert int(decoder.steps) == 40  # 39 points and an end
    needed = sum(len(drawing) + 1 for drawing in LADDER)
    # At every point more than three quarters of the rows belong to sketches not yet ended.
    assert needed <= int(decoder.work) < needed / 0.75
    assert needed / 0.75 < 40 * 40 * 0.7  # what it would be with all rows to the end


def test_no_sketch_ends_none_leaves():
    decoder, sampler = speller(of_ladder=True)
    decoder.forget()
    longest = [n for n, drawing in enumerate(LADDER) if len(drawing) >= 30]
    sampler.decode(np.array(longest)[:, None], max_seq_len=30)
    assert (int(decoder.steps), int(decoder.work)) == (30, 30 * 10)


def test_one_trace_serves_all_sizes():
    traces = []

    class Decoder(SpellingDecoder):
        def step(self, *arguments):
            traces.append(arguments)
            return super().step(*arguments)

    sampler = Sampler(Decoder(LADDER, 50))
    sampler.decode(np.zeros((1, 1)), max_seq_len=9)
    once = len(traces)
    sampler.decode(np.arange(40.0)[:, None], max_seq_len=50, temperature=0.5, seed=4)
    assert len(traces) == once


class StubDecoder:
    """An unconditional decoder that has nothing to remember but the number of its step."""

    def initial_state(self, z, batch):
        assert z is None
        return [tf.zeros([batch, 1])]

    def context(self, z, batch):
        return Context(own=(), shared=())


class EchoDecoder(StubDecoder):
    """Its dx is that of the point it was given plus one; its dy is the number of its step.

    The pen of what it was given is down in the start token as in all its own points; anything
    else would show in dx.
    """

    def step(self, points, context, state):
        (t,) = state
        pen = tf.tile([[SURE, 0.0, 0.0]], [tf.shape(points)[0], 1])
        other_pen = 10 * (1 - points[:, 2:3]) + 100 * points[:, 3:4] + 1000 * points[:, 4:5]
        dx = points[:, :1] + 1 + other_pen
        sure = -SURE * tf.ones_like(t)
        return tf.concat([pen, 0 * t, dx, t, sure, sure, 0 * t], axis=1), [t + 1]


def test_each_point_is_drawn_from_the_one_before():
    sampler = Sampler(EchoDecoder())
    (drawn,) = sampler.decode(None, count=1, max_seq_len=4)
    np.testing.assert_allclose(drawn, [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 0]], atol=1e-6)


class NoiseDecoder(StubDecoder):
    """The same distribution for ever: sigmas 2 and 3, and a pen that is mostly down."""

    def step(self, points, context, state):
        row = np.array([[np.log(0.8), np.log(0.2), -SURE, 0, 0, 0, np.log(2), np.log(3), 0.5]])
        return tf.tile(tf.constant(row, tf.float32), [tf.shape(points)[0], 1]), state


@functools.cache
def noisy():
    return Sampler(NoiseDecoder())


def noise(temperature=1.0, count=2000, points=5, **options):
    drawn = noisy().decode(
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
    z = 3 * np.random.default_rng(0).normal(size=(20, 4)).astype("float32")

    whole = Sampler(PointDecoder(model.decoder))

    def draw(count=8, seed=0, max_seq_len=30, z=z, sampler=whole, **options):
        arguments = dict(seed=seed, max_seq_len=max_seq_len, **options)
        if request.param:
            return sampler.decode(z[:count], **arguments)
        return sampler.decode(None, count=count, **arguments)

    draw.decoder, draw.z = model.decoder, z
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
    sampler = Sampler(NoiseDecoder())
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 0 to .*, got"):
        sampler.decode(None, **({"count": 1, "max_seq_len": 2} | {name: value}))


def test_temperature_changes_drawings(draw):
    assert not equal(draw(temperature=0.5), draw(temperature=1.0))


def test_first_sketches_do_not_depend_on_how_many_follow(draw):
    assert equal(draw(3), draw(20)[:3])


def test_sketches_do_not_depend_on_the_others(draw):
    others = draw.z.copy()
    others[5:] *= -1
    assert equal(draw(20)[:5], draw(20, z=others)[:5])


class CountingDecoder(PointDecoder):
    """Counts the sketches in its steps."""

    def __init__(self, decoder):
        super().__init__(decoder)
        self.work = tf.Variable(0)

    def step(self, points, context, state):
        self.work.assign_add(tf.shape(points)[0])
        return super().step(points, context, state)


@pytest.mark.parametrize(
    "options", slow_but([{}, {"temperature": 0.9, "seed": 7}, {"greedy": True}], {})
)
def test_leaving_sketches_change_nothing(draw, monkeypatch, options):
    work, drawn = [], []
    for share in (0.0, 0.5, 0.99):  # all stay to the last; leave by halves; leave one by one
        monkeypatch.setattr(sampling, "_STILL_DRAWING", share)
        decoder = CountingDecoder(draw.decoder)
        drawn.append(draw(20, sampler=Sampler(decoder), **options))
        work.append(int(decoder.work))
    assert equal(drawn[0], drawn[1]) and equal(drawn[0], drawn[2])
    ends = [len(sketch) + (len(sketch) < 30) for sketch in drawn[0]]  # an end is a step too
    assert work[0] == 20 * max(ends) and work[2] == sum(ends)
    assert options.get("greedy") or work[0] > work[1] > work[2]


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
    drawn = Sampler(PointDecoder(model.decoder)).decode(z, max_seq_len=6, greedy=True)
    assert equal(drawn[0::2], drawn[1::2])  # equal z
    assert not any(equal([a], [b]) for a, b in zip(drawn, drawn[2:], strict=False) if len(a))


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
def test_point_decoder_is_the_decoder(cell, conditional):
    model = SketchRNN(SMALL.replace(dec_model=cell, conditional=conditional), seed=1)
    random = np.random.default_rng(2)
    for weight in model.decoder.weights:  # no bias or scaling is left at zero
        weight.assign(0.3 * random.normal(size=weight.shape))
    z = tf.constant(random.normal(size=(5, 4)), tf.float32) if conditional else None
    points = random.normal(size=(5, 5)).astype("float32")
    decoder = PointDecoder(model.decoder)
    state = wanted_state = decoder.initial_state(z, 5)
    context = decoder.context(z, 5)
    for _ in range(3):
        found, state = decoder.step(points, context, state)
        wanted, wanted_state = model.decoder.step(points, z, wanted_state)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)
        for a, b in zip(state, wanted_state, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-6)


@pytest.mark.parametrize("temperature", [0.0, -0.5, 1.5, float("nan")])
def test_temperature_out_of_range(temperature):
    sampler = Sampler(NoiseDecoder())
    message = rf"the temperature must be in \(0, 1\], got {temperature}; for no randomness"
    with pytest.raises(ValueError, match=message):
        sampler.decode(None, count=1, max_seq_len=2, temperature=temperature)
