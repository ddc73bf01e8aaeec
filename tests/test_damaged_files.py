"""Damaged files end in a result or in one clear line: a short run of benchmarks/fuzz.py."""

import importlib
import pathlib

import pytest
from slow import slow_but

BENCHMARKS = str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks")
COUNT = 40


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fuzz")


KINDS = ["npz", "ndjson", "svg", "js", "run.json", "model_config.json", "checkpoint", "keras"]


def test_all_kinds_are_tried(fuzz):
    assert list(fuzz.KINDS) == KINDS


@pytest.mark.parametrize("kind", slow_but(KINDS, "npz", "ndjson"))
def test_damaged_files(fuzz, kind):
    found = list(fuzz.results(kind, 0, COUNT, seed=7))
    assert [number for number, _ in found] == list(range(COUNT))
    assert [one for one in found if one[1] not in ("read", "refused")] == []
    assert {result for _, result in found} == {"read", "refused"}


def test_what_is_found(fuzz, monkeypatch, tmp_path):
    """The campaign sees an exception, a message of two lines, and a program that is started."""
    from magenta_sketch.errors import DataError

    def raising(error):
        def read(path, out):
            raise error

        return read

    def leaves(path, out):
        (path.parent / "a.tmp").write_text("")
        raise DataError("a clear line")

    reads = {
        "ValueError": raising(ValueError("a")),
        "not one clear line": raising(DataError("a\nb")),
        "needs over": raising(MemoryError()),
        "left behind": leaves,
    }
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound" / "a.txt").write_text("sound")
    monkeypatch.setattr(fuzz.signal, "setitimer", lambda *args: None)
    for number, (expected, read) in enumerate(reads.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        kind = fuzz.Kind(None, lambda data, rng: data[:3], read)
        result = fuzz.run_case(kind, [tmp_path / "sound" / "a.txt"], 0, 0, folder)
        assert expected in result
    fuzz._watch(found := [])
    fuzz._audit("os.system", ())
    fuzz._audit("open", ())
    fuzz._watch(None)
    assert found == ["os.system"]
