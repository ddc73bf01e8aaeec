"""Batches: their layout, their being functions of (seed, step), and their statistics."""

import numpy as np
import pytest

from magenta_sketch.config import RunConfig
from magenta_sketch.data import SketchSet, load_data_set, strokes
from magenta_sketch.data.batches import (
    evaluation_batches,
    pad,
    training_batch,
)
from magenta_sketch.errors import DataError


def numbered(count):
    """Sketches that say who they are: sketch i has one to six points and starts with (i, i)."""
    items = []
    for i in range(count):
        item = np.zeros((i % 6 + 1, 3), np.float32)
        item[0, :2] = i
        item[-1, 2] = 1
        items.append(item)
    return SketchSet.from_sketches(items)


PLAIN = RunConfig.of(
    seed=3, batch_size=8, max_seq_len=6, random_scale_factor=0, augment_stroke_prob=0
)


def draw(sketches, step=0, **changes):
    return training_batch(sketches, step, PLAIN.replace(**changes))


def padded(sketches, **changes):
    return pad(sketches, PLAIN.replace(**changes))


def who(batch):
    """Which sketches these are, in the order in which they were drawn."""
    found = np.zeros(len(batch.order), int)
    found[batch.order] = batch.strokes[:, 1, 0]
    return found.tolist()


def varied(count, longest=40):
    """Like `numbered`, with 1 to ``longest`` points in random order, some lengths more than once.

    The first two have 1 and ``longest`` points."""
    lengths = np.random.default_rng(0).integers(1, longest + 1, count)
    lengths[:2] = 1, longest
    items = []
    for i, length in enumerate(lengths):
        item = np.zeros((length, 3), np.float32)
        item[0, 0] = i
        item[-1, 2] = 1
        items.append(item)
    return SketchSet.from_sketches(items)


def to_longest(sketches, step, **changes):
    return draw(sketches, step, **{"max_seq_len": 40, "bucket_by_length": True, **changes})


def test_layout_and_units():
    sketches = [[[2, 4, 0], [6, -8, 1]], [[10, 0, 1]]]
    batch = padded(sketches, max_seq_len=3, normalizing_factor=2.0)
    start, end = list(strokes.START_TOKEN), list(strokes.END_TOKEN)
    assert batch.strokes.dtype == np.float32 and batch.lengths.dtype == np.int32
    assert batch.strokes.tolist() == [
        [start, [1, 2, 1, 0, 0], [3, -4, 0, 1, 0], end],
        [start, [5, 0, 0, 1, 0], end, end],
    ]
    assert batch.lengths.tolist() == [2, 1]


def test_pad_agrees_with_to_stroke5():
    sketches = numbered(12)
    batch = padded([sketches[i] for i in range(12)], max_seq_len=9)
    assert sorted(batch.order) == list(range(12))
    for row, i in enumerate(batch.order):
        np.testing.assert_array_equal(batch.strokes[row], strokes.to_stroke5(sketches[i], 9))


@pytest.mark.parametrize("bad", [[[1, 2]], np.zeros((0, 3)), [[0, 0, 2]], [[np.nan, 0, 0]]])
def test_pad_checks_and_says_which(bad):
    with pytest.raises(DataError, match=r"sketches\[1\]"):
        padded([[[0, 0, 1]], bad], max_seq_len=4)


def test_a_batch_is_a_function_of_its_arguments():
    sketches = numbered(60)
    augment = dict(random_scale_factor=0.2, augment_stroke_prob=0.3)
    first = draw(sketches, 5, **augment)
    draw(sketches, 6, **augment)
    again = draw(numbered(60), 5, **augment)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert who(draw(sketches, 5)) != who(draw(sketches, 6))
    assert who(draw(sketches, 5)) != who(draw(sketches, 5, seed=4))


def test_seed_and_step_are_not_mixed_up():
    sketches = numbered(60)
    pairs = [(0, 1), (1, 0), (1, 1), (2**32, 1), (1, 2**32), (2**63 - 1, 0), (0, 2**63 - 1)]
    batches = {tuple(who(draw(sketches, step, seed=seed))) for seed, step in pairs}
    assert len(batches) == len(pairs)


def test_which_sketches_are_drawn_does_not_depend_on_augmentation():
    sketches = numbered(60)
    plain = draw(sketches, 2, batch_size=20)
    scaled = draw(sketches, 2, batch_size=20, random_scale_factor=1e-4, augment_stroke_prob=0.5)
    first = np.zeros(20)
    first[scaled.order] = scaled.strokes[:, 1, 0]
    np.testing.assert_array_equal(who(plain), np.rint(first).astype(int))


@pytest.mark.slow
def test_sketches_of_a_batch_are_distinct_and_uniform():
    sketches = numbered(20)
    counts = np.zeros(20)
    slots = np.zeros(20)
    steps = 4000
    for step in range(steps):
        chosen = who(draw(sketches, step, batch_size=5))
        assert len(set(chosen)) == 5
        counts[chosen] += 1
        slots[chosen[0]] += 1
    # Binomial with p = 1/4 and p = 1/20: five standard deviations are 137 and 69.
    assert np.abs(counts - steps / 4).max() < 137
    assert np.abs(slots - steps / 20).max() < 69


def test_a_small_set_is_used_whole_in_random_order():
    orders = {tuple(who(draw(numbered(4), step))) for step in range(200)}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) == 24


def test_scale_factors_are_independent_and_in_range():
    one = np.array([[1, 1, 0], [2, -3, 1]], np.float32)
    sketches = SketchSet.from_sketches([one] * 100)
    rows = []
    for step in range(20):
        points = draw(sketches, step, batch_size=100, random_scale_factor=0.15).strokes[:, 1:3, :2]
        np.testing.assert_allclose(points[:, 1] / points[:, 0], [[2, -3]] * 100, rtol=1e-5)
        rows.append(points[:, 0])
    factors = np.concatenate(rows).astype(np.float64)
    assert factors.min() >= 0.85 - 1e-6 and factors.max() <= 1.15 + 1e-6
    assert factors.min() < 0.852 and factors.max() > 1.148
    # 2,000 draws: standard errors 0.002, 0.0009 and 0.022.
    np.testing.assert_allclose(factors.mean(axis=0), 1, atol=0.01)
    np.testing.assert_allclose(factors.std(axis=0), 0.3 / np.sqrt(12), atol=0.005)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.11
    assert abs(np.corrcoef(factors[:-1, 0], factors[1:, 0])[0, 1]) < 0.11


def test_merging_keeps_lengths_strokes_and_displacement():
    item = np.ones((40, 3), np.float32)
    item[:-1, 2] = 0
    sketches = SketchSet.from_sketches([item] * 100)
    batch = draw(sketches, batch_size=100, max_seq_len=40, augment_stroke_prob=0.25)
    real = batch.strokes[:, 1:, 4] == 0
    np.testing.assert_array_equal(real.sum(axis=1), batch.lengths)
    np.testing.assert_array_equal(batch.strokes[:, 1:, :2].sum(axis=1), np.full((100, 2), 40))
    np.testing.assert_array_equal(batch.strokes[:, 1:, 3].sum(axis=1), 1)
    # 36 of a sketch's 40 points may be merged; the standard error of the rate is 0.007.
    merged = (40 - batch.lengths) / 36
    assert merged.mean() == pytest.approx(0.25, abs=0.03)
    assert merged.std() > 0.03


# --------------------------------------------------------------------------------- to_longest


def test_padded_to_the_longest_and_an_end_row():
    sketches, padded = varied(200), set()
    for step in range(16):
        batch = to_longest(sketches, step, augment_stroke_prob=0.5)
        assert batch.strokes.shape == (8, batch.lengths.max() + 2, 5)
        real = np.arange(batch.strokes.shape[1] - 1) < batch.lengths[:, None]
        np.testing.assert_array_equal(batch.strokes[:, 1:, 4] == 0, real)
        assert (batch.strokes[:, -1] == strokes.END_TOKEN).all()
        padded.add(batch.strokes.shape[1])
    assert len(padded) > 3
    whole = to_longest(varied(8), 0)
    assert whole.strokes.shape[1] == 40 + 2  # one as long as max_seq_len has an end row too


def test_padded_to_the_longest_the_batch_is_the_same():
    sketches = varied(200)
    for changes in ({}, dict(normalizing_factor=2.0, random_scale_factor=0.2)):
        batch = to_longest(sketches, 4, **changes)
        plain = to_longest(sketches, 4, bucket_by_length=False, **changes)
        np.testing.assert_array_equal(batch.lengths, plain.lengths)
        rows = min(batch.strokes.shape[1], 41)
        np.testing.assert_array_equal(batch.strokes[:, :rows], plain.strokes[:, :rows])


def test_a_sketch_that_is_too_long_is_refused_however_padded():
    with pytest.raises(ValueError, match="40 points exceeds max_seq_len 39"):
        to_longest(varied(8), 0, max_seq_len=39)


def test_evaluation_has_every_sketch_once_sorted_by_length():
    sketches = numbered(29)
    batches = list(evaluation_batches(sketches, PLAIN))
    assert [len(batch.strokes) for batch in batches] == [8, 8, 8, 5]
    by_length = sorted(range(29), key=lambda i: len(sketches[i]))
    for number, batch in enumerate(batches):
        assert sorted(batch.order) == sorted(by_length[8 * number : 8 * number + 8])
        np.testing.assert_array_equal(batch.strokes[:, 1, 0], batch.order)
        np.testing.assert_array_equal(batch.lengths, sketches.lengths[batch.order])


def test_every_batch_has_its_longest_sketch_first_and_ties_as_they_came():
    sketches = varied(200)
    evaluated = evaluation_batches(sketches, PLAIN.replace(max_seq_len=40, batch_size=30))
    drawn = [to_longest(sketches, step, augment_stroke_prob=0.5) for step in range(4)]
    for batch in [*evaluated, *drawn, padded([sketches[i] for i in range(9)], max_seq_len=40)]:
        expected = sorted(
            range(len(batch.order)), key=lambda row: (-batch.lengths[row], batch.order[row])
        )
        assert expected == list(range(len(batch.order)))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(seed=-1), "seed"),
        (dict(seed=2**63), "seed"),
        (dict(step=-1), "step"),
        (dict(batch_size=0), "batch_size"),
        (dict(max_seq_len=5, batch_size=60), "6 points exceeds max_seq_len 5"),
        (dict(normalizing_factor=0.0), "normalizing_factor"),
        (dict(random_scale_factor=-0.1), "random_scale_factor"),
        (dict(augment_stroke_prob=1.1), "augment_stroke_prob"),
    ],
)
def test_ranges(changes, message):
    with pytest.raises(ValueError, match=message):
        draw(numbered(60), **changes)


def test_evaluation_checks_before_the_first_batch_is_asked_for():
    with pytest.raises(ValueError, match="max_seq_len 5"):
        evaluation_batches(numbered(6), PLAIN.replace(batch_size=2, max_seq_len=5))


def test_an_empty_training_set():
    with pytest.raises(ValueError, match="empty"):
        draw(SketchSet.from_sketches([]))


def test_real_sheep(shared):
    data = load_data_set("aaron_sheep.npz", shared / "data", report=lambda line: None)
    config = RunConfig.of(max_seq_len=data.max_seq_len, normalizing_factor=data.normalizing_factor)
    batch = training_batch(data.train, 10**7, config)
    assert batch.strokes.shape == (100, 251, 5)
    assert np.isfinite(batch.strokes).all()
    np.testing.assert_array_equal(batch.strokes[..., 2:].sum(axis=-1), 1)
    offsets = batch.strokes[:, 1:, :2][batch.strokes[:, 1:, 4] == 0]
    assert offsets.std() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize(("apart", "rows"), [(1, 36), (8, 40), (32, 41), (64, 41)])
def test_rows_can_be_rounded_up_so_that_batches_have_few_shapes(apart, rows):
    sketches = numbered_of([35, 3, 20])
    config = PLAIN.replace(max_seq_len=40, bucket_by_length=True)
    exact, rounded = (training_batch(sketches, 0, config, rows_apart=n) for n in (1, apart))
    assert rounded.strokes.shape == (3, rows + 1, 5)
    np.testing.assert_array_equal(rounded.strokes[:, :37], exact.strokes)
    assert (rounded.strokes[:, 37:] == strokes.END_TOKEN).all()
    np.testing.assert_array_equal(rounded.lengths, exact.lengths)
    without = config.replace(bucket_by_length=False)
    assert training_batch(sketches, 0, without, rows_apart=apart).strokes.shape == (3, 41, 5)


def numbered_of(lengths):
    """Sketches of these lengths, whose points are all (1, 0)."""
    return SketchSet.from_sketches([[[1, 0, k == n - 1] for k in range(n)] for n in lengths])


# ------------------------------------------------------------------------------------ balance


def parted(*sizes):
    """A set of parts of these sizes; sketch i has the offset (i, 0)."""
    count = sum(sizes)
    points = np.zeros((count, 3), np.float32)
    points[:, 0] = np.arange(count)
    return SketchSet(points, np.arange(count + 1), np.concatenate([[0], np.cumsum(sizes)]))


def drawn(sketches, step, **settings):
    config = RunConfig.of(max_seq_len=1, random_scale_factor=0, augment_stroke_prob=0, **settings)
    return training_batch(sketches, step, config).strokes[:, 1, 0].astype(int)


def per_part(sketches, chosen):
    parts = np.searchsorted(sketches.parts, chosen, side="right") - 1
    return np.bincount(parts, minlength=len(sketches.parts) - 1)


def test_balance_gives_each_file_the_same_share_of_each_batch():
    sketches = parted(5000, 40, 900)
    total = np.zeros(3, int)
    for step in range(60):
        chosen = drawn(sketches, step, batch_size=10, balance=True)
        assert len(set(chosen)) == 10  # each file has enough, so no sketch is there twice
        counts = per_part(sketches, chosen)
        assert sorted(counts) == [3, 3, 4]
        total += counts
    assert total.sum() == 600 and (abs(total - 200) < 15).all()  # the tenth goes round


def test_balance_with_more_files_than_sketches_in_a_batch():
    sizes = [1, 3000, *[50] * 58]
    sketches = parted(*sizes)
    total = np.zeros(60, int)
    for step in range(300):
        chosen = drawn(sketches, step, batch_size=8, balance=True)
        counts = per_part(sketches, chosen)
        assert counts.max() == 1 and counts.sum() == 8
        total += counts
    assert (abs(total - 40) < 28).all()  # 40 expected, standard deviation 5.9


def test_balance_repeats_the_sketches_of_a_file_that_is_too_small():
    sketches = parted(2, 0, 500)
    chosen = drawn(sketches, 3, batch_size=10, balance=True)
    assert per_part(sketches, chosen).tolist() == [5, 0, 5]
    assert sorted(np.bincount(chosen[chosen < 2])) == [2, 3]
    assert len(set(chosen[chosen >= 2])) == 5


def test_balance_draws_evenly_within_a_file():
    sketches = parted(4, 4)
    times = sum(
        np.bincount(drawn(sketches, step, batch_size=4, balance=True), minlength=8)
        for step in range(400)
    )
    assert (abs(times - 200) < 50).all()


def test_balance_is_off_by_default_and_steps_repeat():
    sketches = parted(300, 30)
    one, other = (drawn(sketches, 5, batch_size=20, balance=True) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (drawn(sketches, 5, batch_size=20) != one).any()
    # The parts alone change nothing: batches of runs of before.
    alone = SketchSet(sketches.points, sketches.starts)
    np.testing.assert_array_equal(
        drawn(sketches, 5, batch_size=20), drawn(alone, 5, batch_size=20, balance=False)
    )
