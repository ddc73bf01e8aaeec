"""One sweep at a time in a folder, one process at a time at a run."""

import subprocess
import sys

import pytest

from magenta_sketch.errors import RunError
from magenta_sketch.study.lock import run_lock, sweep_lock, wait_for_run

HOLDS = """
import pathlib, sys
from magenta_sketch.study.lock import run_lock
with run_lock(pathlib.Path(sys.argv[1]), print):
    print("holding", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    lines = []
    folder = tmp_path / "studies" / "one"
    with sweep_lock(folder, lines.append):
        with sweep_lock(tmp_path / "studies" / "two", lines.append):
            pass
        assert lines == []
        with pytest.raises(RunError, match="another sweep is at work in .*one: wait"):
            sweep_lock(folder, lines.append, patience=0.1).__enter__()
        assert len(lines) == 1 and "waiting" in lines[0]
    with sweep_lock(folder, lines.append):
        pass
    assert len(lines) == 1


@pytest.mark.parametrize("end", ["in order", "killed"])
def test_a_run_is_held_until_its_process_has_ended(tmp_path, end):
    path, lines = tmp_path / "locks" / "scale-1_seed-0.lock", []
    wait_for_run(path, lines.append, patience=0)  # nobody ever held it
    assert not path.exists()
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"holding\n"
        with sweep_lock(tmp_path, lines.append, patience=0):
            assert lines == []  # the folder is not the run's
        for wants in (wait_for_run, lambda *args: run_lock(*args).__enter__()):
            with pytest.raises(RunError, match="on the run scale-1_seed-0, .*: wait for it"):
                wants(path, lines.append, 0)
        assert [line.endswith("waiting ...") for line in lines] == [True, True]
        child.kill() if end == "killed" else child.communicate(b"")
        child.wait()
    wait_for_run(path, lambda text: pytest.fail(text))
