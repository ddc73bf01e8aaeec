"""Measure the time of a training step, by cell and mode, and that of a plain while loop.

    python benchmarks/training_step.py                          the whole table
    python benchmarks/training_step.py --cells=lstm --rounds=3  a part of it
    python benchmarks/training_step.py --data_dir=FOLDER        where aaron_sheep.npz is
    python benchmarks/training_step.py --modes=default_eigen,default     without and with oneDNN

Magenta's default sizes and batches of aaron_sheep (100 sketches of at most 250 points). Each mode
has its own process, which also measures its peak memory. In each round all make one step, one after
the other, with the same batch. A ratio therefore compares times that are only seconds apart.
"""

from __future__ import annotations

import argparse
import os

import cases
import measure
import numpy as np
from server import Server, serve

from magenta_sketch.processor import ONEDNN_VARIABLE

MODES = ("plain", *cases.MODES)
EIGEN = "_eigen"  # ends the name of a mode without oneDNN


def serve_steps(cell: str, mode: str, data_dir: str) -> None:
    """Make the training step for each requested number; see `server.serve`."""
    from plain import use_plain_loop

    from magenta_sketch.config import RunConfig
    from magenta_sketch.data.batches import training_batch
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep
    from magenta_sketch.training.threads import use_threads

    mode = mode.removesuffix(EIGEN)
    if mode == "plain":
        use_plain_loop()
    else:
        use_threads()
    data = cases.load("aaron_sheep.npz", data_dir)
    config = RunConfig.of(**cases.CELLS[cell], **cases.MODES.get(mode, {})).with_data(data)
    step = TrainStep(SketchRNN(config))
    batches = [training_batch(data.train, number, config) for number in range(8)]

    def seconds(number):
        batch, seeds = batches[number % len(batches)], seed_table(0, number)
        return measure.seconds(
            lambda: float(step(batch, seeds, 1e-3, 0.01, config.max_seq_len).cost)
        )

    first = seconds(0)
    seconds(1)  # another shape: kernels are compiled for each
    operations = [
        cases.product_operations(
            config.hparams,
            batch.lengths,
            batch.lengths + 1 if config.bucket_by_length else config.max_seq_len,
        )
        for batch in batches
    ]
    serve(
        {"first": first, "gflop": np.mean(operations) / 1e9},
        lambda number: {"seconds": seconds(number), "memory": measure.peak_memory()},
    )


def rows_of(cell: str, modes: list[str], rounds: int, data_dir: str, peaks: dict) -> list[list]:
    """Measure a cell in all modes; return rows of the table."""
    servers = {
        mode: Server(
            f"--serve={cell},{mode}",
            f"--data_dir={data_dir}",
            environment=os.environ | ({ONEDNN_VARIABLE: "0"} if mode.endswith(EIGEN) else {}),
        )
        for mode in modes
    }
    answers = [
        {mode: server.ask(number) for mode, server in servers.items()} for number in range(rounds)
    ]
    rows = []
    for mode, server in servers.items():
        times = [each[mode]["seconds"] for each in answers]
        ratios = [each["plain"]["seconds"] / each[mode]["seconds"] for each in answers]
        median, low, high = measure.summary(times)
        ratio, ratio_low, ratio_high = measure.summary(ratios)
        peak = peaks[
            "bfloat16" if mode.removesuffix(EIGEN) in ("mixed_precision", "both") else "float32"
        ]
        reached = server.about["gflop"] / median / peak
        rows.append(
            [
                f"{cell}, {mode}",
                f"{median:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{ratio:.2f}",
                f"{ratio_low:.2f} to {ratio_high:.2f}",
                f"{server.about['gflop']:.0f}",
                f"{100 * reached:.0f} %",
                f"{answers[-1][mode]['memory']:.0f}",
                f"{server.about['first']:.1f}",
            ]
        )
        server.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default=",".join(cases.CELLS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--rounds", type=int, default=5)
    cases.add_data_dir(parser)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = measure.parse(parser)
    if arguments.serve:
        serve_steps(*arguments.serve.split(","), arguments.data_dir)
        return
    modes = ["plain", *(m for m in arguments.modes.split(",") if m != "plain")]
    peaks = {dtype: measure.peak_by_itself(dtype) for dtype in ("float32", "bfloat16")}
    print(f"{measure.machine()}; matrix-product peak: ", end="")
    print(", ".join(f"{dtype} {peak:.0f} GFLOP/s" for dtype, peak in peaks.items()) + "\n")
    headers = ["cell and mode", "s a step", "quartiles", "ratio", "quartiles"]
    headers += ["GFLOP", "of peak", "peak MiB", "first step s"]
    for cell in arguments.cells.split(","):  # a table each: a later cell may need too much memory
        measure.table(headers, rows_of(cell, modes, arguments.rounds, arguments.data_dir, peaks))
        print(flush=True)


if __name__ == "__main__":
    main()
