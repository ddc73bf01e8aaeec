"""A tenth of the benchmark of a data set that is larger than memory: benchmarks/data.py --large."""

import pathlib
import re
import subprocess
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.slow
def test_opened_data_take_little_memory(tmp_path):
    """2.4 million sketches: 1.3 GB as float32, of which nothing is loaded."""
    command = [sys.executable, "data.py", "--large", "--share=0.1", "--steps=4"]
    result = subprocess.run(
        [*command, f"--folder={tmp_path}"], cwd=BENCHMARKS, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("2,380,000 training sketches") == 3
    more = [int(number) for number in re.findall(r"memory: (\d+) MiB more", result.stdout)]
    first, second, third = more
    assert first < 400 and max(second, third) < 100  # the first one unpacks a file at a time
    (peak,) = re.findall(r"peak memory: (\d+) MiB without mapped files", result.stdout)
    assert int(peak) * 2**20 < 2.5e9
    assert not list(tmp_path.iterdir())
