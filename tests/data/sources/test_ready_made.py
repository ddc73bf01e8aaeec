"""Ready-made data sets: KanjiVG's, which the quick start trains on."""

import importlib.metadata

import numpy as np
import pytest
from characters import DAMAGED, install, svg, write_characters
from geometry import distance_to

from magenta_sketch.data import load_data_set, read_npz
from magenta_sketch.data.sources import building, finding, kanjivg, ready_made
from magenta_sketch.data.sources.collecting import sketch_of
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.sources.splitting import split_of
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError

UNIT = kanjivg.PIXELS_PER_UNIT  # pixels
ROUNDING = np.sqrt(0.5) / UNIT  # units; half a pixel in x and in y


@pytest.fixture
def files(tmp_path, monkeypatch):
    """80 small characters, those of the installed package."""
    files = write_characters(tmp_path / "kanji")
    install(monkeypatch, files)
    return files


def write(folder):
    """Write kanjivg.npz; return its splits and the lines that were told."""
    lines = []
    ready_made.write("kanjivg.npz", folder, lines.append)
    return read_npz(folder / "kanjivg.npz"), lines


def sizes(splits):
    return {split: len(sketches) for split, sketches in splits.items()}


def test_the_data_set_never_changes(tmp_path, files):
    """Recorded: runs of before go on only with the same sketches."""
    lines = []
    data = load_data_set("kanjivg.npz", tmp_path / "new" / "folder", report=lines.append)
    assert data.fingerprint == "a94dbce66d72848cf438c522b0365ba93311b7bd4a64b7cb77d3e453598ec9d1"
    assert lines[:3] == [
        "reading 80 characters from the package kanjivg 1: "
        "4 px a unit, epsilon 4 px, at most 48 points",
        kanjivg.CREDIT,
        f"wrote {tmp_path / 'new' / 'folder' / 'kanjivg.npz'}: train 72, valid 4, test 4; "
        "the longest has 9 points",
    ]
    assert "CC BY-SA 3.0" in kanjivg.CREDIT and "Ulrich Apel" in kanjivg.CREDIT
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["kanjivg.LICENSE.txt", "kanjivg.npz"]
    text = (tmp_path / "new" / "folder" / "kanjivg.LICENSE.txt").read_text()
    assert text == LICENSE


LICENSE = """kanjivg.npz is derived from KanjiVG, taken from the package kanjivg 1.

KanjiVG is copyright (C) Ulrich Apel.
https://kanjivg.tagaini.net
Released under the Creative Commons Attribution-ShareAlike 3.0 licence:
https://creativecommons.org/licenses/by-sa/3.0/

Changes made: strokes were flattened to polylines, simplified (Ramer-Douglas-Peucker, tolerance
1 of KanjiVG's units), scaled by 4, rounded and stored as pen offsets;
characters of more than 48 points and all variants were left out.
The result, and drawings made from it, are under the same licence.
"""


def test_sketches_are_whole_pixels_with_a_lift_after_each_stroke(tmp_path, files):
    splits, _ = write(tmp_path / "out")
    with np.load(tmp_path / "out" / "kanjivg.npz", allow_pickle=True) as data:
        assert {item.dtype for split in data.files for item in data[split]} == {np.dtype("int16")}
    for sketch in (sketch for sketches in splits.values() for sketch in sketches):
        assert len(to_polylines(sketch)) == 3
        assert sketch[-1, 2] == 1
        assert len(to_polylines(sketch)[2]) == 1  # the dot: one point, not two on one spot
    where = split_of("04e00.svg")
    first, second, dot = to_polylines(splits[where][0])
    assert first[-1].tolist() == [30 * 4, -3 * 4]
    assert (second - second[0]).tolist() == [[0, 0], [0, 95 * 4]]
    assert dot.tolist() == [[80 * 4, 80 * 4]]


def test_the_order_of_the_files_does_not_matter(tmp_path, files, monkeypatch):
    write(tmp_path / "a")
    install(monkeypatch, reversed(files))
    write(tmp_path / "b")
    one, other = (tmp_path / folder / "kanjivg.npz" for folder in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_variants_and_other_scripts_are_left_out(tmp_path, files, monkeypatch):
    before, _ = write(tmp_path / "out")
    names = ["04e00-Kaisho.svg", "03042.svg", "0f9a8.svg", "4e00.svg", "x.svg", "note.txt"]
    for name in names:
        (tmp_path / "kanji" / name).write_text(svg("M1,2L50,99"))
    install(monkeypatch, (tmp_path / "kanji").iterdir())
    after, _ = write(tmp_path / "out")  # and replaces the file
    assert sizes(before) == sizes(after) == {"train": 72, "valid": 4, "test": 4}


def test_long_sketches_are_left_out(tmp_path, files):
    """By default they are counted; those that a user wants left out are named, too."""
    for name, points in (("04ffe", 48), ("04fff", 49)):
        zigzag = "M0,0L" + " ".join(f"{2 * i},{i % 2 * 50}" for i in range(1, points + 1))
        (tmp_path / "kanji" / f"{name}.svg").write_text(svg(zigzag))
    named = f"{tmp_path / 'kanji' / '04fff.svg'}, drawing 04fff.svg: more than 48 points: 49"
    for most, kept, left in (
        (None, 81, ["left out 1: more than 48 points"]),
        (48, 81, [f"skipped {named}", "left out 1: more than 48 points"]),
        (1000, 82, []),
    ):
        lines = []
        source = finding.find(str(tmp_path / "kanji"))
        options = Options(max_points=most, overwrite=True)
        (path,) = building.build([source], tmp_path / "out", options, lines.append)
        assert sum(sizes(read_npz(path)).values()) == kept
        assert lines[0].endswith(f"at most {most or 48:,} points")
        assert lines[2:-1] == left
        assert ("; 1 of this class left out" in lines[-1]) == bool(left)


def test_the_licence_says_what_was_chosen(tmp_path, files):
    options = Options(epsilon=2, max_points=1000, counts=(20, 2, 2))
    building.build([kanjivg.source()], tmp_path / "out", options, lambda line: None)
    text = (tmp_path / "out" / "kanjivg.LICENSE.txt").read_text()
    assert "tolerance\n0.5 of KanjiVG's units" in text
    assert (
        "more than 1000 points, characters beyond the number that was asked for and all variants"
        in text
    )


def test_nothing_is_printed_but_what_is_told(tmp_path, files, capfd):
    write(tmp_path / "out")
    assert capfd.readouterr() == ("", "")


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
        write(tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sources_that_will_not_do(tmp_path, files, monkeypatch):
    with pytest.raises(DataError, match="nowhere: .*expected a folder"):
        kanjivg.source(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no character files"):
        kanjivg.source(tmp_path)
    install(monkeypatch, files[:1])
    with pytest.raises(DataError, match="kanjivg: .* no split may be empty"):
        write(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["kanji"]


def test_a_place_that_cannot_be_written(tmp_path, files):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write(tmp_path / "file")


def test_damaged_files_are_left_out_counted_and_named(tmp_path, files, monkeypatch):
    before, lines = write(tmp_path / "out")
    assert not any("left out" in line for line in lines)
    for i, (text, _) in enumerate(DAMAGED.values()):
        files.append(tmp_path / "kanji" / f"{0x5000 + i:05x}.svg")
        files[-1].write_text(text)
    install(monkeypatch, files)
    after, lines = write(tmp_path / "out")
    for split in before:
        assert list(map(bytes, before[split])) == list(map(bytes, after[split]))
    reason = "not a usable character of KanjiVG"
    assert f"left out {len(DAMAGED)}: {reason}" in lines
    skipped = [line for line in lines if line.startswith("skipped")]
    assert len(skipped) == min(len(DAMAGED), 10)
    assert skipped[0].startswith(f"skipped {files[80]}: {reason}: not well-formed XML")


# Real characters


def test_real_characters_keep_their_shape_and_size(tmp_path, monkeypatch):
    """No point of a stroke is far from the line that stands for it, nor the other way round."""
    files = kanjivg.character_files()[0][::80]
    install(monkeypatch, files)
    splits, lines = write(tmp_path / "out")
    assert not any("skipped" in line for line in lines)
    stored = {split: iter(sketches) for split, sketches in splits.items()}
    count = 0
    for drawing in kanjivg.source().read(lambda size: None):
        file, strokes = drawing.key, drawing.lines
        if len(sketch_of(drawing, kanjivg.DEFAULTS, simplify_again=False)) > kanjivg.MAX_POINTS:
            continue
        count += 1
        lines = to_polylines(next(stored[split_of(file)]))
        start = np.rint(strokes[0][0] * UNIT)
        for line, stroke in zip(lines, strokes, strict=True):
            line = (line + start) / UNIT
            assert distance_to(stroke, line).max() <= kanjivg.TOLERANCE + ROUNDING + 1e-6, file
            assert distance_to(line, stroke).max() <= ROUNDING + 1e-6, file
    assert count == sum(sizes(splits).values()) > 60
