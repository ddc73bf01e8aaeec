"""Measure the data path: a batch made during a training step, loading, and opening.

    python benchmarks/data.py                     a batch, and loading 420,000 sketches
    python benchmarks/data.py --steps=20          more training steps to compare with
    python benchmarks/data.py --large             24 million sketches, opened: 10 GB of disk
    python benchmarks/data.py --large --share=0.1 a tenth of them

The sketches are random, so nothing is downloaded. For loading and opening they have 45 points (on
average), as in QuickDraw; for the batch 125 of at most 250, as in aaron_sheep.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np

CLASSES, SKETCHES = 6, 70_000


def sketches(count: int, points: int, seed: int) -> list[np.ndarray]:
    """Return ``count`` random stroke-3 sketches with ``points`` points on average."""
    random = np.random.default_rng(seed)
    lengths = random.integers(points // 2, points + points // 2 + 1, count)
    flat = random.integers(-60, 60, (lengths.sum(), 3)).astype(np.int16)
    flat[:, 2] = random.random(len(flat)) < 0.15
    return np.split(flat, np.cumsum(lengths)[:-1])


def batch_beside_step(steps: int, data: Any = None) -> None:
    """Print the time to make a batch of ``data`` while a default training step runs."""
    from magenta_sketch.config import RunConfig
    from magenta_sketch.data import SketchSet
    from magenta_sketch.data.batches import training_batch
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.prefetch import prefetch
    from magenta_sketch.training.step import TrainStep
    from magenta_sketch.training.threads import use_threads

    use_threads()
    config = RunConfig.of(max_seq_len=250, normalizing_factor=35.0)
    if data is None:
        data = SketchSet.from_sketches(sketches(7_400, 125, 0))
    step = TrainStep(SketchRNN(config))
    making = []

    def make(number):
        began = time.perf_counter()
        batch = training_batch(data, number, config)
        seeds = seed_table(0, number)
        making.append(time.perf_counter() - began)
        return batch, seeds

    waiting, training = [], []
    began = time.perf_counter()
    for batch, seeds in prefetch(make, range(steps + 2)):
        there = time.perf_counter()
        float(step(batch, seeds, 1e-3, 0.5).cost)
        waiting.append(there - began)
        began = time.perf_counter()
        training.append(began - there)
    # Without the first two steps, which compile and fill caches.
    step_time = np.median(training[2:])
    print("a batch of 100, augmented, T = 250, made while the step before runs (medians):")
    for what, times in (("making it", making), ("the step waits for it", waiting)):
        took = np.median(times[2:])
        print(f"  {what + ':':<24}{1e3 * took:8.2f} ms, {100 * took / step_time:.2f} % of a step")
    print(f"  {'a default training step:':<24}{1e3 * step_time:8.0f} ms")


def load_many() -> None:
    """Print time and peak memory of loading 420,000 sketches in a new process."""
    from magenta_sketch.data import write_npz

    with tempfile.TemporaryDirectory() as folder:
        names = [f"class_{i}.npz" for i in range(CLASSES)]
        for i, name in enumerate(names):
            few = sketches(2_500, 45, 100 + i)
            write_npz(Path(folder) / name, train=sketches(SKETCHES, 45, i), valid=few, test=few)
        subprocess.run([sys.executable, __file__, "--load", folder, *names], check=True)


def load(folder: str, names: list[str]) -> None:
    """Load as the training program does, with TensorFlow in memory; print time and memory."""
    import magenta_sketch.training.loop  # noqa: F401  (only to use its memory)
    from magenta_sketch.data import load_data_set

    before = measure.peak_memory()
    began = time.perf_counter()
    data = load_data_set(names, folder, report=lambda line: None)
    seconds = time.perf_counter() - began
    print(f"loading {len(data.train):,} training sketches: {seconds:.1f} s")
    print(f"peak memory: {measure.peak_memory():.0f} MiB, of which {before:.0f} MiB before loading")


def large(share: float, steps: int, place: str | None) -> None:
    """Print the table of `large_data`: each part in a new process, so that memory is its own."""
    classes = max(1, round(345 * share))
    with tempfile.TemporaryDirectory(dir=place) as folder:
        environment = os.environ | {
            "MAGENTA_SKETCH_CACHE": f"{folder}/cache",
            "MAGENTA_SKETCH_DATA_IN_MEMORY": "0",  # opened, however small the share
        }
        # Each part: its code, with f the folder.
        for code in (
            f"make(f, {classes}, {SKETCHES})",
            "opening(f, 'first opening, which unpacks', 1)",
            "forget_pages(); opening(f, 'second opening, nothing in the page cache')",
            "opening(f, 'third opening')",
            f"training(f, {steps})",
        ):
            code = (
                f"from pathlib import Path; from large_data import *; f = Path({folder!r}); {code}"
            )
            where = Path(__file__).parent
            subprocess.run([sys.executable, "-c", code], cwd=where, env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--load", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--large", action="store_true", help="a data set larger than memory")
    parser.add_argument("--share", type=float, default=1.0, help="of its 345 files")
    parser.add_argument("--folder", help="where to make it; default: the system's temporary one")
    arguments = measure.parse(parser)
    if arguments.large:
        large(arguments.share, max(arguments.steps or 20, 4), arguments.folder)
        return
    if arguments.load:
        load(arguments.load[0], arguments.load[1:])
        return
    batch_beside_step(arguments.steps or 5)
    load_many()


if __name__ == "__main__":
    main()
