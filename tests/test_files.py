"""Writing whole or not at all."""

import errno
import os

import pytest
from tripwire import Tripwire

from magenta_sketch import files


def test_a_file_is_replaced_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "file.json"
    for data in (b"old", b"new"):
        files.write_bytes(path, data)
        assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_the_old_file_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    files.write_bytes(path, b"old")
    Tripwire(monkeypatch, 0, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(OSError, match="No space"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_errors_name_the_file_that_was_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "missing" / "file.json"
    with pytest.raises(FileNotFoundError) as caught, files.replacing(path):
        pass
    assert caught.value.filename == str(path)
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        files.write_bytes(path, b"new")
    assert caught.value.filename == str(path) and caught.value.filename2 is None
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    Tripwire(monkeypatch, 0, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ((os, "fsync"),))
    with pytest.raises(OSError, match="No space") as caught:
        files.write_bytes(path / "file.json", b"new")
    assert caught.value.filename == str(path / "file.json")


def test_names_that_may_have_been_meant(tmp_path):
    for name in ("bird.npz", "bicycle.npz", "brd.txt", "birds", "bird.npy"):
        (tmp_path / name).touch()
    (tmp_path / "brds").mkdir()
    suffixes = (".npz", ".npy")
    path = tmp_path / "brd.npz"
    assert files.did_you_mean(path, suffixes) == "; did you mean bird.npy or bird.npz?"
    assert files.did_you_mean(tmp_path / "brdz", (), folders=True) == "; did you mean brds?"
    assert files.did_you_mean(tmp_path / "brds", (), folders=True) == ""  # it is there itself
    # Names that have no more in common than how they end.
    assert files.did_you_mean(tmp_path / "cat.npz", suffixes) == ""
    assert files.did_you_mean(tmp_path / "gone" / "bird.npz", suffixes) == ""


class OwnError(OSError):
    pass


@pytest.mark.parametrize("error", [OwnError("own"), OwnError(errno.EIO, "own", "other file")])
def test_errors_of_the_block_about_something_else_stay(tmp_path, error):
    with pytest.raises(OwnError) as caught, files.replacing(tmp_path / "file.json"):
        raise error
    assert caught.value is error


def test_a_folder_is_made_whole_in_the_place_of_another(tmp_path):
    path = tmp_path / "in" / "folder"
    for text in ("old", "new"):
        with files.replacing_folder(path) as new:
            (new / f"{text}.txt").write_text(text)
            assert new.parent == path.parent and new != path
        assert [p.name for p in path.iterdir()] == [f"{text}.txt"]
    assert [p.name for p in path.parent.iterdir()] == ["folder"]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("fails", ["in the block", "first rename", "last rename"])
def test_a_folder_that_cannot_be_made_leaves_the_old_one(tmp_path, monkeypatch, there, fails):
    path = tmp_path / "folder"
    if there:
        path.mkdir()
        (path / "old.txt").write_text("old")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        with files.replacing_folder(path) as new:
            (new / "new.txt").write_text("new")
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if fails == "in the block":
                raise full
            Tripwire(patched, int(there and fails == "last rename"), full, ((os, "rename"),))
    assert [p.name for p in tmp_path.iterdir()] == ["folder"] * there
    assert [p.name for p in path.glob("*")] == ["old.txt"] * there
