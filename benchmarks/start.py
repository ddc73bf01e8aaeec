"""Measure the start: the import, and a training program up to the end of its first step.

    python benchmarks/start.py                    Magenta's defaults, on aaron_sheep
    python benchmarks/start.py --data_dir=FOLDER --hparams=dec_model=hyper

The real program runs in its own process and ends after its first step. The data set is already on
disk.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cases
import measure

ROOT = Path(__file__).resolve().parents[1]
FIRST_STEP = """
import os, sys, time
from magenta_sketch.training.step import TrainStep
call = TrainStep.__call__
def first(*args, **keywords):
    float(call(*args, **keywords).cost)
    print("first step at", time.time(), flush=True)
    os._exit(0)
TrainStep.__call__ = first
import sketch_rnn_train
sketch_rnn_train.run()
"""


def import_seconds() -> float:
    """Return the seconds of ``import magenta_sketch`` in a new interpreter.

    The start of the interpreter itself is not counted.
    """
    code = "import time; t = time.perf_counter(); import magenta_sketch"
    code += "; print(time.perf_counter() - t)"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def first_step_seconds(data_dir: str, hparams: str) -> float:
    """Return the seconds from the command to the end of its first training step."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FIRST_STEP, f"--log_root={folder}/run"]
        command += [f"--data_dir={data_dir}"] + ([f"--hparams={hparams}"] if hparams else [])
        began = time.time()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split("first step at")[1]) - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    cases.add_data_dir(parser)
    parser.add_argument("--hparams", default="")
    arguments = measure.parse(parser)
    print(measure.machine() + "\n")
    rows = []
    for what, function in (
        ("import magenta_sketch", import_seconds),
        (
            "command to first step",
            lambda: first_step_seconds(arguments.data_dir, arguments.hparams),
        ),
    ):
        function()  # first read all files from the disk
        median, low, high = measure.summary([function() for _ in range(arguments.runs)])
        rows.append([what, f"{median:.3f}", f"{low:.3f} to {high:.3f}"])
    measure.table(["", "s", "quartiles"], rows)


if __name__ == "__main__":
    main()
