"""The training program killed, resumed, and short of disk: no bit is lost."""

import os
import re
import signal
import subprocess

import pytest
from training_runs import DATA, LENGTH, RUN, assert_same_run, checkpoints, one_line


@pytest.mark.slow
def test_stopped_at_many_moments_it_ends_with_the_same_bits(train, straight, tmp_path):
    """One run, stopped again and again, each time by a signal at a certain call; then compared."""
    root = tmp_path / "run"
    begin = [f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, "--seed=3"]
    resume = ["--log_root=run", "--resume_training"]
    step = "magenta_sketch.training.loop:TrainStep.__call__"
    kill, term, interrupt = signal.SIGKILL, signal.SIGTERM, signal.SIGINT

    # In the third step, before there is a checkpoint.
    assert train(*begin, hook=(step, 3, kill)).status == -kill
    assert not (root / "newest").exists()

    # In the first evaluation.
    evaluation = "magenta_sketch.training.loop:Evaluator.__call__"
    result = train(*resume, hook=(evaluation, 1, term))
    assert result.status == 128 + term
    assert "no checkpoint yet: beginning at step 0" in result.out
    assert re.search(r"^interrupted at step 8; .*--resume_training", result.out, re.MULTILINE)
    assert "to write a checkpoint" in result.err
    assert checkpoints(root / "newest") == ["step-8"] and not (root / "best").exists()

    # Between the best checkpoint and the newest.
    save = "magenta_sketch.training.checkpoints:Checkpoints.save_newest"
    assert train(*resume, hook=(save, 1, kill)).status == -kill
    assert checkpoints(root / "best") == ["step-8"]

    # While a checkpoint is written, half of its files on the disk.
    assert train(*resume, hook=("os:fsync", 3, kill)).status == -kill
    assert [name for name in checkpoints(root / "best") if name.startswith(".step-8.")]

    # Ctrl-C in step 13.
    result = train(*resume, hook=(step, 5, interrupt))
    assert result.status == 128 + interrupt
    assert "interrupted at step 13;" in result.out

    # In step 19.
    assert train(*resume, hook=(step, 6, kill)).status == -kill
    assert checkpoints(root / "newest")[:2] == ["step-13", "step-16"]

    # The newest checkpoint is damaged.
    (data,) = (root / "newest" / "step-16").glob("*.data-*")
    os.truncate(data, 1000)
    # Moved meanwhile, too.
    root.rename(tmp_path / "moved")
    result = train("--log_root=moved", "--resume_training")
    assert (result.status, result.err) == (0, "")
    (warning,) = re.findall(r"^warning: .*", result.out, re.MULTILINE)
    assert "step-16 is damaged" in warning
    assert "resumed at step 13" in result.out
    assert_same_run(tmp_path / "moved", straight[0])


@pytest.mark.slow
def test_the_fast_modes_are_the_runs_and_resume_to_the_bit(train, straight, tmp_path):
    begin = [f"--data_dir={DATA}", RUN, LENGTH, "--seed=3"]
    modes = ["--mixed_precision", "--bucket_by_length"]
    result = train(*begin, *modes, "--log_root=whole")
    assert (result.status, result.err) == (0, "")
    assert "\nmodes: mixed_precision, bucket_by_length\n" in result.out
    assert "modes:" not in straight[1]
    data = "newest/step-8/checkpoint.data-00000-of-00001"
    whole = tmp_path / "whole"
    assert (whole / data).read_bytes() != (straight[0] / data).read_bytes()

    step = "magenta_sketch.training.loop:TrainStep.__call__"
    resume = ["--log_root=run", "--resume_training"]
    killed = train(*begin, *modes, "--log_root=run", hook=(step, 11, signal.SIGKILL))
    assert killed.status == -signal.SIGKILL
    line = one_line(train(*resume, "--nobucket_by_length", "--mixed_precision"), status=1)
    assert "settings (bucket_by_length: the run has True, now False): leave them" in line
    stopped = train(*resume, hook=(step, 5, signal.SIGTERM))
    assert stopped.status == 128 + signal.SIGTERM and "interrupted at step 13;" in stopped.out
    result = train(*resume, "--bucket_by_length")
    assert (result.status, result.err) == (0, "")
    assert "\nmodes: mixed_precision, bucket_by_length\n" in result.out
    assert_same_run(tmp_path / "run", whole)


def test_all_checkpoints_damaged(train, straight, tmp_path):
    root = tmp_path / "run"
    subprocess.run(["cp", "-r", straight[0], root], check=True)
    for index in (root / "newest").rglob("*.index"):
        index.write_bytes(b"")
    result = train("--log_root=run", "--resume_training", "--hparams=num_steps=30")
    assert "none of the 3 checkpoints in run/newest can be read" in one_line(result, status=1)


@pytest.mark.slow
def test_a_full_disk(train, straight, tmp_path):
    """A limit on the size of files that the first checkpoint meets stands for the disk."""
    begin = [f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, "--seed=3"]
    line = one_line(train(*begin, file_size=3000), status=1)
    assert "checkpoint of step 8 in run/best cannot be written: File too large;" in line
    assert "make room and go on with --resume_training" in line
    assert [str(path) for path in (tmp_path / "run").rglob(".*")] == []
    result = train("--log_root=run", "--resume_training")
    assert (result.status, result.err) == (0, "")
    assert_same_run(tmp_path / "run", straight[0])
