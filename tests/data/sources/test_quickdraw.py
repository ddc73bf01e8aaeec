import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_sketch.data.sources import collecting, json_records, quickdraw
from magenta_sketch.data.sources.drawings import Drawing, Skipped
from magenta_sketch.errors import DataError

RAW = {
    "word": "bird",
    "key_id": "17",
    "recognized": True,
    "drawing": [[[1, 2, 3], [4, 5, 7], [0, 10, 20]], [[9.5], [8], [30]]],
}


def write(path, *lines):
    path.write_bytes(
        b"".join(
            (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n"
            for line in lines
        )
    )
    return path


def read(path):
    return list(quickdraw.read(path))


def test_a_raw_drawing(tmp_path):
    (drawing,) = read(write(tmp_path / "a.ndjson", RAW))
    assert drawing[:4] == (str(tmp_path / "a.ndjson"), 1, "bird", "17")
    assert drawing.form == "timed" and drawing.recognized is True and drawing.split is None
    assert [line.tolist() for line in drawing.lines] == [[[1, 4], [2, 5], [3, 7]], [[9.5, 8]]]


def test_a_simplified_drawing(tmp_path):
    line = RAW | {"drawing": [[[0, 255], [-3, 9]]], "split": "valid", "recognized": False}
    (drawing,) = read(write(tmp_path / "a.ndjson", line))
    assert drawing.form == "simplified" and drawing.split == "valid"
    assert drawing.recognized is False
    assert [line.tolist() for line in drawing.lines] == [[[0, -3], [255, 9]]]


def test_a_stroke3_drawing(tmp_path):
    """As the web page saves drawings: offsets from the first point, which is the origin."""
    rows = [[3, 0, 0], [0, 4.5, 1], [-1, 0, 1], [2, 2, 0], [1, 0, 0]]
    (drawing,) = read(write(tmp_path / "a.ndjson", {"word": "owl", "key_id": "k", "stroke3": rows}))
    assert (drawing.name, drawing.key, drawing.form) == ("owl", "k", "simplified")
    lines = [[[0, 0], [3, 0], [3, 4.5]], [[2, 4.5]], [[4, 6.5], [5, 6.5]]]
    assert [line.tolist() for line in drawing.lines] == lines


@pytest.mark.parametrize(
    "rows, reason",
    [
        ([], "no strokes"),
        ({}, "no strokes"),
        ([[1, 2]], "a row of stroke3 is not [dx, dy, lift]"),
        ([[1, 2, 0], 3], "a row of stroke3 is not [dx, dy, lift]"),
        ([[1, 2, 2]], "a lift in stroke3 is neither 0 nor 1"),
        ([[1, 2, None]], "a lift in stroke3 is neither 0 nor 1"),
        ([[1, "2", 1]], "a coordinate is not a number"),
        ([[1e308, 0, 0], [1e308, 0, 1]], "a coordinate is not finite or beyond 1,000,000,000"),
        ([[6e8, 0, 0], [6e8, 0, 1]], "a coordinate is not finite or beyond 1,000,000,000"),
    ],
)
def test_stroke3_that_is_no_drawing(tmp_path, rows, reason):
    first, second = read(write(tmp_path / "a.ndjson", {"stroke3": rows}, RAW))
    assert isinstance(first, Skipped) and first.reason == reason and isinstance(second, Drawing)


@pytest.mark.parametrize("name", ["owl.ndjson", "owl.ndjson.gz", "owl"])
def test_members_that_are_missing(tmp_path, name):
    """A drawing alone is enough; its class is then called as the file."""
    path = write(tmp_path / name, {"drawing": [[[1, 2], [3, 4]]]})
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    (drawing,) = read(path)
    assert (drawing.name, drawing.key, drawing.recognized) == ("owl", None, None)


@pytest.mark.parametrize(
    "key, expected", [(17, "17"), ("", None), (None, None), (2**63, str(2**63))]
)
def test_keys(tmp_path, key, expected):
    (drawing,) = read(write(tmp_path / "a.ndjson", RAW | {"key_id": key}))
    assert drawing.key == expected


def strokes(*value):
    return json.dumps(RAW | {"drawing": list(value)}).encode()


DAMAGED = {
    b"{": "not JSON",
    b'{"a": 1} {"b": 2}': "not JSON",
    b"\xff\xfe" + json.dumps(RAW).encode(): "not JSON",
    json.dumps(RAW).encode().replace(b"bird", b"b\xffrd"): "not JSON",
    b"[" * 100_000: "not JSON",
    json.dumps(RAW)[:-20].encode(): "not JSON",
    strokes([[1, 2], [float("nan"), 4]]): "not JSON",
    b"[1, 2]": "not a JSON object",
    b"null": "not a JSON object",
    b'{"word": "bird"}': "no drawing",
    b'{"word": "bird", "drawing": {"x": 1}}': "no drawing",
    strokes(): "no strokes",
    strokes([[], []], [[], []]): "no points",
    strokes([[1, 2]]): "its strokes are not all",
    strokes([[1], [2]], [[1], [2], [3]]): "its strokes are not all",
    strokes([[1], [2]], 5): "its strokes are not all",
    strokes([[1, 2], [3]]): "x and y are not of one length",
    strokes([[1, 2], "34"]): "a stroke's x or y is not a list",
    strokes([[1, None], [3, 4]]): "a coordinate is not a number",
    strokes([["1", "2"], [3, 4]]): "a coordinate is not a number",
    strokes([[[1], [2]], [[3], [4]]]): "a coordinate is not a number",
    strokes([[1, [2]], [3, 4]]): "a coordinate is not a number",
    strokes([[True, False], [True, True]]): "a coordinate is not a number",
    strokes([[1, 1e300], [3, 4]]): "a coordinate is not finite or beyond 1,000,000,000",
    strokes([[1, -(10**40)], [3, 4]]): "a coordinate is not",
    json.dumps(RAW | {"word": 5}).encode(): "the word is not text",
    json.dumps(RAW | {"key_id": [1]}).encode(): "key_id is neither text nor a whole number",
    json.dumps(RAW | {"key_id": 1.5}).encode(): "key_id is neither text nor a whole number",
    json.dumps(RAW | {"split": "dev"}).encode(): "the split is not train, valid or test",
}


def test_damaged_lines_are_told_and_the_others_read(tmp_path):
    path = write(tmp_path / "a.ndjson", RAW, b"", b"  \t", *DAMAGED, RAW)
    first, *skipped, last = read(path)
    assert isinstance(first, Drawing) and isinstance(last, Drawing)
    assert last.line == 3 + len(DAMAGED) + 1
    for number, (item, reason) in enumerate(zip(skipped, DAMAGED.values(), strict=True), 4):
        assert isinstance(item, Skipped) and item.line == number
        assert item.reason.startswith(reason), item
        assert len(str(item).splitlines()) == 1
        assert str(item).startswith(f"{path}, line {number}")
    keyed = next(item for item in skipped if item.reason == "no points")
    assert "drawing 17: no points" in str(keyed)


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_records, "LONGEST_LINE", 1000)
    long = json.dumps(RAW).encode() + b" " * 5000
    path = write(tmp_path / "a.ndjson", RAW, long, RAW, long)
    items = read(path)
    assert [type(item) for item in items] == [Drawing, Skipped, Drawing, Skipped]
    assert items[2].line == 3
    assert "a line of over" in str(items[1])


def same(found, expected):
    assert [type(item) for item in found] == [Drawing] * len(expected)
    for ours, other in zip(found, expected, strict=True):
        assert ours[2:4] == other[2:4] and ours[5:8] == other[5:8]
        assert [a.tolist() for a in ours.lines] == [b.tolist() for b in other.lines]


RECORDS = [RAW | {"key_id": str(number), "word": "b\u00e4r"} for number in range(300)]
LINES = "\n".join(json.dumps(one) for one in RECORDS)
FORMS = {
    "an array": json.dumps(RECORDS).encode(),
    "an indented array": b"\n " + json.dumps(RECORDS, indent=2).encode(),
    "an array with an object a line": b"[" + LINES.replace("\n", ",\n").encode() + b"]",
    "indented objects": "\n".join(json.dumps(one, indent=1) for one in RECORDS).encode(),
    "CR at line ends": LINES.replace("\n", "\r").encode(),
    "UTF-16": json.dumps(RECORDS, ensure_ascii=False).encode("utf-16"),
    "UTF-16, other order, with mark": b"\xfe\xff" + LINES.encode("utf-16-be"),
    "UTF-16 without mark": LINES.encode("utf-16-le"),
    "a mark and CR": b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode(),
    "objects on one line": LINES.replace("\n", " ").encode(),
    "objects without a space": LINES.replace("\n", "").encode(),
    "an object's first member on its line": LINES.replace('", "', '",\n "').encode(),
    "CR after a long record": json.dumps(RECORDS[0] | {"more": "x" * 200_000}).encode()
    + b"\r"
    + "\r".join(json.dumps(one) for one in RECORDS[1:]).encode(),
    "packed UTF-16": gzip.compress(LINES.encode("utf-16")),
}


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_of_json(tmp_path, form):
    (tmp_path / "a.ndjson").write_bytes(FORMS[form])
    same(read(tmp_path / "a.ndjson"), read(write(tmp_path / "b.ndjson", *RECORDS)))


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_is_read_in_parts(tmp_path, indent):
    """And not whole: the first drawing comes before the damage at the end."""
    text = json.dumps(RECORDS * 30, indent=indent)
    (tmp_path / "a.json").write_text(text[: len(text) - 50])
    items = quickdraw.read(tmp_path / "a.json")
    assert isinstance(next(items), Drawing)
    with pytest.raises(DataError, match="not JSON after drawing 8,999") as caught:
        list(items)
    assert "\n" not in str(caught.value)


def test_items_of_an_array_that_are_no_drawings(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([RAW, 5, [RAW], {"drawing": []}, RAW]))
    found = read(tmp_path / "a.json")
    assert [type(item) for item in found] == [Drawing, Skipped, Skipped, Skipped, Drawing]
    assert [item.line for item in found] == [1, 2, 3, 4, 5]


DEEP = ["[" * 30_000, "[" * 100_000, '[{"a":' * 20_000, '{\n"a":' + "[" * 50_000]


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_deep_nesting_takes_no_memory(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="nested too deep"):
            read(tmp_path / "a.json")
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:-400] + b"\x00\xd8" + d[-398:]])
def test_damaged_utf_16(tmp_path, damage):
    (tmp_path / "a.ndjson").write_bytes(damage(LINES.encode("utf-16")))
    found = read(tmp_path / "a.ndjson")
    assert len(found) == 300 and sum(isinstance(item, Drawing) for item in found) >= 299


def test_an_empty_stroke_is_passed_over(tmp_path):
    path = write(tmp_path / "a.ndjson", RAW | {"drawing": [[], *RAW["drawing"], []]})
    same(read(path), read(write(tmp_path / "b.ndjson", RAW)))


def test_kaggles_csv(tmp_path):
    rows = ["countrycode,drawing,key_id,recognized,timestamp,word"]
    drawing = json.dumps(RAW["drawing"])
    rows += [
        f'US,"{drawing}",{key},{key % 2 == 0},2017-03-09 00:28:55.637750,bird' for key in (2, 3)
    ]
    rows += ['US,"[[[1, 2",4,True,x,bird', 'US,"[]",5,True,x,bird', "US"]
    for end in ("\n", "\r\n"):
        (tmp_path / "a.csv").write_text(end.join(rows), newline="")
        first, second, *bad = read(tmp_path / "a.csv")
        assert (first.name, first.key, first.recognized) == ("bird", "2", True)
        assert (second.key, second.recognized, second.line) == ("3", False, 3)
        assert [line.tolist() for line in first.lines] == [[[1, 4], [2, 5], [3, 7]], [[9.5, 8]]]
        reasons = ["its drawing is not JSON", "no strokes", "no drawing"]
        assert [item.reason for item in bad] == reasons
    # As the test set: without words.
    (tmp_path / "owl.csv").write_text(f'key_id,countrycode,drawing\n7,US,"{drawing}"\n')
    (drawing,) = read(tmp_path / "owl.csv")
    assert (drawing.name, drawing.key, drawing.recognized) == ("owl", "7", None)


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    text = b"\xef\xbb\xbf" + json.dumps(RAW).encode() + b"\r\n" + json.dumps(RAW).encode() + b"\r\n"
    (tmp_path / "a.ndjson").write_bytes(text)
    assert [type(item) for item in read(tmp_path / "a.ndjson")] == [Drawing, Drawing]


def test_compressed_is_read_as_plain(tmp_path):
    plain = write(tmp_path / "a.ndjson", *[RAW | {"key_id": str(i)} for i in range(500)])
    (tmp_path / "b").mkdir()
    packed = tmp_path / "b" / "a.ndjson"  # not by its name
    data = plain.read_bytes()
    packed.write_bytes(gzip.compress(data[:4000]) + gzip.compress(data[4000:]))
    for ours, other in zip(read(packed), read(plain), strict=True):
        assert ours[1:4] == other[1:4]
        assert [a.tolist() for a in ours.lines] == [b.tolist() for b in other.lines]


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-5], lambda d: d[:40] + b"?" + d[41:], lambda d: d[:5]]
)
def test_damaged_compression_is_an_error(tmp_path, damage):
    """Not a skip: half of a file is not what was asked for."""
    lines = b"".join(json.dumps(RAW | {"key_id": str(i)}).encode() + b"\n" for i in range(900))
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(damage(gzip.compress(lines)))
    with pytest.raises(DataError, match=r"a\.ndjson\.gz: damaged or cut short after line .*again"):
        read(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read(tmp_path / "none.ndjson")


def test_progress_adds_up_to_the_file(tmp_path):
    path = write(tmp_path / "a.ndjson", *[RAW] * 1000)
    told = []
    list(quickdraw.read(path, told.append))
    assert sum(told) == path.stat().st_size and len(told) > 3


def test_real_drawings(shared):
    files = sorted((shared / "data" / "quickdraw_raw").glob("*.ndjson"))
    assert len(files) == 8
    for file in files:
        items = read(file)
        records = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(items) == len(records)
        for item, record in zip(items, records, strict=True):
            assert item.name == file.stem and item.key == record["key_id"]
            assert item.form == "timed" and item.recognized == record["recognized"]
            for line, stroke in zip(item.lines, record["drawing"], strict=True):
                np.testing.assert_array_equal(line, np.transpose(stroke[:2]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)
NUMBERS = st.lists(st.one_of(st.integers(-300, 300), st.floats(-9, 9), JSON), max_size=3)
STROKES = st.lists(st.lists(st.one_of(NUMBERS, JSON), min_size=2, max_size=3), max_size=3)
MEMBERS = {
    "word": st.one_of(st.text(max_size=5), JSON),
    "key_id": st.one_of(st.text(max_size=5), JSON),
    "drawing": st.one_of(STROKES, JSON),
    "stroke3": st.one_of(st.lists(NUMBERS, max_size=4), JSON),
}


@pytest.mark.parametrize("line", [b"}", b'"a": 1', b"}]"])
def test_a_bad_line_after_a_whole_drawing(tmp_path, line):
    """The first line is whole, so these are lines, not one object that goes on."""
    first, second, third = read(write(tmp_path / "a.ndjson", RAW, line, RAW))
    assert isinstance(first, Drawing) and isinstance(third, Drawing)
    assert isinstance(second, Skipped) and second.reason == "not JSON"


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.binary(), JSON, st.fixed_dictionaries({}, optional=MEMBERS)))
def test_any_line_is_a_drawing_or_skipped(value):
    line = value if isinstance(value, bytes) else json.dumps(value).encode()
    with tempfile.TemporaryDirectory() as folder:
        first, *items = read(write(Path(folder, "a.ndjson"), RAW, line.replace(b"\n", b"")))
    assert isinstance(first, Drawing) and len(items) <= 1
    for item in items:
        if isinstance(item, Drawing):
            points = np.concatenate(item.lines)
            assert points.dtype == np.float64 and np.isfinite(points).all() and len(points)
            assert collecting.file_name(item.name)
        else:
            assert len(str(item).splitlines()) == 1
