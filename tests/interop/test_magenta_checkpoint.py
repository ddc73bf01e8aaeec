"""Magenta's checkpoint directories: read as the reference wrote them, written as it reads them."""

import json
import shutil

import numpy as np
import pytest
from goldens import Golden
from slow import slow_but

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.errors import ModelFileError
from magenta_sketch.interop import adam, magenta_checkpoint, magenta_tf1
from magenta_sketch.nn.sketch_rnn import SketchRNN

NAMES = ["cond_lstm", "cond_layer_norm", "uncond_lstm", "uncond_hyper"]


@pytest.fixture(scope="module", params=slow_but(NAMES, "uncond_lstm"))
def pair(request, shared):
    """A checkpoint directory of the reference, and the golden file with the same weights."""
    golden = Golden(shared / "golden" / f"{request.param}.npz")
    return shared / "checkpoints" / request.param, golden


@pytest.fixture
def copy(shared, tmp_path):
    """A directory of the reference that a test may damage."""
    place = tmp_path / "checkpoint"
    shutil.copytree(shared / "checkpoints" / "cond_lstm", place)
    for file in place.iterdir():
        file.chmod(0o644)
    return place


def masked_loss(model, golden):
    return float(golden.mean_losses(model, scale=0.0)[1])


def test_the_loss_is_that_of_the_golden_file(pair):
    directory, golden = pair
    trained = magenta_sketch.load(directory)
    recon, masked, kl = map(float, golden.mean_losses(trained.model, scale=0.0))
    assert recon == pytest.approx(float(golden.out("r_cost_train")), abs=1e-5)
    assert masked == pytest.approx(float(golden.out("r_cost_eval")), abs=1e-5)
    if trained.conditional:
        assert max(kl, 0.01) == pytest.approx(float(golden.out("kl_cost")), abs=1e-5)
    assert trained.step == 21
    assert not trained.units_known


@pytest.mark.parametrize("config", [None, "list"])
def test_sizes_follow_from_the_variables_without_a_usable_config(pair, tmp_path, config):
    directory, golden = pair
    for file in directory.iterdir():
        if file.name != "model_config.json":
            shutil.copy(file, tmp_path)
    if config == "list":
        names = list(json.loads((directory / "model_config.json").read_text()))
        (tmp_path / "model_config.json").write_text(json.dumps(names))
    notes = []
    trained = magenta_sketch.load(tmp_path, warn=notes.append)
    assert masked_loss(trained.model, golden) == pytest.approx(
        float(golden.out("r_cost_eval")), abs=1e-5
    )
    assert len(notes) == 1 and "model_config.json" in notes[0] and "variables" in notes[0]
    assert trained.config.hparams.num_mixture == golden.hparams.num_mixture
    assert trained.config.hparams.learning_rate == 0.001  # the default


def test_the_config_says_the_rest(shared):
    trained = magenta_sketch.load(shared / "checkpoints" / "cond_lstm")
    assert trained.max_seq_len == 10
    assert trained.config.hparams.batch_size == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_older_config_with_numbers_for_switches_and_unknown_names(copy, encoding):
    """Also if a program of Windows has saved it."""
    values = json.loads((copy / "model_config.json").read_text())
    values |= {"use_recurrent_dropout": 1, "is_training": 0, "model_params_of_old": [3]}
    values |= {"data_set": "cat.npz", "kl_weight": 1}
    del values["scale"]
    (copy / "model_config.json").write_text(json.dumps(values), encoding=encoding)
    notes = []
    hparams = magenta_sketch.load(copy, warn=notes.append).config.hparams
    assert hparams.use_recurrent_dropout is True
    assert hparams.scale == 1.0  # Magenta's noise
    assert (hparams.data_set, hparams.kl_weight) == (("cat.npz",), 1.0)
    assert len(notes) == 1 and "model_params_of_old" in notes[0]


@pytest.mark.parametrize(
    "config, message",
    [
        ('{"dec_rnn_size": 13}', "dec_rnn_size is 13 in model_config.json, but 12"),
        ('{"conditional": false}', "conditional is False in model_config.json, but True"),
        ('{"num_steps": ', "model_config.json is damaged"),
        ("3", "not a JSON object"),
        ('{"batch_size": -4}', "batch_size must be"),
    ],
)
def test_a_config_of_another_model_or_damaged(copy, config, message):
    (copy / "model_config.json").write_text(config)
    with pytest.raises(ModelFileError, match=message) as error:
        magenta_sketch.load(copy)
    assert "\n" not in str(error.value)


def test_the_newest_checkpoint_is_the_one_that_is_named(copy):
    for ending in ("index", "data-00000-of-00001"):
        shutil.copy(copy / f"vector-21.{ending}", copy / f"vector-100.{ending}")
        shutil.copy(copy / f"vector-21.{ending}", copy / f"vector-3.{ending}")
    find = magenta_checkpoint.find
    assert find(copy).name == "vector-21"
    (copy / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/then/vector-3"\n')
    assert find(copy).name == "vector-3"
    (copy / "checkpoint").write_text('model_checkpoint_path: "vector-7"\n')  # not there any more
    assert find(copy).name == "vector-100"
    (copy / "checkpoint").unlink()
    assert find(copy).name == "vector-100"
    assert find(copy / "vector-3").name == "vector-3"
    assert find(copy / "vector-3.index").name == "vector-3"
    assert find(copy / "vector-4") is None


def test_damaged_files(copy):
    data = copy / "vector-21.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:100])
    with pytest.raises(ModelFileError, match="cannot be read .* restore") as error:
        magenta_sketch.load(copy)
    assert "\n" not in str(error.value)
    data.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        magenta_sketch.load(copy)
    (copy / "vector-21.index").write_bytes(b"no index")
    with pytest.raises(ModelFileError, match="cannot be read"):
        magenta_sketch.load(copy)


def save(folder, tensors):
    magenta_checkpoint._save(folder / "vector-1", tensors)
    return folder


def test_other_checkpoints_are_named(tmp_path):
    prefix = magenta_tf1.PREFIX
    with pytest.raises(ModelFileError, match="holds none of the cells"):
        magenta_sketch.load(save(tmp_path, {"other/kernel": np.zeros((2, 3), np.float32)}))
    golden = Golden.of("uncond_lstm")
    weights = golden.group("var/")
    part = {name: value for name, value in weights.items() if "output_b" not in name}
    with pytest.raises(ModelFileError, match="RNN/output_b is not among"):
        magenta_sketch.load(save(tmp_path, part))
    broken = dict(weights)
    broken[f"{prefix}RNN/output_b"] = np.full_like(weights[f"{prefix}RNN/output_b"], np.nan)
    with pytest.raises(ModelFileError, match="output_b holds a number that is not finite"):
        magenta_sketch.load(save(tmp_path, broken))


def test_odd_variables_of_the_optimizer(tmp_path):
    weights = Golden.of("uncond_lstm").group("var/")
    prefix = magenta_tf1.PREFIX
    names = [f"{prefix}{name}{slot}" for name in weights for slot in ("/Adam", "/Adam_1")]
    slots = {name: np.ones((2, 2), np.float32) for name in names}
    odd = {f"{prefix}global_step": np.array([3, 4]), f"{prefix}label": np.array([b"text"], object)}
    read = magenta_checkpoint.read(save(tmp_path, {**weights, **slots, **odd}))
    assert (read.adam, read.step, read.data_known) == (None, 0, False)
    assert set(read.arrays) == set(weights)


# Writing


@pytest.mark.parametrize("name", ["cond_lstm", "cond_layer_norm", "uncond_layer_norm"])
def test_what_is_written_comes_back_to_the_bit(tmp_path, name):
    golden = Golden.of(name)
    prefix = magenta_checkpoint.write(tmp_path / "out", golden.model, golden.hparams, step=7)
    assert prefix.name == "vector-7"
    again = magenta_sketch.load(tmp_path / "out")
    pairs = zip(golden.model.trainable_variables, again.model.trainable_variables, strict=True)
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine, theirs)
    assert (again.step, again.adam.step) == (7, 0)  # Adam begins anew
    assert not any(moment.any() for moment in again.adam.first.values())
    unsaved = dict.fromkeys(magenta_checkpoint.NOT_MAGENTAS, 0.5)
    assert again.config.hparams.replace(**unsaved) == golden.hparams.replace(**unsaved)


@pytest.mark.parametrize(
    "name", slow_but(["cond_hyper", "cond_lstm_enc_hyper_dec"], "cond_lstm_enc_hyper_dec")
)
def test_hyper_cells_with_an_encoder_come_back_without_a_config(shared, tmp_path, name):
    golden = Golden(shared / "golden" / f"{name}.npz")
    magenta_checkpoint.write(tmp_path / "out", golden.model, golden.hparams, step=7)
    (tmp_path / "out" / "model_config.json").unlink()
    again = magenta_sketch.load(tmp_path / "out", warn=lambda note: None)
    assert masked_loss(again.model, golden) == pytest.approx(
        float(golden.out("r_cost_eval")), abs=1e-5
    )


def test_the_same_names_shapes_types_and_files_as_the_originals(pair, tmp_path):
    directory, golden = pair
    out = tmp_path / "out"
    magenta_checkpoint.write(out, golden.model, golden.hparams, step=21)
    assert {file.name for file in out.iterdir()} == {file.name for file in directory.iterdir()}
    assert (out / "checkpoint").read_text() == (directory / "checkpoint").read_text()
    ours, theirs = (
        tf.train.load_checkpoint(str(place / "vector-21")) for place in (out, directory)
    )
    assert ours.get_variable_to_shape_map() == theirs.get_variable_to_shape_map()
    assert ours.get_variable_to_dtype_map() == theirs.get_variable_to_dtype_map()
    config, original = (json.loads((p / "model_config.json").read_text()) for p in (out, directory))
    original.pop("scale")  # of the fork; Magenta refuses what it does not know
    assert config == original


def test_the_originals_saver_restores_it(tmp_path):
    """TensorFlow 1's Saver on a graph with the variables of the original's training graph."""
    golden = Golden.of("cond_lstm")
    magenta_checkpoint.write(tmp_path / "out", golden.model, golden.hparams, step=3)
    v1, weights = tf.compat.v1, golden.group("var/")
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("vector_rnn"):
            variables = {
                name: v1.get_variable(name.removeprefix(magenta_tf1.PREFIX), value.shape)
                for name, value in weights.items()
            }
            v1.get_variable("global_step", dtype=tf.int32, initializer=0)
            for scalar in ("Variable", "Variable_1", "beta1_power", "beta2_power"):
                v1.get_variable(scalar, initializer=0.0)
            for name, value in weights.items():
                for slot in ("Adam", "Adam_1"):
                    v1.get_variable(f"{name}/{slot}", value.shape)
        saver = v1.train.Saver(v1.global_variables())
        saver.restore(
            session, v1.train.get_checkpoint_state(str(tmp_path / "out")).model_checkpoint_path
        )
        for name, value in weights.items():
            np.testing.assert_array_equal(session.run(variables[name]), value, err_msg=name)


@pytest.mark.slow
def test_adams_moments_after_21_steps_are_the_references(pair, tmp_path):
    directory, golden = pair
    step = golden.train_step()
    for _ in range(21):
        golden.run(step)
    found = adam.state_of(golden.model, step.optimizer)
    expected = magenta_checkpoint.read(directory).adam
    assert found.step == expected.step == 21
    assert magenta_checkpoint.read(directory).step == 21
    for ours, theirs in ((found.first, expected.first), (found.second, expected.second)):
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            tolerance = 2e-3 * np.abs(value).max() + 1e-9
            np.testing.assert_allclose(ours[name], value, atol=tolerance, rtol=0, err_msg=name)
    golden.reset()
    magenta_checkpoint.write(tmp_path / "out", golden.model, golden.hparams, step=21, adam=found)
    reader = tf.train.load_checkpoint(str(tmp_path / "out" / "vector-21"))
    original = tf.train.load_checkpoint(str(directory / "vector-21"))
    for name in ("beta1_power", "beta2_power", "global_step", "Variable", "Variable_1"):
        name = magenta_tf1.PREFIX + name
        assert reader.get_tensor(name) == pytest.approx(original.get_tensor(name), rel=1e-5), name


def test_adams_state_goes_into_an_optimizer_and_out_again(shared):
    state = magenta_checkpoint.read(shared / "checkpoints" / "cond_layer_norm").adam
    golden = Golden.of("cond_layer_norm")
    optimizer = golden.train_step().optimizer
    adam.load_state(golden.model, optimizer, state)
    again = adam.state_of(golden.model, optimizer)
    assert again.step == 21
    for theirs, ours in ((state.first, again.first), (state.second, again.second)):
        assert {k: v.tobytes() for k, v in theirs.items()} == {
            k: v.tobytes() for k, v in ours.items()
        }
    other = SketchRNN(golden.hparams.replace(dec_rnn_size=7))
    with pytest.raises(ModelFileError, match="the optimizer's state does not fit"):
        adam.load_state(other, optimizer, state)


def test_nothing_is_overwritten_or_left_half_written(tmp_path, monkeypatch):
    golden = Golden.of("uncond_lstm")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(ModelFileError, match="not an empty folder"):
        magenta_checkpoint.write(full, golden.model, golden.hparams, step=1)
    assert [file.name for file in full.iterdir()] == ["mine.txt"]

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(magenta_checkpoint, "_save", fail)
    with pytest.raises(OSError, match="No space"):
        magenta_checkpoint.write(tmp_path / "out", golden.model, golden.hparams, step=1)
    assert [file.name for file in tmp_path.iterdir()] == ["full"]
    (full / "mine.txt").unlink()
    with monkeypatch.context() as context:
        context.chdir(full)
        with pytest.raises(ModelFileError, match="is the folder you are in"):
            magenta_checkpoint.write(".", golden.model, golden.hparams, step=1)
    model = SketchRNN(Golden.of("cond_lstm").hparams, tanh_z=True)
    with pytest.raises(ModelFileError, match="tanh"):
        magenta_checkpoint.write(tmp_path / "out", model, golden.hparams, step=1)
