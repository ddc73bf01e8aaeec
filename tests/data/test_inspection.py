"""What is found odd in data sets: every kind made by hand."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from npz_files import SOUND, save, silent, sketches

from magenta_sketch.data import load_data_set, oddities, read_npz
from magenta_sketch.data.inspection import inspect_npz
from magenta_sketch.data.statistics import Summary
from magenta_sketch.drawing.contact_sheet import evenly_spread, save_inspection_sheet
from magenta_sketch.errors import DataError


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
    found = odd(save(tmp_path / "a.npz", train=sketches(items)))
    assert found == {kind: (len(places), places)}


@pytest.mark.parametrize("dtype, largest", [(np.int16, -32768), (np.float64, 1e300)])
def test_offsets_that_reading_clamps(tmp_path, dtype, largest):
    items = [SOUND[0], [[1000, -1000, 1]], [[1, 0, 0], [largest, 0, 1]]]
    path = save(tmp_path / "a.npz", train=sketches(items, dtype))
    count, places = odd(path)["clamped"]
    assert (count, places) == (1, [f"train 2 offset {abs(largest):.6g}"])
    found = inspect_npz(path)
    assert found.statistics.dx.max_abs == 1000
    np.testing.assert_array_equal(found.sketches["train"].points, read_npz(path)["train"].points)


def test_everything_at_once_is_told(tmp_path):
    items = ["text", [], [[NAN, 0, 1]], [[1, 0, 7]], [[2000, 0, 1]], SOUND[1], SOUND[1]]
    path = save(tmp_path / "a.npz", train=sketches(items), valid=sketches([]), test=None)
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
    oddity = inspect_npz(save(tmp_path / "a.npz", train=sketches(items))).oddities[-1]
    assert (oddity.kind, oddity.count) == ("not_lifted", 300)
    assert [place.number for place in oddity.places] == list(range(oddities.NAMED))


def test_a_file_without_a_usable_sketch(tmp_path):
    path = save(tmp_path / "a.npz", train=sketches([[]]), valid=None, test=sketches([]))
    found = inspect_npz(path)
    assert found.statistics.lengths == Summary(0, 0, 0, 0, 0)
    assert found.statistics.histogram == []
    assert not save_inspection_sheet(tmp_path / "a.svg", found)
    assert not (tmp_path / "a.svg").exists()


def test_too_many_items_that_are_no_sketches(tmp_path):
    path = save(tmp_path / "a.npz", train=sketches(["text"] * 1001))
    with pytest.raises(DataError, match=r"train\[1000\]: .*; and so for over 1,000 items"):
        inspect_npz(path)


def test_files_that_are_no_data_sets(tmp_path):
    (tmp_path / "text.npz").write_text("<g>")
    with pytest.raises(DataError, match="text.npz: not a zip archive"):
        inspect_npz(tmp_path / "text.npz")
    np.savez(tmp_path / "model.npz", weights=np.zeros(3))
    with pytest.raises(DataError, match="model.npz: no split train, valid, test.*weights.npy"):
        inspect_npz(tmp_path / "model.npz")
    save(tmp_path / "wrong.npz", valid=np.zeros((4, 2)))
    with pytest.raises(DataError, match="wrong.npz, valid: expected an object array"):
        inspect_npz(tmp_path / "wrong.npz")


@pytest.mark.parametrize("name", ["aaron_sheep.npz", "short_kanji.npz"])
def test_duplicates_in_published_data(shared, name):
    folder = shared / "data"
    found = inspect_npz(folder / name)
    data = load_data_set(name, folder, report=silent)
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
