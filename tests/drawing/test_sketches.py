"""Sketches and lists of them: plain arrays and lists for programs, drawings for notebooks."""

import copy
import pickle

import numpy as np
import pytest
from svg_reading import CROSS, EMPTY, parse, size, sketches_in, texts_in

from magenta_sketch.drawing.picture import GIVEN, Picture, as_picture
from magenta_sketch.drawing.sketches import Sketch, SketchGrid, SketchList


@pytest.fixture
def sketch():
    return Sketch(CROSS.copy(), given=2)


def is_plain(value):
    return not isinstance(value, Sketch)


# ------------------------------------------------------------------------------ a plain array


def test_a_sketch_is_an_array_of_its_points(sketch):
    assert isinstance(sketch, np.ndarray) and sketch.dtype == np.float32
    np.testing.assert_array_equal(sketch, CROSS)
    assert sketch.tolist() == CROSS.tolist()
    assert type(np.array(sketch)) is np.ndarray
    assert len(sketch) == 3 and sketch[1, 0] == -15


def test_a_sketch_of_an_array_shares_its_memory():
    points = CROSS.copy()
    sketch = Sketch(points, given=1)
    sketch[0, 0] = 7
    assert points[0, 0] == 7
    assert Sketch(sketch).given == 0 and sketch.given == 1


@pytest.mark.parametrize(
    "compute, expected",
    [
        (lambda s: s.max(), np.float32(40)),
        (lambda s: s.sum(), np.float32(47)),
        (lambda s: s[:, 0].min(), np.float32(-15)),
        (lambda s: s[:, 2].mean(), np.float32(2 / 3)),
        (lambda s: np.linalg.norm(s[0, :2]), np.float32(30)),
        (lambda s: s[0, 0], np.float32(30)),
        (lambda s: (s == s).all(), np.True_),
    ],
)
def test_single_numbers_are_numpys(sketch, compute, expected):
    found = compute(sketch)
    assert found == expected and type(found) is type(expected)
    assert f"{found:.0f}"  # arrays without dimensions cannot be formatted


@pytest.mark.parametrize(
    "compute",
    [
        lambda s: np.abs(s[:, 0]),
        lambda s: s[:, :2] * 2,
        lambda s: s.mean(axis=0),
        lambda s: np.add.reduce(s),
        lambda s: s > 0,
        lambda s: np.isfinite(s),
        lambda s: np.concatenate([s, s]),
        lambda s: np.hypot(s[:, 0], s[:, 1]),
    ],
)
def test_results_that_are_no_sketches_are_plain_arrays(sketch, compute):
    found = compute(sketch)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, compute(CROSS))


@pytest.mark.parametrize(
    "compute",
    [
        lambda s: s * np.float32(2),
        lambda s: s * [2, 2, 1],
        lambda s: s + np.zeros(3),
        lambda s: -s,
        lambda s: s.copy(),
        lambda s: s.astype(np.float64),
        lambda s: np.cumsum(s, axis=0),
        copy.copy,
        copy.deepcopy,
        lambda s: pickle.loads(pickle.dumps(s)),
    ],
)
def test_changed_and_copied_sketches_are_sketches_with_their_given_points(sketch, compute):
    found = compute(sketch)
    assert type(found) is Sketch and found.given == 2
    np.testing.assert_array_equal(found, compute(CROSS))
    found[0, 0] = 99
    assert sketch[0, 0] == 30


def test_arithmetic_in_place(sketch):
    sketch[:, :2] *= 2
    sketch += np.array([1, 0, 0], np.float32)
    assert sketch.tolist() == [[61, 0, 1], [-29, -20, 0], [1, 80, 1]]
    assert type(sketch) is Sketch and sketch.given == 2


@pytest.mark.parametrize(
    "part", [np.s_[1:], np.s_[:0], np.s_[[0, 2]], np.s_[0], np.s_[:, 0], np.s_[:, :2]]
)
def test_parts_have_no_given_points(sketch, part):
    found = sketch[part]
    assert found.given == 0
    np.testing.assert_array_equal(found, CROSS[part])
    assert pickle.loads(pickle.dumps(found)).tolist() == CROSS[part].tolist()


# -------------------------------------------------------------------------------- a plain list


def test_lists_hold_sketches():
    points = Sketch(CROSS, given=1)
    sketches = SketchList([points, CROSS, CROSS.tolist()], columns=2)
    assert all(type(one) is Sketch for one in sketches)
    assert sketches[0] is points and sketches[-1].given == 0
    assert isinstance(sketches, list) and len(sketches) == 3


def test_slices_and_sums_of_lists_are_lists_of_sketches():
    sketches = SketchList([CROSS * i for i in range(5)], columns=2)
    for found, numbers in ((sketches[1:4], [1, 2, 3]), (sketches[::-2], [4, 2, 0])):
        assert type(found) is SketchList and found.columns == 2
        assert [one[0, 0] for one in found] == [30 * number for number in numbers]
    joined = sketches[:1] + [CROSS]
    assert type(joined) is SketchList and joined.columns == 2 and len(joined) == 2
    assert type(joined[1]) is Sketch
    assert len(sketches) == 5


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_lists_and_grids_are_copied_whole(again):
    grid = SketchGrid(
        [[Sketch(CROSS, 1)], [CROSS]], row_titles=["a", "b"], title="t", beside=[CROSS, None]
    )
    found = again(grid)
    assert type(found) is SketchGrid and type(found[0]) is SketchList
    assert found[0][0].given == 1
    assert found.picture().to_svg() == grid.picture().to_svg()


def test_the_picture_of_a_grid():
    grid = SketchGrid(
        [[CROSS, CROSS], [CROSS]],
        row_titles=["above", "below"],
        column_titles=["one", "two"],
        title="title",
        beside=[CROSS * 2, None],
        beside_title="before",
    )
    picture = grid.picture()
    assert [len(row) for row in picture.rows] == [3, 2]
    assert picture.rows[0][0][0, 0] == 60 and picture.rows[1][0] is None
    texts = texts_in(parse(picture.to_svg()))
    assert texts == ["title", "before", "one", "two", "above", "below"]
    assert len(sketches_in(parse(picture.to_svg()))) == 4
    assert len(grid[0]) == 2  # what is beside is not in the list
    del grid[1]
    with pytest.raises(ValueError, match="^beside has 2 entries for 1 rows$"):
        grid.picture()


# --------------------------------------------------------------------------------- notebooks


def shown(value):
    text = value._repr_svg_()
    assert text.startswith("<svg ")  # a declaration has no place within a page
    return parse(text)


def test_a_sketch_shows_itself_with_its_given_points(sketch):
    root = shown(sketch)
    assert size(root) == (256, 256) and len(sketches_in(root)) == 1
    colors = [path.get("stroke") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert colors == [GIVEN, GIVEN, None]  # the last point, drawn by the model, goes on
    plain = shown(Sketch(CROSS))
    assert GIVEN not in [path.get("stroke") for path in plain.iter()]
    assert sketches_in(shown(Sketch(EMPTY))) == [[]]


@pytest.mark.parametrize(
    "columns, expected", [(None, (320, 320)), (3, (480, 160)), (9, (480, 160))]
)
def test_a_list_shows_itself_as_a_grid(columns, expected):
    root = shown(SketchList([CROSS] * 3, columns))
    assert size(root) == expected and len(sketches_in(root)) == 3


def test_a_long_list_says_how_many_are_shown():
    assert texts_in(shown(SketchList([CROSS] * 100))) == []
    root = shown(SketchList([CROSS] * 1234, columns=20))
    assert texts_in(root) == ["the first 100 of 1,234 sketches"]
    assert len(sketches_in(root)) == 100 and size(root)[0] == 20 * 160


def test_a_grid_shows_itself_with_its_titles():
    grid = SketchGrid([[CROSS], [CROSS]], row_titles=["a", "b"], beside=[None, CROSS])
    root = shown(grid)
    assert texts_in(root) == ["a", "b"] and len(sketches_in(root)) == 3


def test_a_picture_shows_itself():
    picture = as_picture(CROSS)
    assert picture.to_svg().endswith(picture._repr_svg_())
    assert len(sketches_in(shown(picture))) == 1


WITHOUT = {
    "numbers": Sketch(CROSS)[0],
    "a column": Sketch(CROSS)[:, 0],
    "columns": Sketch(CROSS)[:, :2],
    "not finite": Sketch([[np.nan, 0, 1]]),
    "no sketches": SketchList(),
    "an invalid list": SketchList([[[np.inf, 0, 1]]]),
    "a list of numbers": SketchList([[1, 2]]),
    "no rows": SketchGrid([]),
    "empty rows": SketchGrid([[], []]),
    "too many titles": SketchGrid([[CROSS]], row_titles=["a", "b"]),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_no_drawing_is_written_out(name):
    assert WITHOUT[name]._repr_svg_() is None


@pytest.mark.parametrize(
    "value, drawn",
    [
        (Sketch(CROSS), 1),
        (SketchList([CROSS, CROSS]), 2),
        (SketchGrid([[CROSS], [CROSS, CROSS]]), 3),
        (Picture([[CROSS]]), 1),
        *((value, 0) for value in WITHOUT.values()),
    ],
)
def test_ipython_shows_them(value, drawn):
    formatters = pytest.importorskip("IPython.core.formatters")
    found, _ = formatters.DisplayFormatter().format(value)
    assert "text/plain" in found
    if drawn:
        assert len(sketches_in(parse(found["image/svg+xml"]))) == drawn
    else:
        assert set(found) == {"text/plain"}
