"""The three cells where Keras runs them: in its RNN layer, a model that learns, a saved file."""

import numpy as np
import pytest
from cell_cases import BATCH, KEEP, TIME, UNITS, WIDTH, make, normals
from slow import slow_but

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cells import CELLS


def mask_showing_layer(name, keep, units=40):
    """A stock RNN whose new c is its dropout mask: σ(i) = tanh(j) = 1 and σ(f + 1) = 0."""
    cell = CELLS[name](units, keep_prob=keep, seed=2)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    layer.build((None, None, WIDTH))
    gates = np.repeat([100.0, 100.0, -1000.0, 100.0], units)
    if name == "lstm":
        cell.kernel.assign(tf.zeros_like(cell.kernel.value))
        cell.recurrent_kernel.assign(tf.zeros_like(cell.recurrent_kernel.value))
        cell.bias.assign(gates)
    else:
        cell.gates_gamma.assign(np.zeros(4 * units))
        cell.gates_beta.assign(gates)
    return layer


@pytest.mark.parametrize("name", slow_but(CELLS, "lstm"))
def test_masks_in_a_stock_rnn_are_fresh_at_each_step_and_call(name):
    layer, batch, steps = mask_showing_layer(name, KEEP), 30, 25
    x = tf.zeros([batch, steps, WIDTH])
    outputs, _, c, *_ = layer(x, training=True)
    c = c.numpy()
    kept = c > 0
    np.testing.assert_allclose(c[kept], 1 / KEEP, rtol=1e-5)
    np.testing.assert_allclose(c[~kept], 0, atol=1e-6)
    # h is tanh of c, or of c less its mean and so on: in both it is larger where c was kept.
    h = outputs.numpy()
    kept = h > (h.min(-1, keepdims=True) + h.max(-1, keepdims=True)) / 2
    assert kept.mean() == pytest.approx(KEEP, abs=0.015)
    by_chance = pytest.approx(KEEP**2 + (1 - KEEP) ** 2, abs=0.02)
    assert (kept[:, 1:] == kept[:, :-1]).mean() == by_chance
    assert (kept[1:] == kept[:-1]).mean() == by_chance
    again = layer(x, training=True)[0].numpy()
    again = again > (again.min(-1, keepdims=True) + again.max(-1, keepdims=True)) / 2
    assert (kept == again).mean() == by_chance


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but(CELLS, "hyper"))
def test_stock_rnn_equals_our_own_loop(name):
    cell = make(name, keep_prob=KEEP)  # no dropout outside of training
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    x = tf.constant(normals(BATCH, TIME, WIDTH))
    time_first = tf.transpose(x, [1, 0, 2])
    outputs, state = recurrence.run(cell, time_first, cell.get_initial_state(BATCH))
    outputs = tf.transpose(outputs, [1, 0, 2])
    signature = [tf.TensorSpec([None, None, WIDTH])]
    unknown = tf.function(layer, input_signature=signature, autograph=False)
    for found in (layer(x), unknown(x), layer(x, training=False)):
        for ours, theirs in zip([outputs, *state], found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", slow_but(CELLS, "lstm"))
def test_dropout_acts_in_training_alone(name):
    def change(keep):
        layer = keras.layers.RNN(make(name, keep_prob=keep))
        x = tf.constant(normals(BATCH, TIME, WIDTH))
        training = tf.function(
            lambda x: layer(x, training=True),
            input_signature=[tf.TensorSpec([None, None, WIDTH])],
            autograph=False,
        )
        return np.abs(training(x) - layer(x)).max()

    assert change(KEEP) > 1e-3
    assert change(1.0) < 1e-6


@pytest.mark.parametrize("name", slow_but(CELLS, "layer_norm"))
def test_in_a_keras_model_that_learns_and_is_saved(name, tmp_path):
    inputs = keras.Input((None, WIDTH))
    cell = CELLS[name](UNITS, keep_prob=0.8)
    h = keras.layers.RNN(cell, return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(h))
    model.compile("sgd", "mse")
    assert model.output_shape == (None, None, 2)
    before = {w.path: w.numpy() for w in cell.trainable_weights}
    data = normals(8, TIME, WIDTH), normals(8, TIME, 2, seed=2)
    history = model.fit(*data, batch_size=8, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = {w.path for w in cell.trainable_weights if (w.numpy() != before[w.path]).any()}
    if name == "hyper":  # one step cannot reach what is behind embeddings that start at zero
        assert {cell.kernel.path, cell.scale_embedding.path, cell.shift_kernel.path} <= moved
    else:
        assert moved == set(before)

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(data[0]), model(data[0]))
    assert type(again.layers[1].cell) is CELLS[name]
    assert again.layers[1].cell.get_config() == cell.get_config()


@pytest.mark.parametrize("name", slow_but(CELLS, "layer_norm"))
@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_other_precisions(name, policy):
    layer = keras.layers.RNN(
        CELLS[name](UNITS, keep_prob=KEEP, dtype=policy), return_sequences=True, dtype=policy
    )
    x = tf.constant(normals(BATCH, TIME, WIDTH))
    outputs = layer(x, training=True)
    assert outputs.dtype == keras.dtype_policies.get(policy).compute_dtype
    assert np.isfinite(tf.cast(outputs, "float64")).all()
    variable = keras.dtype_policies.get(policy).variable_dtype
    assert {w.dtype for w in layer.trainable_weights} == {variable}
    single = keras.layers.RNN(CELLS[name](UNITS), return_sequences=True)
    single.build(x.shape)
    for ours, theirs in zip(single.trainable_weights, layer.trainable_weights, strict=True):
        ours.assign(tf.cast(theirs.value, "float32"))
    tolerance = 1e-6 if policy == "float64" else 0.02
    np.testing.assert_allclose(tf.cast(layer(x), "float64"), single(x), rtol=0, atol=tolerance)
