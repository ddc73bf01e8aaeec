"""Whether the faster modes reach the default's masked validation loss at the same number of steps.

    python benchmarks/convergence.py short_kanji.npz --steps=600 --data_dir=FOLDER
    python benchmarks/convergence.py aaron_sheep.npz --steps=400 --data_dir=FOLDER

A small model is trained with three seeds in each mode; the default's spread over its seeds is what
the other modes' means are held against. Two runs go at a time, on a thread each.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import subprocess
import sys

import cases
import measure
import numpy as np


def run(name: str, data_dir: str, mode: str, seed: int, steps: int) -> float:
    """Return the masked validation loss, nats a point, after ``steps`` steps."""
    from magenta_sketch._backend import tf
    from magenta_sketch.config import RunConfig
    from magenta_sketch.data.batches import training_batch
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.seeds import Purpose
    from magenta_sketch.training.evaluation import Evaluator
    from magenta_sketch.training.schedules import kl_weight, learning_rate
    from magenta_sketch.training.step import TrainStep

    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    data = cases.load(name, data_dir)
    sizes = {"enc_rnn_size": 48, "dec_rnn_size": 96, "z_size": 32, "batch_size": 50}
    config = RunConfig.of(**sizes, seed=seed, **cases.MODES[mode]).with_data(data)
    hps, model = config.hparams, SketchRNN(config)
    train = TrainStep(model)
    for step in range(steps):
        batch = training_batch(data.train, step, config)
        rates = learning_rate(step, hps), kl_weight(step, hps)
        train(batch, seed_table(seed, step), *rates, config.max_seq_len)
    return Evaluator(model)(data.valid, config, steps, Purpose.VALIDATION).masked_recon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    cases.add_data_dir(parser)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        mode, seed = arguments.run
        found = run(arguments.data_set, arguments.data_dir, mode, int(seed), arguments.steps)
        print(json.dumps(found))
        return

    def one(mode: str, seed: int) -> float:
        command = [sys.executable, *sys.argv, "--run", mode, str(seed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    seeds = range(1, arguments.seeds + 1)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        coming = {mode: [pool.submit(one, mode, seed) for seed in seeds] for mode in cases.MODES}
        losses = {mode: [each.result() for each in runs] for mode, runs in coming.items()}
    low, high = min(losses["default"]), max(losses["default"])
    rows = []
    for mode, found in losses.items():
        mean = float(np.mean(found))
        within = "yes" if low <= mean <= high else "better" if mean < low else "no"
        rows.append([mode, *(f"{x:.4f}" for x in found), f"{mean:.4f}", within])
    print(f"{arguments.data_set}, masked validation loss after {arguments.steps} steps:\n")
    headers = ["mode", *(f"seed {seed}" for seed in seeds), "mean", "mean within default's seeds"]
    measure.table(headers, rows)


if __name__ == "__main__":
    main()
