"""Dropout: where each kind acts, with what statistics, and that evaluation has none."""

import numpy as np
import pytest
from model_cases import (
    DROPOUT,
    KEEP,
    all_dropout,
    assert_close,
    batch_of,
    latent,
    make,
)
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.randomness import seed_table

BY_CHANCE = KEEP**2 + (1 - KEEP) ** 2  # how often two independent masks agree


def assert_mask(mask, keep=KEEP):
    """0 or 1/keep, at the right rate, and independent along every axis."""
    kept = mask > 0
    assert_close(mask, kept / keep, 1e-5)
    assert abs(kept.mean() - keep) < 5 * np.sqrt(keep * (1 - keep) / mask.size)
    for axis in range(mask.ndim):
        length = mask.shape[axis] - 1
        assert_unrelated(*(np.take(kept, range(a, a + length), axis) for a in (0, 1)))


def assert_unrelated(*masks):
    for k, mask in enumerate(masks):
        for other in masks[:k]:
            agree = ((mask > 0) == (other > 0)).mean()
            assert abs(agree - BY_CHANCE) < 3 / np.sqrt(mask.size)  # more than six deviations


MANY = dict(count=40, time=30)


@pytest.mark.slow
def test_recurrent_dropout_masks_of_all_three_cells(spy):
    model = make(use_recurrent_dropout=True, recurrent_dropout_prob=KEEP, dec_rnn_size=8)
    strokes, lengths = batch_of(**MANY)
    model(strokes, lengths, training=True, seeds=seed_table(5, 1))
    model(strokes, lengths, training=True, seeds=seed_table(5, 2))
    cells = [model.encoder.forward_cell, model.encoder.backward_cell, model.decoder.rnn_cell]
    assert [run.cell for run in spy.runs] == cells * 2
    masks = [run.mask for run in spy.runs]
    for mask in masks:
        assert mask.shape == (30, 40, 8)  # time, batch, units
        assert_mask(mask)
    assert_unrelated(*masks)  # from cell to cell and from step to step


def test_input_dropout_covers_strokes_and_z_alike(spy):
    model = make(use_input_dropout=True, input_dropout_prob=KEEP)
    z = latent(40)
    strokes = tf.constant(np.random.default_rng(3).normal(size=(40, 30, 5)).astype("float32"))
    model.decoder(strokes, z, training=True, seeds=seed_table(5, 1))
    model.decoder(strokes, z, training=True, seeds=seed_table(5, 2))
    whole = np.concatenate([strokes, np.broadcast_to(z[:, None], (40, 30, 4))], axis=-1)
    first, second = (run.inputs / whole for run in spy.runs)
    assert first.shape == (40, 30, 9)
    for part in (first, first[..., :5], first[..., 5:], second):
        assert_mask(part)
    assert_unrelated(first, second)
    assert spy.runs[0].mask is None
    for h, run in zip(spy.output_inputs, spy.runs, strict=True):
        np.testing.assert_array_equal(h, run.outputs)
    for a, b in zip(spy.runs[0].state, model.decoder.initial_state(z), strict=True):
        np.testing.assert_array_equal(a, b)  # the initial state sees z whole


def test_input_dropout_is_the_decoders_alone(spy):
    model = make(use_input_dropout=True, input_dropout_prob=KEEP)
    strokes, lengths = batch_of()
    model(strokes, lengths, training=True, seeds=seed_table(5, 1))
    np.testing.assert_array_equal(spy.runs[0].inputs, strokes[:, 1:])


def test_output_dropout_is_between_the_cell_and_the_output_layer(spy):
    model = make(use_output_dropout=True, output_dropout_prob=KEEP)
    strokes, _ = batch_of(**MANY)
    z = latent(40)
    output = model.decoder(strokes, z, training=True, seeds=seed_table(5, 1))
    model.decoder(strokes, z, training=True, seeds=seed_table(5, 2))
    first, second = (h / r.outputs for h, r in zip(spy.output_inputs, spy.runs, strict=True))
    for mask in (first, second):
        assert mask.shape == (40, 31, 10)
        assert_mask(mask)
    assert_unrelated(first, second)
    # The state that goes on in time is not dropped, nor is the output of the output layer.
    np.testing.assert_array_equal(spy.runs[0].outputs, spy.runs[1].outputs)
    h, kernel, bias = spy.output_inputs[0], model.decoder.output_kernel, model.decoder.output_bias
    assert_close(output, h @ kernel.numpy() + bias.numpy(), 1e-5)


def test_the_kinds_of_dropout_are_independent(spy):
    model = make(
        use_recurrent_dropout=True,
        use_input_dropout=True,
        use_output_dropout=True,
        recurrent_dropout_prob=KEEP,
        input_dropout_prob=KEEP,
        output_dropout_prob=KEEP,
        dec_rnn_size=5,  # so that all masks have one shape
        conditional=False,
    )
    strokes = tf.ones([40, 30, 5])
    model.decoder(strokes, training=True, seeds=seed_table(5, 1))
    (run,) = spy.runs
    shown = run.outputs != 0  # not where the recurrent dropout has left nothing yet
    assert shown.mean() > 0.95
    masks = np.transpose(run.mask, [1, 0, 2]), run.inputs, spy.output_inputs[0]
    assert_unrelated(*((mask != 0)[shown] for mask in masks))


@pytest.mark.parametrize("flag", DROPOUT)
def test_each_switch_switches_its_own_dropout(flag):
    probabilities = dict.fromkeys(DROPOUT.values(), KEEP)
    model = make(**{**dict.fromkeys(DROPOUT, False), flag: True}, **probabilities)
    decoder, encoder = model.decoder, model.encoder
    recurrent = KEEP if flag == "use_recurrent_dropout" else 1.0
    assert decoder.keep_prob == decoder.rnn_cell.keep_prob == recurrent
    assert encoder.keep_prob == recurrent
    assert encoder.forward_cell.keep_prob == encoder.backward_cell.keep_prob == recurrent
    assert decoder.input_keep_prob == (KEEP if flag == "use_input_dropout" else 1.0)
    assert decoder.output_keep_prob == (KEEP if flag == "use_output_dropout" else 1.0)


@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_everything_is_off_in_evaluation(cell, conditional):
    changes = dict(enc_model=cell, dec_model=cell, conditional=conditional, scale=0.0)
    model = all_dropout(**changes)
    strokes, lengths = batch_of()
    plain = make(**changes)(strokes, lengths, training=True)  # a model that has nothing to drop
    for seeds in (None, seed_table(1, 1), seed_table(1, 2)):
        for found, expected in zip(model(strokes, lengths, seeds=seeds), plain, strict=True):
            np.testing.assert_array_equal(found, expected)
    dropped = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
    assert np.abs(dropped.reconstruction - plain.reconstruction).min() > 1e-4
