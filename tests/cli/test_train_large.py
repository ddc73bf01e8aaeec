"""The training program on data that stay on the disk."""

import shutil
import zipfile

import pytest
from training_runs import DATA, TINY, assert_same_run, fresh


@pytest.mark.slow
def test_a_run_from_the_disk_has_the_bits_of_one_from_memory(tmp_path):
    """Two files by a pattern, drawn equally often, and a part of the validation set."""
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        copied = shutil.copy(DATA / "tiny.npz", tmp_path / "data" / f"{name}.npz")
        with zipfile.ZipFile(copied, "a") as archive:
            archive.comment = name.encode()  # another content, so unpacked by itself
    hparams = f"--hparams=data_set=[*.npz],{TINY},num_steps=12,save_every=6"
    run = ["--data_dir=data", hparams, "--seed=3", "--balance", "--evaluate_at_most=15"]
    for name, limit in (("memory", "100"), ("disk", "0")):
        status, out = fresh(
            f"--log_root={name}",
            *run,
            cwd=tmp_path,
            MAGENTA_SKETCH_DATA_IN_MEMORY=limit,
            MAGENTA_SKETCH_CACHE=str(tmp_path / "cache"),
        )
        assert status == 0, out
        assert "evaluation: 15 of 26 validation and " in out
        assert ("opened " in out) == (name == "disk")
    assert_same_run(tmp_path / "disk", tmp_path / "memory")
    # A pattern that stands for other files now.
    shutil.copy(DATA / "tiny.npz", tmp_path / "data" / "c.npz")
    resume = ["--log_root=memory", "--resume_training"]
    status, out = fresh(*resume, "--hparams=num_steps=13", cwd=tmp_path)
    assert status == 1
    assert "was begun with ([*.npz] now stands for 3 files): give" in out.splitlines()[-1]
    (tmp_path / "data" / "c.npz").unlink()
    # The cache can go at any time.
    shutil.rmtree(tmp_path / "cache")
    status, out = fresh(
        "--log_root=disk",
        "--resume_training",
        "--hparams=num_steps=13",
        cwd=tmp_path,
        MAGENTA_SKETCH_DATA_IN_MEMORY="0",
        MAGENTA_SKETCH_CACHE=str(tmp_path / "cache"),
    )
    assert status == 0, out
    assert "unpacking 2 files once" in out
    assert "resumed at step 12" in out
