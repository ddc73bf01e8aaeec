"""Compare what this project learns with the original, and the faster modes with the default.

    python benchmarks/learning.py train --data_dir=FOLDER     44 runs, hours; run again to resume
    python benchmarks/learning.py show                        tables, and the two pictures of docs/

A small model of short_kanji is trained with 14 seeds, as the reference was, and in each faster mode
with the first ten of them. Each run is evaluated on the validation set at several steps;
docs/learning.jsonl has a line for each evaluation. Two runs are trained at a time, each on one
thread.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import cases
import measure
import numpy as np
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "learning.jsonl"
REFERENCE = pathlib.Path(__file__).with_name("reference_seeds.json")
IMAGES = ROOT / "docs" / "images"

DATA_SET = "short_kanji.npz"
SIZES = {"enc_rnn_size": 64, "dec_rnn_size": 128, "z_size": 32, "batch_size": 50}
STEPS = (100, 200, 300, 400)
SEEDS = {"default": 14, "mixed_precision": 10, "bucket_by_length": 10, "both": 10}
CONFIDENCE = 0.95


def run(mode: str, seed: int, data_dir: str) -> list[dict]:
    """Train one run; return its evaluations, in nats a point."""
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
    data = cases.load(DATA_SET, data_dir)
    config = RunConfig.of(**SIZES, seed=seed, **cases.MODES[mode]).with_data(data)
    hps, model = config.hparams, SketchRNN(config)
    train, evaluate = TrainStep(model), Evaluator(model)
    found = []
    for step in range(max(STEPS)):
        batch = training_batch(data.train, step, config)
        rates = learning_rate(step, hps), kl_weight(step, hps)
        train(batch, seed_table(seed, step), *rates, config.max_seq_len)
        if step + 1 in STEPS:
            losses = evaluate(data.valid, config, step + 1, Purpose.VALIDATION)._asdict()
            losses = {name: round(value, 5) for name, value in losses.items()}
            found.append({"mode": mode, "seed": seed, "step": step + 1} | losses)
    return found


def train_all(data_dir: str, jobs: int) -> None:
    """Train the runs that are not in the file yet, and add them to it."""
    done = {(row["mode"], row["seed"]) for row in read()}
    # Seed by seed, so that partial results can be compared.
    tasks = [
        (mode, seed)
        for seed in range(1, max(SEEDS.values()) + 1)
        for mode, count in SEEDS.items()
        if seed <= count and (mode, seed) not in done
    ]

    def one(mode: str, seed: int) -> str:
        command = [sys.executable, __file__, "run", mode, str(seed), f"--data_dir={data_dir}"]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        coming = [pool.submit(one, *task) for task in tasks]
        for each in concurrent.futures.as_completed(coming):
            with open(RESULTS, "a", encoding="utf-8") as file:
                file.write(each.result())


def read() -> list[dict]:
    """Return the rows of the results file."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def losses(mode: str, step: int, name: str) -> dict[int, float]:
    """Return the loss ``name`` for each seed."""
    return {r["seed"]: r[name] for r in read() if (r["mode"], r["step"]) == (mode, step)}


def reference(step: int) -> list[float]:
    """Return the reference's validation recon for each of its seeds."""
    curve = json.loads(REFERENCE.read_text(encoding="utf-8"))["curve"]
    return [each["valid_recon"] for each in curve[str(step)].values()]


def difference(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return the difference of the means and its confidence interval (Welch 1947)."""
    found = stats.ttest_ind(ours, theirs, equal_var=False)
    interval = found.confidence_interval(CONFIDENCE)
    return float(np.mean(ours) - np.mean(theirs)), float(interval.low), float(interval.high)


def paired(ours: dict[int, float], theirs: dict[int, float]) -> tuple[float, float, float, int]:
    """Return the mean difference by seed, its confidence interval, and the number of seeds."""
    seeds = sorted(ours.keys() & theirs.keys())
    differences = [ours[seed] - theirs[seed] for seed in seeds]
    found = stats.ttest_1samp(differences, 0.0).confidence_interval(CONFIDENCE)
    return float(np.mean(differences)), float(found.low), float(found.high), len(seeds)


# ------------------------------------------------------------------------ tables and pictures


def show() -> None:
    """Print both tables and draw both pictures."""
    rows, drawn = [], []
    for step in STEPS:
        ours, theirs = list(losses("default", step, "recon").values()), reference(step)
        found = difference(ours, theirs)
        drawn.append((step, ours, theirs, *found))
        rows.append([step, *map(_spread, (ours, theirs)), *_interval(*found)])
    print("Validation recon, mean ± standard deviation over seeds:\n")
    headers = ["step", f"this project ({len(ours)})", f"reference ({len(theirs)})"]
    measure.table([*headers, "difference", "95 % interval"], rows)
    _draw_seeds(drawn)

    rows, drawn = [], []
    for step in STEPS:
        default = losses("default", step, "masked_recon")
        for mode in list(SEEDS)[1:]:
            *found, count = paired(losses(mode, step, "masked_recon"), default)
            drawn.append((mode, step, *found))
            rows.append([f"{mode}, step {step}", count, *_interval(*found)])
    print("\nValidation masked_recon, mode minus default, paired by seed:\n")
    measure.table(["mode", "seeds", "difference", "95 % interval"], rows)
    _draw_modes(drawn)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def _interval(mean: float, low: float, high: float) -> list[str]:
    return [f"{mean:+.4f}", f"{low:+.4f} to {high:+.4f}"]


def _new_figure(columns: int):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "learning", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot

    return pyplot.subplots(1, columns, figsize=(8, 3), layout="constrained")


def _draw_seeds(drawn: list[tuple]) -> None:
    figure, (left, right) = _new_figure(2)
    for shift, color, label, place in (
        (-8, "tab:orange", "reference", 2),
        (8, "tab:blue", "this project", 1),
    ):
        for row in drawn:
            values = row[place]
            left.plot([row[0] + shift] * len(values), values, "o", ms=3, alpha=0.5, color=color)
            left.plot(row[0] + shift, np.mean(values), "_", ms=14, color=color)
        left.plot([], [], "o", ms=3, color=color, label=label)
    left.set(xlabel="training step", ylabel="validation recon, nats a point")
    left.set_title("Each seed, and their mean", fontsize=9)
    left.legend(frameon=False)
    _intervals(right, [row[0] for row in drawn], [row[3:] for row in drawn], "tab:blue", None)
    right.set(xlabel="training step", ylabel="difference, nats a point")
    right.set_title("This project − reference: means, 95 % interval", fontsize=9)
    _save(figure, "seeds.svg")


def _draw_modes(drawn: list[tuple]) -> None:
    figure, axes = _new_figure(1)
    colors = ("tab:blue", "tab:orange", "tab:green")
    for number, (mode, color) in enumerate(zip(list(SEEDS)[1:], colors, strict=True)):
        rows = [row for row in drawn if row[0] == mode]
        places = [row[1] + 12 * (number - 1) for row in rows]
        _intervals(axes, places, [row[2:] for row in rows], color, mode)
    axes.set(xlabel="training step", ylabel="mode − default, nats a point")
    axes.set_title("Validation masked_recon, paired by seed, 95 % interval", fontsize=9)
    axes.legend(frameon=False)
    _save(figure, "modes.svg")


def _intervals(axes, places, found, color: str, label: str | None) -> None:
    mean, low, high = np.transpose(found)
    axes.errorbar(
        places, mean, [mean - low, high - mean], fmt="o", ms=4, capsize=3, color=color, label=label
    )
    axes.axhline(0, color="gray", lw=0.8)


def _save(figure, name: str) -> None:
    figure.savefig(IMAGES / name, metadata={"Date": None})
    print(f"\nwrote {(IMAGES / name).relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "show", "run"])
    parser.add_argument("run", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=2)
    cases.add_data_dir(parser)
    arguments = measure.parse(parser)
    if arguments.what == "show":
        show()
    elif arguments.what == "train":
        train_all(arguments.data_dir, arguments.jobs)
    else:
        mode, seed = arguments.run
        print("\n".join(json.dumps(row) for row in run(mode, int(seed), arguments.data_dir)))


if __name__ == "__main__":
    main()
