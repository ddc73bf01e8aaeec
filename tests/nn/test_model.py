"""The whole model: where each random part acts, with what statistics; what depends on what."""

import types

import numpy as np
import pytest

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.nn import losses, mixture, recurrence
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.decoder import Decoder
from magenta_sketch.nn.encoder import Encoder, draw_z
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.step import TrainStep

SMALL = HParams(
    enc_rnn_size=8, dec_rnn_size=10, z_size=4, num_mixture=2, use_recurrent_dropout=False
)
KEEP = 0.7
BY_CHANCE = KEEP**2 + (1 - KEEP) ** 2  # how often two independent masks agree

every_cell = pytest.mark.parametrize("cell", CELLS)
conditional_or_not = pytest.mark.parametrize("conditional", [True, False])


def make(seed=0, **changes):
    """A model whose small initial weights are made larger, so that z and sigma matter."""
    model = SketchRNN(SMALL.replace(**changes), seed=seed)
    random = np.random.default_rng(1)
    if model.encoder is not None:
        for dense in (model.encoder.mu, model.encoder.presig, model.decoder.state_dense):
            for weight in (dense.kernel, dense.bias):
                weight.assign(random.normal(0, 0.5, weight.shape))
    return model


def batch_of(count=6, time=7, seed=0, lengths=None):
    """A padded batch [count, time + 1, 5] and its lengths."""
    random = np.random.default_rng(seed)
    strokes = np.zeros((count, time + 1, 5), "float32")
    strokes[:, 0, 2] = 1
    strokes[:, 1:, 4] = 1
    lengths = random.integers(1, time + 1, count) if lengths is None else np.array(lengths)
    for i, n in enumerate(lengths):
        strokes[i, 1 : n + 1, :2] = random.normal(size=(n, 2))
        strokes[i, 1 : n + 1, 2:] = np.eye(3)[random.integers(0, 2, n)]
    return tf.constant(strokes), tf.constant(lengths, tf.int32)


def latent(count, seed=2):
    return np.random.default_rng(seed).normal(size=(count, SMALL.z_size)).astype("float32")


def assert_close(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.fixture
def spy(monkeypatch):
    """Records each run of a cell, and what reaches each output layer; all batch first but masks."""
    seen = types.SimpleNamespace(runs=[], output_inputs=[])
    run, both_ways, output = recurrence.run, recurrence.run_both_ways, Decoder._output

    def batch_first(x):
        return np.transpose(x, [1, 0, 2])

    def note(cell, inputs, state, mask, outputs=None):
        mask = None if mask is None else mask.numpy()
        seen.runs.append(
            types.SimpleNamespace(cell=cell, inputs=inputs, state=state, mask=mask, outputs=outputs)
        )

    def spying_run(cell, inputs, initial_state, *, constant=None, keep_mask=None, **keywords):
        result = run(
            cell, inputs, initial_state, constant=constant, keep_mask=keep_mask, **keywords
        )
        found = batch_first(inputs)
        if constant is not None:
            shape = [*found.shape[:2], constant.shape[-1]]
            found = np.concatenate([found, np.broadcast_to(constant[:, None], shape)], axis=-1)
        note(cell, found, initial_state, keep_mask, batch_first(result[0]))
        return result

    def spying_both_ways(cells, inputs, lengths, initial_states, *, keep_masks, **keywords):
        for cell, state, mask in zip(cells, initial_states, keep_masks, strict=True):
            note(cell, batch_first(inputs), state, mask)
        return both_ways(cells, inputs, lengths, initial_states, keep_masks=keep_masks, **keywords)

    def spying_output(self, h, product_dtype=None):
        seen.output_inputs.append(batch_first(h))
        return output(self, h, product_dtype)

    monkeypatch.setattr(recurrence, "run", spying_run)
    monkeypatch.setattr(recurrence, "run_both_ways", spying_both_ways)
    monkeypatch.setattr(Decoder, "_output", spying_output)
    return seen


def longest_first(strokes, lengths):
    return np.asarray(strokes)[np.argsort(-np.asarray(lengths), kind="stable")]


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


# Dropout.

MANY = dict(count=40, time=30)


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
    np.testing.assert_array_equal(spy.runs[0].inputs, longest_first(strokes[:, 1:], lengths))


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


FLAGS = {
    "use_recurrent_dropout": "recurrent_dropout_prob",
    "use_input_dropout": "input_dropout_prob",
    "use_output_dropout": "output_dropout_prob",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_each_switch_switches_its_own_dropout(flag):
    probabilities = dict.fromkeys(FLAGS.values(), KEEP)
    model = make(**{**dict.fromkeys(FLAGS, False), flag: True}, **probabilities)
    decoder, encoder = model.decoder, model.encoder
    recurrent = KEEP if flag == "use_recurrent_dropout" else 1.0
    assert decoder.keep_prob == decoder.rnn_cell.keep_prob == recurrent
    assert encoder.keep_prob == recurrent
    assert encoder.forward_cell.keep_prob == encoder.backward_cell.keep_prob == recurrent
    assert decoder.input_keep_prob == (KEEP if flag == "use_input_dropout" else 1.0)
    assert decoder.output_keep_prob == (KEEP if flag == "use_output_dropout" else 1.0)


def all_dropout(**changes):
    return make(**dict.fromkeys(FLAGS, True), **dict.fromkeys(FLAGS.values(), KEEP), **changes)


@every_cell
@conditional_or_not
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


@every_cell
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


# Latent noise.


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


def test_noise_is_fresh_for_each_seed_and_step():
    mu, presig = tf.zeros([500, 8]), tf.zeros([500, 8])
    draws = [draw_z(mu, presig, 1.0, seed_table(*key)) for key in ((1, 1), (1, 2), (2, 1), (1, 1))]
    np.testing.assert_array_equal(draws[0], draws[3])
    flat = np.stack([np.ravel(z) for z in draws[:3]])
    assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 0.05


def test_no_noise_at_scale_zero():
    mu = tf.constant(latent(3))
    np.testing.assert_array_equal(draw_z(mu, mu, 0.0, None), mu)


@pytest.mark.parametrize("scale", [0.0, 4.0])
def test_kl_does_not_see_the_scale(scale):
    model = make(scale=scale)
    strokes, lengths = batch_of()
    mu, presig = model.encoder(strokes[:, 1:], lengths)
    found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
    np.testing.assert_array_equal(found.kl, losses.kl_divergence(mu, presig))


def test_scale_of_a_call_goes_before_that_of_the_hyperparameters():
    model, other = make(scale=1.0), make(scale=3.0)
    strokes, lengths = batch_of()

    def reconstruction(model, scale=None):
        return model(strokes, lengths, seeds=seed_table(1, 1), scale=scale).reconstruction.numpy()

    np.testing.assert_array_equal(reconstruction(model, 3.0), reconstruction(other))
    np.testing.assert_array_equal(reconstruction(other, 0.0), reconstruction(model, 0.0))
    assert np.abs(reconstruction(model) - reconstruction(other)).min() > 1e-4


# What depends on what.


@every_cell
def test_encoder_ignores_what_comes_after_a_sketch(cell):
    encoder = make(enc_model=cell).encoder
    strokes, lengths = batch_of(3, 6, lengths=[2, 6, 4])
    strokes = strokes[:, 1:].numpy()
    plain = encoder(strokes, lengths)
    after = np.arange(6) >= lengths.numpy()[:, None]
    changed = np.where(after[..., None], 9.0, strokes)
    for found, expected in zip(encoder(changed, lengths), plain, strict=True):
        np.testing.assert_array_equal(found, expected)
    # Cut down to its own length, and alone in its batch, a sketch is encoded alike.
    for found, expected in zip(encoder(strokes[:1, :2], lengths[:1]), plain, strict=True):
        assert_close(found, expected[:1])
    for row, t in ((0, 0), (0, 1), (2, 3)):  # but every point up to its length counts
        changed = strokes.copy()
        changed[row, t, 0] += 1
        found = encoder(changed, lengths)
        for a, b in zip(found, plain, strict=True):
            assert np.abs(a[row] - b[row]).max() > 1e-4
            np.testing.assert_array_equal(np.delete(a, row, 0), np.delete(b, row, 0))


def test_encoder_takes_numpys_own_integers():
    encoder = make().encoder
    strokes, lengths = batch_of(3, 6)
    expected = encoder(strokes[:, 1:], lengths)
    found = encoder(strokes[:, 1:].numpy(), lengths.numpy().astype("int64"))
    np.testing.assert_array_equal(found[0], expected[0])


@every_cell
def test_encoder_reads_both_ways(cell):
    encoder = make(enc_model=cell).encoder
    strokes, lengths = batch_of(2, 5, lengths=[5, 3])
    strokes = strokes[:, 1:].numpy()
    zeros = encoder.forward_cell.get_initial_state(2)
    backwards = strokes.copy()
    for i, n in enumerate((5, 3)):
        backwards[i, :n] = strokes[i, :n][::-1]
    last = []
    for one, points in ((encoder.forward_cell, strokes), (encoder.backward_cell, backwards)):
        outputs, _ = recurrence.run(one, tf.transpose(points, [1, 0, 2]), zeros)
        last.append(np.stack([outputs[4, 0], outputs[2, 1]]))
    h = np.concatenate(last, axis=1)
    mu, presig = encoder(strokes, lengths)
    assert_close(mu, h @ encoder.mu.kernel.numpy() + encoder.mu.bias.numpy(), 1e-5)
    assert_close(presig, h @ encoder.presig.kernel.numpy() + encoder.presig.bias.numpy(), 1e-5)


@every_cell
@conditional_or_not
def test_decoder_is_autoregressive(cell, conditional):
    decoder = make(dec_model=cell, conditional=conditional).decoder
    strokes, _ = batch_of(2, 6)
    z = latent(2) if conditional else None
    plain = decoder(strokes, z).numpy()
    for t in (0, 3, 6):
        changed = strokes.numpy()
        changed[:, t, 0] += 1
        found = decoder(changed, z).numpy()
        np.testing.assert_array_equal(found[:, :t], plain[:, :t])
        assert np.abs(found[:, t:] - plain[:, t:]).max(axis=(0, 2)).min() > 1e-5


@every_cell
@conditional_or_not
def test_steps_of_the_decoder_are_its_call(cell, conditional):
    decoder = all_dropout(dec_model=cell, conditional=conditional).decoder  # a step drops nothing
    strokes, _ = batch_of(3, 5)
    z = tf.constant(latent(3)) if conditional else None
    state, outputs = decoder.initial_state(z, 3), []
    for t in range(strokes.shape[1]):
        output, state = decoder.step(strokes[:, t], z, state)
        outputs.append(output)
    expected = decoder(strokes, z)
    assert expected.shape == (3, 6, mixture.output_width(SMALL.num_mixture))
    assert_close(np.stack(outputs, axis=1), expected, 1e-5)


@every_cell
def test_initial_state_is_a_function_of_z(cell):
    decoder = make(dec_model=cell).decoder
    z = latent(2)
    state = decoder.initial_state(z)
    assert [s.shape[1] for s in state] == decoder.rnn_cell.state_size
    dense = decoder.state_dense
    expected = np.tanh(z @ dense.kernel.numpy() + dense.bias.numpy())
    assert_close(np.concatenate(state, axis=1), expected)


def test_model_shows_the_decoder_the_points_before_and_asks_for_those_after(spy):
    model = make(scale=0.0)
    strokes, lengths = batch_of()
    found = model(strokes, lengths)
    encoder_run, _, decoder_run = spy.runs
    np.testing.assert_array_equal(encoder_run.inputs, longest_first(strokes[:, 1:], lengths))
    np.testing.assert_array_equal(decoder_run.inputs[..., :5], strokes[:, :-1])
    mu, presig = model.encoder(strokes[:, 1:], lengths)
    output = model.decoder(strokes[:, :-1], mu)
    expected = losses.sketch_losses(output, strokes[:, 1:], mu, presig)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_reg_covar_of_the_hyperparameters_reaches_the_loss():
    strokes, lengths = batch_of()
    plain, regular = (make(reg_covar=r)(strokes, lengths, scale=0.0) for r in (0.0, 1.0))
    assert np.abs(plain.reconstruction - regular.reconstruction).min() > 1e-3


# Without an encoder.


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


# Seeds, weights, configuration.


def test_seed_table_is_a_function_of_its_key():
    table = seed_table(1, 2, 3)
    assert table.dtype == tf.int64 and table.shape == (SEED_ROWS, 2)
    np.testing.assert_array_equal(table, seed_table(1, 2, 3))
    assert len({tuple(row) for row in table.numpy()}) == SEED_ROWS


def test_seed_tables_of_different_keys_differ():
    numbers = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1]
    keys = [(a, b) for a in numbers for b in numbers]
    keys += [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (2**32, 0, 0), (0, 0, 0, 0)]
    rows = np.concatenate([seed_table(*key).numpy() for key in keys])
    assert (rows >= 0).all()
    assert len({tuple(row) for row in rows}) == len(keys) * SEED_ROWS


@every_cell
def test_initial_weights_are_a_function_of_the_models_seed(cell):
    def weights(seed):
        model = SketchRNN(SMALL.replace(enc_model=cell, dec_model=cell), seed=seed)
        return {v.path: v.numpy() for v in model.trainable_variables}

    first, again, other = weights(2**62), weights(2**62), weights(2**62 + 1)
    assert first.keys() == other.keys()
    drawn = [path for path, value in first.items() if value.std() > 1e-5]
    assert len(drawn) >= 10
    for path in first:
        np.testing.assert_array_equal(first[path], again[path])
    for path in drawn:
        assert (first[path] != other[path]).all(), path
    # Nor do weights of one model repeat one another.
    flat = [first[path].ravel()[:8] for path in drawn]
    assert len({tuple(values) for values in np.round(np.stack(flat), 9)}) == len(drawn)


def test_initial_weights_outside_of_the_cells():
    model = SketchRNN(SMALL.replace(enc_rnn_size=64, dec_rnn_size=64, z_size=32, num_mixture=20))
    for dense in (model.encoder.mu, model.encoder.presig, model.decoder.state_dense):
        assert dense.kernel.numpy().std() == pytest.approx(0.001, rel=0.05)
        np.testing.assert_array_equal(dense.bias, np.zeros(dense.bias.shape))
    kernel, bias = model.decoder.output_kernel.numpy(), model.decoder.output_bias.numpy()
    assert (kernel.shape, bias.shape) == ((64, 123), (123,))
    for weight, limit in ((kernel, np.sqrt(6 / (64 + 123))), (bias, np.sqrt(6 / (123 + 123)))):
        assert 0.95 * limit < np.abs(weight).max() <= limit
        assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)


@every_cell
@pytest.mark.parametrize("kind", [Encoder, Decoder])
def test_config_round_trip(cell, kind):
    if kind is Encoder:
        layer = Encoder(cell, 6, 3, keep_prob=0.8, seed=4, name="mine")
    else:
        layer = Decoder(
            cell, 6, 2, 3, keep_prob=0.8, input_keep_prob=0.7, output_keep_prob=0.6, seed=4
        )
    again = kind.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for one in (layer, again):
        one.build((None, None, 5))
    for a, b in zip(layer.trainable_variables, again.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
@conditional_or_not
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


@every_cell
@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_other_precisions(cell, policy):
    hparams = SMALL.replace(enc_model=cell, dec_model=cell, use_recurrent_dropout=True)
    model = SketchRNN(hparams, dtype=policy)
    strokes, lengths = batch_of()
    found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
    for values in found:
        assert values.dtype == keras.dtype_policies.get(policy).compute_dtype
        assert np.isfinite(tf.cast(values, "float64")).all()


# Modes and cells beside the defaults.


def gradients_of(model, strokes, lengths):
    with tf.GradientTape() as tape:
        found = model(strokes, lengths, training=True, seeds=seed_table(1, 1))
        cost = tf.reduce_mean(found.reconstruction + found.kl)
    return cost, tape.gradient(cost, [v.value for v in model.trainable_variables])


@every_cell
def test_mixed_precision_rounds_products_of_training_alone(cell):
    exact, mixed = (
        SketchRNN(SMALL.replace(enc_model=cell, dec_model=cell), mixed_precision=flag)
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


@every_cell
@conditional_or_not
def test_bucketed_losses_are_the_usual_ones_but_for_end_rows(cell, conditional):
    """The pen loss of a sketch's first end row is there, that of the others is not."""
    changes = dict(enc_model=cell, dec_model=cell, conditional=conditional, scale=0.0)
    usual = make(**changes)
    bucketed = SketchRNN(usual.hparams, bucket_by_length=True)
    for theirs, ours in zip(usual.variables, bucketed.variables, strict=True):
        ours.assign(theirs)
    strokes, lengths = batch_of(8, 9, lengths=[3, 9, 1, 8, 8, 2, 5, 8])
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


@every_cell
def test_bucketed_gradients_are_those_of_its_losses(cell):
    """The usual model's, when the loss leaves out the same end rows."""
    changes = dict(enc_model=cell, dec_model=cell, scale=0.0)
    usual = make(**changes)
    bucketed = SketchRNN(usual.hparams, bucket_by_length=True)
    for theirs, ours in zip(usual.variables, bucketed.variables, strict=True):
        ours.assign(theirs)
    strokes, lengths = batch_of(6, 7, lengths=[3, 7, 1, 6, 6, 2])
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


@keras.saving.register_keras_serializable(package="tests")
class Leaky(keras.layers.Layer):
    """A cell as a user would write one: h' = h/2 + tanh([x, h]·kernel)/2."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        shape = (input_shape[-1] + self.units, self.units)
        self.kernel = self.add_weight(shape=shape, name="kernel")

    def get_initial_state(self, batch_size=None):
        return tf.zeros([batch_size, self.units])

    def call(self, inputs, states):
        h = states[0] if isinstance(states, (list, tuple)) else states
        h = 0.5 * h + 0.5 * tf.tanh(tf.concat([inputs, h], axis=-1) @ self.kernel)
        return h, [h]


@pytest.mark.parametrize(
    "cells",
    [
        dict(encoder_cell=Leaky, decoder_cell=Leaky),
        dict(decoder_cell=keras.layers.LSTMCell),
        dict(encoder_cell=keras.layers.GRUCell),
    ],
    ids=["own", "lstm", "gru"],
)
@conditional_or_not
def test_trains_with_a_users_cells(cells, conditional):
    hparams = SMALL.replace(use_recurrent_dropout=True, conditional=conditional, scale=0.0)
    model = SketchRNN(hparams, **cells)
    step = TrainStep(model)
    strokes, lengths = batch_of()
    costs = [float(step(strokes, lengths, seed_table(0, 0), 0.02, 0.5).cost) for _ in range(20)]
    assert costs[-1] < costs[0] - 0.2
    state = model.decoder.initial_state(None if not conditional else latent(6), 6)
    z = tf.constant(latent(6)) if conditional else None
    output, state = model.decoder.step(strokes[:, 0], z, state)
    assert_close(output, model.decoder(strokes[:, :1], z)[:, 0], 1e-5)
