import hashlib
import importlib.metadata
import itertools
import re

import numpy as np
import pytest
import svgpathtools

from magenta_sketch.data import load_data_set
from magenta_sketch.data.sources import kanjivg
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError

ROUNDING = np.sqrt(0.5) / kanjivg.PIXELS_PER_UNIT  # units; half a pixel in x and in y

DOCTYPE = """<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "http://www.w3.org/svg10.dtd" [
<!ATTLIST g xmlns:kvg CDATA #FIXED "http://kanjivg.tagaini.net" kvg:element CDATA #IMPLIED >
]>"""


def svg(*strokes: str, numbers=None, doctype=DOCTYPE, more="") -> str:
    """A file like KanjiVG's, with these stroke paths."""
    paths = "".join(
        f'<g><path id="kvg:04e00-s{number}" d="{d}"/></g>'
        for number, d in zip(numbers or range(1, len(strokes) + 1), strokes, strict=True)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
{doctype}
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 109 109">
<g id="kvg:StrokePaths_04e00"><g id="kvg:04e00" xmlns:kvg="http://kanjivg.tagaini.net"
kvg:element="x">{paths}</g></g><g id="kvg:StrokeNumbers_04e00"><text>1</text></g>{more}</svg>"""


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
    kanjivg.build(tmp_path / name, lines.append, source=source)
    with np.load(tmp_path / name, allow_pickle=True) as data:
        return {split: list(data[split]) for split in data.files}, lines


def distance_to(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance of each point [n, 2] to a polyline [k, 2]."""
    if len(line) == 1:
        return np.linalg.norm(points - line, axis=1)
    start, along = line[:-1], np.diff(line, axis=0)
    square = (along**2).sum(axis=1)
    offset = points[:, None] - start
    t = np.clip((offset * along).sum(axis=2) / np.where(square > 0, square, 1), 0, 1)
    return np.linalg.norm(offset - t[..., None] * along, axis=2).min(axis=1)


# Curves


def bezier(controls, t):
    """De Casteljau's way, another than the tested one."""
    points = [np.asarray(c, float) for c in controls]
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in itertools.pairwise(points)]
    return points[0]


@pytest.mark.parametrize(
    "path",
    [
        "M10,20C30,40 50,0 70,10",
        "M 10 20 c 20 20 40 -20 60 -10",
        "m10,20c20,20,40-20,60-10",
        "M0,0M10,20C30,40,50,0,70,10",  # moving without drawing leaves nothing
    ],
)
def test_a_curve_becomes_points_on_it(path):
    (line,) = kanjivg.flatten(path)
    assert line.shape == (kanjivg.PIECES + 1, 2)
    controls = [(10, 20), (30, 40), (50, 0), (70, 10)]
    expected = [bezier(controls, t) for t in np.linspace(0, 1, kanjivg.PIECES + 1)]
    np.testing.assert_allclose(line, expected, atol=1e-9)


def test_a_smooth_curve_mirrors_the_control_point_before():
    (line,) = kanjivg.flatten("M0,0c0,10,10,10,10,0s10-10,10,0")
    (written_out,) = kanjivg.flatten("M0,0C0,10,10,10,10,0C10-10,20-10,20,0")
    np.testing.assert_allclose(line, written_out, atol=1e-9)


@pytest.mark.parametrize(
    "path, corners",
    [
        ("M1,2L3,4 5,0", [[[1, 2], [3, 4], [5, 0]]]),
        ("M1,2h3v4z", [[[1, 2], [4, 2], [4, 6], [1, 2]]]),
        ("M1,2l1,0M5,5l0,2", [[[1, 2], [2, 2]], [[5, 5], [5, 7]]]),
        ("M1,2", []),
    ],
)
def test_straight_parts(path, corners):
    lines = kanjivg.flatten(path)
    assert [line.tolist() for line in lines] == corners


@pytest.mark.parametrize(
    "path, center, radius",
    [("M10,0A10,10 0 0 1 0,10", (0, 0), 10), ("M3,0A3,3,0,0,0,-3,0", (0, 0), 3)],
)
def test_arcs(path, center, radius):
    (line,) = kanjivg.flatten(path)
    np.testing.assert_allclose(np.linalg.norm(line - center, axis=1), radius, atol=1e-9)


@pytest.mark.parametrize(
    "path",
    ["hello", "M1,2C3,4", "M1,2L3,é", "T1,2", "M1,2a4,5,6", "L1,2 3,4", "M1,2L1e999,3", "M1,2c1,"],
)
def test_damaged_paths(path):
    with pytest.raises(ValueError, match=r"damaged path '|not finite|without a start"):
        kanjivg.flatten(path)


# Simplification


@pytest.mark.parametrize("tolerance", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(10))
def test_no_point_is_further_than_the_tolerance(tolerance, seed):
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal(0, 1, (int(rng.integers(2, 200)), 2)), axis=0)
    if seed % 3 == 0:
        line[-1] = line[0]  # closed
    if seed % 4 == 0:
        line = np.repeat(line, 2, axis=0)  # standing still
    result = kanjivg.simplify(line, tolerance)
    assert distance_to(line, result).max() <= tolerance + 1e-9
    np.testing.assert_array_equal(result[[0, -1]], line[[0, -1]])
    at = 0  # a part of the line's points, in their order
    for point in result:
        at += int(np.flatnonzero((line[at:] == point).all(axis=1))[0])


def test_simplification_leaves_out_what_is_not_needed():
    t = np.linspace(0, 1, 50)[:, None]
    corner = np.concatenate([t * [10, 0], [10, 0] + t * [0, 10]])
    assert kanjivg.simplify(corner, 0.01).tolist() == [[0, 0], [10, 0], [10, 10]]


# Files


def test_strokes_are_read_in_the_order_of_writing(tmp_path):
    file = tmp_path / "a.svg"
    # The third path of the file is no stroke.
    more = '<path id="kvg:other" d="M0,0L1,1"/>'
    file.write_text(svg("M3,3L4,4", "M1,1L2,2", numbers=[2, 1], more=more))
    assert [line.tolist() for line in kanjivg.read_character(file)] == [
        [[1, 1], [2, 2]],
        [[3, 3], [4, 4]],
    ]


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
DAMAGED = {
    "cut off": (svg("M1,1L2,2")[:300], "not well-formed XML"),
    "empty": ("", "not well-formed XML"),
    "unknown encoding": (svg("M1,1L2,2").replace("UTF-8", "nonsense"), "not well-formed XML"),
    "entities": (svg("M1,1L2,2", doctype=BOMB, more="&b;"), "declares entities"),
    "external entity": (svg("M1,1L2,2", doctype=OUTSIDE, more="&a;"), "declares entities"),
    "no strokes": (svg(), "has no strokes"),
    "a stroke missing": (svg("M1,1L2,2", "M1,1L2,2", numbers=[1, 3]), "not numbered 1 to 2"),
    "a stroke twice": (svg("M1,1L2,2", "M1,1L2,2", numbers=[1, 1]), "not numbered 1 to 2"),
    "bad path": (svg("M1,1L2,2", "M1,1C3"), "damaged path"),
    "no path": (svg("M1,1L2,2", ""), "stroke 2 draws nothing"),
    "far away": (svg("M1,1L2,20000"), "stroke 1 leaves the character's box"),
}


@pytest.mark.parametrize("text, message", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(tmp_path, text, message):
    file = tmp_path / "a.svg"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        kanjivg.read_character(file)


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


# Split


def test_the_split_never_changes():
    """Recorded: whoever changes the rule makes old and new data sets leak into each other."""
    names = [f"{0x4E00 + i:05x}.svg" for i in range(2000)]
    text = " ".join(map(kanjivg.split_of, names))
    assert [names[text.split().index(split)] for split in ("train", "valid", "test")] == [
        "04e00.svg",
        "04e0a.svg",
        "04e03.svg",
    ]
    assert hashlib.sha256(text.encode()).hexdigest().startswith("6c7826245965d0f9")


def test_the_shares_of_the_splits():
    names = [kanjivg.split_of(f"{i:05x}.svg") for i in kanjivg.CHARACTERS]
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
    where = kanjivg.split_of("04e00.svg")
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
    "points, kept", [(kanjivg.MAX_POINTS, True), (kanjivg.MAX_POINTS + 1, False)]
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
        kanjivg.build(tmp_path / "a.npz", print)
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
    kanjivg.build(path, lines.append)
    return path, lines


def test_the_whole_package(whole):
    path, lines = whole
    data = load_data_set([path.name], path.parent, report=lambda line: None)
    assert len(data.train) > 4500 and len(data.valid) > 200 and len(data.test) > 200
    assert data.max_seq_len == kanjivg.MAX_POINTS
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
    files, _ = kanjivg._files(None)
    for file in files[:600]:
        strokes = kanjivg.read_character(file)
        if len(kanjivg._sketch(strokes)) > kanjivg.MAX_POINTS:
            continue
        lines = to_polylines(next(stored[kanjivg.split_of(file.name)]))
        start = np.rint(strokes[0][0] * kanjivg.PIXELS_PER_UNIT)
        for line, stroke in zip(lines, strokes, strict=True):
            line = (line + start) / kanjivg.PIXELS_PER_UNIT
            assert distance_to(stroke, line).max() <= kanjivg.TOLERANCE + ROUNDING + 1e-6, file.name
            assert distance_to(line, stroke).max() <= ROUNDING + 1e-6, file.name


def test_straight_pieces_stay_near_real_curves():
    try:
        files, _ = kanjivg._files(None)
    except DataError as error:
        pytest.skip(str(error))
    for file in files[:1000:25]:
        for path in re.findall(r'<path [^>]* d="([^"]*)"', file.read_text("utf-8")):
            curves = [
                part
                for part in svgpathtools.parse_path(path)
                if isinstance(part, svgpathtools.CubicBezier)
            ]
            fine = [part.point(t) for part in curves for t in np.linspace(0, 1, 129)]
            (line,) = kanjivg.flatten(path)
            points = np.array([(point.real, point.imag) for point in fine])
            assert distance_to(points, line).max() < 0.07, (file.name, path)
