"""Data sets by name: joined, filtered, measured, and what is said where a file is missing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from npz_files import SKETCHES, archive, assert_same, npy_of, objects, silent

from magenta_sketch import data as datasets
from magenta_sketch.data import SketchSet, load_data_set, write_npz
from magenta_sketch.data.sources import ready_made
from magenta_sketch.data.sources.drawings import Drawing, Source
from magenta_sketch.data.sources.options import Settings
from magenta_sketch.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


def write(folder, name, train=SKETCHES, valid=SKETCHES[:2], test=SKETCHES[1:]):
    write_npz(folder / name, train=train, valid=valid, test=test)


def test_files_are_joined_in_order_and_measured(tmp_path):
    other = np.array([[2, 2, 0], [4, -6, 0], [1, 1, 0], [1, 1, 1]])
    write(tmp_path, "a.npz")
    write(tmp_path, "b.npz", train=[other])
    lines = []
    data = load_data_set(["a.npz", "b.npz"], tmp_path, report=lines.append)
    assert_same(data.train, [*SKETCHES, other])
    assert_same(data.valid, [*SKETCHES[:2]] * 2)
    assert data.max_seq_len == 4
    offsets = np.concatenate([*SKETCHES, other])[:, :2].astype(float)
    assert data.normalizing_factor == pytest.approx(offsets.std(), rel=1e-12)
    assert lines[0] == "loaded 3/2/2 train/valid/test sketches from a.npz"


def test_max_seq_len_is_the_longest_of_every_split(tmp_path):
    write(tmp_path, "a.npz", valid=[np.tile(SKETCHES[0], (5, 1))])
    assert load_data_set("a.npz", tmp_path, report=silent).max_seq_len == 10


def test_longer_sketches_are_dropped_and_reported(tmp_path):
    write(tmp_path, "a.npz")
    lines = []
    data = load_data_set(
        "a.npz", tmp_path, max_seq_len=2, normalizing_factor=7, report=lines.append
    )
    assert_same(data.train, SKETCHES[:2])
    assert_same(data.test, SKETCHES[1:2])
    assert (data.max_seq_len, data.normalizing_factor) == (2, 7.0)
    assert "dropped 1/0/1 train/valid/test sketches with more than 2 points (max_seq_len)" in lines
    assert {split: numbers.tolist() for split, numbers in data.dropped.items()} == {
        "train": [2],
        "test": [1],
    }
    np.testing.assert_array_equal(data.sketch("test", 0), SKETCHES[1])
    for split, number, message in (
        ("test", 1, "test 1 has more than 2 points"),
        ("valid", 2, "the valid set has 2 sketches, 0 to 1, and no 2"),
        ("train", -1, "and no -1"),
    ):
        with pytest.raises(DataError, match=message):
            data.sketch(split, number)
    with pytest.raises(DataError, match=r"a.npz, valid: no sketch has at most 1 points"):
        write(tmp_path, "a.npz", valid=SKETCHES[:1])
        load_data_set("a.npz", tmp_path, max_seq_len=1, report=silent)


def test_fingerprint_is_of_the_contents(tmp_path):
    write(tmp_path, "a.npz")
    archive(tmp_path / "same.npz", valid=npy_of(objects(SKETCHES[:2])),
            test=npy_of(objects(SKETCHES[1:])))  # fmt: skip
    write(tmp_path, "order.npz", train=SKETCHES[::-1])
    # The same points, cut into sketches at another place.
    points = np.concatenate(SKETCHES)
    write(tmp_path, "cut.npz", train=[points[:1], points[1:3], points[3:]])
    prints = [
        load_data_set(f"{name}.npz", tmp_path, report=silent).fingerprint
        for name in ("a", "same", "order", "cut")
    ]
    assert prints[0] == prints[1] and len(set(prints)) == 3


@pytest.mark.parametrize(
    "name, message",
    [
        ("sheep", "did you mean sheep.npz"),
        ("aple.npz", "did you mean apple.npz"),
        ("zzz.npz", "the folder has apple.npz, sheep.npz"),
    ],
)
def test_a_missing_file_says_what_is_there(tmp_path, name, message):
    write(tmp_path, "apple.npz")
    write(tmp_path, "sheep.npz")
    with pytest.raises(DataError, match=f"{name}: no such file; {message}"):
        load_data_set(name, tmp_path, report=silent)


def test_a_missing_folder_and_an_empty_one(tmp_path):
    with pytest.raises(DataError, match="there is no folder .*nowhere; check data_dir"):
        load_data_set("a.npz", tmp_path / "nowhere", report=silent)
    with pytest.raises(DataError, match="has no .npz file"):
        load_data_set("a.npz", tmp_path, report=silent)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(names=[]), "no data set"),
        (dict(max_seq_len=0), "max_seq_len"),
        (dict(normalizing_factor=0.0), "normalizing_factor"),
        (dict(normalizing_factor=float("nan")), "normalizing_factor"),
        (dict(data_dir="ftp://host/x"), r"http\(s\)"),
        (dict(data_dir="file:///tmp"), r"http\(s\)"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, message):
    write(tmp_path, "a.npz")
    with pytest.raises(ValueError, match=message):
        load_data_set(**{"names": ["a.npz"], "data_dir": tmp_path, **arguments}, report=silent)


def test_no_normalizing_factor_without_movement(tmp_path):
    write(tmp_path, "a.npz", train=[[[2, 2, 0], [2, 2, 1]]])
    with pytest.raises(DataError, match="a.npz, train: all offsets are equal"):
        load_data_set("a.npz", tmp_path, report=silent)


def test_a_path_alone(tmp_path, monkeypatch):
    write(tmp_path, "a.npz")
    expected = load_data_set("a.npz", tmp_path, report=silent).fingerprint
    assert load_data_set(tmp_path / "a.npz", report=silent).fingerprint == expected
    assert load_data_set([tmp_path / "a.npz"], report=silent).fingerprint == expected
    monkeypatch.chdir(tmp_path)
    assert load_data_set("a.npz", report=silent).fingerprint == expected


def test_a_missing_file_is_built(tmp_path, monkeypatch):
    """From a source of the name, with its own defaults."""
    lines = [np.array([[0, 0], [1, 0.2], [2, 0], [2, 3]])]
    drawings = [
        Drawing("a.toy", 0, "toy", f"{key}", lines * (key + 1), "exact", split=split)
        for key, split in enumerate(("train", "valid", "test"))
    ]
    toy = Source("toys", 0, lambda advance: iter(drawings), Settings(10, 3, max_points=8))
    made = []
    one = ready_made.ReadyMade(lambda: made.append(toy) or toy, "toys", "free")
    monkeypatch.setitem(ready_made.SOURCES, "toy", one)
    told = []
    folder = tmp_path / "new" / "folder"
    first = load_data_set("toy.npz", folder, report=told.append)
    again = load_data_set("toy.npz", folder, report=silent)
    assert len(made) == 1 and told[-3].startswith(f"wrote {folder / 'toy.npz'}: train 1, valid 1,")
    assert first.fingerprint == again.fingerprint
    np.testing.assert_array_equal(first.train[0], [[20, 0, 0], [0, 30, 1]])


@pytest.mark.parametrize(
    "name, sizes, longest, factor",
    [
        ("aaron_sheep.npz", (7400, 300, 300), 250, 18.5198),
        ("short_kanji.npz", (10000, 600, 500), 88, 99.7125),
    ],
)
def test_published_data(shared, name, sizes, longest, factor):
    data = load_data_set(name, shared / "data", report=silent)
    assert (len(data.train), len(data.valid), len(data.test)) == sizes
    assert data.max_seq_len == longest
    assert data.normalizing_factor == pytest.approx(factor, abs=1e-4)
    # The published files are old ones, by Python 2: NumPy must agree with what was read.
    with np.load(shared / "data" / name, allow_pickle=True, encoding="latin1") as check:
        assert_same(data.train, [np.clip(item, -1000, 1000) for item in check["train"]])


MEASURE = """
import pathlib, resource, sys
from magenta_sketch.data import load_data_set

def peak():
    # ru_maxrss starts at what the parent had when it forked; Linux's VmHWM is this program's own.
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

before = peak()
data = load_data_set(sys.argv[2:], sys.argv[1], report=lambda line: None)
assert "tensorflow" not in sys.modules
print(len(data.train), len(data.train.points), before, peak())
"""


@pytest.mark.slow
def test_memory_of_many_sketches(tmp_path):
    """Six files of 20,000 sketches: 2/7 of what has to fit into 1.5 GiB, TensorFlow included."""
    pytest.importorskip("resource", reason="memory is measured with the resource module")
    random = np.random.default_rng(0)
    lengths = np.clip(random.poisson(45, 20000), 2, 100)
    points = np.zeros((lengths.sum(), 3), np.float32)
    points[:, :2] = np.rint(random.laplace(0, 20, (len(points), 2)))
    points[:, 2] = random.random(len(points)) < 0.15
    sketches = SketchSet(points, np.concatenate([[0], np.cumsum(lengths)]))
    small = sketches.take(range(100))
    write_npz(tmp_path / "0.npz", train=sketches, valid=small, test=small)
    names = ["0.npz"] * 6
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), *names],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    count, size, before, after = map(int, run.stdout.split())
    assert (count, size) == (120000, 6 * len(points))
    print(f"{(after - before) / 2**20:.0f} MiB for {size} points")
    # The points take 62 MiB, twice that while the files are joined, and a little for one file.
    assert after - before < 190 * 2**20


def test_the_package_says_what_it_offers():
    assert all(hasattr(datasets, name) for name in datasets.__all__)
