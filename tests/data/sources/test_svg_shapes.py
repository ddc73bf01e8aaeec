"""Shapes and paths as polylines."""

import numpy as np
import pytest
from svg_files import corners, read

from magenta_sketch.data.sources import svg_paths

SHAPES = {
    '<path d="M1,2L3,4 5,0"/>': [[[1, 2], [3, 4], [5, 0]]],
    '<path d="m1 2 3 4m1 1h2v-2z"/>': [[[1, 2], [4, 6]], [[5, 7], [7, 7], [7, 5], [5, 7]]],
    # After z the pen is where that part began, for what is relative, too.
    '<path d="M1,2h3v4zm10,10h1"/>': [[[1, 2], [4, 2], [4, 6], [1, 2]], [[11, 12], [12, 12]]],
    # Two parts that meet are two lines.
    '<path d="M1,1L2,2M2,2L3,1"/>': [[[1, 1], [2, 2]], [[2, 2], [3, 1]]],
    '<path d="M1.e1.5.5-3L+2.,1e-1"/>': [[[10, 0.5], [0.5, -3], [2, 0.1]]],
    '<path d="M5,5l0,0"/>': [[[5, 5], [5, 5]]],
    '<line x1="1" y1="2" x2="3" y2="4"/>': [[[1, 2], [3, 4]]],
    '<line x2="3"/>': [[[0, 0], [3, 0]]],
    '<polyline points="1,2 3,4,5 6 7"/>': [[[1, 2], [3, 4], [5, 6]]],  # as far as it is right
    '<polyline points="1-2.5.5 3,4"/>': [[[1, -2.5], [0.5, 3]]],
    '<polyline points="1e1-2 3,4"/>': [[[10, -2], [3, 4]]],
    '<polygon points="0,0 4,0 4,3"/>': [[[0, 0], [4, 0], [4, 3], [0, 0]]],
    '<rect x="1" y="2" width="3" height="4"/>': [[[1, 2], [4, 2], [4, 6], [1, 6], [1, 2]]],
    '<rect width="3" height="4" rx="0" ry="9"/>': [[[0, 0], [3, 0], [3, 4], [0, 4], [0, 0]]],
    '<line x1="10%" y1="20%" x2="1in" y2="3mm"/>': [[[10, 20], [96, 11.338582677]]],
}


@pytest.mark.parametrize("body, expected", SHAPES.items())
def test_straight_shapes(tmp_path, body, expected):
    assert corners(tmp_path, body) == expected


@pytest.mark.parametrize(
    "body, center, radii",
    [
        ('<circle cx="30" cy="40" r="7"/>', (30, 40), (7, 7)),
        ('<ellipse cx="3" cy="4" rx="7" ry="2"/>', (3, 4), (7, 2)),
        ('<ellipse rx="7"/>', (0, 0), (7, 7)),
        ('<circle r="10%"/>', (0, 0), (10, 10)),
    ],
)
def test_round_shapes(tmp_path, body, center, radii):
    (line,) = read(tmp_path, body)
    on_unit_circle = (line - center) / radii
    np.testing.assert_allclose(np.linalg.norm(on_unit_circle, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(line[0], line[-1], atol=1e-9)
    turns = np.unwrap(np.arctan2(on_unit_circle[:, 1], on_unit_circle[:, 0]))
    assert abs(turns[-1] - turns[0]) == pytest.approx(2 * np.pi)  # all around, once


def test_a_rounded_rectangle(tmp_path):
    (line,) = read(tmp_path, '<rect width="30" height="20" rx="5"/>')
    assert line.min(axis=0).tolist() == [0, 0] and line.max(axis=0).tolist() == [30, 20]
    inner = np.clip(line, [5, 5], [25, 15])
    distance = np.linalg.norm(line - inner, axis=1)
    np.testing.assert_allclose(distance, 5, atol=1e-9)


def test_corners_are_rounded_by_half_a_side_at_most(tmp_path):
    (line,) = read(tmp_path, '<rect width="30" height="20" rx="50"/>')
    np.testing.assert_allclose(np.linalg.norm((line - [15, 10]) / [15, 10], axis=1), 1, atol=1e-9)


def test_curves(tmp_path):
    t = np.linspace(0, 1, svg_paths.PIECES + 1)[:, None]
    paths = "M0,0C10,20 30,40 50,0", "M0 0q10,20 30,0", "M0 0Q5,9 10,0t10,0"
    body = "".join(f'<path d="{path}"/>' for path in paths)
    cubic, quadratic, smooth = read(tmp_path, body)
    a, b, c = np.array([[10, 20], [30, 40], [50, 0]])
    expected = 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * c
    np.testing.assert_allclose(cubic, expected, atol=1e-9)
    expected = 2 * t * (1 - t) * [10, 20] + t**2 * [30, 0]
    np.testing.assert_allclose(quadratic, expected, atol=1e-9)
    np.testing.assert_allclose(
        smooth[: svg_paths.PIECES + 1, 1], -smooth[svg_paths.PIECES :, 1], atol=1e-9
    )


@pytest.mark.parametrize("large, sweep", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_arcs_take_the_way_that_their_flags_say(tmp_path, large, sweep):
    (line,) = read(tmp_path, f'<path d="M0,-10a10,10 0 {large}{sweep}10,10"/>')
    center = (0, 0) if large != (sweep == 1) else (10, -10)
    np.testing.assert_allclose(np.linalg.norm(line - center, axis=1), 10, atol=1e-6)
    angles = np.unwrap(np.arctan2(*(line - center).T[::-1]))
    turn = angles[-1] - angles[0]
    assert turn == pytest.approx((1 if sweep else -1) * np.pi * (1.5 if large else 0.5), abs=1e-6)


def test_a_minified_path_of_many_small_numbers(tmp_path):
    """No separators: a run of hundreds of digits and dots is many numbers."""
    (line,) = read(tmp_path, f'<path d="M0 0l{".12.25.13.2" * 100}"/>')
    expected = np.cumsum([[0, 0], *[[0.12, 0.25], [0.13, 0.2]] * 100], axis=0)
    np.testing.assert_allclose(line, expected, atol=1e-9)
    (line,) = read(tmp_path, f'<polyline points="{".5.25" * 200}"/>')
    assert line.tolist() == [[0.5, 0.25]] * 200


def test_an_arc_without_a_radius_is_a_line(tmp_path):
    assert corners(tmp_path, '<path d="M1,1A0,5 0 0 1 4,5"/>') == [[[1, 1], [4, 5]]]


CLOSED_ARCS = {
    "M1,1L2,2a5,5 0 1 1 0,0L3,1": [[1, 1], [2, 2], [3, 1]],
    "M1,1L2,2A5,5 0 112,2L3,1": [[1, 1], [2, 2], [3, 1]],
    "m1,1h1v1za5 5 0 0 0 0 0l-1,0": [[1, 1], [2, 1], [2, 2], [1, 1], [0, 1]],
    "M.1.2L.4.6A1,1,0,0,0,.4.6A3,3,0,0,0,.4.6l1,0": [[0.1, 0.2], [0.4, 0.6], [1.4, 0.6]],
}


@pytest.mark.parametrize("path, expected", CLOSED_ARCS.items())
def test_an_arc_that_ends_where_it_starts_is_left_out(tmp_path, path, expected):
    assert corners(tmp_path, f'<path d="{path}"/>') == [expected]
    moved = f"M9,9L8,8m-8,-8{path}"
    assert corners(tmp_path, f'<path d="{moved}"/>') == [[[9, 9], [8, 8]], expected]


def test_only_the_arc_that_ends_where_it_starts_is_left_out(tmp_path):
    arcs = "3,3 0 0 1 3,3 3,3 0 0 1 0,0 3,3 0 0 1 3,-3"
    body = f'<path d="M0,0a{arcs}"/><path d="M0,0a{arcs.replace(" 3,3 0 0 1 0,0", "")}"/>'
    one, other = read(tmp_path, body)
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="draws nothing"):
        read(tmp_path, '<path d="M1,2a5,5 0 1 1 0,0"/>')
