"""Measure training, drawing, memory and exact resuming on an accelerator, beside other programs.

    python benchmarks/accelerator.py                                  all of it
    python benchmarks/accelerator.py --device=gpu:1 --show=steps,resume
    python benchmarks/accelerator.py --device=cpu --show=steps --types=float32 --cells=lstm

*steps* are training steps at Magenta's default sizes, with recurrent dropout: this package with XLA
and without, the plain loop (benchmarks/plain.py), the same model of keras.layers.LSTM
(benchmarks/stock_lstm.py, which has no recurrent dropout; cuDNN runs it on a GPU), and one in JAX
(benchmarks/jax_lstm.py), if that is installed. All are in one process and take turns; a ratio
compares times of the same round. *memory* is the largest amount of the device's memory in use, as
TensorFlow counts it. Sketches have random points and 50 to 100 % of T points.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import tempfile
from collections.abc import Callable
from typing import Any

import cases
import jax_lstm
import measure
import numpy as np
from plain import plain_loop

SHOWN = ("steps", "sampling", "resume")
TYPES = ("float32", "tf32", "bfloat16")
OURS, PLAIN = "XLA", "plain loop"
END, NEVER = 2, -100.0  # the end-of-sketch logit, and its value for sketches that do not end


def config_of(cell: str, rows: int, options: argparse.Namespace, **more: Any) -> Any:
    """Return the `RunConfig` of a benchmark."""
    from magenta_sketch.config import RunConfig

    sizes = {"enc_rnn_size": options.units, "dec_rnn_size": options.units} if options.units else {}
    return RunConfig.of(
        **cases.CELLS[cell], **sizes, max_seq_len=rows, batch_size=options.batch, **more
    )


def batch_of(rows: int, options: argparse.Namespace) -> Any:
    """Return a batch of random sketches with 50 to 100 % of ``rows`` points."""
    lengths = np.random.default_rng(0).integers(rows // 2, rows, options.batch)
    return cases.random_batch(lengths, rows)


def our_step(config: Any) -> Callable[[Any], float]:
    """Return a training step of this package as a function of a batch."""
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep

    step = TrainStep(SketchRNN(config))
    seeds = seed_table(0, 0)
    return lambda batch: float(step(batch, seeds, 1e-3, 0.5, config.max_seq_len).cost)


def contenders(
    cell: str, rows: int, number_type: str, options: argparse.Namespace
) -> dict[str, Callable[[], Callable[[Any], float]]]:
    """Return, by name, functions that make a step."""
    from stock_lstm import StockStep

    how = {"mixed_precision": number_type == "bfloat16"}
    on, off = (config_of(cell, rows, options, jit=jit, **how) for jit in ("on", "off"))
    found = {
        OURS: lambda: our_step(on),
        "no XLA": lambda: our_step(off),
        PLAIN: lambda: our_step(off),
    }
    if cell == "lstm":
        found["keras.layers.LSTM"] = lambda: StockStep(on)
        if jax_lstm.available():
            found["JAX"] = lambda: jax_lstm.JaxStep(on, number_type)
    return {name: make for name, make in found.items() if name not in options.without.split(",")}


def device_memory() -> Callable[[], str]:
    """Start to watch the device's memory; the result says the largest use since in MiB."""
    from magenta_sketch._backend import tf

    if not tf.config.list_physical_devices("GPU"):
        return lambda: "-"
    tf.config.experimental.reset_memory_stats("GPU:0")
    return lambda: f"{tf.config.experimental.get_memory_info('GPU:0')['peak'] / 2**20:.0f}"


def steps(options: argparse.Namespace) -> None:
    """Print the table of training steps."""
    from magenta_sketch._backend import tf

    if not jax_lstm.available():
        print("JAX is not installed, so its row is missing: pip install jax\n")
    rows = []
    for number_type in options.types.split(","):
        if number_type == "tf32" and not tf.config.list_physical_devices("GPU"):
            print("tf32 is left out: only a GPU has it\n")
            continue
        tf.config.experimental.enable_tensor_float_32_execution(number_type == "tf32")
        for cell in options.cells.split(","):
            for time in map(int, options.times.split(",")):
                rows += rows_of_steps(cell, time, number_type, options)
    headers = [
        "cell, T, number type, program",
        "steps/s",
        "quartiles",
        f"/ {options.beside}",
        "quartiles",
    ]
    measure.table([*headers, "memory, MiB", "first step, s"], rows)


def rows_of_steps(
    cell: str, time: int, number_type: str, options: argparse.Namespace
) -> list[list[object]]:
    """Measure one cell, length and number type with all programs, in turn."""
    batch, made, about = batch_of(time, options), {}, {}
    for name, make in contenders(cell, time, number_type, options).items():
        memory = device_memory()
        with plain_loop() if name == PLAIN else contextlib.nullcontext():
            made[name] = make()
            first = measure.seconds(lambda name=name: made[name](batch))
        made[name](batch)
        about[name] = (memory(), f"{first:.1f}")

    def several(name: str) -> None:
        for _ in range(options.steps):
            made[name](batch)

    times = [
        {name: measure.seconds(lambda name=name: several(name)) / options.steps for name in made}
        for _ in range(options.rounds)
    ]
    rows = []
    for name in made:
        speed, low, high = measure.summary([1 / each[name] for each in times])
        row = [f"{cell}, {time}, {number_type}, {name}", f"{speed:.3g}", f"{low:.3g} to {high:.3g}"]
        if options.beside in made:
            beside = [each[options.beside] / each[name] for each in times]
            ratio, least, most = measure.summary(beside)
            row += [f"{ratio:.2f}", f"{least:.2f} to {most:.2f}"]
        else:
            row += ["-", "-"]
        rows.append([*row, *about[name]])
    return rows


def sampling(options: argparse.Namespace) -> None:
    """Print how many sketches are drawn a second, none of which ends early."""
    from magenta_sketch.inference.coder import Coder
    from magenta_sketch.nn.sketch_rnn import SketchRNN

    rows = []
    for cell in options.cells.split(","):
        coders = {}
        for jit in ("on", "off"):
            model = SketchRNN(config_of(cell, options.points, options, jit=jit))
            bias = model.decoder.output_bias.numpy()
            bias[END] = NEVER
            model.decoder.output_bias.assign(bias)
            coders[jit] = Coder(model)
        for count in map(int, options.counts.split(",")):
            rows.append(row_of_sampling(f"{cell}, {count} sketches", count, coders, options.rounds))
    headers = ["", "XLA, sketches/s", "no XLA, sketches/s", "speed ratio", "quartiles"]
    measure.table([*headers, "first call, s"], rows)


def row_of_sampling(name: str, count: int, coders: dict[str, Any], rounds: int) -> list[object]:
    """Draw ``count`` sketches with each coder in turn; return a row of the table."""

    def seconds() -> dict[str, float]:
        return {jit: measure.seconds(lambda c=c: c.sample(count)) for jit, c in coders.items()}

    first, times = seconds(), [seconds() for _ in range(rounds)]
    speeds = [f"{count / measure.summary([t[jit] for t in times])[0]:.3g}" for jit in coders]
    ratio, low, high = measure.summary([each["off"] / each["on"] for each in times])
    return [name, *speeds, f"{ratio:.2f}", f"{low:.2f} to {high:.2f}", f"{first['on']:.1f}"]


def resume(options: argparse.Namespace) -> None:
    """Print whether steps after a checkpoint have the bits of steps without one."""
    from magenta_sketch._backend import tf
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep
    from magenta_sketch.training.threads import make_deterministic

    make_deterministic()

    def trained(cell: str, stops: list[int], time: int, folder: str) -> list[np.ndarray]:
        for begin, end in itertools.pairwise([0, *stops]):
            step = TrainStep(SketchRNN(config_of(cell, time, options, jit="on")))
            saved = tf.train.Checkpoint(model=step.model, optimizer=step.optimizer)
            if begin:
                saved.read(f"{folder}/{begin}").assert_consumed()
            for number in range(begin, end):
                step(batch_of(time, options), seed_table(0, number), 1e-3, 0.5, time)
            saved.write(f"{folder}/{end}")
        return [v.numpy() for v in (*step.model.variables, *step.optimizer.variables)]

    rows, time = [], int(options.times.split(",")[0])
    for cell in options.cells.split(","):
        with tempfile.TemporaryDirectory() as folder:
            whole = trained(cell, [4], time, folder)
            parts = trained(cell, [2, 4], time, folder)
        same = all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
        rows.append([f"{cell}, T = {time}", "equal bits" if same else "DIFFERENT BITS"])
    measure.table(["4 steps, beside 2 steps, a checkpoint, 2 steps", "weights and Adam"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", default=",".join(SHOWN), help=f"of {', '.join(SHOWN)}")
    parser.add_argument("--cells", default=",".join(cases.CELLS))
    parser.add_argument("--times", default="250,131", help="T, rows of a batch")
    parser.add_argument("--types", default=",".join(TYPES), help="number types of products")
    parser.add_argument("--without", default="", help="programs to leave out, by name")
    parser.add_argument("--beside", default=PLAIN, help="the program that speeds are divided by")
    parser.add_argument("--units", type=int, help="size of all cells (default: Magenta's)")
    parser.add_argument("--batch", type=int, default=100, help="sketches in a batch")
    parser.add_argument("--steps", type=int, default=20, help="training steps in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--counts", default="1,100,10000", help="sketches to draw at once")
    parser.add_argument("--points", type=int, default=250, help="points of each drawn sketch")
    options = measure.parse(parser)
    from magenta_sketch.training.threads import use_threads

    use_threads()  # as the commands do
    print(f"{measure.machine()}\n")
    for name in options.show.split(","):
        {"steps": steps, "sampling": sampling, "resume": resume}[name](options)
        print(flush=True)


if __name__ == "__main__":
    main()
