"""Drawing with, and training on from, models of other programs and other runs."""

import math
import pathlib
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.interop import magenta_checkpoint

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
TRAIN, DRAW = "sketch_rnn_train.py", "magenta_sketch/cli/draw/__init__.py"
TINY = "data_set=[tiny.npz],save_every=3,batch_size=8,use_recurrent_dropout=0"


@pytest.fixture
def train(forks, tmp_path):
    def train(*arguments, status=0, hparams="", **how):
        given = [f"--data_dir={DATA}", f"--hparams={TINY}"] if hparams else []
        more = [f"--hparams={hparams}"] if hparams else []
        done = forks.run(TRAIN, *given, *more, *map(str, arguments), cwd=tmp_path, **how)
        assert done.status == status, done
        return done

    return train


def same_weights(mine, theirs):
    pairs = zip(mine.model.trainable_variables, theirs.model.trainable_variables, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_a_run_begins_with_a_magenta_checkpoint(train, shared, tmp_path):
    theirs = (shared / "checkpoints" / "cond_lstm").resolve()
    done = train("--log_root=run", f"--init_from={theirs}", hparams="num_steps=1")
    assert f"begins with the weights of {theirs}\n" in done.out
    root = tmp_path / "run"
    assert sorted(p.name for p in (root / "newest").iterdir()) == ["step-0", "step-1"]
    shutil.rmtree(root / "newest" / "step-1")
    shutil.rmtree(root / "best")
    begun = magenta_sketch.load(root, checkpoint="newest")
    assert same_weights(begun, magenta_sketch.load(theirs))
    assert begun.config.hparams.dec_rnn_size == 12 and begun.config.hparams.enc_model == "lstm"
    assert begun.config.hparams.learning_rate == 0.001 and begun.config.hparams.scale == 1.0
    assert begun.config.init_from == str(theirs)


@pytest.mark.slow
def test_with_its_optimizer_it_goes_on_at_its_step(train, shared, tmp_path):
    theirs = (shared / "checkpoints" / "cond_layer_norm").resolve()
    done = train(
        "--log_root=run", f"--init_from={theirs}", "--init_optimizer", hparams="num_steps=40"
    )
    assert f"begins with the weights of {theirs}, with its optimizer, after 21 steps" in done.out
    first = next(line for line in done.out.splitlines() if line.startswith("step: 40"))
    # The schedules are those of step 40 of one training (REFERENCE 4), not of step 19 of another.
    rate = (1e-3 - 1e-5) * 0.9999**39 + 1e-5
    assert f"lr: {rate:.6f}" in first, first
    begun = magenta_sketch.load(tmp_path / "run", checkpoint="newest", with_optimizer=True)
    assert begun.step == begun.adam.step == 40


@pytest.mark.slow
def test_a_run_of_ours_goes_on_from_its_newest(train, trained_run):
    """Elsewhere, and with another seed: the newest checkpoint, not the best."""
    data = (f"--data_dir={DATA}", "--hparams=data_set=[tiny.npz],batch_size=8,num_steps=7")
    done = train("--log_root=on", f"--init_from={trained_run}", "--init_optimizer", *data)
    assert "with its optimizer, after 6 steps" in done.out


@pytest.mark.slow
def test_from_a_sketch_rnn_js_file(train, shared, tmp_path):
    """The published bird: its sizes, and the weights that training begins with."""
    bird = shared / "models" / "bird.gen.json"
    train("--log_root=run", f"--init_from={bird}", hparams="num_steps=1,learning_rate=0.00001")
    root = tmp_path / "run"
    begun = magenta_sketch.load(root)
    assert not begun.conditional and begun.config.hparams.dec_rnn_size == 512
    assert begun.config.normalizing_factor == pytest.approx(101.2158, abs=1e-3)  # the data's own
    # One step of Adam moves no weight further than its learning rate.
    pairs = zip(
        begun.model.trainable_variables,
        magenta_sketch.load(bird).model.trainable_variables,
        strict=True,
    )
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs, atol=1.1e-5)


@pytest.mark.slow
def test_killed_before_its_first_checkpoint_it_still_begins_there(train, shared, tmp_path):
    theirs = (shared / "checkpoints" / "uncond_lstm").resolve()
    train("--log_root=run", f"--init_from={theirs}", hparams="num_steps=1")
    root = tmp_path / "run"
    for name in ("newest", "best"):
        shutil.rmtree(root / name)
    (root / "history.jsonl").unlink()
    done = train("--log_root=run", "--resume_training")
    assert "begins with the weights of" in done.out
    shutil.rmtree(root / "newest" / "step-1")
    assert same_weights(magenta_sketch.load(root, checkpoint="newest"), magenta_sketch.load(theirs))


@pytest.mark.slow
def test_tanh_of_z_stays_with_the_run(train, tmp_path):
    from magenta_sketch.interop import sketch_rnn_js
    from magenta_sketch.nn.sketch_rnn import SketchRNN

    sizes = {"enc_rnn_size": 4, "dec_rnn_size": 4, "z_size": 2, "num_mixture": 2}
    model = SketchRNN(magenta_sketch.HParams(**sizes), tanh_z=True)
    sketch_rnn_js.write(
        tmp_path / "old.json", model, name="old", max_seq_len=9, normalizing_factor=3.0
    )
    train("--log_root=run", "--init_from=old.json", hparams="num_steps=1")
    assert magenta_sketch.load(tmp_path / "run").model.config.tanh_z


@pytest.mark.slow
def test_mistakes(train, shared, trained_run, tmp_path):
    def refused(*arguments, hparams="num_steps=1", status=2):
        done = train("--log_root=run", *arguments, hparams=hparams, status=status)
        assert done.err.count("\n") == 1 and "Traceback" not in done.err, done.err
        assert not (tmp_path / "run").exists()
        return done.err

    lstm, bird = shared / "checkpoints" / "cond_lstm", shared / "models" / "bird.gen.json"
    assert "dec_rnn_size: the model has 12, given 13" in refused(
        f"--init_from={lstm}", hparams="dec_rnn_size=13"
    )
    assert "holds no state of an optimizer" in refused(
        f"--init_from={bird}", "--init_optimizer", status=1
    )
    assert "has 21 steps already, and this run would end at 21" in refused(
        f"--init_from={lstm}", "--init_optimizer", hparams="num_steps=21", status=1
    )
    assert "has 21 steps already, and this run would end at 5" in refused(
        f"--init_from={lstm}", "--init_optimizer", "--num_epochs=1", hparams="num_steps=9", status=1
    )
    assert "--init_from=nowhere: there is no such file" in refused("--init_from=nowhere")
    assert "init_optimizer goes with init_from" in refused("--init_optimizer")
    assert "leave out --init_from" in refused(f"--init_from={lstm}", "--resume_training")
    here = tmp_path / "copy"
    shutil.copytree(lstm, here)
    names = sorted(p.name for p in here.iterdir())
    for way in ("--overwrite", "--resume_training"):
        message = refused(f"--log_root={here}", way, status=1)
        assert "holds a Magenta checkpoint" in message and "--init_from" in message
    assert sorted(p.name for p in here.iterdir()) == names
    own = tmp_path / "own"
    shutil.copytree(trained_run, own)
    assert "--overwrite would delete" in refused(
        f"--log_root={own}", f"--init_from={own}", "--overwrite", status=1
    )
    assert same_weights(magenta_sketch.load(own), magenta_sketch.load(trained_run))


# Drawing


def drawn(path):
    return len(ET.parse(path).getroot().findall(".//{*}g[@class='sketch']"))


@pytest.mark.slow
def test_a_published_model_draws(forks, shared, tmp_path):
    bird = shared / "models" / "bird.gen.json"
    done = forks.run(DRAW, f"--model_dir={bird}", "--count=3", cwd=tmp_path)
    assert done.status == 0 and drawn(tmp_path / "drawings.svg") == 3
    done = forks.run(DRAW, f"--model_dir={bird}", "--reconstruct=1", "--out=b.svg", cwd=tmp_path)
    assert done.status == 2 and "and cannot reconstruct" in done.err


@pytest.mark.slow
def test_a_magenta_checkpoint_reconstructs_data_in_their_units(forks, shared, tmp_path):
    theirs = f"--model_dir={shared / 'checkpoints' / 'cond_lstm'}"
    done = forks.run(DRAW, theirs, "--reconstruct=0,1", cwd=tmp_path)
    assert done.status == 2 and "give --data_dir" in done.err
    where = (f"--data_dir={DATA}", "--data_set=tiny.npz")
    done = forks.run(DRAW, theirs, "--reconstruct=0", *where, cwd=tmp_path)
    assert done.status == 2 and "test 0 has more than 10 points (max_seq_len)" in done.err
    done = forks.run(DRAW, theirs, "--reconstruct=3,9", *where, cwd=tmp_path)
    assert done.status == 0, done.err
    assert "normalizing factor 114.6" in done.out and drawn(tmp_path / "drawings.svg") == 4


def test_units_of_a_magenta_checkpoint(shared):
    trained = magenta_sketch.load(shared / "checkpoints" / "cond_lstm")
    pixels = trained.with_normalizing_factor(50.0)
    assert pixels.units_known and pixels.step == 21
    one = trained.sample(1, seed=3)[0]
    other = pixels.sample(1, seed=3)[0]
    np.testing.assert_allclose(other[:, :2], 50 * one[:, :2], rtol=1e-6)
    assert math.isclose(trained.normalizing_factor, 1.0)
    assert magenta_checkpoint.find(shared / "models") is None
