"""What survives a change of format and back, as properties of any sketches.

Examples are the same at every run (derandomize), so that a failure is one for everybody.
"""

import gzip
import json
import pathlib
import tempfile
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from slow import slow_but

from magenta_sketch.data import SketchSet, read_npz, strokes, write_npz
from magenta_sketch.data.sources import building
from magenta_sketch.data.sources import finding as sources
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.sources.quickdraw_writer import ndjson_line, write_ndjson
from magenta_sketch.drawing.svg import sketch_to_pixel_svg

PURE = settings(max_examples=200, deadline=None, derandomize=True, database=None)
FILES = settings(PURE, max_examples=50)
SPLITS = ("train", "valid", "test")

# Offsets: mostly short, with zeros (repeated points), and up to what reading lets pass.
WHOLE = st.one_of(st.integers(-3, 3), st.integers(-1000, 1000))
FLOAT = st.one_of(
    st.floats(-1000, 1000, width=32), st.floats(-2, 2, width=32), st.sampled_from([0.0, 0.1, 1.0])
)
POSITIONS = st.one_of(st.integers(0, 2), st.integers(-5000, 5000))
FLOAT_POSITIONS = st.floats(-5000, 5000, width=64)


@st.composite
def sketches(draw, offsets):
    """Any stroke-3 sketch: dots, repeated points, one point only, a last lift or none, long."""
    length = draw(st.one_of(st.integers(1, 12), st.just(300)))
    moves = draw(arrays.arrays(np.float32, (length, 2), elements=offsets))
    lifts = draw(arrays.arrays(np.float32, (length, 1), elements=st.sampled_from([0, 1])))
    return np.concatenate([moves, lifts], axis=1)


def lines(positions):
    """Lines of the pen [k, 2]; empty ones as well, but not all of them."""
    line = st.integers(0, 6).flatmap(
        lambda k: arrays.arrays(np.float64, (k, 2), elements=positions)
    )
    return st.lists(line, min_size=1, max_size=8).filter(lambda some: any(map(len, some)))


def data_sets(offsets):
    part = st.lists(sketches(offsets), min_size=1, max_size=3)
    return st.fixed_dictionaries({split: part for split in SPLITS})


def lifted(sketch):
    """The sketch as every format of lines has it: its last line ends."""
    sketch = np.array(sketch, np.float32)
    sketch[-1, 2] = 1
    return sketch


def from_lines(drawing):
    """An oracle for `strokes.from_polylines`, point by point; drawing is [[(x, y), ...], ...]."""
    points = [(x, y, i == len(line) - 1) for line in drawing for i, (x, y) in enumerate(line)]
    return np.array(
        [
            (np.float32(x - before[0]), np.float32(y - before[1]), last)
            for before, (x, y, last) in zip(points, points[1:], strict=False)
        ],
        np.float32,
    ).reshape(-1, 3)


def assert_offsets_survive(result, sketch):
    """Equal, but for offsets that are tiny beside the drawing: float64 positions lose their end."""
    expected = lifted(sketch)
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result[:, 2], expected[:, 2])
    low_x, low_y, high_x, high_y = strokes.bounds(sketch)
    extent = max(high_x - low_x, high_y - low_y)
    tiny = np.abs(expected) < extent * 2.0**-24
    np.testing.assert_array_equal(result[~tiny], expected[~tiny])
    # Three roundings of numbers below the extent: two positions summed, one moved to the corner.
    np.testing.assert_allclose(result[tiny], expected[tiny], rtol=1e-6, atol=extent * 2.0**-44)


# Polylines, stroke-3 and stroke-5


@pytest.mark.slow
@PURE
@given(lines(POSITIONS), st.integers(0, 3))
def test_lines_to_stroke5_and_back(polylines, padding):
    stroke3 = strokes.from_polylines(polylines)
    stroke5 = strokes.to_stroke5(stroke3, len(stroke3) + padding)
    again = strokes.to_stroke3(stroke5)
    np.testing.assert_array_equal(again, stroke3)
    np.testing.assert_array_equal(stroke3, from_lines(with_a_first_line(polylines)))

    expected = with_a_first_line(polylines)
    result = strokes.to_polylines(again)
    assert [len(line) for line in result] == [len(line) for line in expected]
    for line, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(line + expected[0][0], other)


def with_a_first_line(polylines):
    """What comes back: no empty lines, and a first dot is a line of two equal points."""
    filled = [line for line in polylines if len(line)]
    return [np.repeat(filled[0], 2, axis=0) if len(filled[0]) == 1 else filled[0], *filled[1:]]


@PURE
@given(lines(FLOAT_POSITIONS))
def test_lines_of_any_positions_come_back_to_float32(polylines):
    stroke3 = strokes.from_polylines(polylines)
    expected = with_a_first_line(polylines)
    result = strokes.to_polylines(strokes.to_stroke3(strokes.to_stroke5(stroke3, len(stroke3))))
    assert [len(line) for line in result] == [len(line) for line in expected]
    # Each offset is rounded once, to 24 bits of at most 10,000.
    error = len(stroke3) * 10_000 * 2.0**-24
    for line, other in zip(result, expected, strict=True):
        np.testing.assert_allclose(line + expected[0][0], other, rtol=0, atol=error)


@PURE
@given(sketches(st.one_of(WHOLE, FLOAT)), st.integers(0, 3))
def test_stroke3_to_stroke5_and_back(sketch, padding):
    stroke5 = strokes.to_stroke5(sketch, len(sketch) + padding)
    assert (stroke5[:, 2:].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(strokes.to_stroke3(stroke5), sketch)


@PURE
@given(sketches(WHOLE))
def test_stroke3_to_lines_and_back(sketch):
    again = strokes.from_polylines(strokes.to_polylines(sketch))
    np.testing.assert_array_equal(again, lifted(sketch))


# Files


@FILES
@given(st.one_of(data_sets(WHOLE), data_sets(FLOAT)))
def test_npz_and_back(data):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.npz")
        write_npz(path, **data)
        ours = read_npz(path)
        with np.load(path, allow_pickle=True) as theirs:
            for split, expected in data.items():
                assert len(ours[split]) == len(theirs[split]) == len(expected)
                for one, two, sketch in zip(ours[split], theirs[split], expected, strict=True):
                    np.testing.assert_array_equal(one, sketch)
                    np.testing.assert_array_equal(two, sketch)


def entries(splits):
    return [(split, i, s) for split, part in splits.items() for i, s in enumerate(part)]


def read_ndjson(path):
    """An oracle for the reader: splits of sketches, and the objects."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        objects = [json.loads(line) for line in file]
    splits = {split: [] for split in SPLITS}
    for item in objects:
        drawing = [list(zip(*line, strict=True)) for line in item["drawing"]]
        splits[item["split"]].append(from_lines(drawing))
    return splits, objects


@pytest.mark.slow
@pytest.mark.parametrize("offsets", slow_but([WHOLE, FLOAT], WHOLE), ids=["whole", "float"])
def test_npz_to_ndjson_to_npz(offsets):
    @FILES
    @given(data_sets(offsets), st.sampled_from(["a.ndjson", "a.ndjson.gz"]))
    def check(data, name):
        with tempfile.TemporaryDirectory() as folder:
            first, lines = pathlib.Path(folder, "a.npz"), pathlib.Path(folder, name)
            write_npz(first, **data)
            count = write_ndjson(lines, entries(read_npz(first)), word="a palm tree")
            splits, objects = read_ndjson(lines)
            (source,) = sources.find(str(lines))
            (second,) = building.build([source], folder, Options(), lambda line: None)
            assert second.name == "a_palm_tree.npz"
            result = read_npz(second)
            for split, part in splits.items():  # the oracle's
                for one, sketch in zip(result[split], part, strict=True):
                    np.testing.assert_array_equal(one, sketch)
            if offsets is WHOLE:  # then nothing at all is lost, down to the bytes
                write_npz(first, **{s: map(lifted, part) for s, part in data.items()})
                assert first.read_bytes() == second.read_bytes()
        assert count == len(objects) == len({item["key_id"] for item in objects})
        for split, part in data.items():
            assert len(result[split]) == len(part)
            for one, sketch in zip(result[split], part, strict=True):
                assert_offsets_survive(one, sketch)

    check()


@pytest.mark.slow
@PURE
@given(st.one_of(sketches(WHOLE), sketches(FLOAT)))
def test_a_line_of_ndjson_is_quickdraws(sketch):
    line = ndjson_line(sketch, word="sheep", split="valid", number=7)
    assert line.endswith("}\n") and line.count("\n") == 1
    item = json.loads(line)
    drawing = item.pop("drawing")
    assert item.pop("key_id").isdecimal()
    assert item == {
        "word": "sheep",
        "countrycode": "",
        "timestamp": "",
        "recognized": True,
        "split": "valid",
    }
    xs, ys = ([value for stroke in drawing for value in stroke[axis]] for axis in (0, 1))
    assert min(xs) == min(ys) == 0
    if (sketch == np.rint(sketch)).all():
        assert {type(value) for value in xs + ys} == {int}


@pytest.mark.slow
@PURE
@given(st.one_of(sketches(WHOLE), sketches(FLOAT)))
def test_svg_in_pixels_and_back(sketch):
    root = ET.fromstring(sketch_to_pixel_svg(sketch).encode())
    drawing = []
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(word) for word in path.get("d").replace("L", " ")[1:].split()]
        drawing.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    # A dot is a path of no length, of two points.
    lengths = [len(line) for line in strokes.to_polylines(sketch)]
    assert [len(line) for line in drawing] == [max(length, 2) for length in lengths]
    drawing = [line[:length] for line, length in zip(drawing, lengths, strict=True)]
    assert drawing[0][0] == (0, 0)
    assert_offsets_survive(from_lines(drawing), sketch)

    x, y, width, height = (float(word) for word in root.get("viewBox").split(","))
    low_x, low_y, high_x, high_y = strokes.bounds(sketch)
    assert x < low_x and y < low_y and x + width > high_x and y + height > high_y


def test_keys_tell_copies_apart_and_are_always_the_same():
    sketch = np.array([[1, 2, 1]], np.float32)
    places = [("train", 0), ("train", 1), ("test", 0), ("train", 0)]
    keys = [
        json.loads(ndjson_line(sketch, word="a", split=split, number=number))["key_id"]
        for split, number in places
    ]
    assert len(set(keys)) == 3 and keys[0] == keys[3]
    assert all(len(key) == 16 for key in keys)


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_ndjson_is_written_whole_or_not_at_all(tmp_path, name):
    def failing():
        yield "train", 0, np.array([[1, 2, 1]], np.float32)
        raise RuntimeError("the source is gone")

    path = tmp_path / name
    path.write_bytes(b"what was there")
    with pytest.raises(RuntimeError, match="the source is gone"):
        write_ndjson(path, failing(), word="a")
    assert path.read_bytes() == b"what was there"
    assert [file.name for file in tmp_path.iterdir()] == [name]
    data = SketchSet.from_sketches([[[1, 2, 1]], [[3, 4, 0]]])
    assert write_ndjson(path, entries({"test": data}), word="a") == 2
    written = path.read_bytes()
    write_ndjson(tmp_path / f"other-{name}", entries({"test": data}), word="a")
    assert written == (tmp_path / f"other-{name}").read_bytes() != b"what was there"
