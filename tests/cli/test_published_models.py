"""Data and models meet: raw drawings converted here, scored by a model published elsewhere."""

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.data import read_npz


@pytest.mark.slow
def test_real_birds_are_as_likely_to_the_published_bird_as_the_reference_says(
    run_convert, shared, tmp_path
):
    birds = shared / "data" / "quickdraw_raw" / "bird.ndjson"
    status, out, _ = run_convert(
        "data", birds, "--recognized_only", "--shares=34,33,33", "--out=data"
    )
    assert status == 0
    assert "left out 5: not recognised" in out
    splits = read_npz(tmp_path / "data" / "bird.npz")
    sketches = [sketch for split in splits.values() for sketch in split]
    model = magenta_sketch.load(shared / "models" / "bird.gen.json")
    found = model.losses(sketches).masked_reconstruction
    # The reference pipeline's mean over the same 25 drawings, each divided by max_seq_len.
    assert len(found) == 25
    assert found.mean() == pytest.approx(-0.061, abs=0.02)
    # Not by chance: bicycles do not know birds, nor birds drawn upside down.
    bicycle = magenta_sketch.load(shared / "models" / "bicycle.gen.json")
    assert bicycle.losses(sketches).masked_reconstruction.mean() > found.mean() + 0.03
    flipped = [sketch * np.float32([1, -1, 1]) for sketch in sketches]
    assert model.losses(flipped).masked_reconstruction.mean() > found.mean() + 0.03
