"""One sweep at a time in a folder."""

import subprocess
import sys

import pytest

from magenta_sketch.errors import RunError
from magenta_sketch.study.lock import StudyLock

HOLDS = "import sys; print('holding', flush=True); sys.stdin.read()"


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    lines = []
    folder = tmp_path / "studies" / "one"
    with StudyLock(folder, lines.append):
        with StudyLock(tmp_path / "studies" / "two", lines.append):
            pass
        assert lines == []
        with pytest.raises(RunError, match="another sweep is at work in .*one: wait"):
            StudyLock(folder, lines.append, patience=0.1).__enter__()
        assert len(lines) == 1 and "waiting" in lines[0]
    with StudyLock(folder, lines.append):
        pass
    assert len(lines) == 1


def test_it_is_held_until_the_last_process_of_a_sweep_has_ended(tmp_path):
    with StudyLock(tmp_path, print) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
        )
        assert child.stdout.readline() == b"holding\n"
    with pytest.raises(RunError):
        StudyLock(tmp_path, lambda _: None, patience=0).__enter__()
    child.communicate(b"")
    with StudyLock(tmp_path, lambda text: pytest.fail(text)):
        pass
