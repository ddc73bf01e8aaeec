"""`load`: which checkpoint of a run it takes, and what it says where there is no model."""

import shutil

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder


@pytest.mark.parametrize("damage_newest", [False, True])
def test_a_damaged_best_gives_way_to_the_newest(trained_run, tmp_path, damage_newest):
    root = tmp_path / "run"
    shutil.copytree(trained_run, root)
    folder = RunFolder(root)
    for place in [folder.best] + [folder.newest] * damage_newest:
        for data in place.glob("*/checkpoint.data*"):
            data.write_bytes(data.read_bytes()[:100])
    warnings = []
    if damage_newest:
        with pytest.raises(magenta_sketch.RunError, match="newest can be read"):
            magenta_sketch.load(root, warn=warnings.append)
        return
    found = magenta_sketch.load(root, warn=warnings.append)
    assert "best" in warnings[0] and "damaged" in warnings[0]
    assert warnings[1:] == ["warning: took the newest checkpoint in place of the best"]
    newest = magenta_sketch.load(root, checkpoint="newest", warn=pytest.fail)
    for a, b in zip(found.model.variables, newest.model.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_load_takes_best_or_newest(trained_run):
    folder = RunFolder(trained_run)
    best, newest = saved_steps(folder.best)[-1], saved_steps(folder.newest)[-1]
    weights = {}
    for name in ("best", "newest"):
        model = magenta_sketch.load(trained_run, checkpoint=name).model
        weights[name] = np.concatenate([v.numpy().ravel() for v in model.trainable_variables])
    assert (best == newest) == np.array_equal(weights["best"], weights["newest"])
    with pytest.raises(ValueError, match="best or newest"):
        magenta_sketch.load(trained_run, checkpoint="last")


def test_load_says_what_is_missing(tmp_path):
    with pytest.raises(magenta_sketch.RunError, match="no such folder"):
        magenta_sketch.load(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(magenta_sketch.RunError, match=r"model_config.json is missing.*notes.txt"):
        magenta_sketch.load(tmp_path)
