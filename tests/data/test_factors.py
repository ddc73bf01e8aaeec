"""Known factors of drawings, in a file beside the data."""

import os
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from magenta_sketch.data import load_data_set, write_npz
from magenta_sketch.data.factors import Factors, factors_path, load_factors, write_factors
from magenta_sketch.errors import DataError

COUNTS = (3, 2, 1)
LINE, LONG = [[5, 0, 1]], [[1, 2, 0], [3, 4, 1]]


def some(counts=COUNTS, names=("size", "turn"), start=0.0):
    """Factors that all differ."""
    rows = np.arange(sum(counts) * len(names), dtype=np.float32).reshape(-1, len(names)) + start
    return Factors(tuple(names), *np.split(rows, np.cumsum(counts)[:-1]))


def load(folder, names="a.npz", counts=COUNTS):
    return load_factors(names, folder, counts)


def test_they_are_in_the_order_of_the_files(tmp_path):
    write_factors(tmp_path / "a.npz", some())
    write_factors(tmp_path / "b.npz", some((1, 1, 2), start=100))
    assert load(tmp_path).train.tolist() == [[0, 1], [2, 3], [4, 5]]
    both = load(tmp_path, ["b.npz", "a.npz"], [4, 3, 3])
    assert both.names == ("size", "turn")
    assert both.train.tolist() == [[100, 101], [0, 1], [2, 3], [4, 5]]
    assert both.test.tolist() == [[104, 105], [106, 107], [10, 11]]


def test_data_sets_without_factors_have_none(tmp_path):
    write_factors(tmp_path / "a.npz", some())
    assert load(tmp_path, "b.npz") is None
    assert load(tmp_path, ["a.npz", "b.npz"]) is None
    assert load(tmp_path / "nowhere") is None
    assert load("https://example.org/data") is None


values = st.floats(width=32, allow_infinity=False)
texts = st.text(st.characters(min_codepoint=33, max_codepoint=0x24FF, exclude_categories=["Cs"]))


@given(st.data(), st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True))
def test_what_is_written_is_read(tmp_path_factory, data, names):
    parts = [data.draw(arrays.arrays(np.float32, (n, len(names)), elements=values)) for n in COUNTS]
    path = tmp_path_factory.mktemp("any") / "a.npz"
    write_factors(path, Factors(tuple(names), *parts))
    first = factors_path(path).read_bytes()
    found = load(path.parent)
    assert found.names == tuple(names)
    for mine, part in zip(found[1:], parts, strict=True):
        np.testing.assert_array_equal(mine, part)
    write_factors(path, found)
    assert factors_path(path).read_bytes() == first


def test_anyone_can_read_and_write_the_file(tmp_path):
    write_factors(tmp_path / "a.npz", some())
    with np.load(tmp_path / "a.factors.npz") as archive:
        assert {name: (one.dtype.kind, one.shape) for name, one in archive.items()} == {
            "names": ("U", (2,)),
            "train": ("f", (3, 2)),
            "valid": ("f", (2, 2)),
            "test": ("f", (1, 2)),
        }
    counted = {"train": [[1], [2], [3]], "valid": [[4], [5]], "test": [[6]]}
    np.savez_compressed(tmp_path / "a.factors.npz", names=["count"], **counted)
    assert load(tmp_path).valid.tolist() == [[4.0], [5.0]]
    assert load(tmp_path).valid.dtype == np.float32


def test_too_long_sketches_that_are_dropped_do_not_fit(tmp_path):
    write_npz(tmp_path / "a.npz", train=[LINE, LONG, LINE], valid=[LINE, LINE], test=[LINE])
    write_factors(tmp_path / "a.npz", some())
    for longest, fits in ((None, True), (1, False)):
        data = load_data_set("a.npz", tmp_path, max_seq_len=longest, report=lambda line: None)
        counts = len(data.train), len(data.valid), len(data.test)
        if fits:
            assert load(tmp_path, counts=counts) is not None
        else:
            with pytest.raises(DataError, match="3/2/1 rows for 2/2/1 .* max_seq_len$"):
                load(tmp_path, counts=counts)


def saved(**changes):
    """Write a file of factors with these arrays changed; None leaves one out."""

    def write(path):
        whole = {**some()._asdict(), **changes}
        np.savez(path, **{name: one for name, one in whole.items() if one is not None})

    return write


def cut_short(path):
    saved()(path)
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    """Change one byte of an array: its checksum is wrong."""
    saved()(path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("valid.npy").header_offset
    data = bytearray(path.read_bytes())
    data[start + 180] ^= 1
    path.write_bytes(data)


def one_array(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


ONES = np.ones((3, 2))
MISTAKES = {
    "damaged, or not a file of factors": [
        lambda path: path.write_text("a,b\n1,2\n"),
        lambda path: path.write_text(""),
        cut_short,
        flipped,
        one_array,
        saved(train=ONES.astype(object)),
    ],
    "cannot be read: Is a directory": [lambda path: path.mkdir()],
    "no array names, valid, expected names, train": [saved(names=None, valid=None)],
    r"names: expected different texts \[F\], F >= 1, got": [
        saved(names=["size", "size"]),
        saved(names=[1, 2]),
        saved(names="size"),
        saved(names=np.zeros(0, np.str_)),
    ],
    r"train: expected numbers \[n, 2\], a column for each of its names, got": [
        saved(train=np.ones(3)),
        saved(train=np.ones((3, 1))),
        saved(train=np.full((3, 2), "a")),
        saved(train=ONES * 1j),
    ],
    "train: a value is infinite or too large for float32; write NaN": [
        saved(train=ONES * np.inf),
        saved(train=ONES * 1e40),
    ],
    "2/2/1 rows for 3/2/1 train/valid/test sketches do not fit": [saved(train=ONES[:2])],
}


@pytest.mark.parametrize(
    ("message", "make"),
    [
        pytest.param(message, make, id=f"{message[:20]} {number}")
        for message, makes in MISTAKES.items()
        for number, make in enumerate(makes)
    ],
)
def test_mistakes(tmp_path, message, make):
    make(tmp_path / "a.factors.npz")
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path)
    line = str(caught.value)
    assert "a.factors.npz" in line and "\n" not in line and line[-1] != "."


def test_data_sets_of_one_run_have_the_same_factors(tmp_path):
    write_factors(tmp_path / "a.npz", some())
    write_factors(tmp_path / "b.npz", some(names=("turn", "size")))
    message = "b.factors.npz: its factors are turn, size, but those of a.factors.npz are size, turn"
    with pytest.raises(DataError, match=message):
        load(tmp_path, ["a.npz", "b.npz"], (6, 4, 2))


def test_failed_writing_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.factors.npz"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="a.factors.npz: cannot be written: No space left"):
        write_factors(tmp_path / "a.npz", some())
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.factors.npz"]
