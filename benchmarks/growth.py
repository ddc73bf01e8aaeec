"""Measure how the training step grows with the points T, the sketches B and the decoder units H.

    python benchmarks/growth.py                    Magenta's defaults, one of the three changed
    python benchmarks/growth.py --cell=layer_norm

The sketches are random and of full length, so that every product has its full size.
"""

from __future__ import annotations

import argparse

import cases
import measure
import numpy as np

DEFAULT = {"T": 250, "B": 100, "H": 512}
VALUES = {"T": (50, 100, 250, 500), "B": (10, 50, 100, 200), "H": (128, 256, 512, 1024)}


def step_seconds(cell: str, size: dict[str, int], runs: int) -> tuple[list[float], float]:
    """Return the seconds of each of ``runs`` steps, and the operations of one step's products."""
    from magenta_sketch.config import HParams
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep

    hparams = HParams(**cases.CELLS[cell], dec_rnn_size=size["H"], batch_size=size["B"])
    step = TrainStep(SketchRNN(hparams))
    lengths, seeds = np.full(size["B"], size["T"]), seed_table(0, 0)
    batch = cases.random_batch(lengths, size["T"])
    times = measure.repeat(lambda: float(step(batch, seeds, 1e-4, 0.01).cost), runs)
    return times, cases.product_operations(hparams, lengths, size["T"])


def main() -> None:
    from magenta_sketch.training.threads import use_threads

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=cases.CELLS, default="lstm")
    parser.add_argument("--runs", type=int, default=3)
    arguments = measure.parse(parser)
    peak = measure.peak_by_itself()
    use_threads()
    print(f"{measure.machine()}; matrix-product peak: float32 {peak:.0f} GFLOP/s\n")
    rows = []
    for name, values in VALUES.items():
        for value in values:
            size = {**DEFAULT, name: value}
            times, operations = step_seconds(arguments.cell, size, arguments.runs)
            median, low, high = measure.summary(times)
            rows.append(
                [
                    f"{arguments.cell}, {name} = {value}",
                    f"{median:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    f"{1e6 * median / (size['B'] * size['T']):.1f}",
                    f"{operations / 1e9:.0f}",
                    f"{100 * operations / 1e9 / median / peak:.0f} %",
                ]
            )
    headers = ["", "s a step", "quartiles", "µs a point", "GFLOP", "of peak"]
    measure.table(headers, rows)


if __name__ == "__main__":
    main()
