"""Writing data sets: files that NumPy reads, whole or not at all."""

import os
import zipfile

import numpy as np
import pytest
from npz_files import SKETCHES, assert_same

from magenta_sketch.data import SketchSet, read_npz, write_npz
from magenta_sketch.errors import DataError


@pytest.mark.parametrize("dtype, written", [("i2", "<i2"), ("f4", "<i2"), ("f8", "<i2")])
def test_written_files_are_read_by_numpy_and_here(tmp_path, dtype, written):
    items = [*(item.astype(dtype) for item in SKETCHES), np.tile(SKETCHES[2], (400, 1))]
    path = tmp_path / "a.npz"
    write_npz(path, train=items, valid=SKETCHES, test=SketchSet.from_sketches(SKETCHES))
    assert_same(read_npz(path)["train"], items)
    with np.load(path, allow_pickle=True) as check:
        assert sorted(check.files) == ["test", "train", "valid"]
        assert check["train"].dtype == object
        for mine, item in zip(check["train"], items, strict=True):
            assert mine.dtype.str == written and mine.shape == item.shape
            np.testing.assert_array_equal(mine, item)
    with zipfile.ZipFile(path) as check:  # as Python 2 and NumPy 1 need it
        data = check.read("train.npy")
    assert b"\x80\x02" in data and b"numpy._core" not in data


def test_fractions_are_written_as_float32(tmp_path):
    write_npz(tmp_path / "a.npz", train=[[[0.5, 0, 1]]], valid=SKETCHES, test=SKETCHES)
    with np.load(tmp_path / "a.npz", allow_pickle=True) as check:
        assert {check[split][0].dtype.str for split in check.files} == {"<f4"}
    assert read_npz(tmp_path / "a.npz")["train"][0].tolist() == [[0.5, 0, 1]]


def test_writing_is_repeatable(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("bad, message", [([], "a.npz, test: no sketches"), ([[[1, 2]]], "test")])
def test_failed_writing_leaves_the_old_file_alone(tmp_path, bad, message):
    path = tmp_path / "a.npz"
    path.write_text("old")
    with pytest.raises(DataError, match=message):
        write_npz(path, train=SKETCHES, valid=SKETCHES, test=bad)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.npz"]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="a.npz: cannot be written: No space left"):
        write_npz(path, train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.npz"]


def test_writing_into_no_folder(tmp_path):
    with pytest.raises(DataError, match="cannot be written: No such file"):
        write_npz(tmp_path / "no" / "a.npz", train=SKETCHES, valid=SKETCHES, test=SKETCHES)
