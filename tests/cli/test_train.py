"""The training program, run whole: what a user types and gets, and where its output goes."""

import dataclasses
import fcntl
import importlib.metadata
import json
import os
import pathlib
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from forks import CHECKOUT
from training_runs import (
    DATA,
    LENGTH,
    RUN,
    SCRIPT,
    TINY,
    assert_same_run,
    checkpoints,
    fresh,
    one_line,
)

from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import load_data_set, read_npz, write_npz


@pytest.mark.slow
def test_the_quick_start_from_flag_file_to_pictures(forks, tmp_path):
    """The README's first command but for its sizes: it builds the data, trains and draws."""
    small = "num_steps=2,save_every=1,enc_rnn_size=4,dec_rnn_size=4,z_size=2,num_mixture=2"
    config = CHECKOUT / "configs" / "quickstart.cfg"
    done = forks.run(SCRIPT, f"--flagfile={config}", f"--hparams={small}", cwd=tmp_path)
    assert done.status == 0, done.err
    assert "CC BY-SA 3.0" in done.out  # the credit, where the data are made
    assert "sketch_rnn_draw --model_dir=models/quickstart" in done.out.splitlines()[-1]
    root = tmp_path / "models" / "quickstart"
    grid = ET.parse(root / "sketches.svg").getroot()
    assert len(grid.findall(".//{*}g[@class='sketch']")) == 32
    assert (root / "training_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (root / "model_config.json").exists() and list(root.glob("events.out.tfevents.*"))
    assert (tmp_path / "datasets" / "kanjivg.LICENSE.txt").exists()
    check_the_quick_start_data(tmp_path / "datasets")


def check_the_quick_start_data(folder):
    data = load_data_set("kanjivg.npz", folder, report=lambda line: None)
    assert len(data.train) > 4500 and len(data.valid) > 200 and len(data.test) > 200
    assert data.max_seq_len == 48 and 50 < data.normalizing_factor < 150
    contents = set()
    for sketches in (data.train, data.valid, data.test):
        assert (np.rint(sketches.points) == sketches.points).all()
        assert (sketches.points[sketches.starts[1:] - 1, 2] == 1).all()
        assert np.abs(sketches.points[:, :2]).max() < 1000  # nothing for the loader to clamp
        contents |= {sketch.tobytes() for sketch in sketches}
    assert len(contents) == len(data.train) + len(data.valid) + len(data.test)
    if importlib.metadata.version("kanjivg") == "20260714":
        # Recorded: runs of before go on only with the same sketches.
        assert data.fingerprint.startswith("dac61c9cd9450d544dcd8acfbf012ad6")


@pytest.mark.slow
def test_the_forks_own_line(tmp_path):
    """Word for word, spaces and all, from a shell; a second --hparams makes it short."""
    (tmp_path / "datasets").mkdir()
    splits = read_npz(DATA / "tiny.npz")
    for number, name in enumerate(["apple", "donut", "bus"]):
        parts = {split: sketches.take(range(number, 9)) for split, sketches in splits.items()}
        write_npz(tmp_path / "datasets" / f"{name}.npz", **parts)
    line = (
        "--log_root=checkpoints --data_dir=datasets "
        '--hparams="data_set=[apple.npz, donut.npz, bus.npz],scale=1.0, num_steps=10000,'
        "save_every=100,use_recurrent_dropout=0,kl_decay_rate=0.9999,"
        'min_learning_rate=0.0001"'
    )
    short = f"--hparams={TINY},num_steps=20,save_every=10"
    status, output = fresh(*shlex.split(line), short, cwd=tmp_path)
    assert status == 0, output
    lines = output.splitlines()
    # The first line is ours, and so is every other: TensorFlow, Keras and Python say nothing.
    assert lines[0] == "sketch_rnn_train: run in checkpoints; starting TensorFlow ..."
    known = re.compile(
        r"sketch_rnn_train: |loaded 9/9/9 .* apple|loaded 8/8/8 .* donut|loaded 7/7/7 .* bus|"
        r"training set: 24 |model: |run: 20 steps of 8 sketches|(valid|test) at step [12]0: |"
        r"step: 20, lr: |done: 20 steps|  \S+ +\S|next: .*sketch_rnn_draw.* --model_dir=checkpoints"
    )
    assert [text for text in lines if not known.match(text)] == []
    config = json.loads((tmp_path / "checkpoints" / "model_config.json").read_text())
    assert config["data_set"] == ["apple.npz", "donut.npz", "bus.npz"]
    assert (config["num_steps"], config["save_every"], config["kl_decay_rate"]) == (20, 10, 0.9999)
    assert (config["use_recurrent_dropout"], config["batch_size"]) == (False, 8)

    # And the same line again, with --resume_training, goes on (here: finds nothing left to do).
    status, output = fresh(*shlex.split(line), short, "--resume_training", cwd=tmp_path)
    assert status == 0, output
    assert "resumed at step 20" in output and "num_steps makes it go on" in output


def test_what_a_run_leaves(straight):
    root, out = straight
    assert "\r" not in out and "\x1b" not in out
    assert out.count("loaded 40/13/11 train/valid/test sketches") == 1
    assert "data: 40" not in out
    names = {path.name for path in root.iterdir()}
    (events,) = (name for name in names if name.startswith("events.out.tfevents."))
    assert names == {
        "model_config.json",
        "run.json",
        "history.jsonl",
        "newest",
        "best",
        "training_curve.png",
        "sketches.svg",
        events,
    }
    assert checkpoints(root / "newest") == ["step-16", "step-24", "step-8"]
    assert (root / "training_curve.png").read_bytes().startswith(b"\x89PNG\r\n")
    images = root.parent / "images"
    pictures = sorted(path.name for path in images.iterdir())
    assert pictures == ["step-0000008.svg", "step-0000016.svg", "step-0000024.svg"]
    for picture in [root / "sketches.svg", *images.iterdir()]:
        svg = ET.parse(picture).getroot()
        assert svg.tag.endswith("svg") and len(list(svg.iter())) > 20
    drawn = {(images / name).read_bytes() for name in pictures}
    assert len(drawn) == 3  # the model, and with it the picture, changes
    for name in ("newest", "model_config.json", "training_curve.png", "sketches.svg", "images"):
        assert re.search(rf"^  {name}", out, re.MULTILINE), f"{name} is not among what was written"


def test_help():
    result = subprocess.run(
        [sys.executable, CHECKOUT / SCRIPT, "--help"], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    flags = ["data_dir", "log_root", "resume_training", "overwrite", "hparams", "seed"]
    flags += ["mixed_precision", "bucket_by_length", "jit"]
    for name in [*flags, "num_epochs", "save_image_dir", "flagfile", "help"]:
        assert f"  --{name}" in result.stdout
    for field in dataclasses.fields(HParams):
        assert re.search(rf"^{field.name}=", result.stdout, re.MULTILINE), field.name


def test_a_wrong_keras_backend_is_named(tmp_path):
    status, output = fresh(f"--data_dir={DATA}", RUN, cwd=tmp_path, KERAS_BACKEND="jax")
    assert status == 2
    first, error = output.splitlines()
    assert first.startswith("sketch_rnn_train: run in")
    assert "KERAS_BACKEND=jax:" in error and "unset" in error
    assert checkpoints(tmp_path) == []


def test_a_run_is_not_overwritten_unasked(train, straight, tmp_path):
    root, _ = straight
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    line = one_line(train(f"--log_root={root}", f"--data_dir={DATA}", RUN), status=1)
    assert "--resume_training" in line and "--overwrite" in line
    others = "--hparams=z_size=9,scale=0.5,num_steps=30,dec_rnn_size=4"
    resuming = (f"--log_root={root}", "--resume_training")
    line = one_line(train(*resuming, others, "--seed=4"), status=1)
    for difference in ("z_size: the run has 2, now 9", "scale: the run has 1.0", "seed: the run"):
        assert difference in line
    assert "dec_rnn_size" not in line and "num_steps" not in line
    one_line(train("--log_root=nothing", "--resume_training"), status=1)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert checkpoints(tmp_path) == ["err.txt", "out.txt"]


@pytest.mark.slow
def test_an_epoch_and_other_seeds(train, straight, tmp_path):
    """--overwrite takes a run's place; two epochs of 40 sketches in batches of 8 are 10 steps."""
    arguments = [f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, "--num_epochs=2"]
    assert train(*arguments, "--seed=3").status == 0
    (tmp_path / "run" / "mine.txt").write_text("mine")
    assert checkpoints(tmp_path / "run" / "newest") == ["step-10", "step-8"]
    # Up to there it is the run of the fixture, which was to be longer.
    data = "newest/step-8/checkpoint.data-00000-of-00001"
    assert (tmp_path / "run" / data).read_bytes() == (straight[0] / data).read_bytes()
    # The epochs are the run's: resumed without them it does not go on.
    result = train("--log_root=run", "--resume_training")
    assert result.status == 0 and "resumed at step 10" in result.out
    assert "the run has its 10 steps already" in result.out

    assert train(*arguments, "--seed=4", "--overwrite").status == 0
    assert (tmp_path / "run" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "run" / data).read_bytes() != (straight[0] / data).read_bytes()


@pytest.mark.slow
def test_without_standard_output(train, straight, tmp_path):
    arguments = (f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, "--seed=3")
    result = train(*arguments, out=None, err=None)
    assert result.status == 0
    # Nothing that was printed has gone into a file that took a closed stream's number.
    assert_same_run(tmp_path / "run", straight[0])


@pytest.mark.slow
def test_standard_output_on_a_full_disk(train, tmp_path):
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    result = train(f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH, out="/dev/full")
    assert "standard output: No space left on device" in one_line(result, status=1)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [120, 0])  # 0 is what a terminal of unknown size says
def test_on_a_terminal_a_bar_shows_the_time_left(train, columns):
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = []

    def read():
        while True:
            try:
                shown.append(os.read(leader, 4096))
            except OSError:  # the last one to write has gone
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        name = os.ttyname(follower)
        arguments = (f"--data_dir={DATA}", "--log_root=run", RUN, LENGTH)
        result = train(*arguments, out=name, err=name)
    finally:
        os.close(follower)
        reader.join()
        os.close(leader)
    text = b"".join(shown).decode()
    assert result.status == 0, text
    bar = r"training: +\d+%\|[^|]*\| \d+/24 \[[\d:]+<(\d+:\d\d), [^]]*, cost \d+\.\d+\]"
    assert re.search(bar, text), text
    # Lines stand above the bar, whole.
    assert re.search(r"[\r\n]step: 20, lr: [^\r\n]*time_left: 0:00:\d\d\r?\n", text)
