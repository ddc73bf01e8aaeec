"""Measure a training step with a batch in 1, 2, 4, ... parts, on the cores of this machine.

    python benchmarks/parts.py                        lstm cells at Magenta's default sizes
    python benchmarks/parts.py --cell=hyper --rounds=9

A batch on a CPU is computed in parts side by side, each with an equal share of the cores as threads
(`magenta_sketch.nn.update.parts_for`). Each number of parts has its own process, as threads are
chosen once for a process. In each round all make one step in turn, with the same batch of random
sketches.
"""

from __future__ import annotations

import argparse

import cases
import measure
import numpy as np
from server import Server, serve

ROWS, BATCH = 250, 100


def serve_steps(cell: str, parts: int, units: int) -> None:
    """Make the training step in ``parts`` for each requested number; see `server.serve`."""
    from magenta_sketch.config import RunConfig
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep
    from magenta_sketch.training.threads import use_threads

    use_threads(parts=parts)
    sizes = {"enc_rnn_size": units, "dec_rnn_size": units} if units else {}
    config = RunConfig.of(
        **cases.CELLS[cell], **sizes, max_seq_len=ROWS, batch_size=BATCH, jit="off"
    )
    step = TrainStep(SketchRNN(config), parts=parts)
    batch = cases.random_batch(np.random.default_rng(0).integers(ROWS // 2, ROWS, BATCH), ROWS)

    def seconds(number: int) -> float:
        seeds = seed_table(0, number)
        return measure.seconds(lambda: float(step(batch, seeds, 1e-3, 0.5, ROWS).cost))

    seconds(0)
    serve({}, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--units", type=int, default=0, help="size of all cells (default: Magenta's)"
    )
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = measure.parse(parser)
    if options.serve:
        serve_steps(options.cell, options.serve, options.units)
        return
    from magenta_sketch.nn.update import parts_for
    from magenta_sketch.training.threads import own_cores

    cores = len(own_cores())
    numbers = [1, 2, *(2**k for k in range(2, cores.bit_length()))]
    servers = {
        parts: Server(f"--serve={parts}", f"--cell={options.cell}", f"--units={options.units}")
        for parts in numbers
    }
    times = [
        {parts: server.ask(number) for parts, server in servers.items()}
        for number in range(options.rounds)
    ]
    rows = []
    for parts, server in servers.items():
        median, low, high = measure.summary([each[parts] for each in times])
        ratio, least, most = measure.summary([each[1] / each[parts] for each in times])
        row = [parts, max(1, cores // parts), f"{median:.2f}", f"{low:.2f} to {high:.2f}"]
        chosen = "chosen" if parts == parts_for(cores) else ""
        rows.append([*row, f"{ratio:.2f}", f"{least:.2f} to {most:.2f}", chosen])
        server.close()
    print(f"{measure.machine()}; {options.cell}\n")
    headers = ["parts", "threads of each", "s a step", "quartiles", "speed / one part"]
    measure.table([*headers, "quartiles", "by the rule"], rows)


if __name__ == "__main__":
    main()
