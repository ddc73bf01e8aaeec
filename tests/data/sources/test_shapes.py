"""Made-up shapes: their drawings show the factors that are said of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_sketch.data import factors as factors_file
from magenta_sketch.data import load_data_set, read_npz
from magenta_sketch.data.factors import load_factors
from magenta_sketch.data.sources import building, ready_made, shapes
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.sources.shapes import COUNTS, FACTORS, RANGES, Shape, draw, outline
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError

SPLITS = tuple(COUNTS)
SOME = [draw(index) for index in range(400)]

factors = st.builds(
    Shape, st.sampled_from(shapes.CORNERS), *(st.floats(*ends) for ends in RANGES.values())
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The whole data set, made as a run makes it."""
    folder = tmp_path_factory.mktemp("shapes")
    ready_made.write("shapes.npz", folder, lambda line: None)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return load_data_set("shapes.npz", folder, report=lambda line: None)


@pytest.fixture
def few(monkeypatch):
    """Let the data set be small; return the numbers of its sketches."""
    counts = {"train": 60, "valid": 7, "test": 9}
    monkeypatch.setattr(shapes, "COUNTS", counts)
    return tuple(counts.values())


def points_of(line):
    """Return a line as it is stored: whole pixels from its first point, no point twice."""
    line = np.rint(line)
    return line[np.append(True, np.diff(line, axis=0).any(axis=1))] - line[0]


def test_the_data_set_never_changes(data):
    """Recorded: runs of before go on only with the same sketches."""
    assert data.fingerprint == "3b151eed3dff5006f738aab255706d9ae9fd6066530abd9642c20f95f0f175b4"


def test_a_drawing_depends_on_the_seed_and_its_number_alone():
    for index in (5, 0, 2699):
        shape, line = draw(index)
        again, same = draw(index, shapes.SEED)
        assert again == shape and same.tobytes() == line.tobytes()
        other, different = draw(index, seed=1)
        assert other != shape and different.tobytes() != line.tobytes()


def test_the_program_writes_the_same_files_as_a_first_run(few, tmp_path):
    ready_made.write("shapes.npz", tmp_path / "run", lambda line: None)
    building.build([shapes.source()], tmp_path / "out", Options(), lambda line: None)
    names = ["shapes.factors.npz", "shapes.npz"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_sketches_are_one_stroke_of_whole_pixels(folder, data):
    with np.load(folder / "shapes.npz", allow_pickle=True) as archive:
        assert {split: len(archive[split]) for split in archive.files} == COUNTS
        assert {one.dtype.str for split in archive.files for one in archive[split]} == {"<i2"}
    for split in SPLITS:
        for sketch in getattr(data, split):
            assert 12 <= len(sketch) <= 28
            assert np.flatnonzero(sketch[:, 2]).tolist() == [len(sketch) - 1]


def test_no_sketch_is_there_twice(data):
    sketches = [sketch.tobytes() for split in SPLITS for sketch in getattr(data, split)]
    assert len(set(sketches)) == sum(COUNTS.values())


@pytest.mark.slow
def test_factors_are_in_the_order_of_the_sketches(folder, data):
    found = load_factors("shapes.npz", folder, tuple(COUNTS.values()))
    assert found.names == FACTORS
    index = 0
    for split in SPLITS:
        for sketch, row in zip(getattr(data, split), getattr(found, split), strict=True):
            shape, line = draw(index)
            np.testing.assert_array_equal(row, np.float32(shape.row))
            np.testing.assert_array_equal(to_polylines(sketch)[0], points_of(line))
            index += 1


def test_factors_are_uniform_and_independent():
    rows = np.array([shape.row for shape, _ in SOME])
    for corners in shapes.CORNERS:
        assert 50 < sum(shape.corners == corners for shape, _ in SOME) < 110
    for name, (low, high) in RANGES.items():
        column = rows[:, FACTORS.index(name)]
        assert low <= column.min() < low + 0.05 * (high - low)
        assert high >= column.max() > high - 0.05 * (high - low)
    correlations = np.corrcoef(np.delete(rows, FACTORS.index("corners"), axis=1).T)
    assert np.abs(correlations - np.eye(len(correlations))).max() < 0.15
    polygons = rows[rows[:, 0] == 0]
    assert np.isnan(rows[rows[:, 0] == 1, 1]).all() and not np.isnan(polygons).any()


def turns(line):
    """Return how far a closed line turns at each of its points, radians; clockwise is above 0."""
    edges = np.diff(line, axis=0)
    edges = edges[np.hypot(*edges.T) > 1e-6]
    angles = np.arctan2(edges[:, 1], edges[:, 0])
    return (np.diff(angles, append=angles[0]) + np.pi) % (2 * np.pi) - np.pi


@given(factors)
@settings(deadline=None, derandomize=True, database=None)
def test_a_closed_outline_turns_at_its_corners_once_around(shape):
    found = turns(outline(shape._replace(gap=0)))
    np.testing.assert_allclose(found.sum(), 2 * np.pi)  # convex, clockwise on the screen
    assert found.min() > -1e-6
    if shape.corners:
        assert np.count_nonzero(found > 1e-6) == shape.corners
    else:
        assert np.count_nonzero(found > 1e-6) >= 16 and found.max() < 0.9


@given(factors)
@settings(deadline=None, derandomize=True, database=None)
def test_the_gap_is_what_is_missing_of_the_outline(shape):
    whole = outline(shape._replace(gap=0))
    line = outline(shape)
    missing = 1 - length(line) / length(whole)
    # Pieces cut the curve of an ellipse a little shorter.
    assert missing == pytest.approx(shape.gap, abs=1e-9 if shape.corners else 0.01)
    # Both ends are on the lowest side, at equal distances from its middle.
    unrotated = outline(shape._replace(rotation=0))
    assert unrotated[0, 0] == pytest.approx(-unrotated[-1, 0], abs=1e-6)
    assert unrotated[0, 1] == pytest.approx(unrotated[-1, 1], abs=1e-6)
    assert unrotated[0, 0] < 1e-6 and unrotated[0, 1] > 0


def length(line):
    return np.hypot(*np.diff(line, axis=0).T).sum()


def test_a_hand_misses_the_outline_by_little():
    for shape, line in SOME:
        exact = outline(shape)
        assert len(line) == len(exact) and 12 <= len(line) <= 24
        off = np.abs(line - exact).max() / shape.size
        assert 0 < off < 0.12  # along the line by a quarter of a piece, across it by 1.5%
        ends = np.hypot(*(line - exact)[[0, -1]].T) / shape.size
        assert ends.max() <= np.sqrt(2) * shapes.HAND + 1e-9


@pytest.mark.parametrize("corners", shapes.CORNERS)
def test_size_aspect_and_rotation_are_seen_in_the_second_moments(corners):
    """The corners of a regular polygon have the moments of a circle, and so do their stretches."""
    some = [(shape, line) for shape, line in SOME if shape.corners == corners]
    # Whole outlines, of the hand that draws those with gaps.
    lines = [outline(shape._replace(gap=0), np.random.default_rng(7)) for shape, _ in some]
    size, aspect, rotation = np.array([moments(line) for line in lines]).T
    _, sizes, aspects, rotations, _ = np.array([shape for shape, _ in some]).T
    assert np.corrcoef(size, sizes)[0, 1] > 0.99
    assert np.corrcoef(aspect, aspects)[0, 1] > 0.98
    long = np.abs(aspects) > 0.3  # a round shape has no axis
    assert np.corrcoef(rotation[long], rotations[long])[0, 1] > 0.98


def moments(line):
    """Return size, aspect and rotation of an outline by the second moments of its points."""
    middles = (line[1:] + line[:-1]) / 2
    covariance = np.cov(middles.T, aweights=np.hypot(*np.diff(line, axis=0).T))
    (xx, xy), (_, yy) = covariance
    # An axis of the ellipse of inertia, within 45 degrees of the x axis.
    angle = np.arctan(2 * xy / (xx - yy)) / 2
    cos, sin = np.cos(angle), np.sin(angle)
    width = np.array([cos, sin]) @ covariance @ [cos, sin]
    height = np.array([-sin, cos]) @ covariance @ [-sin, cos]
    return (width * height) ** 0.25, np.log(width / height) / 2, angle


def test_choices_of_the_user_choose_factors_too(few, tmp_path):
    options = Options(counts=(30, 5, 4), max_points=18)
    building.build([shapes.source()], tmp_path, options, lambda line: None)
    sketches = read_npz(tmp_path / "shapes.npz")
    counts = [len(one) for one in sketches.values()]
    assert counts[0] == 30 and sum(counts) <= 39
    found = load_factors("shapes.npz", tmp_path, counts)
    lines = {draw(i)[0].size: draw(i)[1] for i in range(sum(few))}
    for split in SPLITS:
        for sketch, row in zip(sketches[split], getattr(found, split), strict=True):
            line = next(line for size, line in lines.items() if np.float32(size) == row[2])
            np.testing.assert_array_equal(to_polylines(sketch)[0], points_of(line))


def test_a_class_of_several_sources_has_no_factors(few, tmp_path):
    one = shapes.source()
    other = type(one)(label="more", size=1, read=one.read, defaults=one.defaults)
    building.build([one, other], tmp_path, Options(), lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["shapes.npz"]


@pytest.mark.parametrize("failing", ["factors", "data"])
def test_a_full_disk_leaves_nothing_half(few, tmp_path, monkeypatch, failing):
    """Without its factors there is no data set; a later run makes both."""

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    place = (factors_file.np, "savez") if failing == "factors" else (building, "stream_npz")
    with monkeypatch.context() as patch:
        patch.setattr(*place, full)
        with pytest.raises((DataError, OSError), match="No space left"):
            ready_made.write("shapes.npz", tmp_path, lambda line: None)
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ([] if failing == "factors" else ["shapes.factors.npz"])
    ready_made.write("shapes.npz", tmp_path, lambda line: None)
    assert load_factors("shapes.npz", tmp_path, few) is not None
