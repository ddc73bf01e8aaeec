"""Drawings on their way: classes, and what is left out."""

import json

import pytest
from characters import write_characters
from ndjson_files import build, contents, record, write

from magenta_sketch.data import read_npz
from magenta_sketch.data.sources import collecting
from magenta_sketch.errors import DataError


def test_classes_and_their_files(tmp_path):
    words = (
        "owl",
        "power outlet",
        "The Eiffel Tower",
        "../../etc/passwd",
        "Ünïcödé 鳥",
        "",
        "a" * 500,
    )
    records = [record(key, word) for word in words for key in range(100)]
    lines = []
    paths = build(write(tmp_path / "a.ndjson", records), tmp_path / "out", lines)
    names = "The_Eiffel_Tower a etc_passwd owl power_outlet Ünïcödé_鳥".split() + ["a" * 100]
    assert sorted(path.name for path in paths) == sorted(f"{name}.npz" for name in names)
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)
    for path in paths:
        assert sum(map(len, contents(path).values())) == 100
    assert sum(line.startswith("wrote ") for line in lines) == len(words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ndjson", "out"]


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "/", "../x", "a/b", "a\\b", "\0", "-rf", ".x", "x" * 300, "鳥" * 90],
)
def test_file_names_are_safe(name):
    result = collecting.file_name(name)
    assert 0 < len(result.encode()) <= 100
    assert not set(result) & set("/\\\0 ") and result[0] not in ".-"


def test_classes_that_are_called_alike_are_one(tmp_path):
    records = [record(key, ("power outlet", "power_outlet")[key % 2]) for key in range(100)]
    build(write(tmp_path / "a.ndjson", records), tmp_path / "out")
    assert sum(map(len, read_npz(tmp_path / "out" / "power_outlet.npz").values())) == 100


def test_two_classes_of_one_file(tmp_path):
    records = [record(0, "power outlet"), record(1, "Power_Outlet")]
    message = (
        r"'Power_Outlet' and the class 'power outlet' would both be the file Power_Outlet\.npz"
    )
    with pytest.raises(DataError, match=message):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_CLASSES", 5)
    records = [record(key, f"word {key}") for key in range(6)]
    with pytest.raises(DataError, match="over 5 classes"):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")


def test_sources_of_different_settings_are_not_one_class(tmp_path):
    characters = write_characters(tmp_path / "kanji")
    more = tmp_path / "more"
    more.mkdir()
    characters[0].rename(more / "04fff.svg")
    (path,) = build([tmp_path / "kanji", more], tmp_path / "out")
    assert sum(map(len, contents(path).values())) == 80
    named_alike = tmp_path / "pens" / "kanjivg"
    named_alike.mkdir(parents=True)
    (named_alike / "a.svg").write_text('<svg><line x2="9" y2="7"/></svg>')
    ndjson = write(tmp_path / "a.ndjson", [record(7, "kanjivg")])
    for other in (named_alike, ndjson):
        message = (
            rf"class kanjivg: {tmp_path}/kanji \(4 px a unit, epsilon 4 px, at most 48 "
            rf"points\) and {other} \(fitted to 255 px, epsilon 2 px, any number of "
            r"points\) cannot be one data set"
        )
        with pytest.raises(DataError, match=message):
            build([tmp_path / "kanji", other], tmp_path / "new")
        assert not (tmp_path / "new").exists()
    # Those of ndjson and of SVG are treated alike.
    build([ndjson, named_alike, write(tmp_path / "b.ndjson", RECORDS)], tmp_path / "alike")


RECORDS = [record(key, "kanjivg") for key in range(8, 200)]


# What is left out


def test_what_is_skipped_is_counted_and_the_first_ten_named(tmp_path):
    records = [record(key) for key in range(100)]
    records += [record(key, recognized=False) for key in range(100, 125)]
    records += [record(200, drawing=[[[0, 2000], [0, 0]]]), record(201, recognized=None)]
    records += [record(202, drawing=[])]
    file = write(tmp_path / "a.ndjson", records)
    lines = []
    (path,) = build(file, tmp_path / "out", lines, recognized_only=True)
    assert sum(map(len, contents(path).values())) == 100
    assert [line for line in lines if line.startswith("skipped")] == [
        *[
            f"skipped {file}, line {101 + i}, drawing {100 + i}: not recognised by QuickDraw's game"
            for i in range(10)
        ],
        f"skipped {file}, line 126, drawing 200: moves by more than 1,000 pixels at once",
        f"skipped {file}, line 128, drawing 202: no strokes",
    ]
    assert lines[12:15] == [
        "left out 26: not recognised by QuickDraw's game",
        "left out 1: moves by more than 1,000 pixels at once",
        "left out 1: no strokes",
    ]


def test_long_sketches_are_left_out(tmp_path, owls):
    long = record(999) | {"drawing": [[list(range(50)), [0, 1] * 25]]}
    with open(owls, "a") as file:
        file.write(json.dumps(long) + "\n")
    for most, more in ((49, 1), (48, 0)):
        lines = []
        (path,) = build(owls, tmp_path / f"{most}", lines, max_points=most)
        assert sum(map(len, contents(path).values())) == 300 + more
        assert ("left out 1: more than 48 points" in lines) == (not more)


@pytest.mark.parametrize("form", ["raw", "svg"])
def test_a_drawing_of_one_spot_is_left_out(tmp_path, form, owls):
    if form == "raw":
        path = write(tmp_path / "a.ndjson", [record(5, drawing=[[[3, 3], [4, 4], [0, 1]]])])
    else:
        path = tmp_path / "dots"
        path.mkdir()
        (path / "a.svg").write_text('<svg><path d="M1,1l0,0"/></svg>')
    with pytest.raises(DataError, match="no usable drawing among 1; .*: all points are equal"):
        build([owls, path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_source_is_blamed_for_its_own_drawings(tmp_path, owls):
    with open(owls, "ab") as file:
        file.write(b"oops\n")
    bad = write(tmp_path / "bad.ndjson", [record(0, drawing=[])])
    with pytest.raises(
        DataError, match=r"bad\.ndjson: .* among 1; .*bad\.ndjson, line 1.*no strok"
    ):
        build([owls, bad], tmp_path / "out")


def test_what_is_damaged_counts_for_its_class(tmp_path, owls):
    damaged = [record(1, "bat", drawing=[]), record([], drawing=[[1]]), record(5, word=7)]
    bats = write(tmp_path / "b.ndjson", damaged + [record(key, "bat") for key in range(100)])
    lines = []
    build([bats, owls], tmp_path / "out", lines)
    assert lines[-2].endswith(" points; 1 of this class left out")  # bat; the number has no class
    assert lines[-1].endswith(" points; 1 of this class left out")
    lines = []
    build(owls, tmp_path / "other", lines)
    assert lines[-1].endswith("the longest has 3 points")


@pytest.mark.parametrize("mark", ["kvg:", "pen:"])
def test_damaged_svg_files_count_for_their_class(tmp_path, mark):
    folder = tmp_path / "pens"
    folder.mkdir()
    for i in range(100):
        path = f'<path id="{mark}04e00-s1" d="M9,9L{i + 10},30"/>'
        name = f"{0x4E00 + i:05x}.svg"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg">{path}</svg>' if i % 40 else f"<svg>{mark}"
        (folder / name).write_text(svg)
    lines = []
    (path,) = build(folder, tmp_path / "out", lines, shares=(60, 20, 20))
    assert path.name == ("kanjivg.npz" if mark == "kvg:" else "pens.npz")
    assert lines[-1].endswith("; 3 of this class left out")
