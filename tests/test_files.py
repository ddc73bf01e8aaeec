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
