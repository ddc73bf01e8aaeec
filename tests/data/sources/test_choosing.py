"""Which drawings make train, valid and test."""

import numpy as np
import pytest
from ndjson_files import SPLITS, build, contents, record, write

from magenta_sketch.data import splitting
from magenta_sketch.errors import DataError


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
        lowest = sorted(keys, key=lambda key: splitting.hash_of(str(key).encode()))[:count]
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


def test_splits_that_the_lines_name(tmp_path):
    records = [record(key, "owl") | {"split": "test"} for key in range(9)]
    with pytest.raises(DataError, match="name their splits themselves: add those of the other"):
        build(write(tmp_path / "a.ndjson", records), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", [3, 5, 12, 40])
def test_few_drawings_fill_all_splits(tmp_path, count):
    """The keys alone decide: not their order."""
    lines = []
    few = write(tmp_path / "b.ndjson", [record(key, "bat") for key in range(count)])
    (path,) = build(few, tmp_path / "out", lines, shares=(98, 1, 1))
    found = contents(path)
    assert sorted(sum(found.values(), [])) == list(range(count)) and all(found.values())
    backwards = write(tmp_path / "c.ndjson", [record(key, "bat") for key in range(count)][::-1])
    (other,) = build(backwards, tmp_path / "other", shares=(98, 1, 1))
    assert {split: sorted(keys) for split, keys in contents(other).items()} == found
    lowest = sorted(range(count), key=lambda key: splitting.hash_of(str(key).encode()))
    assert [*found["valid"], *found["test"]] == lowest[:2]
    notes = [line for line in lines if line.startswith("note: ")]
    assert notes[0].startswith(
        "note: too few drawings to fill these splits by their keys: bat (valid and test). "
    )
    assert notes[1].startswith(f"note: under 100 drawings of bat ({count}): ")


def test_enough_drawings_need_no_note(tmp_path, owls):
    lines = []
    build(owls, tmp_path / "out", lines)
    assert not [line for line in lines if line.startswith("note")]


def test_many_classes_have_one_note(tmp_path):
    records = [record(key, f"word {key % 40}") for key in range(120)]
    lines = []
    build(write(tmp_path / "a.ndjson", records), tmp_path / "out", lines)
    notes = [line for line in lines if line.startswith("note: under 100 drawings of word_0 (3), ")]
    assert len(notes) == 1 and " and 30 more classes: " in notes[0]


def test_classes_with_too_few_drawings_are_named(tmp_path, owls):
    words = [f"word {i}" for i in range(7)]
    records = [record(key, word) for word in words for key in range(2)]
    few = write(tmp_path / "b.ndjson", records)
    with pytest.raises(DataError) as caught:
        build([few, owls], tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("word_0: train 2, valid 0, test 0; word_1: ")
    assert "; and 2 more classes; no split may be empty: a class needs at least 3 " in message
    assert message.endswith("nothing was written")
    assert "word_5" not in message and "owl" not in message and "\n" not in message
    assert not (tmp_path / "out").exists()
