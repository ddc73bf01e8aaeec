"""sketch_rnn_convert export as its users run it."""

import functools
import gzip
import json
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from magenta_sketch.data import read_npz
from magenta_sketch.data.strokes import from_polylines, to_polylines


@pytest.fixture
def run(run_convert, tmp_path, tiny_folder):
    """Run the verb in a temporary folder that has tiny_set.npz: (status, output, errors)."""
    shutil.copy(tiny_folder / "tiny.npz", tmp_path / "tiny_set.npz")
    return functools.partial(run_convert, "export")


def sketches(path):
    """The drawn sketches of an SVG file, each a list of lines [k, 2]."""
    groups = ET.parse(path).getroot().findall(".//{*}g[@class='sketch']")
    return [
        [np.array(line.get("d").replace("L", " ")[1:].split(), float).reshape(-1, 2) for line in g]
        for g in groups
    ]


def captions(path):
    return [element.text for element in ET.parse(path).getroot().findall(".//{*}text")]


def test_svg_files_are_named_by_split_and_number(run, tmp_path):
    status, out, errors = run("tiny_set.npz", "--to=svg", "--out=drawn/here.d")
    assert (status, errors) == (0, "")
    assert "wrote 64 sketches of tiny_set.npz to drawn/here.d, one SVG each" in out
    names = sorted(file.name for file in (tmp_path / "drawn" / "here.d").iterdir())
    expected = [
        f"{split}-{number:05d}.svg"
        for split, count in (("test", 11), ("train", 40), ("valid", 13))
        for number in range(count)
    ]
    assert names == expected
    sketch = read_npz("tiny_set.npz")["valid"][12]
    (lines,) = sketches(tmp_path / "drawn" / "here.d" / "valid-00012.svg")
    # Scaled to the square, in the same proportions.
    expected = np.concatenate(to_polylines(sketch))
    drawn = np.concatenate(lines)
    assert np.ptp(drawn, axis=0).max() == pytest.approx(256 * (1 - 2 / 16 - 1 / 64), abs=0.2)
    ratio = np.ptp(expected, axis=0) / np.ptp(drawn, axis=0)
    assert ratio[0] == pytest.approx(ratio[1], rel=2e-3)


def test_svg_files_in_pixels_are_the_data(run, tmp_path):
    status, _, _ = run(
        "tiny_set.npz", "--out=drawn/", "--units=pixels", "--split=test", "--numbers=3,0-1,3"
    )
    assert status == 0
    files = sorted((tmp_path / "drawn").iterdir())
    assert [file.name for file in files] == [f"test-0000{i}.svg" for i in (0, 1, 3)]
    test = read_npz("tiny_set.npz")["test"]
    for file, number in zip(files, (0, 1, 3), strict=True):
        (lines,) = sketches(file)
        np.testing.assert_array_equal(from_polylines(lines), test[number])


def test_a_contact_sheet(run, tmp_path):
    status, out, _ = run("tiny_set.npz", "--out=sheet.svg")
    assert status == 0 and "wrote sheet.svg: 64 of 64 sketches" in out
    assert len(sketches(tmp_path / "sheet.svg")) == 64
    texts = captions(tmp_path / "sheet.svg")
    assert texts[0] == "tiny_set.npz: 64 of 64 sketches"
    assert texts[1] == "train 0" and texts[-1] == "test 10"


def test_a_contact_sheet_of_some(run, tmp_path):
    run("tiny_set.npz", "--out=sheet.svg", "--split=train", "--limit=6", "--columns=3")
    assert captions(tmp_path / "sheet.svg") == [
        "tiny_set.npz, train: 6 of 40 sketches",
        *(f"train {number}" for number in (0, 8, 16, 23, 31, 39)),
    ]
    width, height = (float(ET.parse("sheet.svg").getroot().get(x)) for x in ("width", "height"))
    assert 0.67 < height / width < 0.9  # two rows of three, and their captions


def test_a_sheet_of_a_large_set_shows_a_hundred(run, shared, tmp_path):
    run(shared / "data" / "aaron_sheep.npz", "--to=sheet", "--out=sheep.svg")
    assert len(sketches(tmp_path / "sheep.svg")) == 100


@pytest.mark.parametrize("name", ["tiny.ndjson", "new/tiny.ndjson.gz"])
def test_ndjson(run, tmp_path, name):
    status, out, errors = run("tiny_set.npz", f"--out={name}")
    assert (status, errors) == (0, "")
    assert f'wrote {name}: 64 sketches of tiny_set.npz as "tiny set"' in out
    data = (tmp_path / name).read_bytes()
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()
    objects = [json.loads(line) for line in lines]
    assert {item["word"] for item in objects} == {"tiny set"}
    splits = read_npz("tiny_set.npz")
    expected = [(split, sketch) for split, part in splits.items() for sketch in part]
    for item, (split, sketch) in zip(objects, expected, strict=True):
        assert item["split"] == split
        lines = [np.transpose(line) for line in item["drawing"]]
        np.testing.assert_array_equal(from_polylines(lines), sketch)


def test_ndjson_of_some(run, tmp_path):
    run("tiny_set.npz", "--out=a.ndjson", "--split=valid", "--limit=3", "--word=été")
    lines = (tmp_path / "a.ndjson").read_text(encoding="utf-8").splitlines()
    objects = [json.loads(line) for line in lines]
    assert [(item["word"], item["split"]) for item in objects] == [("été", "valid")] * 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "export takes one data set, got 0"),
        (["tiny_set.npz", "b.npz", "--out=x"], "export takes one data set, got 2"),
        (["tiny_set.npz"], "--out is missing"),
        (["tiny_set.npz", "--out=a.png"], "what should it be? say --to=svg"),
        (["tiny_set.npz", "--to=svg", "--out=a.svg"], "go to a folder"),
        (["tiny_set.npz", "--to=sheet", "--out=a"], "must end in .svg"),
        (["tiny_set.npz", "--to=ndjson", "--out=a.json"], "must end in .ndjson or .ndjson.gz"),
        (["tiny_set.npz", "--to=pdf", "--out=a"], "pdf"),
        (["gone.npz", "--out=a"], "gone.npz: no such file"),
        (["tiny_set.npz", "--out=a", "--numbers=1"], "--numbers are of one split"),
        (["tiny_set.npz", "--out=a", "--split=test", "--numbers=11"], "11 sketches, 0 to 10"),
        (["tiny_set.npz", "--out=a", "--split=test", "--numbers=x"], "--numbers=x: 'x' is not"),
        (["tiny_set.npz", "--out=a.svg", "--word=b"], "--word is for --to=ndjson"),
        (["tiny_set.npz", "--out=a", "--columns=3"], "--columns is for --to=sheet"),
        (["tiny_set.npz", "--out=a", "--limit=0"], "limit"),
    ],
)
def test_mistakes_have_one_line(run, tmp_path, arguments, message):
    status, out, errors = run(*arguments)
    assert status == 2 and out == ""
    assert message in errors and errors.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["tiny_set.npz"]


@pytest.mark.parametrize("out", ["taken/a.ndjson", "taken/a.svg", "taken/folder"])
def test_a_folder_that_cannot_be_made(run, tmp_path, out):
    (tmp_path / "taken").write_text("a file")
    status, _, errors = run("tiny_set.npz", f"--out={out}")
    assert status in (1, 2) and errors.count("\n") == 1 and "taken" in errors
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("name", ["tiny_set.ndjson", "tiny_set.ndjson.gz"])
def test_data_makes_the_same_set_of_the_ndjson(run, run_convert, tmp_path, name):
    assert run("tiny_set.npz", f"--out={name}")[0] == 0
    status, _, errors = run_convert("data", name, "--out=again")
    assert (status, errors) == (0, "")
    first, again = read_npz("tiny_set.npz"), read_npz("again/tiny_set.npz")
    for split, sketches in first.items():  # each ends with a lift, so nothing is lost
        np.testing.assert_array_equal(again[split].points, sketches.points)
        np.testing.assert_array_equal(again[split].starts, sketches.starts)


def test_nothing_is_replaced_or_mixed_unasked(run, tmp_path):
    assert run("tiny_set.npz", "--out=birds", "--limit=2")[0] == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "birds").iterdir()}
    status, _, errors = run("tiny_set.npz", "--out=birds", "--limit=3")
    assert status == 2 and "holds 2 SVG files already" in errors and errors.count("\n") == 1
    assert {file.name: file.read_bytes() for file in (tmp_path / "birds").iterdir()} == before
    assert run("tiny_set.npz", "--out=birds", "--limit=3", "--overwrite")[0] == 0
    for name in ("a.svg", "a.ndjson"):
        (tmp_path / name).write_text("mine")
        status, _, errors = run("tiny_set.npz", f"--out={name}")
        assert status == 2 and f"--out={name} is there already: give --overwrite" in errors
        assert (tmp_path / name).read_text() == "mine"
        assert run("tiny_set.npz", f"--out={name}", "--overwrite")[0] == 0
        assert (tmp_path / name).read_text() != "mine"
