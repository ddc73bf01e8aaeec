import math

import numpy as np
import pytest
from geometry import distance_to
from hypothesis import given
from hypothesis import strategies as st

from magenta_sketch.data.sources import polylines

# Oracles: the same in plain Python, point by point.


def plain_fit(lines):
    xs = [x for line in lines for x, _ in line]
    ys = [y for line in lines for _, y in line]
    size = max(max(xs) - min(xs), max(ys) - min(ys))
    return [[((x - min(xs)) * 255 / size, (y - min(ys)) * 255 / size) for x, y in s] for s in lines]


def plain_resample(line, spacing=1.0):
    """Walks along the line and leaves a point at its start, after each spacing, and at its end."""
    result, due, walked = [line[0]], spacing, 0.0
    for (x0, y0), (x1, y1) in zip(line[:-1], line[1:], strict=True):
        length = math.hypot(x1 - x0, y1 - y0)
        while length and due <= walked + length:
            t = (due - walked) / length
            result.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
            due += spacing
        walked += length
    return [*result, line[-1]]


def plain_distance(point, start, end):
    (px, py), (ax, ay), (bx, by) = point, start, end
    square = (bx - ax) ** 2 + (by - ay) ** 2
    t = ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / square if square else 0.0
    t = min(1.0, max(0.0, t))
    return math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay))


def plain_simplify(line, epsilon):
    if len(line) < 3:
        return list(line)
    distances = [plain_distance(point, line[0], line[-1]) for point in line[1:-1]]
    furthest = max(range(len(distances)), key=distances.__getitem__) + 1
    if distances[furthest - 1] <= epsilon:
        return [line[0], line[-1]]
    return plain_simplify(line[: furthest + 1], epsilon)[:-1] + plain_simplify(
        line[furthest:], epsilon
    )


def drawing(seed, strokes=4):
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0, 500, 2) + np.cumsum(rng.normal(0, 9, (int(rng.integers(1, 60)), 2)), axis=0)
        for _ in range(strokes)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_every_step_is_what_it_is_said_to_be(seed):
    lines = drawing(seed)
    fitted = polylines.fit(lines)
    for ours, plain in zip(fitted, plain_fit(lines), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-9)
    resampled = polylines.resample(fitted)
    for ours, line in zip(resampled, fitted, strict=True):
        np.testing.assert_allclose(ours, plain_resample(line.tolist()), atol=1e-9)
    for line in resampled:
        ours = polylines.simplify(line, 2.0)
        assert ours.tolist() == [list(p) for p in plain_simplify(line.tolist(), 2.0)]


@pytest.mark.parametrize("seed", range(5))
def test_in_pixels_is_all_of_them(seed):
    lines = drawing(seed)
    result = polylines.in_pixels(lines, 3.0, spacing=1.0)
    # Not the plain ones: where two points are equally far, rounding would decide between them.
    resampled = polylines.resample(polylines.fit(lines))
    for ours, line in zip(result, resampled, strict=True):
        plain = np.rint(np.round(plain_simplify(line.tolist(), 3.0), 6))
        plain = [p for i, p in enumerate(plain.tolist()) if i == 0 or p != plain[i - 1].tolist()]
        assert ours.tolist() == plain
        assert 0 <= ours.min() and ours.max() <= 255


def test_unresampled_corners_stay_where_they_are():
    square = np.array([[7, 7], [17, 7], [17, 11], [7, 11], [7, 7]]) / 3
    (line,) = polylines.in_pixels([square], spacing=None)
    assert line.tolist() == [[0, 0], [255, 0], [255, 102], [0, 102], [0, 0]]


def test_scaled_drawings_keep_their_size_and_place():
    line = np.array([[10, -20], [10.1, -20], [15, -19.9], [20, -20], [20, 5.3]])
    (scaled,) = polylines.in_pixels([line], 4.0, spacing=None, pixels_per_unit=4)
    assert scaled.tolist() == [[40, -80], [80, -80], [80, 21]]
    (dot,) = polylines.in_pixels([line[:2]], spacing=None, pixels_per_unit=4)
    assert dot.tolist() == [[40, -80]]


@pytest.mark.slow
@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(-3000, 3000)] * 2), min_size=1, max_size=8), min_size=1
    )
)
def test_lines_stay_as_many_and_keep_their_ends(drawn):
    lines = [np.array(line, float) for line in drawn]
    if len({point for line in drawn for point in line}) == 1:
        with pytest.raises(ValueError, match="all points are equal"):
            polylines.in_pixels(lines, spacing=1.0)
        return
    result = polylines.in_pixels(lines, spacing=1.0)
    fitted = polylines.fit(lines)
    assert len(result) == len(lines)
    for line, before in zip(result, fitted, strict=True):
        np.testing.assert_array_equal(line[[0, -1]], np.rint(before[[0, -1]].round(6)))
        assert (np.diff(line, axis=0) != 0).any(axis=1).all()  # every point moves
        assert 0 <= line.min() and line.max() <= 255


@pytest.mark.parametrize("turn", np.linspace(0, 6, 13))
def test_a_closed_curve_stays_closed(turn):
    """The ends of this circle are in the middle between two pixels, but for the last digits."""
    angles = turn + np.linspace(0, 2 * np.pi, 65)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    (line,) = polylines.in_pixels([circle], spacing=None)
    assert line[0].tolist() == line[-1].tolist()


def test_a_stroke_that_stands_still_becomes_a_dot():
    still = np.array([[3.0, 4.0]] * 5)
    line, dot = polylines.in_pixels([np.array([[0, 0], [100.0, 0]]), still], spacing=1.0)
    assert line.tolist() == [[0, 0], [255, 0]]
    assert dot.tolist() == [[8, 10]]


def test_a_long_line_does_not_end_the_process():
    """The library goes as deep as there are points here, which is further than its stack."""
    i = np.arange(200_000.0)
    zigzag = np.stack([i, (len(i) - i) * np.where(i % 2, 10, -10)], axis=1)
    assert polylines.simplify(zigzag[:4096], 0.5).tolist() == zigzag[:4096].tolist()
    assert len(polylines.simplify(zigzag[:30_000], 0.5)) == 30_000
    straight = np.stack([i, i], axis=1)
    result = polylines.simplify(straight, 0.5)
    assert len(result) == 2 + (len(i) - 2) // 4095
    assert result[[0, -1]].tolist() == [[0, 0], [199_999, 199_999]]


def test_what_is_endless_is_refused():
    there_and_back = np.array([[0.0, 0.0], [1.0, 0.0]] * 3000)
    with pytest.raises(ValueError, match="over 1,000,000 pixels long"):
        polylines.in_pixels([there_and_back], spacing=1.0)


@pytest.mark.parametrize("tolerance", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(10))
def test_no_point_is_further_than_the_tolerance(tolerance, seed):
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal(0, 1, (int(rng.integers(2, 200)), 2)), axis=0)
    if seed % 3 == 0:
        line[-1] = line[0]  # closed
    if seed % 4 == 0:
        line = np.repeat(line, 2, axis=0)  # standing still
    result = polylines.simplify(line, tolerance)
    assert distance_to(line, result).max() <= tolerance + 1e-9
    np.testing.assert_array_equal(result[[0, -1]], line[[0, -1]])
    at = 0  # a part of the line's points, in their order
    for point in result:
        at += int(np.flatnonzero((line[at:] == point).all(axis=1))[0])


def test_simplification_leaves_out_what_is_not_needed():
    t = np.linspace(0, 1, 50)[:, None]
    corner = np.concatenate([t * [10, 0], [10, 0] + t * [0, 10]])
    assert polylines.simplify(corner, 0.01).tolist() == [[0, 0], [10, 0], [10, 10]]
