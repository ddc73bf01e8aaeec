"""Compare the speed of this version with another one, side by side, on the same batches.

    python benchmarks/compare.py --before=FOLDER                        the whole table
    python benchmarks/compare.py --before=FOLDER --modes=default,draw_1 a part of it
    python benchmarks/compare.py --before=FOLDER --after=OTHER          two other checkouts

FOLDER is another checkout. Each version has its own process. In each round both do the same work,
one after the other, and the order changes each round. A ratio therefore compares times that are
only seconds apart. A ratio above 1 means that this version is slower. Other programs disturb the
ratio of processor times less than that of wall-clock times.

Modes:

- default, mixed_precision, bucket_by_length, both: training steps of Magenta's default sizes, with
  batches of 100 sketches
- draw_1, draw_100: draw 250 points of 1 or 100 sketches
- keras: the gradient of Keras's own RNN layer with the cell, 100 sketches of 50 points
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cases
import measure
import numpy as np
from server import Server, serve

MODES = (*cases.MODES, "draw_1", "draw_100", "keras")
POINTS = 250  # length of a drawing, and of the longest sketch in the data
PEN_END = 2  # index of the end-of-sketch logit in the output vector


# ------------------------------------------------------------------------- one version's process


def find(*places: str):
    """Return the first "module:name" that this version has; names moved between versions."""
    for place in places:
        module, name = place.split(":")
        try:
            return getattr(importlib.import_module(f"magenta_sketch.{module}"), name)
        except (ImportError, AttributeError):
            continue
    sys.exit(f"compare: this version has none of {places}")


def make_model(cell: str, **options):
    """Return an untrained SketchRNN of default size."""
    hparams = find("config.hparams:HParams", "hparams:HParams")(**cases.CELLS[cell])
    return find("nn.sketch_rnn:SketchRNN", "model:SketchRNN")(hparams, **options)


def training(cell: str, mode: str, batches: list) -> Callable[[int], object]:
    """Return a function that makes the training step with a given number."""
    step_class = find("training.step:TrainStep", "training:TrainStep")
    seed_table = find("nn.randomness:seed_table", "model:seed_table")
    find("training.threads:use_threads", "training.step:use_threads", "training:use_threads")()
    step = step_class(make_model(cell, **cases.MODES[mode]))
    takes_batch = "batch" in inspect.signature(step_class.__call__).parameters

    def work(number):
        strokes, lengths = batches[number % len(batches)]
        given = [strokes, lengths]
        if takes_batch:
            batch = find("data.batches:Batch")
            given = [batch(strokes, lengths, np.arange(len(lengths)))]
        return float(step(*given, seed_table(0, number), 1e-3, 0.01, POINTS).cost)

    return work


def drawing(cell: str, count: int) -> Callable[[int], object]:
    """Return a function that draws ``count`` sketches of full length."""
    sampler = find("inference.sampler:Sampler", "sampling:Sampler")
    point_decoder = find("inference.sampler:PointDecoder", "sampling:PointDecoder")
    decoder = make_model(cell).decoder
    bias = decoder.output_bias.numpy()
    bias[PEN_END] = -100.0
    decoder.output_bias.assign(bias)
    z = np.random.default_rng(0).normal(size=(count, decoder.z_size)).astype("float32")
    decode = sampler(point_decoder(decoder)).decode
    return lambda number: decode(z, max_seq_len=POINTS)


def keras_layer(cell: str) -> Callable[[int], object]:
    """Return a function that computes the gradient of Keras's RNN layer."""
    from magenta_sketch._backend import keras, tf

    layer = keras.layers.RNN(find("nn.cells:CELLS", "cells:CELLS")[cell](512, 0.9), dtype="float32")
    x = tf.random.stateless_normal([100, 50, 133], [1, 2])
    layer.build(x.shape)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    return lambda number: gradient()[0].numpy()


def work_of(cell: str, mode: str, batches: str) -> Callable[[int], object]:
    """Return the work of a mode as a compiled function of a number."""
    if mode in cases.MODES:
        with np.load(batches) as file:
            form = "short" if "bucket_by_length" in cases.MODES[mode] else "padded"
            numbers = range(int(file["count"]))
            given = [(file[f"{form}_{n}"], file[f"lengths_{n}"]) for n in numbers]
        work = training(cell, mode, given)
    elif mode == "keras":
        work = keras_layer(cell)
    else:
        work = drawing(cell, int(mode.removeprefix("draw_")))
    for number in (0, 1, 2):  # compile, and see several shapes
        work(number)
    return work


def seconds_of(work: Callable[[int], object], number: int) -> tuple[float, float]:
    """Return the seconds of one call of ``work``: wall-clock time, and processor time."""
    began = time.process_time()
    wall = measure.seconds(lambda: work(number))
    return wall, time.process_time() - began


# ----------------------------------------------------------------------------------- the table


def write_batches(data_dir: str, path: Path, count: int = 8, size: int = 100) -> None:
    """Write batches of aaron_sheep, longest sketch first.

    They are padded to full length, and to the longest sketch.
    """
    train = cases.load("aaron_sheep.npz", data_dir).train
    random, arrays = np.random.default_rng(0), {"count": np.array(count)}
    for number in range(count):
        chosen = [train[int(i)] for i in random.choice(len(train), size, replace=False)]
        chosen.sort(key=len, reverse=True)
        strokes = np.zeros((size, POINTS + 1, 5), np.float32)
        strokes[:, 0, 2], strokes[:, 1:, 4] = 1, 1
        for row, sketch in zip(strokes, chosen, strict=True):
            lift = sketch[:, 2]
            row[1 : len(sketch) + 1, :2] = sketch[:, :2] / 20  # about the normalizing factor
            row[1 : len(sketch) + 1, 2:] = np.stack([1 - lift, lift, 0 * lift], axis=1)
        arrays[f"lengths_{number}"] = np.array([len(sketch) for sketch in chosen], np.int32)
        arrays[f"padded_{number}"] = strokes
        arrays[f"short_{number}"] = strokes[:, : min(len(chosen[0]) + 2, POINTS + 1)]
    np.savez(path, **arrays)


def row(before: str, after: str, cell: str, mode: str, rounds: int, batches: Path) -> list[str]:
    """Measure one cell and mode; return a row of the table."""
    servers = [
        Server(
            f"--serve={cell},{mode},{batches}", environment={**os.environ, "PYTHONPATH": checkout}
        )
        for checkout in (before, after)
    ]
    times = np.zeros((rounds, 2, 2))  # [round, before or after, wall clock or processor]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            times[number, which] = servers[which].ask(number)
    for server in servers:
        server.close()
    old, new = np.median(times[..., 0], axis=0)
    columns = [f"{cell}, {mode}", f"{old:.3f}", f"{new:.3f}"]
    for ratios in (times[:, 1] / times[:, 0]).T:
        median, low, high = measure.summary(ratios)
        columns += [f"{median:.3f}", f"{low:.3f} to {high:.3f}"]
    return [*columns, str(rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", help="folder of the checkout to compare with")
    parser.add_argument("--after", default=str(Path(__file__).resolve().parents[1]))
    parser.add_argument("--cells", default=",".join(cases.CELLS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--data_dir", default=".", help="where aaron_sheep.npz is")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = measure.parse(parser)
    if arguments.serve:
        work = work_of(*arguments.serve.split(",", 2))
        serve("ready", lambda number: seconds_of(work, number))
        return
    if not arguments.before:
        parser.error("--before is needed")
    print(measure.machine() + "\n")
    with tempfile.TemporaryDirectory() as folder:
        batches = Path(folder) / "batches.npz"
        modes = arguments.modes.split(",")
        if set(modes) & set(cases.MODES):
            write_batches(arguments.data_dir, batches)
        rows = []
        for cell in arguments.cells.split(","):
            for mode in modes:
                found = row(
                    arguments.before, arguments.after, cell, mode, arguments.rounds, batches
                )
                rows.append(found)
                print("measured:", *found, file=sys.stderr, flush=True)
    headers = "cell and mode|s before|s after|ratio|quartiles|processor ratio|quartiles|rounds"
    measure.table(headers.split("|"), rows)


if __name__ == "__main__":
    main()
