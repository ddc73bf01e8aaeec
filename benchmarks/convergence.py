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

import measure
import numpy as np

from magenta_sketch.cli.common import MAGENTA_DATA_URL

MODES = {
    "default": {},
    "mixed_precision": {"mixed_precision": True},
    "bucket_by_length": {"bucket_by_length": True},
    "both": {"mixed_precision": True, "bucket_by_length": True},
}


def run(name: str, data_dir: str, mode: str, seed: int, steps: int) -> float:
    """Masked validation loss, nats a point, after ``steps`` steps."""
    from magenta_sketch._backend import tf
    from magenta_sketch.config.hparams import HParams
    from magenta_sketch.data import load_data_set
    from magenta_sketch.data.batches import training_batch
    from magenta_sketch.nn import losses
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.evaluation import Evaluator
    from magenta_sketch.training.run_folder import RunInfo
    from magenta_sketch.training.step import TrainStep

    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    data = load_data_set([name], data_dir, report=lambda line: None)
    hps = HParams(
        enc_rnn_size=48, dec_rnn_size=96, z_size=32, batch_size=50, max_seq_len=data.max_seq_len
    )
    info = RunInfo(hps, seed, data.normalizing_factor, **MODES[mode])
    model = SketchRNN(hps, seed=seed, **MODES[mode])
    train = TrainStep(model)
    for step in range(steps):
        batch = training_batch(
            data.train,
            step,
            seed=seed,
            batch_size=hps.batch_size,
            max_seq_len=hps.max_seq_len,
            normalizing_factor=info.normalizing_factor,
            random_scale_factor=hps.random_scale_factor,
            augment_stroke_prob=hps.augment_stroke_prob,
            to_longest=info.bucket_by_length,
        )
        rate = losses.learning_rate(
            step,
            learning_rate=hps.learning_rate,
            min_learning_rate=hps.min_learning_rate,
            decay_rate=hps.decay_rate,
        )
        kl_weight = losses.kl_weight(
            step,
            kl_weight=hps.kl_weight,
            kl_weight_start=hps.kl_weight_start,
            kl_decay_rate=hps.kl_decay_rate,
        )
        seeds = seed_table(seed, step)
        train(batch.strokes, batch.lengths, seeds, rate, kl_weight, hps.max_seq_len)
    return Evaluator(model)(data.valid, info, (seed, steps)).masked_recon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data_dir", default=MAGENTA_DATA_URL)
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
        coming = {mode: [pool.submit(one, mode, seed) for seed in seeds] for mode in MODES}
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
