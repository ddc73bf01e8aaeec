"""Data sets that stay on the disk: the same sketches, order and numbers as in memory."""

import numpy as np
import pytest

from magenta_sketch.config import RunConfig
from magenta_sketch.data import OpenedSet, load_data_set, opening, unpacking, write_npz
from magenta_sketch.data.batches import evaluation_batches, training_batch
from magenta_sketch.errors import DataError


def silent(line):
    pass


def sketches(count, seed, *, whole=True, points=30):
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        sketch = random.normal(0, 50, (random.integers(1, points + 1), 3))
        sketch[:, 2] = random.random(len(sketch)) < 0.3
        made.append(np.round(sketch).astype(np.int16) if whole else sketch.astype(np.float32))
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unpacked"


@pytest.fixture
def files(tmp_path, cache):
    """Files of whole numbers and of others, and one whose offsets are beyond the limit."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number, whole in enumerate((True, False, True)):
        train = sketches(200, number, whole=whole)
        few = sketches(20, 10 + number, whole=whole)
        if number == 2:
            train[5] = train[5] * np.array([30, 30, 1], np.int16)
        arrays = {"train": train, "valid": few, "test": few[:7]}
        objects = {}
        for name, items in arrays.items():
            objects[name] = np.empty(len(items), object)
            objects[name][:] = items
        np.savez_compressed(folder / f"{number}.npz", **objects)
    return folder


NAMES = ["2.npz", "0.npz", "1.npz"]


def assert_same(opened, loaded):
    for split in ("train", "valid", "test"):
        mine, theirs = getattr(opened, split), getattr(loaded, split)
        assert isinstance(mine, OpenedSet) and len(mine) == len(theirs)
        np.testing.assert_array_equal(mine.lengths, theirs.lengths)
        for one, other in zip(mine, theirs, strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(mine.in_memory().points, theirs.points)
    assert opened.fingerprint == loaded.fingerprint
    assert opened.normalizing_factor == loaded.normalizing_factor
    assert opened.max_seq_len == loaded.max_seq_len
    assert opened.dropped.keys() == loaded.dropped.keys()
    for split, numbers in opened.dropped.items():
        np.testing.assert_array_equal(numbers, loaded.dropped[split])
    np.testing.assert_array_equal(opened.train_counts, loaded.train_counts)


@pytest.mark.parametrize("max_seq_len", [None, 25])
def test_opened_data_are_the_loaded_data(files, max_seq_len):
    how = {"max_seq_len": max_seq_len, "report": silent}
    loaded = load_data_set(NAMES, files, **how)
    for _ in range(2):  # unpacked, and opened again
        assert_same(load_data_set(NAMES, files, in_memory=False, **how), loaded)
    assert bool(loaded.dropped) == (max_seq_len is not None)


def test_batches_are_the_same(files):
    loaded = load_data_set(NAMES, files, max_seq_len=25, report=silent)
    opened = load_data_set(NAMES, files, max_seq_len=25, in_memory=False, report=silent)
    config = RunConfig.of(seed=4, batch_size=50).with_data(loaded)
    for step in range(3):
        mine, theirs = (training_batch(data.train, step, config) for data in (opened, loaded))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    pairs = zip(
        evaluation_batches(opened.valid, config),
        evaluation_batches(loaded.valid, config),
        strict=True,
    )
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine.strokes, theirs.strokes)


def test_an_index_is_as_for_a_list(files):
    opened = load_data_set(NAMES, files, max_seq_len=25, in_memory=False, report=silent).train
    loaded = load_data_set(NAMES, files, max_seq_len=25, report=silent).train
    np.testing.assert_array_equal(opened[-1], loaded[-1])
    np.testing.assert_array_equal(opened[5:40:7].points, loaded[5:40:7].points)
    with pytest.raises(IndexError):
        opened[len(opened)]
    with pytest.raises(ValueError, match="read-only"):
        opened[0][0] = 1


def test_files_are_read_once_and_kept_as_int16(files, cache, monkeypatch):
    lines = []
    load_data_set(NAMES, files, in_memory=False, report=lines.append)
    assert lines[0].startswith(f"unpacking 3 files into {cache}, about 0.0 GB; that folder can be")
    assert any("beyond 1000 and are cut" in line for line in lines)
    key = unpacking.look_at(files / "0.npz").key
    pieces = unpacking.open_unpacked(key).pieces
    assert pieces["train"].points.dtype == np.int16
    assert (
        unpacking.open_unpacked(unpacking.look_at(files / "1.npz").key).pieces["train"].points.dtype
        == np.float32
    )

    def never(*arguments, **others):
        raise AssertionError("read again")

    monkeypatch.setattr("magenta_sketch.data.data_dir.read_npz", never)
    monkeypatch.setattr(opening, "facts_of", never)
    again = []
    load_data_set(NAMES, files, in_memory=False, report=again.append)
    assert "unpacking" not in again[0]
    # What was said of a file is said again.
    assert any("beyond 1000 and are cut" in line for line in again)


def test_a_changed_file_is_unpacked_anew(files):
    first = load_data_set("0.npz", files, in_memory=False, report=silent)
    few = sketches(20, 90)
    write_npz(files / "0.npz", train=few, valid=few, test=few)
    second = load_data_set("0.npz", files, in_memory=False, report=silent)
    assert len(second.train) == 20 and second.fingerprint != first.fingerprint
    assert second.fingerprint == load_data_set("0.npz", files, report=silent).fingerprint


@pytest.mark.parametrize("damage", ["arrays.bin", "about.json", "joined"])
def test_a_damaged_cache_is_made_anew(files, cache, damage):
    first = load_data_set("0.npz", files, in_memory=False, report=silent)
    paths = [path for path in cache.rglob("*") if path.is_file()]
    damaged = [path for path in paths if damage in (path.name, path.parent.name)]
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-30])
    again = load_data_set("0.npz", files, in_memory=False, report=silent)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.train[3], first.train[3])


def test_bad_data_are_refused_and_leave_nothing(files, cache):
    few = sketches(5, 1)
    few[3] = few[3].astype(np.float32)
    few[3][0, 0] = np.nan
    objects = np.empty(5, object)
    objects[:] = few
    np.savez(files / "bad.npz", train=objects, valid=objects, test=objects)
    with pytest.raises(DataError, match=r"bad.npz, train\[3\]: point 0 has a value"):
        load_data_set("bad.npz", files, in_memory=False, report=silent)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_full_disk_is_told_before(files, monkeypatch):
    class Usage:
        free = 10

    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda place: Usage)
    with pytest.raises(DataError, match="0.0 GB are free, but the unpacked data need about 0.0 GB"):
        load_data_set("0.npz", files, in_memory=False, report=silent)


def test_the_size_decides(files, monkeypatch):
    assert not isinstance(load_data_set("0.npz", files, report=silent).train, OpenedSet)
    monkeypatch.setenv("MAGENTA_SKETCH_DATA_IN_MEMORY", "0")
    assert isinstance(load_data_set("0.npz", files, report=silent).train, OpenedSet)
    monkeypatch.setenv("MAGENTA_SKETCH_DATA_IN_MEMORY", "much")
    with pytest.raises(DataError, match="'much': give a whole number of MiB"):
        load_data_set("0.npz", files, report=silent)


# ------------------------------------------------------------------------- patterns and lists


def names_of(names, files):
    lines = []
    load_data_set(names, files, report=lines.append)
    return [line.split()[-1] for line in lines if line.startswith("loaded")]


def test_a_pattern_stands_for_files_in_order(files):
    (files / "more").mkdir()
    for name in ("b", "a"):
        (files / "more" / f"{name}.npz").write_bytes((files / "0.npz").read_bytes())
    assert names_of("?.npz", files) == ["0.npz", "1.npz", "2.npz"]
    assert names_of(["more/*.npz", "1.npz"], files) == ["more/a.npz", "more/b.npz", "1.npz"]
    (files / "cat[1].npz").write_bytes((files / "0.npz").read_bytes())
    assert names_of(["cat[1]*"], files) == ["cat[1].npz"]


def test_a_list_names_files(files):
    (files / "classes.txt").write_text("# two of them\n2.npz\n\n  0.npz\n", encoding="utf-8")
    assert names_of("@classes.txt", files) == ["2.npz", "0.npz"]


@pytest.mark.parametrize(
    "name, message",
    [
        ("dog*.npz", "dog.*: no file fits; check the pattern"),
        ("@nothing.txt", "nothing.txt: no such file, which @nothing.txt names as a list"),
        ("@empty.txt", "empty.txt: the list of files is empty"),
        ("@nested.txt", "a list cannot name another list, @empty.txt"),
        ("@0.npz", "0.npz: the list of files cannot be read: it is no text"),
    ],
)
def test_a_mistake_in_a_pattern_or_list_is_one_line(files, name, message):
    (files / "empty.txt").write_text("# none\n", encoding="utf-8")
    (files / "nested.txt").write_text("@empty.txt\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_data_set(name, files, report=silent)


def test_a_url_has_no_patterns():
    with pytest.raises(DataError, match="patterns and lists need a folder"):
        load_data_set("*.npz", "https://example.org/data", report=silent)
