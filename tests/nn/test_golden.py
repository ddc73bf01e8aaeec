"""Parity with the reference implementation: numbers it recorded on random weights and strokes."""

import numpy as np
import pytest
from goldens import DATA, Golden
from slow import slow_but

from magenta_sketch._backend import keras, tf
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.nn import mixture
from magenta_sketch.nn.cells import CELLS

NAMES = [
    "cond_lstm",
    "cond_layer_norm",
    "cond_hyper",
    "cond_lstm_enc_hyper_dec",
    "uncond_lstm",
    "uncond_layer_norm",
    "uncond_hyper",
]


# One of each cell: a recording says the same of its cell wherever that stands.
@pytest.fixture(
    scope="module", params=slow_but(NAMES, "cond_lstm", "uncond_layer_norm", "uncond_hyper")
)
def golden(request):
    local = DATA / f"{request.param}.npz"
    if local.exists():
        return Golden(local)
    shared = request.getfixturevalue("shared")  # skips, with the reason, when it is absent
    return Golden(shared / "golden" / f"{request.param}.npz")


def test_every_cell_has_goldens_with_and_without_encoder():
    for cell in CELLS:
        assert f"cond_{cell}" in NAMES
        assert f"uncond_{cell}" in NAMES


def test_variables_are_those_of_the_original_by_name_and_shape(golden):
    golden.reset()
    ours = magenta_tf1.to_original(golden.model)
    theirs = golden.group("var/")
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_latent_and_initial_state(golden):
    golden.reset()
    mu, presig = golden.encode()
    if mu is not None:
        for name, found in (("mean", mu), ("presig", presig)):
            found = golden.as_recorded(found)
            np.testing.assert_allclose(found, golden.out(name), atol=1e-5, rtol=0)
    state = tf.concat(golden.model.decoder.initial_state(mu, len(golden.lengths)), axis=-1)
    order = magenta_tf1.state_order(golden.hparams.dec_model, golden.hparams.dec_rnn_size)
    expected = golden.out("initial_state")[:, order]
    np.testing.assert_allclose(golden.as_recorded(state), expected, atol=1e-5, rtol=0)


def test_mixture_parameters(golden):
    golden.reset()
    mu, _ = golden.encode()
    output = golden.as_recorded(golden.model.decoder(golden.strokes[:, :-1], mu))
    params = mixture.split_output(tf.reshape(output, [-1, output.shape[-1]]))
    found = {
        "pen_logits": params.pen_logits,
        "pi": tf.exp(params.log_pi),
        "mu1": params.mu1,
        "mu2": params.mu2,
        "sigma1": tf.exp(params.log_sigma1),
        "sigma2": tf.exp(params.log_sigma2),
        "corr": tf.tanh(params.corr_logits),
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, golden.out(name), atol=1e-5, rtol=0, err_msg=name)


def test_losses(golden):
    golden.reset()
    cost, kl_cost, reconstruction, masked = golden.costs()
    assert float(cost) == pytest.approx(float(golden.out("cost")), abs=1e-5)
    assert float(kl_cost) == pytest.approx(float(golden.out("kl_cost")), abs=1e-5)
    assert float(reconstruction) == pytest.approx(float(golden.out("r_cost_train")), abs=1e-5)
    assert float(masked) == pytest.approx(float(golden.out("r_cost_eval")), abs=1e-5)


def test_gradients(golden):
    golden.reset()
    model = golden.model
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        cost = golden.costs()[0]
    gradients = tape.gradient(cost, [v.value for v in variables])
    golden.assert_gradients(gradients)


@pytest.mark.slow
def test_one_adam_step(golden):
    expected = golden.group("after_one_step/")
    if not expected:
        pytest.skip("the reference recorded no Adam step for this configuration")
    golden.run(golden.train_step())
    ours = magenta_tf1.to_original(golden.model)
    gradients = golden.group("grad/")
    for name, value in expected.items():
        # Adam divides by the gradient's own size: where that is tiny, rounding is amplified.
        tolerance = np.where(np.abs(gradients[name]) > 1e-5, 1e-6, 1e-4)
        assert (np.abs(ours[name] - value) <= tolerance).all(), name


@pytest.mark.slow
def test_cost_trajectory(golden):
    expected = golden.out("cost_trajectory")
    train_step = golden.train_step()
    found = [float(golden.run(train_step).cost) for _ in expected]
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def test_saved_config_rebuilds_the_layers(golden):
    for layer in (golden.model.encoder, golden.model.decoder):
        if layer is None:
            continue
        again = type(layer).from_config(layer.get_config())
        again.build((None, None, 5))
        assert [v.shape for v in again.variables] == [v.shape for v in layer.variables]
    assert isinstance(golden.model, keras.Model)
