"""Data sets that follow another convention: recognised, and mended."""

import numpy as np
import pytest

from magenta_sketch.data import SketchSet, load_data_set, read_npz, write_npz
from magenta_sketch.data.conventions import recognise
from magenta_sketch.data.inspection import inspect_npz
from magenta_sketch.data.mending import STEPS, mend
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.sources.building import build
from magenta_sketch.data.sources.finding import find
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.strokes import from_polylines, to_stroke5
from magenta_sketch.errors import DataError


@pytest.fixture(scope="module")
def sound(tiny_folder):
    """Some dozen kanji, by split."""
    return {k: [np.array(s) for s in v] for k, v in read_npz(tiny_folder / "tiny.npz").items()}


def as_positions(sketch, center=False):
    """Return all points, the first one too, as positions from 0 up, or around 0."""
    moves = np.concatenate([[[0, 0, 0]], sketch])
    moves[:, :2] = np.cumsum(moves[:, :2], axis=0)
    low, high = moves[:, :2].min(axis=0), moves[:, :2].max(axis=0)
    moves[:, :2] -= (low + high) / 2 if center else low
    return moves


def with_leading_move(sketch):
    """Return the sketch as Magenta's lines_to_strokes makes it of positions."""
    positions = as_positions(sketch) + [40, 40, 0]
    positions[1:, :2] -= positions[:-1, :2].copy()
    return positions


def with_inverted_lifts(sketch):
    return sketch * [1, 1, -1] + [0, 0, 1]


def drawn(sketch):
    """Return the sketch with 1 for each row that is drawn, and 0 for a move."""
    rows = np.array(sketch, float)
    rows[:, 2] = np.append(1, 1 - rows[:-1, 2])
    return rows


def with_a_last_lift(sketch):
    rows = with_inverted_lifts(sketch)
    rows[-1, 2] = 1
    return rows


def in_pieces(sketch):
    """Return the sketch with every line by itself."""
    rows = []
    for x, y, lift in sketch:
        rows += [[x, y, 1], [0, 0, 0]]
        if lift:
            rows.pop()
    return np.array(rows)


OTHERS = {
    "positions": as_positions,
    "leading_move": with_leading_move,
    "lifts": with_inverted_lifts,
    "pieces": in_pieces,
}


def written(path, sound, change):
    write_npz(path, **{split: [change(one) for one in some] for split, some in sound.items()})
    return path


def equal(path, sound):
    found = read_npz(path)
    for split in SPLITS:
        assert len(found[split]) == len(sound[split])
        for one, other in zip(found[split], sound[split], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)


def test_sound_data_are_not_suspected(sound, shared):
    assert recognise(SketchSet.from_sketches(sound["train"])) == []
    for name in ("aaron_sheep", "short_kanji"):
        for split, sketches in read_npz(shared / "data" / f"{name}.npz").items():
            assert recognise(sketches) == [], (name, split)


@pytest.mark.slow
def test_all_classes_of_quickdraw(tmp_path, shared):
    """None is suspected, and no class is lost; made positions, nine in ten are recognised."""
    folders = [shared / "data" / name for name in ("quickdraw_more", "quickdraw_raw")]
    inputs = [source for folder in folders for source in find(str(folder))]
    paths = build(inputs, tmp_path, Options(), lambda line: None)
    assert len(paths) == len(inputs) == 341
    centred = 0
    for path in paths:
        sketches = read_npz(path)["train"]
        assert recognise(sketches) == [], path.name
        some = [as_positions(one) for one in sketches]
        assert "positions" in recognise(SketchSet.from_sketches(some)), path.name
        some = [as_positions(one, center=True) for one in sketches]
        centred += recognise(SketchSet.from_sketches(some)) == ["positions"]
    assert centred > 0.9 * len(paths)


@pytest.mark.parametrize("name", OTHERS)
def test_recognised_and_mended(tmp_path, sound, name):
    path = written(tmp_path / "other.npz", sound, OTHERS[name])
    lines = []
    load_data_set("other.npz", tmp_path, report=lines.append)
    (note,) = [line for line in lines if line.startswith("note: other.npz looks like")]
    assert f"`sketch_rnn_convert mend {path} --what={name} --out=NEW.npz`" in note
    kinds = [oddity.kind for oddity in inspect_npz(path).oddities]
    assert kinds[0] == name
    mend(path, tmp_path / "new.npz", [name], report=lines.append)
    equal(tmp_path / "new.npz", sound)
    assert recognise(read_npz(tmp_path / "new.npz")["train"]) == []
    assert lines[-1].startswith(f"wrote {tmp_path / 'new.npz'}: ")


@pytest.mark.parametrize("change", [drawn, with_a_last_lift])
def test_other_forms_of_lifts(tmp_path, tiny_folder, change):
    """Of drawings whose moves are longer than their lines."""
    t = np.linspace(0, 5, 20)
    strokes = [np.column_stack([np.cos(t), np.sin(t)]) * 30 + place for place in (0, 90, 200)]
    sketch = from_polylines(strokes)
    path = written(tmp_path / "a.npz", {split: [sketch] * 4 for split in SPLITS}, change)
    assert recognise(read_npz(path)["train"]) == ["lifts"]
    mend(path, tmp_path / "b.npz", ["lifts"], report=print)
    equal(tmp_path / "b.npz", {split: [sketch] * 4 for split in SPLITS})


@pytest.mark.parametrize("name", ["val", "validation"])
def test_another_name_of_valid(tmp_path, sound, name):
    save_arrays(
        tmp_path / "a.npz", train=sound["train"], test=sound["test"], **{name: sound["valid"]}
    )
    equal(tmp_path / "a.npz", sound)


def test_positions_around_zero(sound):
    changed = [as_positions(one, center=True) for one in sound["train"]]
    assert recognise(SketchSet.from_sketches(changed)) == ["positions"]


def test_two_at_once(tmp_path, sound):
    path = written(tmp_path / "a.npz", sound, lambda one: with_inverted_lifts(as_positions(one)))
    assert recognise(read_npz(path)["train"]) == ["lifts", "positions"]
    lines = []
    load_data_set(path, report=lines.append)
    assert sum("--what=lifts,positions --out=NEW.npz" in line for line in lines) == 1
    mend(path, tmp_path / "b.npz", ["positions", "lifts"], report=print)
    equal(tmp_path / "b.npz", sound)


def save_arrays(path, **splits):
    packed = {}
    for split, some in splits.items():
        packed[split] = np.empty(len(some), object)
        packed[split][:] = some
    np.savez(path, **packed)


def test_stroke5(tmp_path, sound):
    longest = max(len(one) for some in sound.values() for one in some)
    save_arrays(
        tmp_path / "five.npz",
        **{split: [to_stroke5(one, longest) for one in some] for split, some in sound.items()},
    )
    with pytest.raises(
        DataError, match="looks like stroke-5; to mend it, use `sketch_rnn_convert mend"
    ):
        read_npz(tmp_path / "five.npz")
    mend(tmp_path / "five.npz", tmp_path / "new.npz", ["stroke5"], report=print)
    equal(tmp_path / "new.npz", sound)


def test_rows_of_four_numbers(tmp_path):
    save_arrays(tmp_path / "a.npz", **{split: [np.zeros((5, 4))] * 2 for split in SPLITS})
    with pytest.raises(DataError, match=r"another format; to mend it, keep dx, dy"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("present", [("train",), ("train", "valid"), ("test",)])
def test_missing_splits(tmp_path, sound, present):
    whole = sound["train"]
    parts = np.array_split(np.arange(len(whole)), len(present))
    save_arrays(
        tmp_path / "a.npz",
        **{split: [whole[i] for i in part] for split, part in zip(present, parts, strict=True)},
    )
    with pytest.raises(DataError, match="mend .*a.npz --what=splits --out=NEW.npz` splits"):
        read_npz(tmp_path / "a.npz")
    assert list(read_npz(tmp_path / "a.npz", all_splits=False)) == list(present)
    with pytest.raises(DataError, match="add splits to --what"):
        mend(tmp_path / "a.npz", tmp_path / "new.npz", ["pieces"], report=print)
    assert not (tmp_path / "new.npz").exists()
    mend(tmp_path / "a.npz", tmp_path / "new.npz", ["splits"], shares=(2, 1, 1), report=print)
    found = read_npz(tmp_path / "new.npz")
    every = {one.tobytes() for sketches in found.values() for one in sketches}
    assert every == {np.float32(one).tobytes() for one in whole}
    # Each once, and by its content: also from the file that it has become.
    mend(tmp_path / "new.npz", tmp_path / "b.npz", ["splits"], shares=(2, 1, 1), report=print)
    again = read_npz(tmp_path / "b.npz")
    for split in SPLITS:
        assert {s.tobytes() for s in again[split]} == {s.tobytes() for s in found[split]}


def test_offsets_that_are_cut_are_told(tmp_path, sound):
    path = written(tmp_path / "a.npz", sound, lambda one: one * [70, 70, 1])
    offsets = np.concatenate([one[:, :2] * 70 for some in sound.values() for one in some])
    lines = []
    read_npz(path, report=lines.append)
    count = (np.abs(offsets) > 1000).any(axis=1).sum()
    assert len(lines) == 1 and f": {count:,} offsets of " in lines[0]
    assert "--what=size" in lines[0]
    loaded = []
    load_data_set(path, report=loaded.append)
    assert loaded[0] == lines[0]
    mend(path, tmp_path / "b.npz", ["size"], report=print)
    lines = []
    found = read_npz(tmp_path / "b.npz", report=lines.append)
    assert lines == []
    first = sound["train"][0][:, :2]
    ratios = found["train"][0][:, :2][first != 0] / first[first != 0]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)
    sizes = [
        np.ptp(as_positions(one)[:, :2], axis=0).max() for some in found.values() for one in some
    ]
    assert np.median(sizes) == pytest.approx(255, rel=1e-3)


def test_a_file_that_cannot_be_mended(tmp_path, sound):
    save_arrays(tmp_path / "a.npz", **{split: [np.full((3, 3), np.nan)] for split in SPLITS})
    with pytest.raises(DataError, match="values that are not finite"):
        mend(tmp_path / "a.npz", tmp_path / "b.npz", ["positions"])
    written(tmp_path / "c.npz", sound, lambda one: one)
    with pytest.raises(DataError, match="stroke-5 sketch"):
        mend(tmp_path / "c.npz", tmp_path / "b.npz", ["stroke5"])
    assert not (tmp_path / "b.npz").exists()


def test_the_command_knows_all_steps():
    from magenta_sketch.cli.convert import mend as command

    assert (*STEPS, "splits") == command.STEPS
