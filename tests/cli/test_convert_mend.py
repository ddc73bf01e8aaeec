"""sketch_rnn_convert mend as its users run it; what it does is tested in tests/data."""

import functools

import numpy as np
import pytest

from magenta_sketch.data import read_npz


@pytest.fixture
def run(run_convert):
    return functools.partial(run_convert, "mend")


@pytest.fixture
def positions(tmp_path, tiny_folder):
    """old.npz: tiny.npz as positions, train and valid only."""
    splits = {}
    for split in ("train", "valid"):
        sketches = read_npz(tiny_folder / "tiny.npz")[split]
        splits[split] = np.empty(len(sketches), object)
        for i, sketch in enumerate(sketches):
            moved = np.concatenate([[[0, 0, 0]], sketch])
            moved[:, :2] = np.cumsum(moved[:, :2], axis=0) + 900
            splits[split][i] = moved
    np.savez(tmp_path / "old.npz", **splits)
    return splits


def test_what_inspect_says_mends_the_file(run, run_convert, positions, tmp_path):
    _, out, _ = run_convert("inspect", "old.npz")
    assert "looks like positions, not offsets (mend --what=positions)\n" in out
    status, out, errors = run("old.npz", "--what=positions,splits", "--out=new.npz")
    assert (status, errors) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "positions: 687 points of 53 sketches"
    assert lines[-1].startswith("wrote new.npz: ")
    assert "nothing odd" in run_convert("inspect", "new.npz")[1]
    before = (tmp_path / "new.npz").read_bytes()
    status, _, errors = run("old.npz", "--what=positions,splits", "--out=new.npz")
    assert status == 2 and "--out=new.npz is there already: give --overwrite" in errors
    assert run("old.npz", "--what=positions,splits", "--out=new.npz", "--overwrite")[0] == 0
    assert (tmp_path / "new.npz").read_bytes() == before


MISTAKES = [
    ([], "mend takes one data set, got 0"),
    (["old.npz", "b.npz"], "mend takes one data set, got 2"),
    (["old.npz", "--out=new.npz"], "--what is missing: name one or more of stroke5, positions"),
    (["old.npz", "--what=position", "--out=new.npz"], "did you mean 'positions'?"),
    (["old.npz", "--what=positions"], "--out must be the name of the new file, ending in .npz"),
    (["old.npz", "--what=positions", "--out=new"], "--out must be the name of the new file"),
    (["old.npz", "--what=lifts", "--out=a.npz", "--shares=1,1,1"], "--shares is for --what=splits"),
    (["old.npz", "--what=positions", "--out=a.npz"], "no sketch for test; add splits to --what"),
    (["none.npz", "--what=lifts", "--out=a.npz"], "none.npz: no such file"),
    (["old.npz", "--what=stroke5", "--out=a.npz"], "expected a stroke-5 sketch [n, 5]"),
    (["old.npz", "--what=lifts,splits", "--out=no/a.npz"], "no/a.npz"),
]


@pytest.mark.parametrize("arguments, message", MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_end_in_one_line(run, positions, tmp_path, arguments, message):
    status, _, errors = run(*arguments)
    assert status != 0 and message in errors and errors.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["old.npz"]


def test_a_file_without_all_splits_is_exported(run_convert, positions, tmp_path):
    status, out, _ = run_convert("export", "old.npz", "--out=sheet.svg")
    assert status == 0 and "53 of 53 sketches" in out
    assert "560 offsets of 52 sketches are beyond 1000 and are cut" in out
    status, _, errors = run_convert("export", "old.npz", "--out=b.svg", "--split=test")
    assert status == 2 and "--split=test: old.npz has only train and valid" in errors


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_flag_file_that_windows_has_saved(run, positions, tmp_path, encoding):
    text = "--what=positions,splits\r\n--out=new.npz\r\n"
    (tmp_path / "win.cfg").write_text(text, encoding=encoding, newline="")
    assert run("old.npz", "--flagfile=win.cfg")[0] == 0
    assert (tmp_path / "new.npz").exists()
