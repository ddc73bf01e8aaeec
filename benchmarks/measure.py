"""Shared by the benchmarks: timing, the machine and its peak speed, the device, tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_NEEDED = "MAGENTA_SKETCH_BENCHMARK_NEEDS_GPU"  # set for processes that a benchmark starts


def matmul_peak(dtype: str = "float32", size: int = 2048, runs: int = 10) -> float:
    """Return the GFLOP/s of the fastest of ``runs`` products of two [size, size] matrices."""
    from magenta_sketch._backend import tf

    matrix = tf.cast(tf.random.stateless_normal([size, size], [1, 2]), dtype)
    # On a CPU an eager operation is complete when it returns.
    seconds = min(repeat(lambda: tf.matmul(matrix, matrix), runs))
    return 2 * size**3 / seconds / 1e9


def peak_by_itself(dtype: str = "float32") -> float:
    """Return `matmul_peak` of a new process with TensorFlow's default threads."""
    code = f"import measure; print(measure.matmul_peak({dtype!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line of a benchmark, with --device added, and choose that device.

    Call it before TensorFlow is imported. Processes that the benchmark starts use the device too.
    """
    parser.add_argument(
        "--device",
        default="",
        help="cpu, gpu, or gpu:1 and so on (default: a GPU if TensorFlow finds one, else the CPU)",
    )
    options = parser.parse_args()
    kind, colon, number = options.device.lower().partition(":")
    if (
        kind not in ("", "cpu", "gpu")
        or (kind != "gpu" and colon)
        or (colon and not number.isdigit())
    ):
        parser.error(f"--device must be cpu, gpu or gpu:NUMBER, got {options.device!r}")
    if kind == "cpu":
        os.environ[VISIBLE] = "-1"
    elif kind == "gpu":
        visible = os.environ.get(VISIBLE, "").split(",")
        names = dict(enumerate(visible)) if visible != [""] else {}
        os.environ[VISIBLE] = names.get(int(number or 0), number or "0")
        os.environ[GPU_NEEDED] = "1"
    return options


def device() -> str:
    """Return on what TensorFlow computes. If --device=gpu finds no GPU, end with one line."""
    from magenta_sketch._backend import tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and GPU_NEEDED in os.environ:
        sys.exit("--device=gpu: TensorFlow finds no GPU; take --device=cpu or none")
    if not gpus:
        return "no GPU"
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"GPU {details.get('device_name', gpus[0].name)}"


def repeat(function: Callable[[], object], times: int) -> list[float]:
    """Return the seconds of each of ``times`` calls, after one more call that may compile."""
    function()
    return [seconds(function) for _ in range(times)]


def seconds(function: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def quiet(line: str) -> None:
    """Print nothing: a `report` for training and loading."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file with one JSON object per line; none if there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def summary(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Return (median, lower quartile, upper quartile)."""
    low, median, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    return float(median), float(low), float(high)


def machine() -> str:
    """Return one line: processor, cores of this process, GPU, TensorFlow's version."""
    from magenta_sketch._backend import tf

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {device()}, TensorFlow {tf.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or no such line
        return platform.processor() or platform.machine()


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table; the first column is left-aligned, the others right-aligned."""
    lines = [[str(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for line in [lines[0], rule, *lines[1:]]:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        print(f"| {' | '.join(cells)} |", flush=True)


def peak_memory() -> float:
    """Return the peak resident memory of this process in MiB (Linux).

    Not getrusage, whose number starts with that of the parent process.
    """
    with open("/proc/self/status") as status:
        line = next(x for x in status if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
