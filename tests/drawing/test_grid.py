"""Grids of sketches as SVG drawings."""

import numpy as np
import pytest
from svg_reading import (
    CROSS,
    DOT_AND_LINE,
    EMPTY,
    ONE_DOT,
    SVG,
    box,
    parse,
    size,
    sketches_in,
    texts_in,
)

from magenta_sketch.drawing import grid
from magenta_sketch.drawing.svg import sketch_to_svg


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
    grid.save_svg(target, [CROSS] * count, cell=50, columns=columns)
    root = parse(target)
    assert size(root) == (shape[0] * 50, shape[1] * 50)
    cells = [cell_of(strokes, 0, 0, 50) for strokes in sketches_in(root)]
    assert cells == [(i % shape[0], i // shape[0]) for i in range(count)]


@pytest.mark.parametrize("one", [CROSS, CROSS.tolist(), EMPTY, [CROSS]])
def test_one_sketch_may_be_given_as_it_is(tmp_path, one):
    grid.save_svg(tmp_path / "one.svg", one)
    assert len(sketches_in(parse(tmp_path / "one.svg"))) == 1


def test_a_sequence_that_only_has_length_and_items(tmp_path):
    class Set:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return [CROSS, DOT_AND_LINE][index]

    grid.save_svg(tmp_path / "set.svg", Set())
    assert [len(strokes) for strokes in sketches_in(parse(tmp_path / "set.svg"))] == [2, 2]


@pytest.mark.parametrize("shared_scale, ratio", [(False, 1), (True, 4)])
def test_shared_scale_keeps_sizes_comparable(tmp_path, shared_scale, ratio):
    grid.save_svg(
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
    grid.save_grid(
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
    grid.save_grid(target, [[CROSS]], title='<&"]]>', row_titles=["漢字"], cell=300)
    assert '<&"' not in target.read_text("utf-8")
    assert texts_in(parse(target)) == ['<&"]]>', "漢字"]
    # None of these may stand in XML at all.
    grid.save_grid(target, [[CROSS]], title="a\0b\x1bc\ud800d\uffffe\n f", cell=300)
    assert texts_in(parse(target)) == ["a\ufffdb\ufffdc\ufffdd\ufffde f"]


def test_a_long_title_is_cut_and_kept_as_the_tooltip(tmp_path):
    long = "a title far too long for the place it has"
    grid.save_grid(
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
    grid.save_svg(tmp_path / "grid.svg", list(offsets))
    drawn = sketches_in(parse(tmp_path / "grid.svg"))
    assert [len(strokes) for strokes in drawn] == [15] * 100
    assert (tmp_path / "grid.svg").stat().st_size < 130_000


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p: grid.save_svg(p, []), "sketches is empty"),
        (lambda p: grid.save_svg(p, [CROSS, CROSS * np.nan]), "sketch 1 has a number that is"),
        (lambda p: grid.save_svg(p, [CROSS], columns=0), "columns must be at least 1, got 0"),
        (lambda p: grid.save_svg(p.with_suffix(".png"), CROSS), r"a\.png: drawings are written"),
        (lambda p: grid.save_grid(p, []), "rows is empty"),
        (lambda p: grid.save_grid(p, [[], []]), "rows is empty"),
        (lambda p: grid.save_grid(p, [[None, CROSS * np.inf]]), "in row 0, column 1 has a num"),
        (
            lambda p: grid.save_grid(p, [[CROSS]], column_titles="ab"),
            "column_titles has 2 entries for 1 places",
        ),
        (lambda p: grid.save_grid(p, [[CROSS]], row_titles="ab"), "row_titles has 2 entries"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_errors_say_what_is_wrong_and_write_nothing(tmp_path, call, message):
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_the_svg_is_the_same_text_as_the_string(tmp_path):
    grid.save_svg(tmp_path / "one.svg", CROSS)
    assert (tmp_path / "one.svg").read_text("utf-8") == sketch_to_svg(CROSS)


def test_captions_stand_below_their_sketches(tmp_path):
    path = tmp_path / "grid.svg"
    grid.save_grid(
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
        grid.save_grid(tmp_path / "a.svg", [[CROSS]], captions=captions)
