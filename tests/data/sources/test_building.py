import dataclasses
import json
import tracemalloc

import numpy as np
import pytest
from geometry import distance_to

from magenta_sketch.data import npz_archive, read_npz, write_npz
from magenta_sketch.data.sources import building, collecting, quickdraw, splitting, spool
from magenta_sketch.data.sources import finding as sources
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.errors import DataError

SPLITS = ("train", "valid", "test")


def record(key, word="owl", **more):
    """A simplified drawing that its key can be told from: its first offset."""
    number = int(key) if str(key).isdecimal() else 7
    drawing = [[[0, number % 500 + 1, 5], [0, number // 500, 9]], [[200], [100]]]
    return {"word": word, "key_id": str(key), "recognized": True, "drawing": drawing} | more


def write(path, records):
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in records))
    return path


def build(inputs, out, report=None, **options):
    inputs = [inputs] if not isinstance(inputs, list) else inputs
    lines = [] if report is None else report
    inputs = [sources.find(str(path)) for path in inputs]
    return building.build(inputs, out, Options(**options), lines.append)


def contents(path):
    """Split -> the numbers of `record` in it, in order."""
    data = read_npz(path)
    return {
        split: [int(s[0, 0] - 1 + 500 * s[0, 1]) for s in sketches]
        for split, sketches in data.items()
    }


@pytest.fixture
def owls(tmp_path):
    return write(tmp_path / "owls.ndjson", [record(key) for key in range(300)])


# The split


def test_the_key_alone_decides(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out")
    assert path == tmp_path / "out" / "owl.npz"
    found = contents(path)
    for split in SPLITS:
        keys = [key for key in range(300) if splitting.split_of(str(key)) == split]
        assert found[split] == keys and keys


def test_the_order_of_the_lines_moves_none(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out")
    order = np.random.default_rng(0).permutation(300).tolist()
    shuffled = write(tmp_path / "shuffled.ndjson", [record(key) for key in order])
    (other,) = build(shuffled, tmp_path / "other")
    before, after = contents(path), contents(other)
    assert {split: sorted(keys) for split, keys in after.items()} == before
    assert after["train"] == [key for key in order if key in set(before["train"])]


def test_more_drawings_move_none(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out")
    more = write(tmp_path / "more.ndjson", [record(key) for key in range(300, 400)])
    (other,) = build([more, owls], tmp_path / "other")
    before, after = contents(path), contents(other)
    for split in SPLITS:
        assert [key for key in after[split] if key < 300] == before[split]
    assert sum(map(len, after.values())) == 400


def test_the_source_s_own_split_wins(tmp_path):
    owls = [record(key, split=SPLITS[key % 3]) for key in range(30)]
    (path,) = build(write(tmp_path / "a.ndjson", owls), tmp_path / "out", shares=(1, 1, 1))
    assert contents(path) == {split: list(range(i, 30, 3)) for i, split in enumerate(SPLITS)}


def test_drawings_without_a_key_go_by_their_content(tmp_path):
    owls = [record(key) | {"key_id": None} for key in range(300)]
    (path,) = build(write(tmp_path / "a.ndjson", owls), tmp_path / "out")
    (other,) = build(write(tmp_path / "b.ndjson", owls[::-1]), tmp_path / "other")
    before, after = contents(path), contents(other)
    assert {split: keys[::-1] for split, keys in after.items()} == before
    # Equal ones are in one split, and all of them there: nothing says that they are the same.
    (twice,) = build(write(tmp_path / "c.ndjson", owls + owls), tmp_path / "twice")
    assert contents(twice) == {split: keys * 2 for split, keys in before.items()}


@pytest.mark.parametrize("shares", [None, (60, 20, 20)])
def test_counts_keep_the_lowest_places(tmp_path, owls, shares):
    lines = []
    (path,) = build(owls, tmp_path / "out", lines, counts=(50, 4, 3), shares=shares)
    found = contents(path)
    parts = shares or (50, 4, 3)
    for split, count in zip(SPLITS, (50, 4, 3), strict=True):
        keys = [k for k in range(300) if splitting.split_of(str(k), parts) == split]
        lowest = sorted(keys, key=lambda key: splitting.place(str(key).encode()))[:count]
        assert found[split] == sorted(lowest)
    left = 300 - sum(map(len, found.values()))
    assert f"left out {left}: more than --counts" in lines
    assert lines[-1].startswith("wrote ") and lines[-1].endswith(
        f"; {left:,} of this class left out"
    )


def test_counts_do_not_mind_the_order_of_the_lines(tmp_path, owls):
    (path,) = build(owls, tmp_path / "out", counts=(50, 4, 3))
    backwards = write(tmp_path / "b.ndjson", [record(key) for key in range(299, -1, -1)])
    (other,) = build(backwards, tmp_path / "other", counts=(50, 4, 3))
    assert contents(path) == {split: keys[::-1] for split, keys in contents(other).items()}


def test_a_key_that_comes_again_is_left_out(tmp_path, owls):
    lines = []
    again = [record(key) | {"drawing": [[[5, 6], [7, 8]]]} for key in range(100, 115)]
    more = write(tmp_path / "more.ndjson", again)
    (path,) = build([owls, more], tmp_path / "out", lines)
    (alone,) = build(owls, tmp_path / "alone")
    assert path.read_bytes() == alone.read_bytes()
    named = [line for line in lines if line.startswith("skipped")]
    expected = "the same drawing again"
    assert named == [f"skipped {more}, line {i + 1}: {expected}" for i in range(10)]
    assert f"left out 15: {expected}" in lines


# What is written


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


def test_classes_and_their_files(tmp_path):
    words = (
        "owl",
        "power outlet",
        "The Eiffel Tower",
        "../../etc/passwd",
        "Ünïcödé 鳥",
        "",
        "a" * 500,
    )
    records = [record(key, word) for word in words for key in range(100)]
    lines = []
    paths = build(write(tmp_path / "a.ndjson", records), tmp_path / "out", lines)
    names = "The_Eiffel_Tower a etc_passwd owl power_outlet Ünïcödé_鳥".split() + ["a" * 100]
    assert sorted(path.name for path in paths) == sorted(f"{name}.npz" for name in names)
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)
    for path in paths:
        assert sum(map(len, contents(path).values())) == 100
    assert sum(line.startswith("wrote ") for line in lines) == len(words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ndjson", "out"]


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "/", "../x", "a/b", "a\\b", "\0", "-rf", ".x", "x" * 300, "鳥" * 90],
)
def test_file_names_are_safe(name):
    result = collecting.file_name(name)
    assert 0 < len(result.encode()) <= 100
    assert not set(result) & set("/\\\0 ") and result[0] not in ".-"


def test_classes_that_are_called_alike_are_one(tmp_path):
    records = [record(key, ("power outlet", "power_outlet")[key % 2]) for key in range(100)]
    build(write(tmp_path / "a.ndjson", records), tmp_path / "out")
    assert sum(map(len, read_npz(tmp_path / "out" / "power_outlet.npz").values())) == 100


def test_splits_that_the_lines_name(tmp_path):
    records = [record(key, "owl") | {"split": "test"} for key in range(9)]
    with pytest.raises(DataError, match="name their splits themselves, so that no shares can help"):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")


def test_two_classes_of_one_file(tmp_path):
    records = [record(0, "power outlet"), record(1, "Power_Outlet")]
    message = (
        r"'Power_Outlet' and the class 'power outlet' would both be the file Power_Outlet\.npz"
    )
    with pytest.raises(DataError, match=message):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_CLASSES", 5)
    records = [record(key, f"word {key}") for key in range(6)]
    with pytest.raises(DataError, match="over 5 classes"):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")


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
    keys.sort(key=lambda key: splitting.place(str(key).encode()))
    assert contents(tmp_path / "other" / "word_3.npz")["test"] == sorted(keys[:10])


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


# What is left out


def test_what_is_skipped_is_counted_and_the_first_ten_named(tmp_path):
    records = [record(key) for key in range(100)]
    records += [record(key, recognized=False) for key in range(100, 125)]
    records += [record(200, drawing=[[[0, 2000], [0, 0]]]), record(201, recognized=None)]
    records += [record(202, drawing=[])]
    file = write(tmp_path / "a.ndjson", records)
    lines = []
    (path,) = build(file, tmp_path / "out", lines, recognized_only=True)
    assert sum(map(len, contents(path).values())) == 100
    assert [line for line in lines if line.startswith("skipped")] == [
        *[
            f"skipped {file}, line {101 + i}, drawing {100 + i}: not recognised by QuickDraw's game"
            for i in range(10)
        ],
        f"skipped {file}, line 126, drawing 200: moves by more than 1,000 pixels at once",
        f"skipped {file}, line 128, drawing 202: no strokes",
    ]
    assert lines[12:15] == [
        "left out 26: not recognised by QuickDraw's game",
        "left out 1: moves by more than 1,000 pixels at once",
        "left out 1: no strokes",
    ]


def test_long_sketches_are_left_out(tmp_path, owls):
    long = record(999) | {"drawing": [[list(range(50)), [0, 1] * 25]]}
    with open(owls, "a") as file:
        file.write(json.dumps(long) + "\n")
    for most, more in ((49, 1), (48, 0)):
        lines = []
        (path,) = build(owls, tmp_path / f"{most}", lines, max_points=most)
        assert sum(map(len, contents(path).values())) == 300 + more
        assert ("left out 1: more than 48 points" in lines) == (not more)


@pytest.mark.parametrize("form", ["raw", "svg"])
def test_a_drawing_of_one_spot_is_left_out(tmp_path, form, owls):
    if form == "raw":
        path = write(tmp_path / "a.ndjson", [record(5, drawing=[[[3, 3], [4, 4], [0, 1]]])])
    else:
        path = tmp_path / "dots"
        path.mkdir()
        (path / "a.svg").write_text('<svg><path d="M1,1l0,0"/></svg>')
    with pytest.raises(DataError, match="no usable drawing among 1; .*: all points are equal"):
        build([owls, path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Failures


def test_an_empty_split_is_told_before_anything_is_written(tmp_path, owls):
    few = write(tmp_path / "b.ndjson", [record(key, "bat") for key in range(12)])
    with pytest.raises(DataError) as caught:
        build([few, owls], tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("bat: train 12, valid 0, test 0; no split may be empty: give larger")
    assert message.endswith("Nothing was written")
    assert not (tmp_path / "out").exists()
    shares = tuple(map(int, message.split("--shares=")[1].split(".")[0].split(",")))
    assert len(build([few, owls], tmp_path / "out", shares=shares)) == 2


def test_one_advice_for_all_classes(tmp_path):
    words = [f"word {i}" for i in range(9)]
    file = write(tmp_path / "a.ndjson", [record(key, words[key % 9]) for key in range(180)])
    with pytest.raises(
        DataError, match=r"word_1: train 20, .*; word_2: .*; and 2 more cl"
    ) as caught:
        build(file, tmp_path / "out")
    advice = str(caught.value).split("--shares=")[1].split(".")[0]
    assert len(build(file, tmp_path / "out", shares=tuple(map(int, advice.split(","))))) == 9


def test_a_source_is_blamed_for_its_own_drawings(tmp_path, owls):
    with open(owls, "ab") as file:
        file.write(b"oops\n")
    bad = write(tmp_path / "bad.ndjson", [record(0, drawing=[])])
    with pytest.raises(
        DataError, match=r"bad\.ndjson: .* among 1; .*bad\.ndjson, line 1.*no strok"
    ):
        build([owls, bad], tmp_path / "out")


def test_shares_cannot_help_two_drawings(tmp_path):
    few = write(tmp_path / "b.ndjson", [record(key, "bat") for key in range(2)])
    with pytest.raises(DataError, match="no split may be empty: a class needs at least 3") as c:
        build(few, tmp_path / "out")
    assert "--shares" not in str(c.value)


def test_classes_with_an_empty_split_are_named(tmp_path, owls):
    words = [f"word {i}" for i in range(7)]
    records = [record(key, word) for word in words for key in range(2)]
    records += [record(key, "bat") for key in range(12)]
    few = write(tmp_path / "b.ndjson", records)
    with pytest.raises(DataError) as caught:
        build([few, owls], tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("bat: train 12, valid 0, test 0; word_0: train 2, valid 0, test 0; ")
    assert "word_3: train 2, valid 0, test 0; and 3 more classes; no split may be" in message
    assert "word_4" not in message and "owl" not in message and "\n" not in message
    assert "a class needs at least 3 drawings; else give larger shares, such as --sha" in message
    # What helps those that can be helped.
    shares = tuple(map(int, message.split("--shares=")[1].split(".")[0].split(",")))
    bats = write(tmp_path / "bats.ndjson", records[-12:])
    assert len(build([bats, owls], tmp_path / "out", shares=shares)) == 2


def test_what_is_damaged_counts_for_its_class(tmp_path, owls):
    damaged = [record(1, "bat", drawing=[]), record([], drawing=[[1]]), record(5, word=7)]
    bats = write(tmp_path / "b.ndjson", damaged + [record(key, "bat") for key in range(100)])
    lines = []
    build([bats, owls], tmp_path / "out", lines)
    assert lines[-2].endswith(" points; 1 of this class left out")  # bat; the number has no class
    assert lines[-1].endswith(" points; 1 of this class left out")
    lines = []
    build(owls, tmp_path / "other", lines)
    assert lines[-1].endswith("the longest has 3 points")


@pytest.mark.parametrize("mark", ["kvg:", "pen:"])
def test_damaged_svg_files_count_for_their_class(tmp_path, mark):
    folder = tmp_path / "pens"
    folder.mkdir()
    for i in range(100):
        path = f'<path id="{mark}04e00-s1" d="M9,9L{i + 10},30"/>'
        name = f"{0x4E00 + i:05x}.svg"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg">{path}</svg>' if i % 40 else f"<svg>{mark}"
        (folder / name).write_text(svg)
    lines = []
    (path,) = build(folder, tmp_path / "out", lines, shares=(60, 20, 20))
    assert path.name == ("kanjivg.npz" if mark == "kvg:" else "pens.npz")
    assert lines[-1].endswith("; 3 of this class left out")


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
