"""sketch_rnn_convert model as its users run it."""

import json
import re
import shutil

import numpy as np
import pytest

import magenta_sketch


def same_weights(mine, theirs):
    pairs = zip(mine.trainable_variables, theirs.trainable_variables, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_a_sketch_rnn_js_file_and_what_it_costs(run_convert, trained_run, tmp_path):
    status, out, errors = run_convert(
        "model", f"--model_dir={trained_run}", "--out=ours.gen.json", "--name=tiny"
    )
    assert status == 0
    info = json.loads((tmp_path / "ours.gen.json").read_text())[0]
    run = magenta_sketch.load(trained_run)
    assert info["name"] == "tiny"
    assert info["scale_factor"] == run.config.normalizing_factor
    assert info["max_seq_len"] == run.max_seq_len
    assert "wrote ours.gen.json: conditional" in out
    assert "limits: 0 weights beyond ±10 clipped" in out
    before, after, change = map(
        float,
        re.search(
            r"loss on 11 test sketches: (\S+) before, (\S+) as written \((\S+);", out
        ).groups(),
    )
    assert after - before == pytest.approx(change, abs=2e-6)
    assert abs(change) < 1e-3
    again = magenta_sketch.load(tmp_path / "ours.gen.json")
    assert again.config.hparams.num_mixture == 20
    np.testing.assert_allclose(
        run.model.encoder.forward_cell.kernel, again.model.encoder.forward_cell.kernel, atol=1.6e-4
    )
    assert "the 2 mixture components are written as 20" in errors
    assert "@magenta/sketch reads decoder-only files" in errors


def test_clipping_shows_in_the_loss(run_convert, tmp_path, tiny_folder):
    from magenta_sketch.interop import magenta_checkpoint
    from magenta_sketch.nn.sketch_rnn import SketchRNN

    hparams = magenta_sketch.HParams(
        conditional=False, dec_rnn_size=6, num_mixture=20, data_set=("tiny.npz",), max_seq_len=20
    )
    model = SketchRNN(hparams)
    bias = model.decoder.output_bias.numpy()
    bias[0] = 30.0  # the pen stays down
    model.decoder.output_bias.assign(bias)
    magenta_checkpoint.write(tmp_path / "theirs", model, hparams, step=3)
    status, out, errors = run_convert(
        "model", "--model_dir=theirs", "--out=ours.json", f"--data_dir={tiny_folder}"
    )
    assert status == 0
    assert "1 weights beyond ±10 clipped (the largest is 30)" in out
    change = float(re.search(r"as written \(([-+.\d]+);", out)[1])
    assert change < -0.5  # a lift is punished less than before
    assert "look at the loss above" in errors and "num_mixture" not in errors
    info = json.loads((tmp_path / "ours.json").read_text())[0]
    # The checkpoint does not hold the factor: it is that of the data.
    assert info["scale_factor"] == pytest.approx(101.2158, abs=1e-3)


@pytest.mark.slow
def test_without_data_the_model_measures_itself(run_convert, shared, tmp_path):
    bird = shared / "models" / "bird.gen.json"
    status, out, errors = run_convert("model", f"--model_dir={bird}", "--out=again.gen.json")
    assert (status, errors) == (0, "")
    assert "0 weights beyond ±10" in out
    assert re.search(r"loss on \d+ drawings of the model itself: (\S+) before, \1 as written", out)
    written = (tmp_path / "again.gen.json").read_text()
    assert json.loads(written)[1:] == json.loads(bird.read_text())[1:]


def test_a_magenta_checkpoint_goes_on_where_the_run_stopped(run_convert, trained_run, tmp_path):
    status, out, errors = run_convert(
        "model", f"--model_dir={trained_run}", "--out=magenta", "--checkpoint=newest"
    )
    assert status == 0
    assert "wrote magenta/vector-6: 6 steps, Adam's moments" in out
    assert "this model's is 101.2158" in errors and errors.count("\n") == 1
    mine = magenta_sketch.load(trained_run, checkpoint="newest", with_optimizer=True)
    theirs = magenta_sketch.load(tmp_path / "magenta")
    assert same_weights(mine.model, theirs.model)
    assert (mine.step, mine.adam.step) == (theirs.step, theirs.adam.step) == (6, 6)
    for name, moment in mine.adam.second.items():
        assert moment.any() and np.array_equal(moment, theirs.adam.second[name]), name


def test_keras_weights_and_their_hyperparameters(run_convert, unconditional_run, tmp_path):
    status, out, errors = run_convert(
        "model", f"--model_dir={unconditional_run}", "--out=w/ours.weights.h5"
    )
    assert status == 0
    assert "normalizing factor, pixels in a model unit: it is 101.2158" in errors
    text = (tmp_path / "w" / "ours.model_config.json").read_text()
    assert "w/ours.model_config.json" in out
    again = magenta_sketch.SketchRNN(magenta_sketch.HParams.from_json(text), seed=5)
    mine = magenta_sketch.load(unconditional_run).model
    assert not same_weights(mine, again)
    again.load_weights(tmp_path / "w" / "ours.weights.h5")
    assert same_weights(mine, again)
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == [
        "ours.model_config.json",
        "ours.weights.h5",
    ]


def test_a_keras_file_and_back(run_convert, trained_run, tmp_path):
    status, out, _ = run_convert("model", f"--model_dir={trained_run}", "--out=k/ours.keras")
    assert status == 0 and "wrote k/ours.keras" in out and "load_model('k/ours.keras')" in out
    assert [p.name for p in (tmp_path / "k").iterdir()] == ["ours.keras"]
    mine, theirs = magenta_sketch.load(trained_run), magenta_sketch.load(tmp_path / "k/ours.keras")
    assert same_weights(mine.model, theirs.model) and theirs.config == mine.config
    assert theirs.normalizing_factor == pytest.approx(101.2158, abs=1e-4)
    status, _, errors = run_convert("model", f"--model_dir={trained_run}", "--out=k/ours.keras")
    assert status == 2 and "is there already: give --overwrite" in errors
    # A model by any other program's name: it goes where a run's folder goes.
    status, out, _ = run_convert("model", "--model_dir=k/ours.keras", "--out=magenta")
    assert status == 0
    assert same_weights(magenta_sketch.load(tmp_path / "magenta").model, mine.model)


@pytest.mark.slow
def test_from_one_program_to_another(run_convert, shared, tmp_path):
    directory = shared / "checkpoints" / "cond_lstm"
    status, _, _ = run_convert(
        "model", f"--model_dir={directory}", "--out=theirs.json", "--normalizing_factor=40"
    )
    assert status == 0
    status, out, _ = run_convert("model", "--model_dir=theirs.json", "--out=back")
    assert status == 0 and "vector-0: 0 steps, zeros for Adam's moments" in out
    first, last = magenta_sketch.load(directory), magenta_sketch.load(tmp_path / "back")
    for name in ("kernel", "recurrent_kernel", "bias"):
        mine, theirs = (getattr(model.model.decoder.rnn_cell, name) for model in (first, last))
        np.testing.assert_allclose(mine, theirs, atol=1.6e-4)


def test_a_part_of_the_model_is_never_replaced(refused, trained_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    given = f"--model_dir={run}"
    for out in ("run/model_config.json", "run"):
        line = refused("model", given, f"--out={out}", "--to=js", "--overwrite")
        assert "in the model's own folder" in line or "is the model itself" in line
    for out in ("run", "run/newest", "."):
        line = refused("web", given, f"--out={out}", "--overwrite")
        assert "the model itself" in line or "in the model's own folder" in line
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_flags_of_other_formats_and_factors_that_are_known(refused, trained_run):
    given = f"--model_dir={trained_run}"
    assert "--name is for a .json, but this makes --to=magenta" in refused(
        "model", given, "--out=x", "--name=y"
    )
    assert "leave out --normalizing_factor" in refused(
        "model", given, "--out=x.json", "--normalizing_factor=1"
    )


def test_without_a_config_the_data_set_must_be_named(run_convert, shared, tiny_folder, tmp_path):
    for file in (shared / "checkpoints" / "uncond_lstm").glob("vector-*"):
        shutil.copy(file, tmp_path)
    data = f"--data_dir={tiny_folder}"
    given = ("model", f"--model_dir={tmp_path}/vector-21", "--out=o.json", data)
    status, _, errors = run_convert(*given)
    assert status == 2 and "does not say what its data are: give --data_set" in errors
    assert run_convert(*given, "--data_set=tiny.npz")[0] == 0


def test_nothing_is_replaced_unasked(run_convert, refused, unconditional_run, shared, tmp_path):
    bird = tmp_path / "bird.gen.json"
    bird.write_bytes((shared / "models" / "bird.gen.json").read_bytes())
    before = bird.read_bytes()
    for more in ([], ["--overwrite"]):
        given = [f"--model_dir={bird}", f"--out={bird.name}", *more]
        assert "is the model itself" in refused("model", *given)
    assert bird.read_bytes() == before
    (tmp_path / "x.model_config.json").write_text("mine")
    given = ["model", f"--model_dir={unconditional_run}", "--out=x.weights.h5"]
    assert "x.model_config.json is there already: give --overwrite" in refused(*given)
    assert not (tmp_path / "x.weights.h5").exists()
    assert run_convert(*given, "--overwrite")[0] == 0
    assert (tmp_path / "x.model_config.json").read_text() != "mine"
    assert "x.weights.h5 is there already" in refused(*given)


def test_what_can_not_be(refused, unconditional_run, trained_run, shared, tmp_path):
    given = f"--model_dir={unconditional_run}"
    assert "lstm cells alone, and this model has dec_model layer_norm" in refused(
        "model", given, "--out=x.json"
    )
    assert "--out=x.h5: models are written as" in refused("model", given, "--out=x.h5")
    assert "must end in .weights.h5" in refused("model", given, "--out=x.h5", "--to=weights")
    assert "--out is missing" in refused("model", given)
    assert "--model_dir is missing" in refused("model", "--out=x.json")
    assert "--model_dir=nowhere: there is no such file or folder" in refused(
        "model", "--model_dir=nowhere", "--out=x.json"
    )
    lstm = shared / "checkpoints" / "uncond_lstm"
    assert "does not hold its normalizing factor" in refused(
        "model", f"--model_dir={lstm}", "--out=x.json"
    )
    assert "--normalizing_factor must be above 0, got -1" in refused(
        "model", f"--model_dir={lstm}", "--out=x.json", "--normalizing_factor=-1"
    )
    assert "there is no folder" in refused(
        "model", f"--model_dir={trained_run}", "--out=x.json", "--data_dir=no_data"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert "not an empty folder" in refused("model", given, "--out=full")
    assert [p.name for p in tmp_path.iterdir()] == ["full"]
