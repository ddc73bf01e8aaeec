"""The Chamfer distance of drawings, against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_sketch.data.strokes import from_polylines, to_polylines
from magenta_sketch.measures import chamfer

coordinates = st.integers(-50, 50).map(float)
points = st.tuples(coordinates, coordinates)
drawings = st.lists(st.lists(points, min_size=1, max_size=6), min_size=0, max_size=4).map(
    from_polylines
)
quick = settings(max_examples=60, deadline=None)


def by_definition(p, q):
    """½·(mean min + mean min), point by point."""
    there = [min(np.hypot(*(a - b)) for b in q) for a in p]
    back = [min(np.hypot(*(a - b)) for a in p) for b in q]
    return 0.5 * (sum(there) / len(there) + sum(back) / len(back))


def distance(a, b):
    return chamfer.paired([a], [b])[0]


def kanji(tiny_folder, split="train"):
    with np.load(tiny_folder / "tiny.npz", allow_pickle=True, encoding="latin1") as file:
        return [np.asarray(sketch, np.float32) for sketch in file[split]]


def test_a_line_and_its_half():
    """Two strokes of a right angle, 3 and 1 long: three quarters of the points on the longer."""
    sketch = np.array([[3, 0, 1], [0, 5, 0], [0, 1, 1]])  # the 5 is a move through the air
    found = chamfer.ink_points(sketch, 4)
    centroid = np.array([(3 * 1.5 + 1 * 3) / 4, (3 * 0 + 1 * 5.5) / 4])
    expected = np.array([[0.5, 0], [1.5, 0], [2.5, 0], [3, 5.5]]) - centroid
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_parallel_strokes_at_a_known_distance():
    """Two bars side by side, against the same bars wider apart: each point 1 further out."""
    near = from_polylines([[(0, 0), (0, 9)], [(4, 0), (4, 9)]])
    far = from_polylines([[(0, 0), (0, 9)], [(6, 0), (6, 9)]])
    assert distance(near, far) == pytest.approx(1.0, rel=1e-6)


@quick
@given(drawings, drawings)
def test_it_is_what_the_definition_says(a, b):
    p, q = chamfer.ink_points(a, 12), chamfer.ink_points(b, 12)
    found = chamfer._distances(p, q[None])[0]
    assert found == pytest.approx(by_definition(p, q), abs=1e-9)


@quick
@given(drawings, drawings)
def test_symmetric_zero_for_the_same_and_finite(a, b):
    assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-9)
    assert distance(a, a) == 0.0
    assert 0.0 <= distance(a, b) < np.inf


@quick
@given(drawings, drawings, points)
def test_where_on_the_paper_a_drawing_is_does_not_matter(a, b, there):
    has_ink = any((line != line[0]).any() for line in to_polylines(a))
    if has_ink:
        # A dot, which has no ink, a move through the air, and the drawing.
        moved = np.concatenate([[[0, 0, 1], [*there, 0]], a])
        assert distance(moved, a) == pytest.approx(0.0, abs=1e-6)
        assert distance(moved, b) == pytest.approx(distance(a, b), abs=1e-6)


@quick
@given(drawings, drawings, st.sampled_from([0.25, 2.0, 64.0]))
def test_it_grows_with_the_drawings(a, b, factor):
    scale = np.array([factor, factor, 1.0])
    assert distance(a * scale, b * scale) == pytest.approx(factor * distance(a, b), rel=1e-6)


@quick
@given(drawings, st.integers(0, 30), st.sampled_from([0.25, 0.5, 0.875]))
def test_a_segment_cut_in_two_changes_nothing(sketch, row, part):
    if not len(sketch):
        return
    row %= len(sketch)
    if row and sketch[row - 1, 2]:
        return  # a move through the air: cut, it would be a dot
    first, second = sketch[row].copy(), sketch[row].copy()
    first[:2] *= part
    second[:2] *= 1 - part
    first[2] = 0
    cut = np.concatenate([sketch[:row], [first, second], sketch[row + 1 :]])
    assert distance(cut, sketch) == pytest.approx(0.0, abs=1e-4)


def test_strokes_drawn_in_another_order_and_backwards_are_the_same_drawing(tiny_folder):
    sketch = next(s for s in kanji(tiny_folder) if len(to_polylines(s)) > 2)
    lines = to_polylines(sketch)
    other = from_polylines([line[::-1] for line in lines[::-1]])
    # The points come from the other end, each within a rounding error of the same place.
    assert distance(other, sketch) < 1e-3
    assert distance(kanji(tiny_folder)[0], sketch) > 1.0


def test_drawings_without_length():
    nothing = np.zeros((0, 3))
    dot = np.array([[0.0, 0.0, 1.0]])
    two_dots = np.array([[0.0, 0.0, 1.0], [6.0, 8.0, 1.0]])
    assert distance(nothing, dot) == 0.0
    # Each dot is 5 from the middle, where the lone dot is.
    assert distance(two_dots, dot) == pytest.approx(5.0)
    line = np.array([[8.0, 0.0, 1.0]])
    with_dot = np.array([[8.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    assert distance(line, with_dot) == 0.0  # a dot has no ink beside a line


def test_what_is_not_finite_is_told_by_nan():
    broken = np.array([[1.0, np.inf, 0.0], [1.0, 1.0, 1.0]])
    line = np.array([[8.0, 0.0, 1.0]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(distance(broken, line))


def test_among_has_every_pair(tiny_folder):
    sketches = kanji(tiny_folder)[:6]
    found = chamfer.among(sketches)
    expected = [[distance(a, b) for b in sketches] for a in sketches]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(found, found.T)


def test_between_has_every_pair(tiny_folder, monkeypatch):
    monkeypatch.setattr(chamfer, "_AT_ONCE", 256 * 256 * 7)  # blocks of unequal size
    train, test = kanji(tiny_folder), kanji(tiny_folder, "test")[:5]
    assert len(train) > 2 * 7
    found = chamfer.between(test, train)
    assert found.shape == (5, len(train))
    for row, sketch in zip(found, test, strict=True):
        np.testing.assert_allclose(row, chamfer.paired([sketch] * len(train), train), rtol=1e-9)
    assert chamfer.between(test, []).shape == (5, 0) and chamfer.between([], train).size == 0


def test_fewer_points_are_an_estimate_of_the_same_distance(tiny_folder):
    train = kanji(tiny_folder)[:8]
    fine, rough = chamfer.among(train), chamfer.among(train, 64)
    pairs = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(rough[pairs], fine[pairs], rtol=0.15)
    np.testing.assert_allclose(rough, chamfer.between(train, train, 64), atol=1e-9)


def test_one_against_several_is_what_the_definition_says(tiny_folder, monkeypatch):
    monkeypatch.setattr(chamfer, "_AT_ONCE", 20 * 20 * 3)  # blocks of unequal size
    p = np.stack([chamfer.ink_points(sketch, 20) for sketch in kanji(tiny_folder)[:8]])
    expected = [by_definition(p[0], q) for q in p]
    np.testing.assert_allclose(chamfer._distances(p[0], p), expected, rtol=1e-9, atol=1e-12)


def test_paired_wants_pairs():
    with pytest.raises(ValueError, match="as many of both, got 1 and 2"):
        chamfer.paired([np.zeros((0, 3))], [np.zeros((0, 3))] * 2)
