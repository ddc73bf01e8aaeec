"""sketch_rnn_convert inspect as its users run it."""

import functools
import json
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest


@pytest.fixture
def run(run_convert):
    return functools.partial(run_convert, "inspect")


@pytest.fixture
def tiny(tiny_folder, tmp_path):
    shutil.copy(tiny_folder / "tiny.npz", tmp_path)
    return "tiny.npz"


def bad_file(path):
    train = np.empty(5, object)
    train[:] = [
        np.array(sketch, np.float32).reshape(-1, 3)
        for sketch in ([[3, 4, 1]], [], [[1, np.nan, 1]], [[3, 4, 1]], [[0, 1500, 0]])
    ]
    np.savez(path, train=train, valid=np.array([[[3, 4, 1]]], np.int16))


def test_what_a_sound_file_holds(run, tiny, tmp_path):
    status, out, errors = run(tiny)
    assert (status, errors) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["tiny.npz", "  sketches: train 40, valid 13, test 11"]
    assert lines[3].split() == ["points", "a", "sketch", "2", "14", "13.2", "20", "20"]
    assert "  normalizing factor: 101.2158" in lines
    assert lines[-2:] == ["  nothing odd", "wrote tiny_sheet.svg"]
    bars = [line.split() for line in lines if line.endswith("#")]
    assert sum(int(count) for _, count, _ in bars) == 64
    assert max(map(len, lines)) < 80
    assert (
        len(ET.parse(tmp_path / "tiny_sheet.svg").getroot().findall(".//{*}g[@class='sketch']"))
        == 80
    )


def test_all_that_is_wrong_with_a_file(run, tmp_path):
    bad_file(tmp_path / "bad.npz")
    status, out, errors = run("bad.npz", "--json=found.json", "--out=sheets/bad.svg")
    assert (status, errors) == (0, "")
    for line in (
        "  sketches: train 5, valid 1",
        "  usable: train 3, valid 1; the numbers below are of these",
        "    missing splits (training refuses the file; mend --what=splits): 1",
        "      test",
        "    sketches without points (training refuses the file): 1",
        "    sketches with values that are not finite (training refuses the file): 1",
        "      train 2 point 0: [1.0, nan, 1.0]",
        "      train 4 offset 1500",
        "      train 3 = 0",
        "      valid 0 = train 0",
    ):
        assert line in out.splitlines()
    assert max(map(len, out.splitlines())) < 80
    (found,) = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["name"] == "bad.npz" and found["usable"] == {"train": 3, "valid": 1}
    kinds = [oddity["kind"] for oddity in found["oddities"]]
    assert kinds[:4] == ["missing_split", "empty", "non_finite", "clamped"]
    texts = (tmp_path / "sheets" / "bad.svg").read_text(encoding="utf-8")
    assert "valid 0 = train 0" in texts


def test_several_files_have_a_sheet_each(run, tiny, tmp_path):
    shutil.copy(tmp_path / tiny, tmp_path / "second.one.npz")
    status, out, _ = run(tiny, "second.one.npz", "--out=sheets")
    assert status == 0
    assert sorted(file.name for file in (tmp_path / "sheets").iterdir()) == [
        "second.one_sheet.svg",
        "tiny_sheet.svg",
    ]
    assert out.count("normalizing factor") == 2


def test_no_sheet(run, tiny, tmp_path):
    status, out, _ = run(tiny, "--nosheet")
    assert status == 0 and "wrote" not in out
    assert [file.name for file in tmp_path.iterdir()] == [tiny]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "name the data sets"),
        (["gone.npz"], "gone.npz: no such file"),
        (["text.npz"], "text.npz: a web page, not a data set"),
        (["model.npz"], "model.npz: no split train, valid, test"),
        (["a.npz", "b.npz", "--out=one.svg"], "name a folder"),
        (["a.npz", "b/a.npz"], "two data sets would have the sheet a_sheet.svg"),
        (["a.npz", "--json="], "--json is empty"),
        (["a.npz", "--colour"], "colour"),
    ],
)
def test_mistakes_have_one_line(run, tmp_path, arguments, message):
    (tmp_path / "text.npz").write_text("<html>")
    np.savez(tmp_path / "model.npz", weights=np.zeros(3))
    before = sorted(tmp_path.iterdir())
    status, out, errors = run(*arguments)
    assert status == 2 and out == ""
    assert message in errors and errors.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
