"""Pages for pen plotters."""

import itertools

import numpy as np
import pytest
from svg_reading import CROSS, DOT_AND_LINE, EMPTY, ONE_DOT, SVG, box, parse, sketches_in

from magenta_sketch.data.sources import svg as reader
from magenta_sketch.drawing.picture import Dot, Picture, as_picture
from magenta_sketch.drawing.plotter import PAGES, Page, page_named, to_page
from magenta_sketch.drawing.sketches import Sketch

A4 = PAGES["a4"]
GRID = [[CROSS, DOT_AND_LINE, None], [EMPTY, CROSS * [3, 1, 1]]]


@pytest.mark.parametrize(
    "name, width, height",
    [
        ("a4", 210, 297),
        ("A4", 210, 297),
        (" a3 ", 297, 420),
        ("a4-landscape", 297, 210),
        ("Letter-Landscape", 279.4, 215.9),
        ("tabloid", 279.4, 431.8),
        ("300x200", 300, 200),
        ("10X5000", 10, 5000),
        ("210.5x99.25", 210.5, 99.25),
    ],
)
def test_pages_have_names_or_sizes(name, width, height):
    assert page_named(name) == Page(width, height)


def test_pages_stand_upright_and_each_a_page_is_half_of_the_one_before():
    assert all(page.width < page.height for page in PAGES.values())
    for larger, smaller in itertools.pairwise(PAGES[f"a{i}"] for i in range(2, 7)):
        assert smaller.height == larger.width
        assert smaller.width == larger.height // 2


@pytest.mark.parametrize(
    "name",
    ["a7", "", "landscape", "-landscape", "a4 landscape", "300x200-landscape", "300", "300x", "x2"]
    + ["-300x200", "9.9x200", "200x5000.1", "nanx20", "1e2x200", "30x40x50", None, 4],
)
def test_other_pages_are_refused_with_the_choices(name):
    with pytest.raises(ValueError) as caught:
        page_named(name)
    message = str(caught.value)
    assert "\n" not in message and repr(name) in message
    for choice in (*PAGES, "-landscape", "WIDTHxHEIGHT", "10 to 5000 mm"):
        assert choice in message


@pytest.mark.parametrize("page", [A4, page_named("a4-landscape"), Page(300, 99.5)])
@pytest.mark.parametrize("margin", [0, 10, 40])
def test_sketches_fill_the_page_within_its_margins(page, margin):
    picture = as_picture([CROSS, STAR, CROSS])
    root = parse(to_page(picture, page, margin=margin))
    assert root.get("width") == f"{page.width:g}mm" and root.get("height") == f"{page.height:g}mm"
    assert root.get("viewBox") == f"0 0 {page.width:g} {page.height:g}"  # 1 unit is 1 mm
    low, high = box([stroke for strokes in sketches_in(root) for stroke in strokes])
    assert (low >= margin).all() and (high <= np.array(page) - margin).all()
    assert low + high == pytest.approx(np.array(page), abs=0.02)
    free = np.array(page) - 2 * margin - (high - low)
    assert free.min() == pytest.approx(0, abs=0.02)


STAR = np.array([[10, 30, 0], [-25, -20, 0], [30, 0, 0], [-25, 20, 0], [10, -30, 1]], np.float32)


@pytest.mark.parametrize("page", ["a4", "a4-landscape", "500x50"])
def test_strokes_are_those_of_the_picture_enlarged(page):
    picture = Picture(GRID, column_titles=["a", "b"], shared_scale=True)
    drawn = [
        line
        for strokes in sketches_in(parse(to_page(picture, page_named(page))))
        for line in strokes
    ]
    lines = [line.points for lines in picture.lines() for line in lines]
    assert len(drawn) == len(lines)
    before = np.concatenate([np.resize(points, (max(len(points), 2), 2)) for points in lines])
    after = np.concatenate(drawn)
    scale = np.ptp(after, axis=0) / np.ptp(before, axis=0)
    assert scale[0] == pytest.approx(scale[1], rel=1e-3)
    moved = after - before * scale.mean()
    assert moved == pytest.approx(np.broadcast_to(moved[0], moved.shape), abs=0.05)


def test_nothing_but_strokes_is_on_the_page():
    picture = Picture(
        GRID,
        column_titles=["a"],
        row_titles=["b"],
        title="t",
        captions=[["c"]],
        dots=[Dot(0.5, 0.5, "red", "tip")],
        legend=[("l", "red")],
    )
    root = parse(to_page(picture, A4))
    tags = [element.tag.removeprefix(SVG) for element in root.iter()]
    assert set(tags) == {"svg", "defs", "g", "path"}
    assert [len(strokes) for strokes in sketches_in(root)] == [2, 2, 0, 2]
    assert tags.count("path") == 6
    (pen,) = (g for g in root.iter(f"{SVG}g") if g.get("stroke"))
    assert pen.get("stroke-width") == "0.3" and pen.get("fill") == "none"


@pytest.mark.parametrize("given", range(6))
def test_a_stroke_that_was_partly_given_is_one_path_of_the_same_colour(given):
    whole = to_page(as_picture(Sketch(STAR)), A4)
    assert to_page(as_picture(Sketch(STAR, given=given)), A4) == whole


def test_coordinates_are_hundredths_of_a_millimetre():
    points = np.random.default_rng(0).normal(0, 20, (200, 3)) * [1, 1, 0]
    root = parse(to_page(as_picture(points), A4))
    (path,) = root.iter(f"{SVG}path")
    numbers = path.get("d").replace("M", " ").replace("L", " ").split()
    decimals = [len(number.partition(".")[2]) for number in numbers]
    assert max(decimals) == 2 and np.mean(decimals) > 1.8


def test_our_own_reader_finds_the_strokes_again(tmp_path):
    path = tmp_path / "page.svg"
    text = to_page(as_picture([CROSS, Sketch(STAR, given=2)]), page_named("a5"))
    path.write_text(text, "utf-8")
    found = reader.read_file(path)
    drawn = [stroke for strokes in sketches_in(parse(text)) for stroke in strokes]
    assert len(found.lines) == len(drawn) == 3 and not found.passed_over
    for line, stroke in zip(found.lines, drawn, strict=True):
        assert line == pytest.approx(stroke)


@pytest.mark.parametrize(
    "sketch, corners",
    [
        (EMPTY, []),
        (ONE_DOT, [[105, 148.5], [105, 148.5]]),
        (np.array([[5, 0, 1]]), [[10, 148.5], [200, 148.5]]),
        (np.array([[0, -5, 1]]), [[105, 287], [105, 10]]),
    ],
)
def test_sketches_without_width_or_height(sketch, corners):
    (strokes,) = sketches_in(parse(to_page(as_picture(sketch), A4)))
    assert [point for stroke in strokes for point in stroke.tolist()] == corners


@pytest.mark.parametrize("margin", [-1, 105, 1000, float("nan"), float("inf")])
def test_a_margin_that_leaves_no_room(margin):
    with pytest.raises(ValueError, match="margin must be at least 0 and below 105 mm"):
        to_page(as_picture(CROSS), A4, margin=margin)
