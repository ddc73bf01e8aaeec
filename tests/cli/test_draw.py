"""sketch_rnn_draw as its users run it."""

import contextlib
import errno
import os
import pathlib
import shutil
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.cli import draw, program, values
from magenta_sketch.data import read_npz
from magenta_sketch.errors import UsageError
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture
def run(monkeypatch, call, tmp_path):
    """Run the program with some arguments in a temporary folder: (status, output, errors)."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: call(draw, "sketch_rnn_draw", *arguments)


def sketches(path):
    return ET.parse(path).getroot().findall(".//{*}g[@class='sketch']")


def test_new_sketches_in_one_grid(run, trained_run, tmp_path):
    status, out, errors = run(f"--model_dir={trained_run}", "--count=7", "--out=new.svg")
    assert (status, errors) == (0, "")
    assert "wrote new.svg: 7 new sketches" in out
    assert len(sketches(tmp_path / "new.svg")) == 7


def test_one_svg_a_sketch(run, trained_run, tmp_path):
    status, _, _ = run(f"--model_dir={trained_run}", "--count=3", "--out=drawn/here")
    assert status == 0
    files = sorted((tmp_path / "drawn" / "here").iterdir())
    assert [file.name for file in files] == [f"sketch-000{i}.svg" for i in range(3)]
    assert all(len(sketches(file)) == 1 for file in files)


@pytest.mark.slow
def test_seeds_repeat_and_differ(run, trained_run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(f"--model_dir={trained_run}", "--count=4", f"--seed={seed}", f"--out={name}.svg")
    a, b, c = ((tmp_path / f"{name}.svg").read_bytes() for name in "abc")
    assert a == b != c


def test_reconstructions_beside_their_originals(run, trained_run, tmp_path):
    status, out, _ = run(
        f"--model_dir={trained_run}", "--reconstruct=0,2-3", "--count=2", "--greedy", "--out=r.svg"
    )
    assert status == 0
    # Three rows of the original and two reconstructions of each.
    assert len(sketches(tmp_path / "r.svg")) == 9
    text = (tmp_path / "r.svg").read_text(encoding="utf-8")
    for title in ("original", "reconstruction", "test 0", "test 2", "test 3"):
        assert title in text


def test_reconstructions_one_svg_each(run, trained_run, tmp_path):
    run(f"--model_dir={trained_run}", "--reconstruct=1", "--count=2", "--out=folder")
    names = sorted(file.name for file in (tmp_path / "folder").iterdir())
    assert names == [
        "test-00001-original.svg",
        "test-00001-reconstruction-1.svg",
        "test-00001-reconstruction-2.svg",
    ]


def test_unconditional(run, unconditional_run, tmp_path):
    status, _, _ = run(f"--model_dir={unconditional_run}", "--count=2")
    assert status == 0 and len(sketches(tmp_path / "drawings.svg")) == 2
    status, _, errors = run(f"--model_dir={unconditional_run}", "--reconstruct=0", "--overwrite")
    assert status == 2 and "unconditional" in errors


def test_a_number_that_is_not_in_the_data(run, trained_run, tmp_path):
    status, _, errors = run(f"--model_dir={trained_run}", "--reconstruct=9999")
    message = "--reconstruct=9999: the test set has 11 sketches, 0 to 10, and no 9999\n"
    assert (status, errors) == (2, f"sketch_rnn_draw: error: {message}")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_numbers_are_the_files_also_where_sketches_were_dropped(run, trained_run, tmp_path):
    """The data hold sketches that are too long for the model, before and after the one drawn."""
    config = RunFolder(trained_run).read()
    sketches_of = read_npz(pathlib.Path(config.data_dir) / "tiny.npz")
    long = np.ones((config.max_seq_len + 1, 3), np.float32)
    mixed = [sketches_of["test"][0], long, sketches_of["test"][1], long, sketches_of["test"][2]]
    (tmp_path / "data").mkdir()
    magenta_sketch.write_npz(tmp_path / "data" / "tiny.npz", **sketches_of | {"test": mixed})
    arguments = (f"--model_dir={trained_run}", "--data_dir=data")
    status, out, errors = run(*arguments, "--reconstruct=2,4", "--out=mixed")
    assert status == 0 and "dropped 0/0/2 train/valid/test sketches" in out
    drawn = run(f"--model_dir={trained_run}", "--reconstruct=1,2", "--out=plain")
    assert drawn[0] == 0
    for number, plain in ((2, 1), (4, 2)):
        name = "test-{:05d}-original.svg"
        one = (tmp_path / "mixed" / name.format(number)).read_bytes()
        assert one == (tmp_path / "plain" / name.format(plain)).read_bytes()
    status, _, errors = run(*arguments, "--reconstruct=3", "--out=other")
    assert status == 2
    assert f"--reconstruct=3: test 3 has more than {config.max_seq_len} points" in errors
    assert not (tmp_path / "other").exists()


def test_what_is_there_is_kept_unless_told(run, trained_run, tmp_path):
    (tmp_path / "a.svg").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.svg").write_text("mine")
    model = f"--model_dir={trained_run}"
    for out, message in (("a.svg", "is there already"), ("folder", "holds 1 SVG files already")):
        status, _, errors = run(model, "--count=1", f"--out={out}")
        assert status == 2 and message in errors and "--overwrite" in errors
    assert (tmp_path / "a.svg").read_text() == (tmp_path / "folder" / "b.svg").read_text() == "mine"
    assert run(model, "--count=1", "--out=a.svg", "--overwrite")[0] == 0
    assert len(sketches(tmp_path / "a.svg")) == 1
    assert run(model, "--count=1", "--out=folder", "--overwrite")[0] == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "b.svg",
        "sketch-0000.svg",
    ]


def test_parse_numbers():
    assert values.parse_numbers("0, 7,20-23", "numbers") == [0, 7, 20, 21, 22, 23]
    many = ",".join(["0-9999"] * 11)
    for bad in ("", "3-", "-3", "5-2", "1,,2", "0-99999", f"0-{10**30}", "9" * 5000, many):
        with pytest.raises(UsageError, match="^--numbers") as error:
            values.parse_numbers(bad, "numbers")
        assert len(str(error.value)) < 300


@pytest.mark.slow
def test_other_data_than_the_models_are_warned_of(run, trained_run, tiny_folder, tmp_path):
    arguments = (f"--model_dir={trained_run}", "--reconstruct=0", "--data_dir=data")
    (tmp_path / "data").mkdir()
    shutil.copy(tiny_folder / "tiny.npz", tmp_path / "data")
    assert run(*arguments)[::2] == (0, "")
    data = magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None)
    splits = {"train": data.train, "valid": data.valid, "test": data.test.take([1, 0])}
    magenta_sketch.write_npz(tmp_path / "data" / "tiny.npz", **splits)
    status, _, errors = run(*arguments, "--overwrite")
    assert status == 0 and len(sketches(tmp_path / "drawings.svg")) == 2
    assert errors.startswith("sketch_rnn_draw: warning: the data in data are not those the model")
    assert errors.count("\n") == 1


def _memory_of_tensorflow():
    from tensorflow import errors

    return errors.ResourceExhaustedError(None, None, "OOM when allocating\na tensor")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (lambda: MemoryError(), "the memory is too small for what is asked"),
        (_memory_of_tensorflow, "the memory is too small for what is asked"),
        (lambda: OSError(errno.EIO, "Input/output error"), "error: Input/output error\n"),
        (lambda: OSError(errno.EIO, "Broken", "a.svg"), "error: a.svg: Broken\n"),
    ],
)
def test_what_the_machine_lacks_gets_one_line(run, monkeypatch, error, message):
    def main():
        raise error()

    monkeypatch.setattr(draw, "main", main)
    status, _, errors = run()
    assert status == 1
    assert message in errors and errors.count("\n") == 1


def test_standard_output_is_named_when_it_is_what_fails(monkeypatch, capsys):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    with contextlib.suppress(OSError), open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert program.run_program("program", "What it does.", program.new_flags(), int) == 1
    assert "standard output: No space left on device" in capsys.readouterr().err


def test_a_sketch_that_ends_at_once_is_said_to_be_empty(run, trained_run, monkeypatch):
    sketches = [np.ones((points, 3), np.float32) for points in (0, 1, 2, 0)]
    monkeypatch.setattr(magenta_sketch.TrainedModel, "sample", lambda *_, **how: sketches)
    status, out, errors = run(f"--model_dir={trained_run}", "--count=4")
    assert (status, errors) == (0, "")
    assert "note: 2 of them empty" in out
