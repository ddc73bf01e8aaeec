"""One update: clipping, and that nothing changes where something is not finite."""

import numpy as np
import pytest
from model_cases import SMALL, batch_of, make

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import (
    PARTS,
    Share,
    loss_sums,
    new_optimizer,
    parts_of,
    places_of,
    update,
)


def make_update(model, optimizer, strokes, lengths, kl_weight=0.5):
    optimizer.build(model.trainable_variables)
    rows = tf.shape(strokes)[1] - 1
    table = seed_table(0, 0)
    return update(model, optimizer, strokes, lengths, table, kl_weight, rows, share=Share())


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def test_gradients_are_clipped():
    limit, rate = 1e-3, 0.5
    model = SketchRNN(SMALL, grad_clip=limit, scale=0.0)
    before = weights(model)
    result = make_update(model, keras.optimizers.SGD(rate), *batch_of())
    moves = [np.abs(new - old) for new, old in zip(weights(model), before, strict=True)]
    assert max(move.max() for move in moves) == pytest.approx(rate * limit, rel=1e-4)
    assert result.finite and np.isfinite(result.cost)


def test_the_cost_is_that_of_the_model():
    model = make(scale=0.0, kl_tolerance=0.0)
    strokes, lengths = batch_of()
    losses = [float(tf.reduce_mean(x)) for x in model(strokes, lengths, training=True)]
    result = make_update(model, new_optimizer(model), strokes, lengths, kl_weight=0.25)
    assert float(result.reconstruction) == pytest.approx(losses[0], rel=1e-6)
    assert float(result.kl) == pytest.approx(losses[2], rel=1e-6)
    assert float(result.cost) == pytest.approx(losses[0] + 0.25 * losses[2], rel=1e-6)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_what_is_not_finite_changes_nothing(spoilt):
    model = make()
    optimizer = new_optimizer(model)
    strokes, lengths = batch_of()
    strokes = strokes.numpy()
    strokes[2, 1, 0] = spoilt
    before = weights(model)
    result = make_update(model, optimizer, tf.constant(strokes), lengths)
    assert not result.finite
    for new, old in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(new, old)
    assert int(optimizer.iterations) == 0
    assert not any(np.any(moment) for moment in optimizer.variables[2:])


def test_small_batches_stay_whole():
    if tf.config.list_physical_devices("GPU"):
        assert parts_of(100) == 1
    else:
        assert [parts_of(n) for n in (1, 7, 8, 100)] == [1, 1, PARTS, PARTS]


@pytest.mark.parametrize("bucket_by_length", [False, True])
def test_parts_are_longest_first_and_add_up(bucket_by_length):
    model = make(scale=0.0, bucket_by_length=bucket_by_length)
    strokes, lengths = batch_of(9)
    how = {"seeds": seed_table(0, 0), "training": True}
    whole, parted = (loss_sums(model, strokes, lengths, share=Share(n), **how) for n in (1, PARTS))
    np.testing.assert_allclose(parted, whole, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 6, 100])
def test_neighbouring_places_have_sketches_of_all_lengths(count):
    places = places_of(count).numpy()
    assert sorted(places) == list(range(count))
    for share in (2, 3, 5):
        if count < 4 * share:
            continue
        for number in range(share):
            first, end = count * number // share, count * (number + 1) // share
            ranks = np.flatnonzero((places >= first) & (places < end))
            # Evenly spread, the mean rank of a share is near that of the batch.
            assert abs(ranks.mean() - (count - 1) / 2) < 0.08 * count


@pytest.mark.parametrize("bucket_by_length", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_draws_of_a_batch_do_not_depend_on_its_parts(bucket_by_length, workers):
    how = {"use_input_dropout": True, "use_output_dropout": True, "recurrent_dropout_prob": 0.5}
    model = make(bucket_by_length=bucket_by_length, **how)
    strokes, lengths = batch_of(9)
    seeds = seed_table(0, 0)
    whole = loss_sums(model, strokes, lengths, seeds, Share(), training=True)
    shares = [
        loss_sums(model, strokes, lengths, seeds, Share(2, workers, worker), training=True)
        for worker in range(workers)
    ]
    np.testing.assert_allclose(np.sum(shares, axis=0), whole, rtol=1e-5)
    other = loss_sums(model, strokes, lengths, seed_table(0, 1), Share(), training=True)
    assert not np.allclose(other, whole, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("bucket_by_length", [False, True])
def test_xla_has_the_draws_of_the_fast_loop(bucket_by_length):
    """All dropout and noise; padded to another number of rows, as batches for XLA are."""
    how = {"use_input_dropout": True, "use_output_dropout": True, "recurrent_dropout_prob": 0.5}
    model = make(bucket_by_length=bucket_by_length, **how)
    strokes, lengths = (tf.constant(one) for one in batch_of(9))
    ends = tf.tile([[[0.0, 0.0, 0.0, 0.0, 1.0]]], [9, 3, 1])
    padded = tf.concat([strokes, ends], axis=1) if bucket_by_length else strokes
    seeds, rows = seed_table(0, 0), tf.shape(strokes)[1] - 1

    def sums(strokes, static):
        return loss_sums(
            model, strokes, lengths, seeds, Share(2), training=True, rows=rows, static=static
        )

    expected = sums(strokes, False)
    found = tf.function(lambda: sums(padded, True), jit_compile=True, autograph=False)()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
