"""Data sets that are opened, not loaded, are the same to the bit."""

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest
from npz_files import silent

from magenta_sketch.config import RunConfig
from magenta_sketch.data import SketchSet, flat_file, load_data_set, mapped, unpacked, write_npz
from magenta_sketch.data.batches import evaluation_batches, training_batch
from magenta_sketch.data.mapped import MappedSketchSet
from magenta_sketch.errors import DataError

FILES = ["whole.npz", "broken.npz", "few.npz"]


def made_up(count, seed, *, broken=False, longest=12):
    random = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        points = random.integers(-60, 60, (random.integers(1, longest + 1), 3)).astype(np.float32)
        points[:, 2] = random.random(len(points)) < 0.3
        if broken:
            points[:, :2] += 0.25
        result.append(points)
    return result


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unpacked"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    for number, name in enumerate(FILES):
        count = 2 if name == "few.npz" else 60
        train, valid, test = (
            made_up(size, 10 * number + k, broken=name == "broken.npz")
            for k, size in enumerate((count, 7, 5))
        )
        write_npz(place / name, train=train, valid=valid, test=test)
    return place


def both(folder, names=FILES, **arguments):
    """Return a data set loaded, opened for the first time, and opened again."""
    ways = [True, False, False]
    return [load_data_set(names, folder, in_memory=way, report=silent, **arguments) for way in ways]


@pytest.mark.parametrize("max_seq_len", [None, 8, 3, 1000])
def test_loaded_or_opened_it_is_the_same_data_set(folder, max_seq_len):
    loaded, *opened = both(folder, max_seq_len=max_seq_len)
    for other in opened:
        assert isinstance(other.train, MappedSketchSet)
        assert other.fingerprint == loaded.fingerprint
        assert other.normalizing_factor == loaded.normalizing_factor
        assert (other.max_seq_len, other.files) == (loaded.max_seq_len, tuple(FILES))
        assert other.dropped.keys() == loaded.dropped.keys()
        for split, numbers in loaded.dropped.items():
            np.testing.assert_array_equal(other.dropped[split], numbers)
        for split in ("train", "valid", "test"):
            assert_equal_sets(getattr(other, split), getattr(loaded, split))
        kept = next(i for i in range(90) if i not in loaded.dropped.get("train", ()))
        np.testing.assert_array_equal(other.sketch("train", kept), loaded.sketch("train", kept))


def assert_equal_sets(one, other):
    assert len(one) == len(other)
    assert one.num_points == other.num_points
    for name in ("points", "starts", "parts", "lengths"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for rows in (1, 5, 1 << 18):
        blocks = list(one.blocks(rows))
        assert [len(block) for block in blocks] == [len(block) for block in other.blocks(rows)]
        np.testing.assert_array_equal(np.concatenate(blocks), other.points)


@pytest.mark.parametrize("balance", [False, True])
def test_batches_are_the_same_to_the_bit(folder, balance):
    loaded, opened, _ = both(folder, max_seq_len=9)
    config = RunConfig.of(batch_size=16, balance=balance, seed=4).with_data(loaded)
    for step in (0, 1, 77):
        mine, theirs = (training_batch(one.train, step, config) for one in (opened, loaded))
        for array, other in zip(mine, theirs, strict=True):
            assert array.dtype == other.dtype
            np.testing.assert_array_equal(array, other)
    batches = [list(evaluation_batches(one.valid, config)) for one in (opened, loaded)]
    for mine, theirs in zip(*batches, strict=True):
        for array, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(array, other)


def test_indices_as_of_a_set_in_memory(folder):
    loaded, opened, _ = both(folder, max_seq_len=6)
    sketches, expected = opened.train, loaded.train
    mask = np.arange(len(expected)) % 3 == 0
    for index in (slice(3, 40, 7), slice(None, None, -1), [5, -1, 5], mask, range(4), []):
        found = sketches[index]
        assert type(found) is SketchSet
        np.testing.assert_array_equal(found.points, expected[index].points)
        np.testing.assert_array_equal(found.starts, expected[index].starts)
    np.testing.assert_array_equal(sketches[-2], expected[-2])
    for index in (len(expected), -len(expected) - 1, [0, len(expected)]):
        with pytest.raises(IndexError):
            sketches[index]
    with pytest.raises(ValueError, match="read-only"):
        sketches[0][0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        sketches.points[0, 0] = 1


def test_whole_numbers_take_two_bytes_and_others_keep_their_bits(folder, cache):
    load_data_set(FILES, folder, in_memory=False, report=silent)
    types = {
        tuple(str(split.points.dtype) for split in flat_file.open_flat(path).splits.values())
        for path in cache.glob("*.sketches")
    }
    assert types == {("int16",) * 3, ("float32",) * 3}
    minus_zero = [np.array([[-0.0, 1, 1]], np.float32), np.array([[3, 4, 1]], np.float32)]
    write_npz(folder / "zero.npz", train=minus_zero, valid=minus_zero, test=minus_zero)
    loaded, opened, _ = both(folder, ["zero.npz"])
    assert np.signbit(opened.train[0][0, 0]) == np.signbit(loaded.train[0][0, 0])
    assert opened.fingerprint == loaded.fingerprint


def test_nothing_is_read_again_until_a_file_changes(folder, cache, monkeypatch):
    monkeypatch.setattr(unpacked, "_UNSETTLED", -10.0)  # as if the files were older
    first = load_data_set(FILES, folder, in_memory=False, report=silent)

    def refuse(*arguments):
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        for name in ("_sha256", "_unpack"):
            patched.setattr(unpacked, name, refuse)
        patched.setattr(MappedSketchSet, "blocks", refuse)
        again = load_data_set(FILES, folder, in_memory=False, report=silent)
        assert again.fingerprint == first.fingerprint
    write_npz(folder / "few.npz", train=made_up(3, 50), valid=made_up(1, 1), test=made_up(1, 2))
    lines = []
    changed = load_data_set(FILES, folder, in_memory=False, report=lines.append)
    assert lines[0].startswith("unpacking 1 of 3 files once, about ")
    assert str(cache) in lines[0]
    assert changed.fingerprint != first.fingerprint


def test_a_file_just_written_is_not_trusted_by_its_times(folder):
    """Its content may change within the same tick of the clock."""
    state = os.stat(folder / "few.npz")
    first = load_data_set(["few.npz"], folder, in_memory=False, report=silent)
    data = bytearray((folder / "few.npz").read_bytes())
    write_npz(folder / "few.npz", train=made_up(2, 98), valid=made_up(7, 9), test=made_up(5, 9))
    os.utime(folder / "few.npz", ns=(state.st_atime_ns, state.st_mtime_ns))
    second = load_data_set(["few.npz"], folder, in_memory=False, report=silent)
    assert second.fingerprint != first.fingerprint
    (folder / "few.npz").write_bytes(data)
    third = load_data_set(["few.npz"], folder, in_memory=False, report=silent)
    assert third.fingerprint == first.fingerprint


@pytest.mark.parametrize("damage", ["cut", "empty", "magic", "header", "other version"])
def test_a_damaged_flat_file_is_made_again(folder, cache, damage):
    first = load_data_set(FILES, folder, in_memory=False, report=silent)
    path = sorted(cache.glob("*.sketches"))[0]
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-64],
            "empty": b"",
            "magic": b"nonsense" + whole[8:],
            "header": whole[:20] + b"\0" + whole[21:],
            "other version": whole.replace(b'"version": 1', b'"version": 0'),
        }[damage]
    )
    again = load_data_set(FILES, folder, in_memory=False, report=silent)
    assert again.fingerprint == first.fingerprint
    assert path.read_bytes() == whole


def test_what_is_kept_of_all_files_may_be_damaged_or_gone(folder, cache):
    first = load_data_set(FILES, folder, in_memory=False, report=silent)
    (kept,) = (cache / "joined").glob("*.json")
    facts = json.loads(kept.read_text())
    assert facts["fingerprint"] == first.fingerprint
    for text in ("", "[]", '{"longest": 3}'):
        kept.write_text(text)
        again = load_data_set(FILES, folder, in_memory=False, report=silent)
        assert again.fingerprint == first.fingerprint
        assert json.loads(kept.read_text()) == facts
    shutil.rmtree(cache)  # while it is in use
    np.testing.assert_array_equal(first.train[3], again.train[3])
    assert both(folder)[1].fingerprint == first.fingerprint


def test_bad_files_are_refused_as_when_loaded(folder, cache):
    bad = made_up(4, 0)
    bad[2] = np.array([[1, 1, 0.5]])
    with np.errstate(all="ignore"):
        objects = np.empty(4, object)
        objects[:] = bad
    np.savez(folder / "bad.npz", train=objects, valid=objects, test=objects)
    messages = []
    for way in (True, False):
        with pytest.raises(DataError, match="has the lift 0.5") as raised:
            load_data_set(["whole.npz", "bad.npz"], folder, in_memory=way, report=silent)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert len(list(cache.glob("*.sketches"))) == 1  # of the sound file
    assert not list(cache.rglob("*.tmp"))


def test_notes_are_those_of_loading_each_time(folder):
    far = [np.array([[5000, 1, 1]]), np.array([[3, 4, 1]])]
    write_npz(folder / "far.npz", train=far, valid=far, test=far)
    notes = []
    for way in (True, False, False):
        lines = []
        load_data_set(["far.npz"], folder, in_memory=way, report=lines.append)
        notes.append([line for line in lines if line.startswith("note:")])
    assert len(notes[0]) == 1 and notes[0] == notes[1] == notes[2]


def test_sets_from_the_limit_on_are_opened(folder, monkeypatch):
    def kind(limit):
        monkeypatch.setenv("MAGENTA_SKETCH_DATA_IN_MEMORY", limit)
        return type(load_data_set(FILES, folder, report=silent).train)

    assert kind("") is SketchSet
    assert kind("1") is SketchSet
    assert kind("0") is MappedSketchSet
    with pytest.raises(ValueError, match="MAGENTA_SKETCH_DATA_IN_MEMORY must be a whole number"):
        kind("1 GB")


def test_it_says_what_it_unpacks_and_needs_room(folder, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10, 10, 1000))
    with pytest.raises(
        DataError, match="unpacking 3 files takes about .* MB, and 0.0 MB are free; "
    ):
        load_data_set(FILES, folder, in_memory=False, report=silent)
    assert not list(cache.glob("*"))
    monkeypatch.undo()


def test_a_cache_that_cannot_be_written(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written: .*MAGENTA_SKETCH_CACHE"):
        load_data_set(FILES, folder, in_memory=False, report=silent)


def test_a_large_set_is_not_brought_into_memory_by_accident(folder, monkeypatch):
    monkeypatch.setattr(mapped, "LARGEST_WHOLE", 100)
    opened = load_data_set(FILES, folder, in_memory=False, report=silent)
    for name in ("points", "starts"):
        with pytest.raises(DataError, match="needs all 122 sketches in memory.*in_memory=True"):
            getattr(opened.train, name)


def test_opening_and_batches_take_little_memory(tmp_path):
    """A thousandth of the benchmark: nothing grows with the points once the files are unpacked."""
    random = np.random.default_rng(0)
    starts = np.arange(24_001) * 45
    points = random.integers(-9, 10, (starts[-1], 3)).astype(np.float32)
    points[:, 2] = random.random(len(points)) < 0.1
    sketches = SketchSet(points, starts)
    few = sketches.take(range(100))
    write_npz(tmp_path / "many.npz", train=sketches, valid=few, test=few)
    load_data_set("many.npz", tmp_path, in_memory=False, report=silent)
    tracemalloc.start()
    try:
        data = load_data_set("many.npz", tmp_path, in_memory=False, report=silent)
        config = RunConfig.of(batch_size=10).with_data(data)
        for step in range(5):
            training_batch(data.train, step, config)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # In memory the points take 13 MB. Hashing a young file reads it in pieces of 1 MiB.
    assert most < points.nbytes / 4


@pytest.mark.parametrize("limits, opens", [((40, 4000), True), ((40, 40), False)])
def test_more_files_than_a_process_may_have_open(tmp_path, limits, opens):
    """The limit is raised as far as the system allows; else there is one clear line."""
    pytest.importorskip("resource")
    many = tmp_path / "many"
    many.mkdir()
    for number in range(50):
        sketches = [[[number + 1, 0, 1]]]
        write_npz(many / f"{number:02}.npz", train=sketches, valid=sketches, test=sketches)
    code = (
        "import resource\n"
        "from magenta_sketch.data import load_data_set\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, {limits})\n"
        f"print(len(load_data_set('*.npz', {str(many)!r}, in_memory=False).train))\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ("\n50\n" in f"\n{result.stdout}") == opens
    if not opens:
        last = result.stderr.strip().splitlines()[-1]
        assert "the system allows no more open files" in last and "ulimit -n 4096" in last


def test_a_file_that_changes_before_its_turn_is_not_taken_for_the_old_one(folder, monkeypatch):
    """All keys are known before the first file is unpacked."""
    old = (folder / "few.npz").read_bytes()
    whole = load_data_set("few.npz", folder, report=silent).fingerprint

    def replacing(*arguments):
        shutil.copy(folder / "broken.npz", folder / "few.npz")

    with monkeypatch.context() as patch:
        patch.setattr(unpacked, "_require_room", replacing)
        with pytest.raises(DataError, match="was changed while it was read"):
            load_data_set("few.npz", folder, in_memory=False, report=silent)
    (folder / "few.npz").write_bytes(old)
    assert load_data_set("few.npz", folder, in_memory=False, report=silent).fingerprint == whole


def test_what_is_unpacked_can_be_opened_without_writing(folder, cache, monkeypatch):
    data = load_data_set(FILES, folder, in_memory=False, report=silent)
    shutil.rmtree(cache / "seen", ignore_errors=True)  # of files that are not young
    shutil.rmtree(cache / "joined")

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacked, "write_bytes", full)
    again = load_data_set(FILES, folder, in_memory=False, report=silent)
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize("content", ["{}", "[" * 100_000, '{"key": 3}'])
def test_a_damaged_note_of_a_file_is_made_again(folder, cache, content, monkeypatch):
    monkeypatch.setattr(unpacked, "_UNSETTLED", -10.0)
    data = load_data_set("few.npz", folder, in_memory=False, report=silent)
    (note,) = (cache / "seen").iterdir()
    known = json.loads(note.read_text())
    note.write_text(content if content != "{}" else json.dumps(known | {"key": None}))
    again = load_data_set("few.npz", folder, in_memory=False, report=silent)
    assert again.fingerprint == data.fingerprint


def test_the_cache_may_go_while_files_are_unpacked(folder, cache, monkeypatch):
    unpack = unpacked._unpack

    def forgetful(*arguments):
        shutil.rmtree(cache)
        unpack(*arguments)

    monkeypatch.setattr(unpacked, "_unpack", forgetful)
    data = load_data_set("few.npz", folder, in_memory=False, report=silent)
    assert len(data.train) == 2


def test_a_large_set_can_be_shown(folder, monkeypatch):
    data = load_data_set(FILES, folder, in_memory=False, report=silent)
    monkeypatch.setattr(mapped, "LARGEST_WHOLE", 10)
    assert repr(data.train) == "<MappedSketchSet of 122 sketches in 3 files>"
    assert "122 sketches" in repr(data)


def test_data_read_in_passing_say_only_what_they_unpack(folder, capsys):
    for _ in range(2):
        load_data_set(FILES, folder, in_memory=False, report=unpacked.report_unpacking)
    out, err = capsys.readouterr()
    (line,) = [one for one in err.splitlines() if one.startswith(("unpacking 3", "opened"))]
    assert line.startswith("unpacking 3 files once, about ") and out == ""
