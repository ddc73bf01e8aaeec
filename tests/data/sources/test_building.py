"""Data sets of drawings: what is written, and what is left after a failure."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from geometry import distance_to
from ndjson_files import SPLITS, build, contents, record, write

from magenta_sketch.data import npz_archive, read_npz, splitting, write_npz
from magenta_sketch.data.sources import quickdraw, spool
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError


def test_the_same_bytes_as_write_npz(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out")
    write_npz(tmp_path / "other.npz", **read_npz(path))
    assert path.read_bytes() == (tmp_path / "other.npz").read_bytes()
    with np.load(path, allow_pickle=True) as data:
        assert data["train"][0].dtype == np.int16


def test_simplified_drawings_are_taken_as_they_are(tmp_path):
    lines = [[[-7, 3, 4], [5, 5, 5]], [[400], [2]], [[1, 2, 2], [1, 1, 1]]]
    owls = [record(key, drawing=lines, split=SPLITS[key]) for key in range(3)]
    (path,) = build(write(tmp_path / "a.ndjson", owls), tmp_path / "out")
    (sketch,) = read_npz(path)["test"]
    moved = [(np.transpose(line) - [-7, 5]).tolist() for line in lines]
    assert [line.tolist() for line in to_polylines(sketch)] == moved
    # The middle of three on one line is only left out when that is asked for.
    (path,) = build(tmp_path / "a.ndjson", tmp_path / "b", epsilon=0.5)
    (sketch,) = read_npz(path)["test"]
    assert list(map(len, to_polylines(sketch))) == [2, 1, 2]


def test_numbers_with_fractions_are_kept(tmp_path):
    owls = [record(key, split=SPLITS[key % 3]) for key in range(6)]
    owls[5]["drawing"] = [[[0.5, 1.75], [0, 0.125]]]
    (path,) = build(write(tmp_path / "a.ndjson", owls), tmp_path / "out")
    data = read_npz(path)
    np.testing.assert_array_equal(data["test"][1], np.float32([[1.25, 0.125, 1]]))
    assert contents(path)["train"] == [0, 3]
    with np.load(path, allow_pickle=True) as archive:
        assert archive["train"][0].dtype == np.float32


def test_what_waits_on_the_disk_comes_back(tmp_path, monkeypatch):
    """Several classes, written to the spool's files many times and read in small parts."""
    words = [f"word {i}" for i in range(40)]
    records = [record(key, words[key % 40]) for key in range(3000)]
    file = write(tmp_path / "a.ndjson", records)
    kwargs = {"counts": (30, 20, 10), "shares": (50, 30, 20)}
    expected = {path.name: path.read_bytes() for path in build(file, tmp_path / "out", **kwargs)}
    monkeypatch.setattr(spool, "_BUFFERED", 500)
    monkeypatch.setattr(spool, "_CHUNK", 7)
    found = {path.name: path.read_bytes() for path in build(file, tmp_path / "other", **kwargs)}
    assert found == expected and len(found) == 40
    keys = [
        key for key in range(3, 3000, 40) if splitting.split_of(str(key), (50, 30, 20)) == "test"
    ]
    assert len(keys) > 10
    keys.sort(key=lambda key: splitting.hash_of(str(key).encode()))
    assert contents(tmp_path / "other" / "word_3.npz")["test"] == sorted(keys[:10])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_drawings(tmp_path, monkeypatch):
    """But for a few bytes of each, read when all are there. A sketch here has 900."""
    monkeypatch.setattr(spool, "_BUFFERED", 50_000)
    long = [[[number % 250 for number in range(150)], [number % 2 for number in range(150)]]]
    peaks = {}
    for count in (2000, 4000):
        records = (record(key, drawing=long) for key in range(count))
        file = write(tmp_path / f"{count}.ndjson", records)
        if not peaks:
            build(file, tmp_path / "first")  # what is imported and cached the first time
        tracemalloc.start()
        build(file, tmp_path / f"{count}")
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[4000] - peaks[2000] < 2000 * 150


# Failures


def test_a_split_too_large_to_be_read_back(tmp_path, owls, monkeypatch):
    monkeypatch.setattr(npz_archive, "MAX_SPLIT_BYTES", 2000)
    with pytest.raises(DataError, match="owl, train, 278 sketches: over .* read back"):
        build(owls, tmp_path / "out")
    # The exact size is known when it is written.
    monkeypatch.setattr(npz_archive, "MAX_SPLIT_BYTES", 10_000)
    with pytest.raises(DataError, match="owl.npz, train: over 10,000 bytes"):
        build(owls, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_are_there_are_kept_unless_told(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out")
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"owl\.npz: is there already; give --overwrite"):
        build(owls, tmp_path / "out")
    assert path.read_bytes() == b"mine"
    build(owls, tmp_path / "out", overwrite=True)
    assert len(contents(path)["train"]) > 200
    path.rename(tmp_path / "moved")
    path.mkdir()
    for overwrite in (True, False):
        with pytest.raises(DataError, match=r"owl\.npz: is a folder; move it away, or give anot"):
            build(owls, tmp_path / "out", overwrite=overwrite)
    path.rmdir()
    (tmp_path / "moved").rename(path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["owl.npz"]


def test_a_place_that_cannot_be_written(tmp_path, owls):
    with pytest.raises(DataError, match="owls.ndjson/out: cannot be written: Not a directory"):
        build(owls, owls / "out")
    with pytest.raises(DataError, match="owls.ndjson: cannot be written: File exists"):
        build(owls, owls)


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, owls, monkeypatch):
    real = spool.ClassSpool.sketches

    def fails(self, chosen, dtype):
        yield next(real(self, chosen, dtype))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool.ClassSpool, "sketches", fails)
    with pytest.raises(DataError, match="owl.npz: cannot be written: No space left"):
        build(owls, tmp_path / "new" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["owls.ndjson"]


# Real drawings


def test_real_raw_drawings(shared, tmp_path):
    folder = shared / "data" / "quickdraw_raw"
    files = sorted(folder.glob("*.ndjson"))
    lines = []
    paths = build(files, tmp_path, lines, shares=(70, 15, 15))
    assert [path.stem for path in paths] == [file.stem.replace(" ", "_") for file in files]
    for path, file in zip(paths, files, strict=True):
        data = read_npz(path)
        drawings = {split: [] for split in SPLITS}
        for drawing in quickdraw.read(file):
            drawings[splitting.split_of(drawing.key, (70, 15, 15))].append(drawing)
        for split in SPLITS:
            for sketch, drawing in zip(data[split], drawings[split], strict=True):
                check_real(sketch, drawing)


def check_real(sketch, drawing):
    """The sketch is where the drawing is, and within epsilon and rounding of it."""
    lines = to_polylines(sketch)
    points = np.concatenate(drawing.lines)
    scale = 255 / np.ptp(points, axis=0).max()
    shift = np.rint((drawing.lines[0][0] - points.min(axis=0)) * scale)
    for line, original in zip(lines, drawing.lines, strict=True):
        original = (original - points.min(axis=0)) * scale
        standing = (np.diff(line, axis=0) == 0).all(axis=1)
        assert not standing.any() or (line is lines[0] and len(line) == 2)  # a dot that comes first
        assert (line + shift >= 0).all() and (line + shift <= 255).all()
        np.testing.assert_allclose(line[[0, -1]] + shift, original[[0, -1]], atol=0.5 + 1e-6)
        assert distance_to(original, line + shift).max() <= 2 + np.sqrt(0.5) + 0.5 + 1e-6


def test_options_are_values():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().epsilon = 1
