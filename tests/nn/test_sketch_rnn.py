"""The whole model: what its parts are given, the noise of z, its losses and gradients."""

import numpy as np
import pytest
from model_cases import (
    SMALL,
    all_dropout,
    assert_close,
    batch_of,
    conditional_or_not,
    every_cell,
    make,
)
from slow import slow_but

from magenta_sketch._backend import keras, tf
from magenta_sketch.config import RunConfig
from magenta_sketch.errors import HParamsError
from magenta_sketch.nn import losses
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN


def test_model_shows_the_decoder_the_points_before_and_asks_for_those_after(spy):
    model = make(scale=0.0)
    strokes, lengths = batch_of()
    found = model(strokes, lengths)
    encoder_run, _, decoder_run = spy.runs
    np.testing.assert_array_equal(encoder_run.inputs, strokes[:, 1:])
    np.testing.assert_array_equal(decoder_run.inputs[..., :5], strokes[:, :-1])
    mu, presig = model.encoder(strokes[:, 1:], lengths)
    output = model.decoder(strokes[:, :-1], mu)
    expected = losses.sketch_losses(output, strokes[:, 1:], mu, presig)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 4.0])
def test_noise_of_z_has_the_deviation_asked_for(spy, scale, training):
    model = make(scale=scale)
    strokes, lengths = batch_of(3000, 2)
    model(strokes, lengths, training=training, seeds=seed_table(1, 1))
    mu, presig = (x.numpy() for x in model.encoder(strokes[:, 1:], lengths))
    z = spy.runs[2].inputs[:, :, 5:]
    np.testing.assert_array_equal(z[:, 0], z[:, 1])  # one z a sketch, the same at each point
    noise = (z[:, 0] - mu) / np.exp(presig / 2)
    assert presig.std() > 0.1  # so that dividing by sigma says something
    assert noise.std() == pytest.approx(scale, rel=0.03)
    assert np.abs(noise.mean(axis=0)).max() < 0.08 * scale
    assert np.abs(np.corrcoef(noise.T) - np.eye(SMALL.z_size)).max() < 0.08
    assert (np.abs(noise) < scale).mean() == pytest.approx(0.683, abs=0.02)  # a normal
    for a, b in zip(spy.runs[2].state, model.decoder.initial_state(z[:, 0]), strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("scale", [0.0, 4.0])
def test_kl_does_not_see_the_scale(scale):
    model = make(scale=scale)
    strokes, lengths = batch_of()
    mu, presig = model.encoder(strokes[:, 1:], lengths)
    found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
    np.testing.assert_array_equal(found.kl, losses.kl_divergence(mu, presig))


@pytest.mark.slow
def test_scale_of_a_call_goes_before_that_of_the_hyperparameters():
    model, other = make(scale=1.0), make(scale=3.0)
    strokes, lengths = batch_of()

    def reconstruction(model, scale=None):
        return model(strokes, lengths, seeds=seed_table(1, 1), scale=scale).reconstruction.numpy()

    np.testing.assert_array_equal(reconstruction(model, 3.0), reconstruction(other))
    np.testing.assert_array_equal(reconstruction(other, 0.0), reconstruction(model, 0.0))
    assert np.abs(reconstruction(model) - reconstruction(other)).min() > 1e-4


def test_reg_covar_of_the_hyperparameters_reaches_the_loss():
    strokes, lengths = batch_of()
    plain, regular = (make(reg_covar=r)(strokes, lengths, scale=0.0) for r in (0.0, 1.0))
    assert np.abs(plain.reconstruction - regular.reconstruction).min() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
def test_equal_seeds_equal_losses_in_and_out_of_a_graph(cell):
    model = all_dropout(enc_model=cell, dec_model=cell)
    strokes, lengths = batch_of()
    unknown = [
        tf.TensorSpec([None, None, 5]),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([SEED_ROWS, 2], tf.int64),
    ]
    compiled = tf.function(
        lambda *arguments: model(*arguments[:2], training=True, seeds=arguments[2]),
        input_signature=unknown,
        autograph=False,
    )
    eager = model(strokes, lengths, training=True, seeds=seed_table(3, 7))
    again = compiled(strokes, lengths, seed_table(3, 7))
    for found, expected in zip(again, eager, strict=True):
        assert_close(found, expected, 1e-5)
    for a, b in zip(again, compiled(strokes, lengths, seed_table(3, 7)), strict=True):
        np.testing.assert_array_equal(a, b)
    for key in ((3, 8), (4, 7)):
        other = compiled(strokes, lengths, seed_table(*key))
        assert np.abs(other.reconstruction - again.reconstruction).min() > 1e-5


@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
@pytest.mark.parametrize("conditional", slow_but([True, False], True))
def test_gradients_reach_every_weight_and_are_finite(cell, conditional):
    model = all_dropout(enc_model=cell, dec_model=cell, conditional=conditional)
    strokes, lengths = batch_of()
    random = np.random.default_rng(6)
    for weight in model.trainable_variables:  # off the zeros that would stop gradients
        weight.assign(weight.numpy() + random.normal(0, 0.02, weight.shape))
    far = strokes * tf.constant([1e3, 1e3, 1, 1, 1])  # offsets far outside of the usual range
    for points in (strokes, far):
        with tf.GradientTape() as tape:
            found = model(points, lengths, training=True, seeds=seed_table(1, 1))
            cost, _ = model.cost(*(tf.reduce_mean(found[k]) for k in (0, 2)), 0.5)
        variables = model.trainable_variables
        gradients = tape.gradient(cost, [v.value for v in variables])
        for variable, gradient in zip(variables, gradients, strict=True):
            assert gradient is not None and np.isfinite(gradient).all(), variable.path
            assert points is far or np.abs(gradient).max() > 0, variable.path


@pytest.mark.parametrize("cell", slow_but(CELLS, "layer_norm"))
@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_other_precisions(cell, policy):
    changes = dict(enc_model=cell, dec_model=cell, use_recurrent_dropout=True)
    model = SketchRNN(SMALL, dtype=policy, **changes)
    strokes, lengths = batch_of()
    found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
    for values in found:
        assert values.dtype == keras.dtype_policies.get(policy).compute_dtype
        assert np.isfinite(tf.cast(values, "float64")).all()


@every_cell
def test_unconditional_has_neither_encoder_nor_z(cell):
    model = make(dec_model=cell, conditional=False)
    assert model.encoder is None and model.decoder.state_dense is None
    assert model.decoder.rnn_cell.kernel.shape[0] == 5
    assert not [v.path for v in model.trainable_variables if "decoder" not in v.path]
    for part in model.decoder.initial_state(None, 3):
        assert part.shape[0] == 3 and not np.any(part)
    strokes, lengths = batch_of(3)
    found = model(strokes, lengths, training=True)  # no seeds: nothing is random
    assert np.isfinite(found.reconstruction).all()
    np.testing.assert_array_equal(found.kl, [0, 0, 0])


@conditional_or_not
def test_an_unconditional_model_pays_for_no_kl(conditional):
    model = make(conditional=conditional, kl_tolerance=0.2)
    cost, kl_cost = model.cost(tf.constant(1.5), tf.constant(0.0), 0.5)
    assert float(kl_cost) == pytest.approx(0.2 if conditional else 0.0)
    assert float(cost) == pytest.approx(1.6 if conditional else 1.5)


def test_hyperparameters_alone_are_a_configuration():
    config = RunConfig(hparams=SMALL, seed=3, tanh_z=True)
    for model in (SketchRNN(config), SketchRNN(SMALL, seed=3, tanh_z=True)):
        assert model.config == config and model.hparams == SMALL
    assert SketchRNN().config == RunConfig()
    assert SketchRNN(config, z_size=3, seed=4).config == config.replace(z_size=3, seed=4)
    with pytest.raises(HParamsError, match="unknown option 'sed'; did you mean 'seed'"):
        SketchRNN(SMALL, sed=3)


def test_tanh_z_reaches_the_decoder(spy):
    model = make(scale=0.0, tanh_z=True)
    strokes, lengths = batch_of()
    model(strokes, lengths)
    mu, _ = model.encoder(strokes[:, 1:], lengths)
    assert_close(spy.runs[2].inputs[:, 0, 5:], np.tanh(mu))
