"""How long a training step takes, by cell and mode, beside a plain while loop.

    python benchmarks/training_step.py                          the whole table
    python benchmarks/training_step.py --cells=lstm --rounds=3  a part of it
    python benchmarks/training_step.py --data_dir=FOLDER        where aaron_sheep.npz is

Magenta's default sizes and batches of aaron_sheep (100 sketches of at most 250 points). Each mode
has a process of its own, which tells its peak memory; they take turns, one step each a round, so
that a ratio compares two times of the same batch measured within seconds of each other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import measure
import numpy as np

from magenta_sketch.cli.common import MAGENTA_DATA_URL

CELLS = {
    "lstm": {},
    "layer_norm": {"enc_model": "layer_norm", "dec_model": "layer_norm"},
    "hyper": {"dec_model": "hyper"},  # Magenta's own pair: an lstm encoder
}
MODES = ("plain", "default", "mixed_precision", "bucket_by_length", "both")


# ----------------------------------------------------------------------- one mode, in its process


def serve(cell: str, mode: str, data_dir: str) -> None:
    """Make a step for each line on standard input, and answer with what it took, as JSON."""
    from plain import use_plain_loop

    from magenta_sketch.config.hparams import HParams
    from magenta_sketch.data import load_data_set
    from magenta_sketch.data.batches import training_batch
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep, use_threads

    if mode == "plain":
        use_plain_loop()
    else:
        use_threads()
    bucket = mode in ("bucket_by_length", "both")
    hparams = HParams(**CELLS[cell])
    data = load_data_set(["aaron_sheep.npz"], data_dir, report=lambda line: None)
    mixed = mode in ("mixed_precision", "both")
    step = TrainStep(SketchRNN(hparams, mixed_precision=mixed, bucket_by_length=bucket))

    def batch(number):
        return training_batch(
            data.train,
            number,
            seed=0,
            batch_size=hparams.batch_size,
            max_seq_len=data.max_seq_len,
            normalizing_factor=data.normalizing_factor,
            random_scale_factor=hparams.random_scale_factor,
            augment_stroke_prob=hparams.augment_stroke_prob,
            to_longest=bucket,
        )

    batches = [batch(number) for number in range(8)]

    def seconds(number):
        strokes, lengths = batches[number % len(batches)]
        seeds = seed_table(0, number)
        return measure.seconds(
            lambda: float(step(strokes, lengths, seeds, 1e-3, 0.01, data.max_seq_len).cost)
        )

    first = seconds(0)
    seconds(1)  # many shapes once: the products' kernels are made for each
    operations = [
        needed(hparams, b.lengths, b.lengths + 1 if bucket else data.max_seq_len) for b in batches
    ]
    gflop = np.mean(operations) / 1e9
    print(json.dumps({"first": first, "gflop": gflop}), flush=True)
    for number, _ in enumerate(sys.stdin):
        answer = {"seconds": seconds(number), "memory": measure.peak_memory()}
        print(json.dumps(answer), flush=True)


def needed(hparams, lengths: np.ndarray, rows: np.ndarray | int) -> float:
    """Floating-point operations of the matrix products that one step can't do without.

    The encoder goes to each sketch's length, the decoder over so many ``rows`` of each.

    Forwards, and backwards for the input and for the matrix. Products of strokes and z are left
    out: they are small.
    """

    def a_point(cell: str, units: int) -> int:
        products = units * 4 * units
        if cell == "hyper":
            products += (units + 256) * 4 * 256 + 256 * 12 * 32 + 12 * 32 * units
        return products

    output = hparams.dec_rnn_size * (3 + 6 * hparams.num_mixture)
    decoder = a_point(hparams.dec_model, hparams.dec_rnn_size) + output
    encoder = 2 * a_point(hparams.enc_model, hparams.enc_rnn_size)
    rows = np.broadcast_to(rows, lengths.shape)
    return 3.0 * 2 * (int(rows.sum()) * decoder + int(lengths.sum()) * encoder)


# ---------------------------------------------------------------------------------- the table


class Server:
    """A process that makes steps of one mode."""

    def __init__(self, cell: str, mode: str, data_dir: str):
        command = [sys.executable, __file__, f"--serve={cell},{mode}", f"--data_dir={data_dir}"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self._answer()

    def step(self) -> dict:
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("training_step: a process of the benchmark ended early, see above")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data_dir", default=MAGENTA_DATA_URL)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(*arguments.serve.split(","), arguments.data_dir)
        return
    modes = ["plain", *(m for m in arguments.modes.split(",") if m != "plain")]
    peaks = {dtype: measure.peak_by_itself(dtype) for dtype in ("float32", "bfloat16")}
    print(f"{measure.machine()}; matrix-product peak: ", end="")
    print(", ".join(f"{dtype} {peak:.0f} GFLOP/s" for dtype, peak in peaks.items()) + "\n")
    headers = ["cell and mode", "s a step", "quartiles", "ratio", "quartiles"]
    headers += ["GFLOP", "of peak", "peak MiB", "first step s"]
    rows = []
    for cell in arguments.cells.split(","):
        servers = {mode: Server(cell, mode, arguments.data_dir) for mode in modes}
        rounds = [
            {mode: server.step() for mode, server in servers.items()}
            for _ in range(arguments.rounds)
        ]
        for mode, server in servers.items():
            times = [answers[mode]["seconds"] for answers in rounds]
            ratios = [a["plain"]["seconds"] / a[mode]["seconds"] for a in rounds]
            median, low, high = measure.summary(times)
            ratio, ratio_low, ratio_high = measure.summary(ratios)
            peak = peaks["bfloat16" if mode in ("mixed_precision", "both") else "float32"]
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
                    f"{rounds[-1][mode]['memory']:.0f}",
                    f"{server.about['first']:.1f}",
                ]
            )
            server.close()
    measure.table(headers, rows)


if __name__ == "__main__":
    main()
