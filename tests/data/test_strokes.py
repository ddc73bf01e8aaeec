"""The stroke formats, and augmentation compared with the walk it stands for."""

import numpy as np
import pytest

from magenta_sketch.data import strokes

# Two lines and between them a dot: (0,0) (1,0) (1,2) | (4,2) | (4,5) (3,5).
SKETCH = np.array([[1, 0, 0], [0, 2, 1], [3, 0, 1], [0, 3, 0], [-1, 0, 1]], np.float32)
LINES = [[[0, 0], [1, 0], [1, 2]], [[4, 2]], [[4, 5], [3, 5]]]


def random_sketches(seed, count=50):
    """Flat points with whole offsets, so that sums are exact in any order, and starts."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 40, count)
    points = random.integers(-50, 51, (lengths.sum(), 3)).astype(np.float32)
    points[:, 2] = random.random(len(points)) < 0.15
    return points, np.concatenate([[0], np.cumsum(lengths)])


def test_polylines_start_at_the_origin_and_break_at_lifts():
    assert [line.tolist() for line in strokes.to_polylines(SKETCH)] == LINES


def test_polylines_of_a_sketch_without_a_last_lift():
    lines = strokes.to_polylines([[1, 0, 1], [1, 0, 0], [1, 0, 0]])
    assert [line.tolist() for line in lines] == [[[0, 0], [1, 0]], [[2, 0], [3, 0]]]


def test_polylines_of_no_points_are_the_origin():
    assert [line.tolist() for line in strokes.to_polylines(np.zeros((0, 3)))] == [[[0, 0]]]


def test_polylines_do_not_drift():
    # 0.1 is not exact in float32; summed there, 5,000 of them would be off by more than this.
    line = strokes.to_polylines(np.tile(np.float32([0.1, 0, 0]), (5000, 1)))[0]
    assert line[-1, 0] == pytest.approx(5000 * float(np.float32(0.1)), rel=1e-9)


def test_from_polylines_is_the_inverse_up_to_translation():
    moved = [np.array(line) + [7, -9] for line in LINES]
    result = strokes.from_polylines([moved[0], np.zeros((0, 2)), *moved[1:], []])
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, SKETCH)


@pytest.mark.parametrize("seed", range(5))
def test_polylines_round_trip(seed):
    points, starts = random_sketches(seed, 20)
    points[starts[1:] - 1, 2] = 1  # every line ends with a lift, so the last one has to as well
    for start, end in zip(starts[:-1], starts[1:], strict=True):
        sketch = points[start:end]
        np.testing.assert_array_equal(strokes.from_polylines(strokes.to_polylines(sketch)), sketch)


def test_a_first_dot_stays_apart_from_what_follows():
    sketch = strokes.from_polylines([[[5, 5]], [[8, 5], [8, 6]]])
    lines = [line.tolist() for line in strokes.to_polylines(sketch)]
    assert lines == [[[0, 0], [0, 0]], [[3, 0], [3, 1]]]


def test_from_no_polylines():
    assert strokes.from_polylines([]).shape == (0, 3)


def test_from_polylines_names_the_bad_line():
    with pytest.raises(ValueError, match=r"polyline 1 has shape \[2, 3\]"):
        strokes.from_polylines([[[0, 0]], [[1, 2, 3], [4, 5, 6]]])


def test_stroke5_layout():
    result = strokes.to_stroke5(SKETCH[:2], 4)
    assert result.tolist() == [
        [0, 0, 1, 0, 0],
        [1, 0, 1, 0, 0],
        [0, 2, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("length", [5, 9])
@pytest.mark.parametrize("with_start", [True, False])
def test_stroke5_round_trip(length, with_start):
    stroke5 = strokes.to_stroke5(SKETCH, length)[0 if with_start else 1 :]
    result = strokes.to_stroke3(stroke5)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, SKETCH)


def test_stroke3_stops_at_the_first_end():
    rows = [[1, 1, 1, 0, 0], [9, 9, 0, 0, 1], [2, 2, 1, 0, 0]]
    assert strokes.to_stroke3(rows).tolist() == [[1, 1, 0]]


def test_stroke5_refuses_what_is_too_long():
    with pytest.raises(ValueError, match="5 points exceeds max_seq_len 4"):
        strokes.to_stroke5(SKETCH, 4)


@pytest.mark.parametrize("function", [strokes.to_polylines, strokes.bounds])
@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 2, 3)])
def test_wrong_shapes(function, shape):
    with pytest.raises(ValueError, match=r"shape \[n, 3\]"):
        function(np.zeros(shape))


def test_stroke3_from_wrong_shape():
    with pytest.raises(ValueError, match=r"shape \[m, 5\]"):
        strokes.to_stroke3(np.zeros((2, 3)))


def test_bounds_include_the_origin():
    assert strokes.bounds(SKETCH) == strokes.Bounds(0, 0, 4, 5)
    assert strokes.bounds([[3, 2, 0], [1, 1, 1]]) == (0, 0, 4, 3)
    assert strokes.bounds([[-3, -2, 0]]) == (-3, -2, 0, 0)


def walk(points, probability, draws):
    """The reference's augmentation of one sketch, point by point (REFERENCE.md, section 1)."""
    kept, count, last_lift = [], 0, 1
    for (dx, dy, lift), draw in zip(points.tolist(), draws, strict=True):
        count = 0 if lift == 1 or last_lift == 1 else count + 1
        if lift == 0 and last_lift == 0 and count > 2 and draw < probability:
            kept[-1][0] += dx
            kept[-1][1] += dy
        else:
            kept.append([dx, dy, lift])
            last_lift = lift
    return kept


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_drop_points_is_the_walk(seed, probability):
    points, starts = random_sketches(seed, 200)
    draws = np.random.default_rng(seed + 100).random(len(points))
    result, ends = strokes.drop_points(points, starts, probability, draws)
    assert len(ends) == len(starts) and ends[-1] == len(result)
    for i in range(len(starts) - 1):
        part = slice(starts[i], starts[i + 1])
        expected = walk(points[part], probability, draws[part])
        assert result[ends[i] : ends[i + 1]].tolist() == expected


def test_drop_points_preserves_displacement_lifts_and_ends():
    points, starts = random_sketches(7, 200)
    draws = np.random.default_rng(8).random(len(points))
    result, ends = strokes.drop_points(points, starts, 0.9, draws)
    assert len(result) < len(points)
    np.testing.assert_array_equal(
        np.add.reduceat(result, ends[:-1], axis=0), np.add.reduceat(points, starts[:-1], axis=0)
    )
    for i in range(len(starts) - 1):
        before = strokes.to_polylines(points[starts[i] : starts[i + 1]])
        after = strokes.to_polylines(result[ends[i] : ends[i + 1]])
        assert len(before) == len(after)
        # The last line's end may be merged away where the sketch ends without a lift.
        for old, new in zip(before[:-1], after[:-1], strict=True):
            assert old[0].tolist() == new[0].tolist() and old[-1].tolist() == new[-1].tolist()


def test_drop_points_merges_at_the_given_rate():
    points = np.zeros((30000, 3), np.float32)
    starts = np.array([0, 30000])
    draws = np.random.default_rng(0).random(30000)
    result, _ = strokes.drop_points(points, starts, 0.1, draws)
    # Standard error of the rate is 0.0017.
    assert 1 - len(result) / 30000 == pytest.approx(0.1, abs=0.008)


def test_augmentation_leaves_its_input_alone():
    points, starts = random_sketches(3)
    points.flags.writeable = False
    before = points.copy()
    strokes.drop_points(points, starts, 0.5, np.zeros(len(points)))
    strokes.scale_randomly(points, starts, 0.5, np.zeros((len(starts) - 1, 2)))
    np.testing.assert_array_equal(points, before)


def test_scale_randomly_by_hand():
    points = np.array([[10, 20, 1], [30, 40, 0], [10, 10, 1]], np.float32)
    draws = np.array([[0.0, 0.5], [0.75, 1.0]])
    result = strokes.scale_randomly(points, np.array([0, 2, 3]), 0.2, draws)
    assert result.dtype == np.float32
    expected = [[8, 20, 1], [24, 40, 0], [11, 12, 1]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
