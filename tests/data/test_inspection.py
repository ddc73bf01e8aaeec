"""What is found in data sets: statistics against plain NumPy, and every oddity made by hand."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from magenta_sketch.data import RawSplit, inspection, load_data_set, read_npz, read_raw_npz
from magenta_sketch.data.inspection import Bar, Summary, histogram, inspect_npz
from magenta_sketch.data.strokes import bounds, to_polylines
from magenta_sketch.drawing.contact_sheet import evenly_spread, save_inspection_sheet
from magenta_sketch.errors import DataError

# Sound, with an extent of 5; no two of them equal.
SOUND = [[[3, 0, 0], [0, 4, 1]], [[-3, 0, 0], [0, 4, 1]], [[3, 0, 0], [0, -4, 1]]]


def objects(items, dtype=np.float32):
    array = np.empty(len(items), object)
    array[:] = [
        np.array(item, dtype).reshape(-1, 3) if type(item) is list else item for item in items
    ]
    return array


def save(path, **splits):
    """A data set of sound splits, but for those given; None leaves one out."""
    sound = {split: objects([SOUND[i]]) for i, split in enumerate(("train", "valid", "test"))}
    splits = {split: part for split, part in {**sound, **splits}.items() if part is not None}
    np.savez(path, **splits)
    return path


def odd(path):
    """Kind -> (count, places as text) of what is odd in a file."""
    return {
        oddity.kind: (oddity.count, [str(place) for place in oddity.places])
        for oddity in inspect_npz(path).oddities
    }


def test_nothing_odd(tmp_path):
    found = inspect_npz(save(tmp_path / "a.npz"))
    assert found.oddities == []
    assert found.counts == {"train": 1, "valid": 1, "test": 1}
    assert found.statistics.whole


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "items, kind, places",
    [
        ([SOUND[0], []], "empty", ["train 1"]),
        (
            [SOUND[0], [[1, 1, 0], [NAN, 2, 1]], [[0, INF, 1]]],
            "non_finite",
            ["train 1 point 1: [nan, 2.0, 1.0]", "train 2 point 0: [0.0, inf, 1.0]"],
        ),
        (
            [[[1, 1, 0], [1, 1, 2], [1, 1, 3]], SOUND[0], [[1, 1, 0.5]]],
            "odd_lifts",
            ["train 0 point 1: [1.0, 1.0, 2.0]", "train 2 point 0: [1.0, 1.0, 0.5]"],
        ),
        ([SOUND[0], [[1, 0, 0], [0, 0, 0]]], "not_lifted", ["train 1"]),
        ([SOUND[0], [[0, 0, 0], [5, 0, 1]]], "leading_zero", ["train 1"]),
        ([SOUND[0], [[0, 0, 1], [0, 0, 1]]], "no_extent", ["train 1"]),
        (  # over twice the median diagonal, 5; not at it
            [[[3, 0, 0], [0, 11, 1]], [[10, 0, 1]], [[4, 0, 0], [0, 3, 1]]],
            "jumps",
            ["train 0 offset 11"],
        ),
        (
            [SOUND[0], [[1, 1, 1]], SOUND[0], SOUND[0]],
            "duplicates_within",
            ["train 2 = 0", "train 3 = 0"],
        ),
        (
            [SOUND[0], SOUND[1], SOUND[2]],
            "duplicates_across",
            ["valid 0 = train 1", "test 0 = train 2"],
        ),
        (
            [SOUND[0], np.zeros((4, 2)), "text"],
            "not_a_sketch",
            [
                "train 1 expected a stroke-3 sketch [n, 3], got shape [4, 2]",
                "train 2 expected a stroke-3 sketch [n, 3], got an object (str)",
            ],
        ),
    ],
)  # fmt: skip
def test_one_kind_is_found_and_named(tmp_path, items, kind, places):
    found = odd(save(tmp_path / "a.npz", train=objects(items)))
    assert found == {kind: (len(places), places)}


@pytest.mark.parametrize("dtype, largest", [(np.int16, -32768), (np.float64, 1e300)])
def test_offsets_that_reading_clamps(tmp_path, dtype, largest):
    items = [SOUND[0], [[1000, -1000, 1]], [[1, 0, 0], [largest, 0, 1]]]
    path = save(tmp_path / "a.npz", train=objects(items, dtype))
    count, places = odd(path)["clamped"]
    assert (count, places) == (1, [f"train 2 offset {abs(largest):.6g}"])
    found = inspect_npz(path)
    assert found.statistics.dx.max_abs == 1000
    np.testing.assert_array_equal(found.sketches["train"].points, read_npz(path)["train"].points)


def test_everything_at_once_is_told(tmp_path):
    items = ["text", [], [[NAN, 0, 1]], [[1, 0, 7]], [[2000, 0, 1]], SOUND[1], SOUND[1]]
    path = save(tmp_path / "a.npz", train=objects(items), valid=objects([]), test=None)
    with pytest.raises(DataError):
        read_npz(path)
    found = inspect_npz(path)
    assert [oddity.kind for oddity in found.oddities] == [
        "missing_split", "empty_split", "not_a_sketch", "empty", "non_finite", "odd_lifts",
        "clamped", "jumps", "duplicates_within",
    ]  # fmt: skip
    assert found.counts == {"train": 7, "valid": 0}
    # Numbers are the file's, though four sketches before these are left out.
    assert found.numbers["train"].tolist() == [4, 5, 6]
    assert found.sketch("train", 3) is None
    assert found.sketch("train", 5).tolist() == SOUND[1]
    json.loads(json.dumps(found.as_dict(), allow_nan=False))
    sheet = tmp_path / "sheet.svg"
    assert save_inspection_sheet(sheet, found)
    text = sheet.read_text(encoding="utf-8")
    assert "train 6 = 5" in text and "train 4, 1000 px" in text and "beyond the clamp" in text


def test_the_first_places_are_named_and_all_are_counted(tmp_path):
    items = [[[i + 1, 0, 0]] for i in range(300)]
    oddity = inspect_npz(save(tmp_path / "a.npz", train=objects(items))).oddities[-1]
    assert (oddity.kind, oddity.count) == ("not_lifted", 300)
    assert [place.number for place in oddity.places] == list(range(inspection.NAMED))


def test_a_file_without_a_usable_sketch(tmp_path):
    path = save(tmp_path / "a.npz", train=objects([[]]), valid=None, test=objects([]))
    found = inspect_npz(path)
    assert found.statistics.lengths == Summary(0, 0, 0, 0, 0)
    assert found.statistics.histogram == []
    assert not save_inspection_sheet(tmp_path / "a.svg", found)
    assert not (tmp_path / "a.svg").exists()


def test_too_many_items_that_are_no_sketches(tmp_path):
    path = save(tmp_path / "a.npz", train=objects(["text"] * 1001))
    with pytest.raises(DataError, match=r"train\[1000\]: .*; and so for over 1,000 items"):
        inspect_npz(path)


def test_files_that_are_no_data_sets(tmp_path):
    (tmp_path / "text.npz").write_text("<html>")
    with pytest.raises(DataError, match="text.npz: not a zip archive"):
        inspect_npz(tmp_path / "text.npz")
    np.savez(tmp_path / "model.npz", weights=np.zeros(3))
    with pytest.raises(DataError, match="model.npz: no split train, valid, test.*weights.npy"):
        inspect_npz(tmp_path / "model.npz")
    save(tmp_path / "wrong.npz", valid=np.zeros((4, 2)))
    with pytest.raises(DataError, match="wrong.npz, valid: expected an object array"):
        inspect_npz(tmp_path / "wrong.npz")


def test_raw_splits_are_as_the_file_has_them(tmp_path):
    items = [[], [[5000, -5000, 9]], "text", [[1, 2, 1]]]
    raw = read_raw_npz(save(tmp_path / "a.npz", train=objects(items, np.int32), test=None))
    assert list(raw) == ["train", "valid"]
    part = raw["train"]
    assert type(part) is RawSplit and part.points.dtype == np.int32
    assert part.points.tolist() == [[5000, -5000, 9], [1, 2, 1]]
    assert part.starts.tolist() == [0, 0, 1, 1, 2] and list(part.refused) == [2]


def test_one_wrong_item_many_times_over(tmp_path):
    # Items that are not arrays of numbers are converted once, and refused each time.
    wrong, right, empty = np.ones((4, 2), object), np.array([[1, 2, 1]], object), []
    items = [wrong, right, wrong, empty, right, wrong, empty]
    raw = read_raw_npz(save(tmp_path / "a.npz", train=objects(items)))["train"]
    assert list(raw.refused) == [0, 2, 5]
    assert raw.points.tolist() == [[1, 2, 1], [1, 2, 1]]
    assert np.diff(raw.starts).tolist() == [0, 1, 0, 0, 1, 0, 0]


# Statistics, against other ways to the same numbers


@pytest.mark.parametrize("name", ["aaron_sheep.npz", "short_kanji.npz"])
def test_published_data(shared, name):
    folder = shared / "data"
    found = inspect_npz(folder / name)
    data = load_data_set(name, folder, report=lambda line: None)
    check_statistics(found, data)
    kinds = {oddity.kind: oddity.count for oddity in found.oddities}
    # Counted by a set of the bytes of each sketch, split by split.
    seen, within, across = set(), 0, 0
    for split in (data.train, data.valid, data.test):
        own = {sketch.tobytes() for sketch in split}
        within += len(split) - len(own)
        across += len(own & seen)
        seen |= own
    expected = {"duplicates_within": within, "duplicates_across": across}
    assert kinds == {kind: count for kind, count in expected.items() if count}
    assert (within, across) == {"aaron_sheep.npz": (0, 0), "short_kanji.npz": (45, 8)}[name]


def test_statistics(tiny_folder):
    found = inspect_npz(tiny_folder / "tiny.npz")
    check_statistics(found, load_data_set("tiny.npz", tiny_folder, report=lambda line: None))


def check_statistics(found, data):
    sketches = [sketch for part in (data.train, data.valid, data.test) for sketch in part]
    numbers = found.statistics
    lengths = [len(sketch) for sketch in sketches]
    assert numbers.lengths.max == data.max_seq_len == max(lengths)
    assert numbers.lengths.median == np.median(lengths)
    assert numbers.lengths.percentile_95 == pytest.approx(np.percentile(lengths, 95))
    assert sum(bar.count for bar in numbers.histogram) == len(lengths)
    assert numbers.normalizing_factor == data.normalizing_factor
    strokes = [len(to_polylines(sketch)) for sketch in sketches]
    assert (numbers.strokes.min, numbers.strokes.max) == (min(strokes), max(strokes))
    assert numbers.strokes.mean == pytest.approx(np.mean(strokes))
    points = np.concatenate(sketches).astype(np.float64)
    for axis, column in ((numbers.dx, points[:, 0]), (numbers.dy, points[:, 1])):
        assert axis.mean == pytest.approx(column.mean())
        assert axis.std == pytest.approx(column.std())
        assert axis.max_abs == np.abs(column).max()
    assert numbers.zero_offsets == pytest.approx(np.mean(~points[:, :2].any(axis=1)))
    boxes = np.array([bounds(sketch) for sketch in sketches])
    for size, extents in (
        (numbers.width, boxes[:, 2] - boxes[:, 0]),
        (numbers.height, boxes[:, 3] - boxes[:, 1]),
    ):
        assert (size.min, size.max) == (extents.min(), extents.max())
        assert size.mean == pytest.approx(extents.mean())


def test_sizes_in_several_goes(tmp_path):
    # More points than are summed at a time, one sketch longer than that alone.
    long = np.tile(np.array([[1, 0, 0]], np.int16), (300_000, 1))
    items = [SOUND[0], long, *(np.array([[0, i, 0]], np.int16) for i in range(1, 50))]
    found = inspect_npz(save(tmp_path / "a.npz", train=objects(items)))
    assert found.statistics.width.max == 300_000
    assert found.statistics.height.max == 49


def test_fractions_are_told_from_whole_numbers(tmp_path):
    found = inspect_npz(save(tmp_path / "a.npz", train=objects([[[0.5, 0, 1]]])))
    assert not found.statistics.whole


@pytest.mark.parametrize(
    "lengths, bars",
    [
        ([7], [(7, 7, 1)]),
        ([1, 1, 3], [(1, 1, 2), (2, 2, 0), (3, 3, 1)]),
        ([20, 21, 30], [(i, i, int(i in (20, 21, 30))) for i in range(20, 31)]),
        ([9, 10, 25], [(i, i + 1, {9: 2, 25: 1}.get(i, 0)) for i in range(9, 27, 2)]),
    ],
)
def test_histogram(lengths, bars):
    assert histogram(np.array(lengths)) == [Bar(*bar) for bar in bars]


@pytest.mark.parametrize("high", [1, 16, 17, 250, 9999, 123_456_789])
def test_histograms_are_short_and_complete(high):
    lengths = np.unique(np.linspace(1, high, 1000).astype(np.int64))
    bars = histogram(lengths)
    assert len(bars) <= inspection.MOST_BARS
    for bar in bars:
        assert bar.count == ((bar.first <= lengths) & (lengths <= bar.last)).sum()


def test_evenly_spread():
    assert evenly_spread(3, None) == evenly_spread(3, 5) == [0, 1, 2]
    assert evenly_spread(101, 3) == [0, 50, 100]
    assert evenly_spread(7, 1) == [0]


def test_a_sheet_names_what_is_on_it(tiny_folder, tmp_path):
    found = inspect_npz(tiny_folder / "tiny.npz")
    save_inspection_sheet(tmp_path / "tiny.svg", found)
    root = ET.parse(tmp_path / "tiny.svg").getroot()
    drawn = root.findall(".//{*}g[@class='sketch']")
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(drawn) == 50 + 3 * 10
    assert texts[0] == "tiny.npz: 40 train, 13 valid, 11 test"
    longest = max(len(sketch) for part in found.sketches.values() for sketch in part)
    assert sum(text.endswith(f", {longest} points") for text in texts) > 0
    assert {"train 0", "test 10", "spread over the set", "longest offsets"} <= set(texts)
