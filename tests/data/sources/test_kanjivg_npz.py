"""The quick start's data set, built from few characters and from the whole package."""

import hashlib
import importlib.metadata

import numpy as np
import pytest
from characters import DAMAGED, svg
from geometry import distance_to

from magenta_sketch.data import load_data_set
from magenta_sketch.data.sources import kanjivg, kanjivg_npz
from magenta_sketch.data.sources.splitting import split_of
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError

ROUNDING = np.sqrt(0.5) / kanjivg_npz.PIXELS_PER_UNIT  # units; half a pixel in x and in y


@pytest.fixture
def source(tmp_path):
    """A folder of 80 small characters, each of its own shape, that fill all three splits."""
    folder = tmp_path / "kanji"
    folder.mkdir()
    for i in range(80):
        text = svg(f"M10,{10 + i}c5,0 20,{i} 30,-3", f"M30,{5 + i}L30,100", "M90,90")
        text = text.replace('"M90,90"', '"M90,90l0.01,0"')  # a dot
        (folder / f"{0x4E00 + i:05x}.svg").write_text(text)
    return folder


def build(tmp_path, source, name="out.npz"):
    lines = []
    kanjivg_npz.build(tmp_path / name, lines.append, source=source)
    with np.load(tmp_path / name, allow_pickle=True) as data:
        return {split: list(data[split]) for split in data.files}, lines


# Split


def test_the_split_never_changes():
    """Recorded: whoever changes the rule makes old and new data sets leak into each other."""
    names = [f"{0x4E00 + i:05x}.svg" for i in range(2000)]
    text = " ".join(map(split_of, names))
    assert [names[text.split().index(split)] for split in ("train", "valid", "test")] == [
        "04e00.svg",
        "04e0a.svg",
        "04e03.svg",
    ]
    assert hashlib.sha256(text.encode()).hexdigest().startswith("6c7826245965d0f9")


def test_the_shares_of_the_splits():
    names = [split_of(f"{i:05x}.svg") for i in kanjivg.CHARACTERS]
    assert names.count("valid") / len(names) == pytest.approx(0.05, abs=0.005)
    assert names.count("test") / len(names) == pytest.approx(0.05, abs=0.005)


# Building


def test_sketches_are_whole_pixels_with_a_lift_after_each_stroke(tmp_path, source):
    (source / "note.txt").write_text("not a drawing")
    splits, _ = build(tmp_path, source)
    assert sum(map(len, splits.values())) == 80
    for sketch in (sketch for sketches in splits.values() for sketch in sketches):
        assert sketch.dtype == np.int16
        assert len(to_polylines(sketch)) == 3
        assert sketch[-1, 2] == 1
        assert len(to_polylines(sketch)[2]) == 1  # the dot: one point, not two on one spot
    where = split_of("04e00.svg")
    first, second, dot = to_polylines(splits[where][0])
    assert first[-1].tolist() == [30 * 4, -3 * 4]
    assert (second - second[0]).tolist() == [[0, 0], [0, 95 * 4]]
    assert dot.tolist() == [[80 * 4, 80 * 4]]


def test_building_again_gives_the_same_bytes(tmp_path, source):
    build(tmp_path, source, "a.npz")
    build(tmp_path, sorted(source.iterdir(), reverse=True), "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "name", ["04e00-Kaisho.svg", "03042.svg", "0f9a8.svg", "4e00.svg", "x.svg"]
)
def test_variants_and_other_scripts_are_left_out(tmp_path, source, name):
    before, _ = build(tmp_path, source)
    (source / name).write_text(svg("M1,2L50,99"))
    after, _ = build(tmp_path, source)
    assert {k: len(v) for k, v in before.items()} == {k: len(v) for k, v in after.items()}


@pytest.mark.parametrize(
    "points, kept", [(kanjivg_npz.MAX_POINTS, True), (kanjivg_npz.MAX_POINTS + 1, False)]
)
def test_long_sketches_are_left_out(tmp_path, source, points, kept):
    zigzag = "M0,0L" + " ".join(f"{2 * i},{i % 2 * 50}" for i in range(1, points + 1))
    (source / "04fff.svg").write_text(svg(zigzag))
    splits, lines = build(tmp_path, source)
    assert sum(map(len, splits.values())) == 80 + kept
    assert any(f"left out {1 - kept} longer" in line for line in lines)


def test_the_credit_is_told_and_kept_beside_the_data(tmp_path, source):
    _, lines = build(tmp_path / "new" / "folder", source)
    assert any("Ulrich Apel" in line and "CC BY-SA 3.0" in line for line in lines)
    text = (tmp_path / "new" / "folder" / "out.LICENSE.txt").read_text()
    assert "Ulrich Apel" in text and "https://kanjivg.tagaini.net" in text
    assert "https://creativecommons.org/licenses/by-sa/3.0/" in text
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["out.LICENSE.txt", "out.npz"]


def test_no_progress_bar_where_there_is_no_terminal(tmp_path, source, capfd):
    build(tmp_path, source)
    out, err = capfd.readouterr()
    assert out == "" and err == ""


def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)


class Bare:
    files = None
    version = "1"


@pytest.mark.parametrize(
    "distribution, message",
    [(missing, "pip install kanjivg"), (lambda name: Bare, "--force-reinstall kanjivg")],
)
def test_a_missing_package_is_told(tmp_path, monkeypatch, distribution, message):
    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    with pytest.raises(DataError, match=message) as caught:
        kanjivg_npz.build(tmp_path / "a.npz", print)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sources_that_will_not_do(tmp_path, source):
    with pytest.raises(DataError, match="nowhere: .*expected a folder"):
        build(tmp_path, tmp_path / "nowhere")
    with pytest.raises(DataError, match="no character files"):
        build(tmp_path, tmp_path)
    one = [source / "04e00.svg"]
    with pytest.raises(DataError, match="no sketch for .* among 1 files"):
        build(tmp_path, one)
    assert [path.name for path in tmp_path.iterdir()] == ["kanji"]


def test_a_place_that_cannot_be_written(tmp_path, source):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        build(tmp_path / "file", source)


# The whole package


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file built from the installed package, and the lines that were reported."""
    try:
        importlib.metadata.distribution("kanjivg")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the package kanjivg")
    path = tmp_path_factory.mktemp("kanjivg") / "kanjivg.npz"
    lines = []
    kanjivg_npz.build(path, lines.append)
    return path, lines


def test_the_whole_package(whole):
    path, lines = whole
    data = load_data_set([path.name], path.parent, report=lambda line: None)
    assert len(data.train) > 4500 and len(data.valid) > 200 and len(data.test) > 200
    assert data.max_seq_len == kanjivg_npz.MAX_POINTS
    assert 50 < data.normalizing_factor < 150
    assert not any("unreadable" in line for line in lines)
    for sketches in (data.train, data.valid, data.test):
        assert (np.rint(sketches.points) == sketches.points).all()
        assert (sketches.points[sketches.starts[1:] - 1, 2] == 1).all()
        assert np.abs(sketches.points[:, :2]).max() < 1000  # nothing for the loader to clamp


def test_no_character_is_in_two_splits(whole):
    with np.load(whole[0], allow_pickle=True) as data:
        contents = [{item.tobytes() for item in data[split]} for split in data.files]
        sizes = [len(data[split]) for split in data.files]
    assert len(set().union(*contents)) == sum(sizes)


def test_real_characters_keep_their_shape_and_place(whole):
    """No point of a stroke is far from the line that stands for it, nor the other way round."""
    with np.load(whole[0], allow_pickle=True) as data:
        stored = {split: iter(data[split]) for split in data.files}
    files, _ = kanjivg.character_files()
    for file in files[:600]:
        strokes = kanjivg.read_character(file)
        if len(kanjivg_npz.sketch_of_strokes(strokes)) > kanjivg_npz.MAX_POINTS:
            continue
        lines = to_polylines(next(stored[split_of(file.name)]))
        start = np.rint(strokes[0][0] * kanjivg_npz.PIXELS_PER_UNIT)
        for line, stroke in zip(lines, strokes, strict=True):
            line = (line + start) / kanjivg_npz.PIXELS_PER_UNIT
            assert distance_to(stroke, line).max() <= kanjivg_npz.TOLERANCE + ROUNDING + 1e-6, (
                file.name
            )
            assert distance_to(line, stroke).max() <= ROUNDING + 1e-6, file.name


def test_damaged_files_are_left_out_and_counted(tmp_path, source):
    before, lines = build(tmp_path, source)
    assert not any("unreadable" in line for line in lines)
    for i, (text, _) in enumerate(DAMAGED.values()):
        (source / f"{0x5000 + i:05x}.svg").write_text(text)
    after, lines = build(tmp_path, source)
    for split in before:
        assert list(map(bytes, before[split])) == list(map(bytes, after[split]))
    (line,) = (line for line in lines if "unreadable" in line)
    assert (
        f"left out {len(DAMAGED)} unreadable files, the first: 05000.svg: not well-formed" in line
    )
