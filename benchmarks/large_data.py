"""Steps of `data.py --large`: a data set larger than memory, made up, opened and trained on."""

import os
import shutil
import threading
import time
import zipfile
from functools import partial
from pathlib import Path

import measure
import numpy as np

from magenta_sketch.config import RunConfig
from magenta_sketch.data import SketchSet, load_data_set, unpacked, write_npz
from magenta_sketch.data.batches import training_batch

POINTS, LONGEST = 45, 200
PATTERN = "class_*.npz"


def make(folder: Path, classes: int, count: int) -> None:
    """Make the files.

    To be quick, all classes have the same sketches. A comment in each archive makes its content,
    and so its key in the cache and its unpacked file, another.
    """
    first = folder / "class_000.npz"
    few = max(1, count // 28)
    write_npz(first, **{
        split: made_up(size, seed)
        for seed, (split, size) in enumerate((("train", count), ("valid", few), ("test", few)))
    })  # fmt: skip
    for number in range(1, classes):
        copy = first.with_name(f"class_{number:03d}.npz")
        shutil.copyfile(first, copy)
        with zipfile.ZipFile(copy, "a") as archive:
            archive.comment = str(number).encode()
    time.sleep(2.1)  # the keys of younger files are not remembered


def made_up(count: int, seed: int) -> SketchSet:
    """Return sketches of 45 points on average; the first has 200, as data sets have long ones."""
    random = np.random.default_rng(seed)
    lengths = random.integers(POINTS // 2, POINTS + POINTS // 2 + 2, count)
    lengths[0] = LONGEST
    starts = np.concatenate([[0], np.cumsum(lengths)])
    points = random.integers(-9, 10, (starts[-1], 3)).astype(np.float32)
    points[:, 2] = random.random(len(points)) < 0.15
    points[starts[1:] - 1, 2] = 1
    return SketchSet(points, starts)


def forget_pages() -> None:
    """Take the unpacked files out of the system's page cache (Linux), as after a restart."""
    os.sync()
    for path in unpacked.folder().rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory(kind: str = "RssAnon") -> float:
    """Return resident memory of this process in MiB, without files that are mapped."""
    with open("/proc/self/status") as status:
        line = next(x for x in status if x.startswith(kind))
    return int(line.split()[1]) / 1024


def opening(folder: Path, what: str, batches: int = 300) -> None:
    """Open the data; make batches; print times and memory. In a new process."""
    before = memory()
    began = time.perf_counter()
    data = load_data_set(PATTERN, folder, in_memory=False, report=measure.quiet)
    print(f"{what}: {len(data.train):,} training sketches in {time.perf_counter() - began:.2f} s")
    for name, number, settings in (
        ("a batch", batches, {}),
        ("a balanced batch", batches, {"balance": True}),
        ("a batch of 64 workers", batches // 30, {"batch_size": 6400}),
    ):
        config = RunConfig.of(**settings).with_data(data)
        times = [
            measure.seconds(partial(training_batch, data.train, step, config))
            for step in range(number)
        ]
        if times:
            middle, most = 1e3 * np.quantile(times, [0.5, 0.95])
            what = f"{name} of {config.hparams.batch_size:,}, T = {data.max_seq_len}"
            print(f"  {what}: {middle:.2f} ms, 95 % below {most:.2f} ms")
    print(f"  memory: {memory() - before:.0f} MiB more than before, without mapped files")


def training(folder: Path, steps: int) -> None:
    """Train a model of the default size; print memory, and how long steps wait for their batch."""
    from magenta_sketch import runs
    from magenta_sketch.training import loop

    waiting, peak, ended = [], [0.0], threading.Event()

    def timed(make, numbers):
        batches = prefetch(make, numbers)
        for _ in numbers:
            began = time.perf_counter()
            batch = next(batches)
            waiting.append(time.perf_counter() - began)
            began = time.perf_counter()
            yield batch
            taken.append(time.perf_counter() - began)

    def watch() -> None:
        while not ended.wait(0.1):
            peak[0] = max(peak[0], memory())

    taken: list[float] = []
    prefetch, loop.prefetch = loop.prefetch, timed
    config = RunConfig.of(
        data_set=[PATTERN], data_dir=str(folder), num_steps=steps, save_every=steps,
        evaluate_at_most=1000,
    )  # fmt: skip
    watcher = threading.Thread(target=watch)
    watcher.start()
    run = runs.begin(config, folder / "run", overwrite=True, report=measure.quiet)
    assert runs.train_run(run, report=measure.quiet) == 0
    ended.set()
    watcher.join()
    # Without the first two steps, which compile and fill caches; the last one's time has no end.
    step, wait = np.median(taken[2:]), np.array(waiting[2:])
    print(f"training at the default size, T = {run.config.max_seq_len}: {step:.2f} s a step")
    print(f"  a step waits for its batch: {1e3 * np.median(wait):.2f} ms (median), "
          f"{100 * wait.mean() / (step + wait.mean()):.2f} % of the time (mean)")  # fmt: skip
    print(f"  peak memory: {peak[0]:.0f} MiB without mapped files")
