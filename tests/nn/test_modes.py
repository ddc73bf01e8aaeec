"""Mixed precision, and training batches that are computed to each sketch's length."""

import numpy as np
import pytest
from model_cases import (
    SMALL,
    assert_close,
    batch_of,
    gradients_of,
    make,
)
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.nn import losses
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.sketch_rnn import SketchRNN


@pytest.mark.slow
@pytest.mark.parametrize("cell", slow_but(CELLS, "layer_norm"))
def test_mixed_precision_rounds_products_of_training_alone(cell):
    exact, mixed = (
        SketchRNN(SMALL, enc_model=cell, dec_model=cell, mixed_precision=flag)
        for flag in (False, True)
    )
    strokes, lengths = batch_of()
    for found, expected in zip(
        mixed(strokes, lengths, scale=0.0), exact(strokes, lengths, scale=0.0), strict=True
    ):
        np.testing.assert_array_equal(found, expected)  # evaluation is as ever
    (cost, gradients), (mixed_cost, mixed_gradients) = (
        gradients_of(model, strokes, lengths) for model in (exact, mixed)
    )
    assert 1e-7 < abs(mixed_cost - cost) < 0.01
    for ours, theirs in zip(mixed_gradients, gradients, strict=True):
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.1 * np.abs(theirs).max() + 1e-4)
    assert {v.dtype for v in mixed.variables if "seed" not in v.path} == {"float32"}


@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_bucketed_losses_are_the_usual_ones_but_for_end_rows(cell, conditional):
    """The pen loss of a sketch's first end row is there, that of the others is not."""
    changes = dict(enc_model=cell, dec_model=cell, conditional=conditional, scale=0.0)
    usual, bucketed = make(**changes), make(**changes, bucket_by_length=True)
    strokes, lengths = batch_of(8, 9, lengths=[9, 8, 8, 8, 5, 3, 2, 1])
    rows = tf.constant(12)
    expected = usual(strokes, lengths, training=True, rows=rows)
    for padded in (strokes, strokes.numpy()[:, : int(tf.reduce_max(lengths)) + 1]):
        found = bucketed(padded, lengths, training=True, rows=rows)
        assert_close(found.masked_reconstruction, expected.masked_reconstruction)
        assert_close(found.kl, expected.kl)
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        z = usual.encoder(target, lengths)[0] if conditional else None
        _, pen = losses.point_losses(usual.decoder(inputs, z), target)
        further = np.arange(9) > lengths.numpy()[:, None]
        left_out = (pen * further).numpy().sum(axis=1) / 12
        assert left_out.max() > 0.1
        assert_close(found.reconstruction, expected.reconstruction - left_out)
    for ours, theirs in zip(
        bucketed(strokes, lengths, rows=rows), usual(strokes, lengths, rows=rows), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)  # evaluation is as ever


@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
def test_bucketed_gradients_are_those_of_its_losses(cell):
    """The usual model's, when the loss leaves out the same end rows."""
    changes = dict(enc_model=cell, dec_model=cell, scale=0.0)
    usual, bucketed = make(**changes), make(**changes, bucket_by_length=True)
    strokes, lengths = batch_of(6, 7, lengths=[7, 6, 6, 3, 2, 1])
    target = strokes[:, 1:]
    counted = tf.cast(tf.range(7)[None] <= lengths[:, None], tf.float32)
    with tf.GradientTape() as tape:
        mu, presig = usual.encoder(target, lengths, training=True)
        offset, pen = losses.point_losses(usual.decoder(strokes[:, :-1], mu, training=True), target)
        expected = tf.reduce_mean((offset + pen) * counted)
        expected += tf.reduce_mean(losses.kl_divergence(mu, presig))
    theirs = tape.gradient(expected, [v.value for v in usual.trainable_variables])
    cost, ours = gradients_of(bucketed, strokes, lengths)
    assert_close(cost, expected)
    for found, gradient in zip(ours, theirs, strict=True):
        assert_close(found, gradient, 1e-5 * np.abs(gradient).max() + 1e-8)


@pytest.mark.parametrize("conditional", slow_but([True, False], False))
def test_a_bucketed_model_refuses_sketches_that_are_not_longest_first(conditional):
    """So does an unconditional one, which has no encoder that would."""
    model = make(conditional=conditional, bucket_by_length=True, scale=0.0)
    strokes, lengths = batch_of(3, 6, lengths=[4, 6, 2])
    unknown = [tf.TensorSpec([None, None, 5]), tf.TensorSpec([None], tf.int32)]
    compiled = tf.function(
        lambda *given: model(*given, training=True), input_signature=unknown, autograph=False
    )
    with pytest.raises(ValueError, match="longest first, .* got lengths"):
        model(strokes, lengths, training=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="longest first"):
        compiled(strokes, lengths)
    if not conditional:  # where every sketch is computed to the end, the order does not matter
        model(strokes, lengths)
