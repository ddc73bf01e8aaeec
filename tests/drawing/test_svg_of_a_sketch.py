"""One sketch as an SVG drawing."""

import re

import numpy as np
import pytest
from svg_reading import CROSS, DOT_AND_LINE, EMPTY, ONE_DOT, SVG, box, parse, size, sketches_in

from magenta_sketch.drawing import svg as drawing


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
        ([[1, 2]], r"shape \[n, 3\], got shape \[1, 2\]"),
        (np.zeros((2, 4, 3)), r"got shape \[2, 4, 3\]"),
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
