"""One update: clipping, and that nothing changes where something is not finite."""

import numpy as np
import pytest
from model_cases import SMALL, batch_of, make

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import PARTS, loss_sums, new_optimizer, parts_of, update


def make_update(model, optimizer, strokes, lengths, kl_weight=0.5):
    optimizer.build(model.trainable_variables)
    rows = tf.shape(strokes)[1] - 1
    return update(model, optimizer, strokes, lengths, seed_table(0, 0), kl_weight, rows, parts=1)


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
    whole, parted = (loss_sums(model, strokes, lengths, parts=n, **how) for n in (1, PARTS))
    np.testing.assert_allclose(parted, whole, rtol=1e-5)
