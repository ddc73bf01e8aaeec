import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from magenta_sketch.drawing.svg import curves
from magenta_sketch.drawing.svg import svg as drawing

SVG = "{http://www.w3.org/2000/svg}"
CROSS = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]], np.float32)  # 30 wide, 40 high
DOT_AND_LINE = np.array([[20, 0, 1], [10, 10, 1]], np.float32)
ONE_DOT = np.array([[0, 0, 1]], np.float32)
EMPTY = np.zeros((0, 3), np.float32)


def parse(source) -> ET.Element:
    root = ET.fromstring(source) if isinstance(source, str) else ET.parse(source).getroot()
    assert root.tag == f"{SVG}svg"
    return root


def sketches_in(root: ET.Element) -> list[list[np.ndarray]]:
    """The drawn sketches, each a list of strokes [k, 2] in the document's units."""
    found = []
    for group in root.iter(f"{SVG}g"):
        if group.get("class") != "sketch":
            continue
        strokes = []
        for path in group:
            assert path.tag == f"{SVG}path"
            data = path.get("d")
            assert re.fullmatch(r"M[-0-9. ]+L[-0-9. ]+", data), data
            strokes.append(np.array(re.findall(r"[-0-9.]+", data), float).reshape(-1, 2))
        found.append(strokes)
    return found


def box(strokes: list[np.ndarray]) -> np.ndarray:
    points = np.concatenate(strokes)
    return np.array([points.min(0), points.max(0)])


def size(root: ET.Element) -> tuple[float, float]:
    return float(root.get("width")), float(root.get("height"))


def texts_in(root: ET.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]


# One sketch


def test_a_sketch_is_drawn_from_the_origin_and_not_in_the_air():
    (strokes,) = sketches_in(parse(drawing.sketch_to_svg(CROSS, size=128)))
    across, down = strokes
    assert len(across) == 2  # the first stroke starts at the origin, which has no row
    assert across[0, 1] == across[1, 1] and across[0, 0] < across[1, 0]
    assert len(down) == 2
    # The second starts where the pen came down again: over the first one's middle.
    assert down[0, 0] == pytest.approx(across[:, 0].mean(), abs=0.1)
    assert down[0, 1] < across[0, 1] < down[1, 1]  # y points down


@pytest.mark.parametrize("stretch", [(1, 1), (7, 1), (1, 0.01), (1000, 1000), (1e-3, 1e-3)])
@pytest.mark.parametrize("padding", [0, 10])
def test_it_fills_its_cell_centred_with_its_aspect_ratio_kept(stretch, padding):
    sketch = CROSS * np.array([*stretch, 1])
    text = drawing.sketch_to_svg(sketch, size=200, stroke_width=4, padding=padding)
    (strokes,) = sketches_in(parse(text))
    low, high = box(strokes)
    true = np.array([30.0, 40.0]) * stretch
    assert (high - low).max() == pytest.approx(200 - 2 * padding - 4, abs=0.2)
    assert high - low == pytest.approx(true * (200 - 2 * padding - 4) / true.max(), abs=0.2)
    assert (low + high) / 2 == pytest.approx([100, 100], abs=0.1)


def test_a_dot_is_a_stroke_without_length_and_with_round_caps():
    root = parse(drawing.sketch_to_svg(DOT_AND_LINE))
    ((line, dot),) = sketches_in(root)
    assert len(line) == 2 and len(dot) == 2
    assert (dot[0] == dot[1]).all()
    (ink,) = (g for g in root.iter(f"{SVG}g") if g.get("stroke"))
    assert ink.get("stroke-linecap") == "round" and ink.get("fill") == "none"


@pytest.mark.parametrize("sketch", [ONE_DOT, ONE_DOT * 0])
def test_a_lone_dot_stands_in_the_middle(sketch):
    ((dot,),) = sketches_in(parse(drawing.sketch_to_svg(sketch, size=100)))
    assert (dot == 50).all()


@pytest.mark.parametrize("row, extent", [([50, 0, 1], [1, 0]), ([0, -3, 0], [0, 1])])
def test_a_line_without_width_or_height_is_scaled_by_the_other(row, extent):
    (strokes,) = sketches_in(parse(drawing.sketch_to_svg(np.array([row]), size=64)))
    low, high = box(strokes)
    assert high - low == pytest.approx(np.array(extent) * (64 - 8 - 1), abs=0.1)


def test_an_empty_sketch_is_a_white_square():
    root = parse(drawing.sketch_to_svg(EMPTY, size=90))
    assert sketches_in(root) == [[]]
    assert size(root) == (90, 90)
    assert root.find(f"{SVG}rect").get("fill") == "white"


def test_coordinates_are_short_and_rounding_does_not_add_up():
    # 1000 steps of a third of a tenth of a pixel: rounded one by one they would all vanish.
    sketch = np.tile(np.array([[1, 0.01, 0]]), (1000, 1))
    text = drawing.sketch_to_svg(sketch, size=40, padding=3, stroke_width=1)
    (strokes,) = sketches_in(parse(text))
    assert np.diff(box(strokes)[:, 0]) == pytest.approx(33, abs=0.1)
    assert not re.search(r"\.\d\d", parse(text).find(f".//{SVG}path").get("d"))


@pytest.mark.parametrize(
    "sketch, message",
    [
        ([[1, 2, 0], [np.nan, 0, 0]], "the sketch has a number that is not finite in row 1"),
        ([[1, np.inf, 0]], "not finite in row 0"),
        ([[1, 0, np.nan]], "not finite in row 0"),
        ([[1.5e308, 0, 0], [1.5e308, 0, 0]], "so large that its coordinates are not finite"),
        ([[1, 2]], r"shape \[n, 3\], but has shape \[1, 2\]"),
        (np.zeros((2, 4, 3)), r"but has shape \[2, 4, 3\]"),
    ],
)
def test_what_cannot_be_drawn_is_named(sketch, message):
    with pytest.raises(ValueError, match=message):
        drawing.sketch_to_svg(np.array(sketch))


@pytest.mark.parametrize(
    "lengths",
    [{"size": 0}, {"stroke_width": 0}, {"padding": -1}, {"padding": 200}, {"size": np.nan}],
)
def test_impossible_lengths(lengths):
    with pytest.raises(ValueError, match="no room for a padding"):
        drawing.sketch_to_svg(CROSS, **lengths)


# Several


def cell_of(strokes, left, top, cell):
    """Column and row of the cell that holds all of the strokes, pen included."""
    low, high = box(strokes)
    first = np.floor((low - [left, top] - cell / 128) / cell)
    last = np.floor((high - [left, top] + cell / 128) / cell)
    assert (first == last).all(), "a sketch leaves its cell"
    return tuple(first.astype(int))


@pytest.mark.parametrize(
    "count, columns, shape",
    [(1, None, (1, 1)), (5, None, (3, 2)), (9, None, (3, 3)), (5, 2, (2, 3)), (3, 7, (3, 1))],
)
def test_several_sketches_make_a_grid_in_reading_order(tmp_path, count, columns, shape):
    target = tmp_path / "grid.svg"
    drawing.save_svg(target, [CROSS] * count, cell=50, columns=columns)
    root = parse(target)
    assert size(root) == (shape[0] * 50, shape[1] * 50)
    cells = [cell_of(strokes, 0, 0, 50) for strokes in sketches_in(root)]
    assert cells == [(i % shape[0], i // shape[0]) for i in range(count)]


@pytest.mark.parametrize("one", [CROSS, CROSS.tolist(), EMPTY, [CROSS]])
def test_one_sketch_may_be_given_as_it_is(tmp_path, one):
    drawing.save_svg(tmp_path / "one.svg", one)
    assert len(sketches_in(parse(tmp_path / "one.svg"))) == 1


def test_a_sequence_that_only_has_length_and_items(tmp_path):
    class Set:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return [CROSS, DOT_AND_LINE][index]

    drawing.save_svg(tmp_path / "set.svg", Set())
    assert [len(strokes) for strokes in sketches_in(parse(tmp_path / "set.svg"))] == [2, 2]


@pytest.mark.parametrize("shared_scale, ratio", [(False, 1), (True, 4)])
def test_shared_scale_keeps_sizes_comparable(tmp_path, shared_scale, ratio):
    drawing.save_svg(
        tmp_path / "two.svg",
        [CROSS * [4, 4, 1], CROSS, ONE_DOT, EMPTY],
        cell=200,
        shared_scale=shared_scale,
    )
    large, little, dot, empty = sketches_in(parse(tmp_path / "two.svg"))
    assert np.ptp(box(large), axis=0) == pytest.approx(ratio * np.ptp(box(little), axis=0), abs=1)
    assert box(large)[1, 1] - box(large)[0, 1] == pytest.approx(200 - 25 - 200 / 64, abs=0.2)
    assert len(dot) == 1 and empty == []


def test_a_grid_with_titles_and_gaps(tmp_path):
    target = tmp_path / "grid.svg"
    rows = [[CROSS, CROSS, None], [None, EMPTY, CROSS], [DOT_AND_LINE]]
    drawing.save_grid(
        target, rows, column_titles=["original", "again"], row_titles=["a", "b", "c"], title="Test"
    )
    root = parse(target)
    assert texts_in(root) == ["Test", "original", "again", "a", "b", "c"]
    width, height = size(root)
    left, top = width - 3 * 160, height - 3 * 160
    assert left > 10 and top > 20
    drawn = sketches_in(root)
    assert [len(strokes) for strokes in drawn] == [2, 2, 0, 2, 2]  # None draws nothing at all
    cells = [cell_of(strokes, left, top, 160) for strokes in drawn if strokes]
    assert cells == [(0, 0), (1, 0), (2, 1), (0, 2)]
    for text in root.iter(f"{SVG}text"):  # titles keep out of the cells
        x, y = float(text.get("x")), float(text.get("y"))
        assert (x < left and text.get("text-anchor") == "end") or y < top
        assert 0 < x < width and 0 < y < height


def test_titles_are_escaped_and_cleaned(tmp_path):
    target = tmp_path / "grid.svg"
    drawing.save_grid(target, [[CROSS]], title='<&"]]>', row_titles=["漢字"], cell=300)
    assert '<&"' not in target.read_text("utf-8")
    assert texts_in(parse(target)) == ['<&"]]>', "漢字"]
    # None of these may stand in XML at all.
    drawing.save_grid(target, [[CROSS]], title="a\0b\x1bc\ud800d\uffffe\n f", cell=300)
    assert texts_in(parse(target)) == ["a\ufffdb\ufffdc\ufffdd\ufffde f"]


def test_a_long_title_is_cut_and_kept_as_the_tooltip(tmp_path):
    long = "a title far too long for the place it has"
    drawing.save_grid(
        tmp_path / "g.svg", [[CROSS, CROSS]], column_titles=[long, "short"], row_titles=[long * 9]
    )
    root = parse(tmp_path / "g.svg")
    first, second, _ = root.iter(f"{SVG}text")
    shown = next(t for t in first.itertext() if t != long)
    assert shown.endswith("…") and long.startswith(shown[:-1]) and 8 < len(shown) < len(long)
    assert first.find(f"{SVG}title").text == long
    assert second.text == "short" and len(second) == 0
    assert size(root)[0] < 5 * 160  # row titles cannot push the drawings off the page


def test_a_grid_of_real_size_is_small(tmp_path):
    offsets = np.random.default_rng(0).normal(0, 20, (100, 60, 3))
    offsets[:, :, 2] = np.arange(60) % 4 == 3
    drawing.save_svg(tmp_path / "grid.svg", list(offsets))
    drawn = sketches_in(parse(tmp_path / "grid.svg"))
    assert [len(strokes) for strokes in drawn] == [15] * 100
    assert (tmp_path / "grid.svg").stat().st_size < 130_000


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p: drawing.save_svg(p, []), "sketches is empty"),
        (lambda p: drawing.save_svg(p, [CROSS, CROSS * np.nan]), "sketch 1 has a number that is"),
        (lambda p: drawing.save_svg(p, [CROSS], columns=0), "columns must be at least 1, got 0"),
        (lambda p: drawing.save_svg(p.with_suffix(".png"), CROSS), r"a\.png: drawings are written"),
        (lambda p: drawing.save_grid(p, []), "rows is empty"),
        (lambda p: drawing.save_grid(p, [[], []]), "rows is empty"),
        (lambda p: drawing.save_grid(p, [[None, CROSS * np.inf]]), "in row 0, column 1 has a num"),
        (
            lambda p: drawing.save_grid(p, [[CROSS]], column_titles="ab"),
            "column_titles has 2 entries for 1 places",
        ),
        (lambda p: drawing.save_grid(p, [[CROSS]], row_titles="ab"), "row_titles has 2 entries"),
        (lambda p: curves.save_training_curve(p.with_suffix(".pdf"), []), r"as \.png or \.svg"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_errors_say_what_is_wrong_and_write_nothing(tmp_path, call, message):
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_is_imported_only_for_curves():
    code = "import sys, magenta_sketch.drawing.svg; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# Files

SAVERS = {
    "grid.svg": lambda path: drawing.save_grid(path, [[CROSS]]),
    "one.svg": lambda path: drawing.save_svg(path, CROSS),
    "curve.png": lambda path: curves.save_training_curve(path, []),
}


@pytest.mark.parametrize("name", SAVERS)
def test_folders_are_made_and_nothing_else_is_left(tmp_path, name):
    target = tmp_path / "new" / "er" / name
    for _ in range(2):
        SAVERS[name](target)
        assert [path.name for path in target.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", SAVERS)
def test_a_failed_write_leaves_the_old_file(tmp_path, name, monkeypatch):
    target = tmp_path / name
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        SAVERS[name](target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_svg_is_the_same_text_as_the_string(tmp_path):
    drawing.save_svg(tmp_path / "one.svg", CROSS)
    assert (tmp_path / "one.svg").read_text("utf-8") == drawing.sketch_to_svg(CROSS)


# Captions, and drawings in the sketch's own units


def test_captions_stand_below_their_sketches(tmp_path):
    path = tmp_path / "grid.svg"
    drawing.save_grid(
        path, [[CROSS, CROSS], [CROSS]], captions=[["a", ""], ["c"]], row_titles=["", "second"]
    )
    root = parse(path)
    boxes = [box(strokes) for strokes in sketches_in(root)]
    places = {
        element.text: (float(element.get("x")), float(element.get("y")))
        for element in root.iter(f"{SVG}text")
    }
    assert set(places) == {"a", "c", "second"}
    for text, (low, high) in (("a", boxes[0]), ("c", boxes[2])):
        x, y = places[text]
        assert x == pytest.approx((low[0] + high[0]) / 2, abs=0.2)
        assert y - 12 > high[1]  # the letters are below the drawing
    assert places["a"][1] < boxes[2][0][1]  # and above the next row's
    assert places["c"][1] < size(root)[1]


@pytest.mark.parametrize("captions", [[["a", "b"]], [["a"], ["b"]]])
def test_more_captions_than_sketches(tmp_path, captions):
    with pytest.raises(ValueError, match="captions.* has 2 entries for 1 places"):
        drawing.save_grid(tmp_path / "a.svg", [[CROSS]], captions=captions)


def test_a_drawing_in_pixels_is_the_sketch_and_nothing_else():
    root = parse(drawing.sketch_to_pixel_svg(CROSS))
    (strokes,) = sketches_in(root)
    assert [stroke.tolist() for stroke in strokes] == [[[0, 0], [30, 0]], [[15, -10], [15, 30]]]
    x, y, width, height = map(float, root.get("viewBox").split(","))
    assert (x, y, width, height) == (-2, -12, 34, 44)
    assert size(root) == (width, height)
    assert {element.tag for element in root.iter()} == {
        f"{SVG}{name}" for name in ("svg", "defs", "g", "path")
    }


@pytest.mark.parametrize("sketch", [ONE_DOT, EMPTY])
def test_drawings_without_extent_in_pixels(sketch):
    assert size(parse(drawing.sketch_to_pixel_svg(sketch))) == (4, 4)
