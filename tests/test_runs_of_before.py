"""A run begun with the version before RunConfig (0.1.0) goes on as it would have there."""

import pathlib
import shutil

import numpy as np
import pytest

from magenta_sketch import runs
from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.training.run_folder import RunFolder

DATA = pathlib.Path(__file__).parent / "data"


def resume(root, **settings):
    config = RunFolder(root).read().asked(data_dir=str(DATA), **settings)
    return runs.resume(config, root, report=lambda line: None)


@pytest.mark.slow
@pytest.mark.parametrize("name, mean", [("layer_norm", 1e-5), ("both", 5e-4)])
def test_it_takes_the_same_steps(tmp_path, name, mean):
    """To rounding, that is: processors add in different orders, and two runs on one are equal to
    the bit. One other mask or batch would move the weights by a thousandth a step."""
    root = tmp_path / name
    shutil.copytree(DATA / "first_house" / name, root)
    assert runs.train_run(resume(root, num_steps=12), report=lambda line: None) == 0
    found = tf.train.load_checkpoint(str(root / "newest" / "step-12" / "checkpoint"))
    differences = []
    with np.load(DATA / "first_house" / f"{name}_step_12.npz") as expected:
        assert len(expected.files) > 10
        for key in expected.files:
            value = found.get_tensor(f"{key.replace('|', '/')}/.ATTRIBUTES/VARIABLE_VALUE")
            differences.append(np.abs(value - expected[key]).ravel())
    assert np.mean(np.concatenate(differences)) < mean


def test_its_settings_still_hold(tmp_path):
    root = tmp_path / "both"
    shutil.copytree(DATA / "first_house" / "both", root)
    config = resume(root).config
    assert config.modes() == ["mixed_precision", "bucket_by_length"]
    assert (config.seed, config.num_epochs, config.decoder_cell) == (1, None, "")
    assert (config.jit, resume(root, jit="on").config.jit) == ("off", "on")
    with pytest.raises(RunError, match="bucket_by_length: the run has True, now False"):
        resume(root, bucket_by_length=False)


def test_it_evaluates_all_sketches_and_draws_each_equally_often(tmp_path):
    root = tmp_path / "both"
    shutil.copytree(DATA / "first_house" / "both", root)
    config = resume(root).config
    assert (config.evaluate_at_most, config.balance) == (0, False)
