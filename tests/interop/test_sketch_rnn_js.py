"""Sketch-RNN-JS model files: published ones, and files made here after the format's description."""

import base64
import json

import numpy as np
import pytest
from goldens import Golden
from slow import slow_but

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import magenta_tf1, sketch_rnn_js
from magenta_sketch.nn import mixture
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN

# The order of the blobs, written out anew.
LSTM = ["W_xh", "W_hh", "bias"]
DECODER = ["RNN/output_w", "RNN/output_b", *(f"RNN/LSTMCell/{part}" for part in LSTM)]
CONDITIONAL = [
    *(f"ENC_RNN/fw/LSTMCell/{part}" for part in LSTM),
    *(f"ENC_RNN/bw/LSTMCell/{part}" for part in LSTM),
    "ENC_RNN_mu/super_linear_w",
    "ENC_RNN_mu/super_linear_b",
    "ENC_RNN_sigma/super_linear_w",
    "ENC_RNN_sigma/super_linear_b",
    "linear/super_linear_w",
    "linear/super_linear_b",
    *DECODER,
]
INFO = {"name": "x", "version": 6, "max_seq_len": 10, "scale_factor": 40.0}


def quantise(array):
    return np.round(np.asarray(array, np.float64) / 10 * 32767).astype("<i2")


def content(weights, **info):
    names = CONDITIONAL if "vector_rnn/linear/super_linear_w" in weights else DECODER
    arrays = [weights[f"vector_rnn/{name}"] for name in names]
    blobs = [base64.b64encode(quantise(a).tobytes()).decode() for a in arrays]
    return [INFO | info, [list(a.shape) for a in arrays], blobs]


@pytest.fixture(scope="module", params=["cond_lstm", "uncond_lstm"])
def golden(request):
    return Golden.of(request.param)


@pytest.fixture
def write(tmp_path):
    def write(value):
        path = tmp_path / "model.gen.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write


def losses(model, golden):
    return np.array([float(x) for x in golden.mean_losses(model, scale=0.0)])


def modes(golden):
    conditional = golden.model.encoder is not None
    return (0, 1, "0", "1") if conditional else (2, "2")


def test_the_loss_is_that_of_the_golden_file(golden, write):
    weights = golden.group("var/")
    rounded = {name: (quantise(a) * (10 / 32767)).astype(np.float32) for name, a in weights.items()}
    expected = SketchRNN(golden.hparams)
    magenta_tf1.load_variables(expected, rounded)
    for mode in modes(golden):
        trained = magenta_sketch.load(write(content(weights, mode=mode)))
        np.testing.assert_allclose(
            losses(trained.model, golden), losses(expected, golden), atol=1e-5
        )
        # Weights have 3e-4 between them in the file: the loss may differ by that much.
        recon, masked, _ = losses(trained.model, golden)
        assert recon == pytest.approx(float(golden.out("r_cost_train")), abs=1e-4)
        assert masked == pytest.approx(float(golden.out("r_cost_eval")), abs=1e-4)
        assert trained.conditional == golden.hparams.conditional
        assert trained.units_known
        assert trained.normalizing_factor == 40.0
        assert trained.max_seq_len == 10


def test_without_a_mode_or_version_the_weights_decide(golden, write):
    value = content(golden.group("var/"), mode="vae")
    del value[0]["version"]
    trained = magenta_sketch.load(write(value))
    assert trained.conditional == golden.hparams.conditional
    assert not trained.model.config.tanh_z


@pytest.mark.parametrize("version", slow_but([1, 5, 6, 7], 5, 6))
def test_versions_before_6_give_the_decoder_tanh_of_z(write, version):
    golden = Golden.of("cond_lstm")
    weights = dict(golden.group("var/"))
    weights["vector_rnn/ENC_RNN_mu/super_linear_b"] = np.array([2.0, -1.5, 0.5, 3.0])
    trained = magenta_sketch.load(write(content(weights, mode=1, version=version)))
    model = trained.model
    mu, presig = model.encoder(golden.strokes[:, 1:], golden.lengths)
    given = np.tanh(mu) if version < 6 else np.asarray(mu)
    output = model.decoder(golden.strokes[:, :-1], tf.constant(given))
    from magenta_sketch.nn.losses import sketch_losses

    expected = sketch_losses(output, golden.strokes[:, 1:], mu, presig)
    np.testing.assert_allclose(
        losses(model, golden), [float(tf.reduce_mean(x)) for x in expected], atol=1e-6
    )
    # Drawing does it too: what has the tanh z/3 draws what z/3 draws without it.
    z = np.array([[0.3, -0.2, 1.0, -2.0]], np.float32)
    same = np.arctanh(z / 3) if version < 6 else z / 3
    plain = SketchRNN(model.config.replace(tanh_z=False))
    magenta_tf1.load_variables(plain, magenta_tf1.to_original(model))
    other = magenta_sketch.TrainedModel(plain)
    drawn, again = trained.decode(same, greedy=True)[0], other.decode(z / 3, greedy=True)[0]
    np.testing.assert_allclose(drawn, again, atol=1e-3)
    # Noise is added before.
    seeds = seed_table(1, 2)
    found = model(golden.strokes, golden.lengths, scale=1.0, seeds=seeds).reconstruction
    noisy = draw_z(mu, presig, 1.0, seeds)
    output = model.decoder(golden.strokes[:, :-1], tf.tanh(noisy) if version < 6 else noisy)
    expected = sketch_losses(output, golden.strokes[:, 1:], mu, presig).reconstruction
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_written_is_the_format(golden, tmp_path):
    path = tmp_path / "out.json"
    done = sketch_rnn_js.write(
        path, golden.model, name="ours", max_seq_len=10, normalizing_factor=40.0
    )
    info, dims, blobs = json.loads(path.read_text())
    expected = content(golden.group("var/"))
    assert (dims, blobs) == (expected[1], expected[2])
    conditional = golden.model.encoder is not None
    assert info == INFO | {"name": "ours", "mode": 1 if conditional else 2}
    assert (done.clipped, done.count) == (0, sum(v.size for v in golden.group("var/").values()))
    assert done.rounding <= 5 / 32767 * 1.001
    assert done.largest == max(np.abs(v).max() for v in golden.group("var/").values())


def test_a_model_with_tanh_of_z_is_written_as_such(tmp_path):
    golden = Golden.of("cond_lstm")
    model = SketchRNN(golden.hparams, tanh_z=True)
    path = tmp_path / "out.json"
    sketch_rnn_js.write(path, model, name="x", max_seq_len=10, normalizing_factor=1.0)
    assert magenta_sketch.load(path).model.config.tanh_z


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    golden = Golden.of("uncond_lstm")
    bias = golden.model.decoder.output_bias.numpy()
    bias[4] = np.nan
    golden.model.decoder.output_bias.assign(bias)
    with pytest.raises(ModelFileError, match="weights that are not finite"):
        sketch_rnn_js.write(
            tmp_path / "x.json", golden.model, name="x", max_seq_len=10, normalizing_factor=1.0
        )
    assert list(tmp_path.iterdir()) == []


def test_weights_beyond_ten_are_clipped_and_counted(tmp_path):
    golden = Golden.of("uncond_lstm")
    bias = golden.model.decoder.output_bias.numpy()
    bias[:3] = 12.5, -11.0, 10.0
    golden.model.decoder.output_bias.assign(bias)
    path = tmp_path / "out.json"
    done = sketch_rnn_js.write(path, golden.model, name="x", max_seq_len=10, normalizing_factor=1.0)
    assert (done.clipped, done.largest) == (2, 12.5)
    again = magenta_sketch.load(path).model.decoder.output_bias.numpy()
    np.testing.assert_allclose(again[:3], [10, -10, 10], atol=1e-6)
    np.testing.assert_allclose(again[3:], bias[3:], atol=2e-4)


@pytest.mark.parametrize("components", [1, 3, 10, 19, 20, 21])
def test_fewer_components_become_twenty_with_the_same_density(components):
    rng = np.random.default_rng(components)
    width = 3 + 6 * components
    kernel = rng.normal(size=(5, width)).astype(np.float32)
    bias = rng.normal(size=width).astype(np.float32)
    before = kernel.copy(), bias.copy()
    wide = sketch_rnn_js.widen(kernel, bias)
    assert all(np.array_equal(*pair) for pair in zip(before, (kernel, bias), strict=True))
    assert wide[1].shape == (max(width, 123),)
    h, offsets = rng.normal(size=(40, 5)), rng.normal(size=(40, 2)).astype(np.float32)
    given, found = (
        mixture.split_output(tf.constant(h @ w + b, tf.float32)) for w, b in (before, wide)
    )
    np.testing.assert_array_equal(given.pen_logits, found.pen_logits)
    np.testing.assert_allclose(
        mixture.log_density(given, offsets), mixture.log_density(found, offsets), atol=1e-4
    )
    if 20 % components == 0:  # at every temperature
        given, found = (mixture.adjust_temperature(p, tf.constant(0.3)) for p in (given, found))
        np.testing.assert_allclose(
            mixture.log_density(given, offsets), mixture.log_density(found, offsets), atol=1e-3
        )


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"dec_model": "layer_norm"}, "dec_model layer_norm"),
        ({"enc_model": "layer_norm"}, "enc_model layer_norm"),
        ({"enc_model": "hyper", "dec_model": "hyper"}, "dec_model hyper, enc_model hyper"),
    ],
)
def test_other_cells_do_not_go_in(tmp_path, changes, what):
    hparams = Golden.of("cond_lstm").hparams.replace(**changes)
    with pytest.raises(ModelFileError, match=what) as error:
        sketch_rnn_js.write(
            tmp_path / "x.json",
            SketchRNN(hparams),
            name="x",
            max_seq_len=10,
            normalizing_factor=1.0,
        )
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, length, factor", [("bird", 129, 71.3754), ("bicycle", 139, 86.8476)]
)
def test_a_published_model_is_written_as_it_was(shared, tmp_path, name, length, factor):
    path = shared / "models" / f"{name}.gen.json"
    trained = magenta_sketch.load(path)
    assert (trained.max_seq_len, trained.normalizing_factor) == (length, factor)
    sketch_rnn_js.write(
        tmp_path / "again.json",
        trained.model,
        name=name,
        max_seq_len=length,
        normalizing_factor=factor,
    )
    again, original = (json.loads(p.read_text()) for p in (tmp_path / "again.json", path))
    assert again == original
    (tmp_path / "again.json").write_text(path.read_text(), encoding="utf-8-sig")  # by Windows
    assert magenta_sketch.load(tmp_path / "again.json").normalizing_factor == factor


HUGE = base64.b64encode(bytes(18 * 10**6)).decode()  # [10**6, 9] zeros


def change(value, **paths):
    value[0].update(paths)
    return value


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda v: "{", "not valid JSON"),
        (lambda v: {"a": 1}, "expected a JSON list of info, shapes and weights"),
        (lambda v: v[:2], "expected a JSON list of info, shapes and weights"),
        (lambda v: [v[0], v[1], v[2][:4]], "5 shapes and 4 weights"),
        (lambda v: change(v, mode=1), "mode 1 is conditional, but there are 5 weights"),
        (lambda v: change(v, mode=3), "mode is 3, expected 0, 1 or 2"),
        (lambda v: change(v, mode=True), "mode is True"),
        (lambda v: change(v, mode=[0]), r"mode is \[0\], expected 0, 1 or 2"),
        (lambda v: change(v, scale_factor=0), "scale_factor is 0, expected a number above 0"),
        (lambda v: change(v, scale_factor="big"), "scale_factor is 'big'"),
        (lambda v: change(v, max_seq_len=-4), "max_seq_len is -4"),
        (lambda v: [v[0], v[1], [v[2][0][:-8], *v[2][1:]]], r"weight 0 \(RNN/output_w\): .* bytes"),
        (lambda v: [v[0], v[1], ["?" * 8, *v[2][1:]]], "weight 0 .* not base64"),
        (lambda v: [v[0], v[1], [7, *v[2][1:]]], "weight 0 .* not base64"),
        (lambda v: [v[0], [[12, -21], *v[1][1:]], v[2]], "weight 0 .* the shape is"),
        (lambda v: [v[0], [v[1][0][::-1], *v[1][1:]], v[2]], "columns, expected 3"),
        (lambda v: [v[0], [[10**4000, 1], *v[1][1:]], v[2]], "weight 0 .* the shape is"),
        # A file that asks for a network that no machine can hold.
        (
            lambda v: [v[0], [[10**6, 9], *v[1][1:]], [HUGE, *v[2][1:]]],
            r"W_xh has the shape \[5, 48\], expected \[5, 4000000\]",
        ),
    ],
)
def test_damaged_files(write, spoil, message):
    value = content(Golden.of("uncond_lstm").group("var/"), mode=2)
    with pytest.raises(ModelFileError, match=message) as error:
        magenta_sketch.load(write(spoil(value)))
    assert "\n" not in str(error.value)
    assert "model.gen.json" in str(error.value)
