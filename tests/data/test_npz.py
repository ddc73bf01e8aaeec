"""Reading data sets: the files of every writer, wrong contents, damaged files."""

import io
import pickle
import struct

import numpy as np
import pytest
from npz_files import (
    SKETCHES,
    archive,
    assert_same,
    npy,
    npy_of,
    objects,
    pickled,
    python2_npy,
)

from magenta_sketch.data import npz_archive, npz_split, read_npz
from magenta_sketch.data.npz import RawSplit, read_raw_npz
from magenta_sketch.errors import DataError


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f8", "<f4", "|i1", "<i8"])
def test_python_2(tmp_path, dtype):
    items = [np.clip(item, -100, 127).astype(dtype) for item in SKETCHES]
    items.append(np.tile(items[0], (90, 1)))  # over 255 bytes: another string opcode
    path = archive(tmp_path / "a.npz", train=python2_npy(items))
    assert_same(read_npz(path)["train"], items)
    with np.load(path, allow_pickle=True, encoding="latin1") as check:
        assert_same(read_npz(path)["train"], list(check["train"]))


@pytest.mark.parametrize("module", ["numpy.core", "numpy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_python_3(tmp_path, protocol, module):
    items = [*SKETCHES, np.asfortranarray(SKETCHES[0])]
    payload = pickled(objects(items), protocol, module)
    assert module == "numpy" or b"numpy._core" not in payload
    path = archive(tmp_path / "a.npz", train=npy(payload, (4,)))
    assert_same(read_npz(path)["train"], items)


def test_number_types_may_differ_from_item_to_item(tmp_path):
    items = [SKETCHES[0], SKETCHES[1].astype(np.float64), SKETCHES[2].astype(np.uint8)]
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)


def test_items_as_lists_and_as_object_arrays(tmp_path):
    items = [[[1, 2, 0], [0.5, 1, 1]], np.array([[1, 2, 1]], object), SKETCHES[0]]
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["i2", "f8", object])
def test_sketches_of_one_length_as_one_array(tmp_path, dtype, order):
    block = np.array([SKETCHES[0], SKETCHES[0] * [2, 2, 1]], dtype, order=order)
    path = archive(tmp_path / "a.npz", train=npy_of(block))
    assert_same(read_npz(path)["train"], list(block))


def test_headers_of_python_2_with_long_numbers(tmp_path):
    data = python2_npy(SKETCHES).replace(b"(3,), ", b"(3L,),", 1)
    assert b"3L" in data
    assert_same(read_npz(archive(tmp_path / "a.npz", train=data))["train"], SKETCHES)


def test_large_offsets_are_clamped(tmp_path):
    item = np.array([[1e300, -1e300, 0], [1000.5, -999.5, 1]])
    path = archive(tmp_path / "a.npz", train=npy_of(objects([item])))
    assert read_npz(path)["train"][0].tolist() == [[1000, -1000, 0], [1000, -999.5, 1]]


# Sizes


def test_an_item_repeated_until_memory_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_archive, "MAX_SPLIT_BYTES", 1 << 20)
    large = np.zeros((10000, 3), np.int16)  # 60 kB, in the file once
    data = npy_of(objects([large] * 1000))
    assert len(data) < 1 << 17
    with pytest.raises(DataError, match="over 1,048,576 bytes"):
        read_npz(archive(tmp_path / "a.npz", train=data))


def test_one_list_repeated_is_converted_once(tmp_path, monkeypatch):
    large = [[1, 2, 0]] * 1000
    items = [large] * 500 + [np.array(large, object)] * 2 + [[[1, 2, 0]]]
    converted, convert = [], npz_split._array_of_numbers
    monkeypatch.setattr(
        npz_split, "_array_of_numbers", lambda *args: converted.append(args[1]) or convert(*args)
    )
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)
    assert len(converted) == 3
    monkeypatch.setattr(npz_archive, "MAX_SPLIT_BYTES", 1 << 20)
    with pytest.raises(DataError, match="train: over 1,048,576 bytes"):
        read_npz(path)
    assert len(converted) == 3


def test_a_split_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_archive, "MAX_SPLIT_BYTES", 1 << 16)
    path = archive(tmp_path / "a.npz", train=npy(bytes(1 << 17)))
    with pytest.raises(DataError, match="a.npz, train: 131,200 bytes when unpacked"):
        read_npz(path)


def test_a_split_larger_than_it_declares(tmp_path):
    data = npy(bytes(1 << 20))
    path = archive(tmp_path / "a.npz", train=data)
    raw = path.read_bytes()
    # The uncompressed size is in the local header and in the directory.
    raw = raw.replace(struct.pack("<I", len(data)), struct.pack("<I", 300))
    path.write_bytes(raw)
    with pytest.raises(DataError, match="a.npz, train: damaged"):
        read_npz(path)


# Damage and wrong contents, each with a line that says where.


def first(item):
    return npy_of(objects([SKETCHES[0], np.asarray(item)]))


@pytest.mark.parametrize(
    "data, message",
    [
        (None, r"no split train, expected train, valid and test; the file has valid.npy, test"),
        (npy_of(objects([])), r"train: the split is empty"),
        (npy_of(np.zeros((0, 4, 3))), r"train: the split is empty"),
        (first(np.zeros((4, 2))), r"train\[1\]: expected .* \[n, 3\], got shape \[4, 2\]"),
        (first(np.zeros(3)), r"train\[1\]: expected .* got shape \[3\]"),
        (first(np.zeros((0, 3), np.int16)), r"train\[1\]: the sketch has no points"),
        (first([[0, 0, 0], [0, np.nan, 1]]), r"train\[1\]: point 1 .* not finite: \[0.0, nan"),
        (first([[np.inf, 0, 0.0]]), r"train\[1\]: point 0 .* not finite"),
        (first([[0, 0, 1], [0, 0, 2]]), r"train\[1\]: point 1 has the lift 2"),
        (first([[0, 0, 0.5]]), r"train\[1\]: point 0 has the lift 0.5"),
        (first(np.zeros((1, 3), complex)), r"train: unsupported .*numbers of the type c16"),
        (first(np.zeros((1, 3), "U1")), r"train: unsupported .*numbers of the type U1"),
        (npy_of(objects([SKETCHES[0], "x"])), r"train\[1\]: .* got an object \(str\)"),
        (npy_of(objects([SKETCHES[0], [[1, 2]]])), r"train\[1\]: .* got shape"),
        (npy_of(objects([[["1", 2, 0]]])), r"train\[0\]: expected numbers only"),
        (npy_of(objects([[[10**400, 2, 0]]])), r"train\[0\]: a number is too large"),
        (npy_of(np.zeros((4, 3))), r"train: expected an object array .* got shape \[4, 3\]"),
        (npy_of(np.zeros((4, 2, 5))), r"train\[0\]: expected .* got shape \[2, 5\]"),
        (npy_of(np.zeros((4, 0, 3))), r"train\[0\]: the sketch has no points"),
        (npy_of(np.zeros((2, 2, 3), complex)), r"train: .* the type complex128"),
        (npy_of(np.zeros(2, "i2,O")), r"train: .* real numbers, got the type"),
        (npy(b"", (1 << 40, 5, 3), "<f8"), r"train: 0 bytes of data"),
        (npy(pickle.dumps([1, 2]), (2,)), r"train: the pickle is not an object array"),
        (npy(pickle.dumps(objects(SKETCHES)), (4,)), r"train: .* object array of shape \[4\]"),
        (npy(pickle.dumps(objects(SKETCHES))[:-20]), r"train: unsupported or damaged pickle"),
        (npy(b""), r"train: unsupported or damaged pickle"),
        (b"not an array", r"train: not an array in .npy format"),
        (b"", r"train: not an array in .npy format"),
        (b"\x93NUMPY\x03\x00\x02\x00\x00\x00{}", r"train: not an array in .npy format"),
    ],
)
def test_wrong_contents(tmp_path, data, message):
    path = archive(tmp_path / "a.npz", train=data)
    with pytest.raises(DataError, match=r"a\.npz.*" + message) as caught:
        read_npz(path)
    assert len(str(caught.value).splitlines()) == 1


NPY = io.BytesIO()
np.save(NPY, np.zeros(3))
DRAWING = b'{"word": "owl", "drawing": []}'
OTHER_FILES = {
    "page.npz": (b"<!DOCTYPE html>\n<html>404</html>", "a web page, .*download the file itself"),
    "bom.npz": ("<HTML>".encode("utf-16"), "a web page"),
    "a.svg": (b"<?xml version='1.0'?><svg/>", "an SVG file, not .*makes one of a folder of them"),
    "a.npy": (NPY.getvalue(), r"a single NumPy array \(.npy\).*write_npz makes one of lists"),
    "a.pkl": (pickle.dumps([1]), "a pickle, .*load it with a program that you trust"),
    "a.ndjson": (DRAWING, "drawings as text, .*`sketch_rnn_convert data .*a.ndjson --out=FOLDER"),
    "a.json": (b"[" + DRAWING + b"]", "drawings as text"),
    "a.csv": (b"countrycode,drawing,key_id\n", "drawings as text"),
    "lfs.npz": (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS, .*pull"),
    "empty.npz": (b"", "the file is empty"),
    "other.npz": (b"\x00\x01\xff", "not a zip archive, or cut short; copy or download"),
    "other.txt": (b"hello", "not a data set, which is an .npz file"),
}


def test_files_that_are_no_archives(tmp_path):
    whole = archive(tmp_path / "whole.npz").read_bytes()
    for name, (content, _) in OTHER_FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.npz").mkdir()
    for name, (_, message) in OTHER_FILES.items():
        with pytest.raises(DataError, match=f"{name}: {message}") as caught:
            read_npz(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "gnoe.npz").touch()
    with pytest.raises(DataError, match=r"gone.npz: no such file; did you mean gnoe\.npz\?"):
        read_npz(tmp_path / "gone.npz")
    with pytest.raises(DataError, match="folder.npz: a folder; name the .npz files in it"):
        read_npz(tmp_path / "folder.npz")
    cut = tmp_path / "cut.npz"
    for size in range(1, len(whole), 37):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError, match="cut.npz: not a zip archive, or cut short"):
            read_npz(cut)


def test_damage_anywhere_gives_a_data_error_or_the_data(tmp_path):
    whole = archive(tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "damaged.npz"
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            result = read_npz(path)
        except DataError as error:
            assert "damaged.npz" in str(error)
        else:
            assert_same(result["train"], SKETCHES)


# Splits as the file has them


def test_raw_splits_are_as_the_file_has_them(tmp_path):
    points = np.array([[5000, -5000, 9], [1, 2, 1]], np.int32)
    items = [points[:0], points[:1], "text", points[1:]]
    raw = read_raw_npz(archive(tmp_path / "a.npz", train=npy_of(objects(items)), test=None))
    assert list(raw) == ["train", "valid"]
    part = raw["train"]
    assert type(part) is RawSplit and part.points.dtype == np.int32
    assert part.points.tolist() == points.tolist()
    assert part.starts.tolist() == [0, 0, 1, 1, 2] and list(part.refused) == [2]


def test_one_wrong_item_many_times_over(tmp_path):
    # Items that are not arrays of numbers are converted once, and refused each time.
    wrong, right, empty = np.ones((4, 2), object), np.array([[1, 2, 1]], object), []
    items = [wrong, right, wrong, empty, right, wrong, empty]
    raw = read_raw_npz(archive(tmp_path / "a.npz", train=npy_of(objects(items))))["train"]
    assert list(raw.refused) == [0, 2, 5]
    assert raw.points.tolist() == [[1, 2, 1], [1, 2, 1]]
    assert np.diff(raw.starts).tolist() == [0, 1, 0, 0, 1, 0, 0]
