"""Teach a model one's own hand, with QuickDraw classes in place of an artist's drawings.

    python benchmarks/doodle.py train --model_dir=bird.gen.json cat.ndjson house.ndjson
    python benchmarks/doodle.py show

Each file has some drawings of one class, as the web page exports them. Half of them train, a tenth
is for validation, and the others are held out. For each class and seed, `train` continues the
model, and trains another one of its size from the start. Losses go to doodle.jsonl; running it
again goes on where it stopped. `show` prints the table of docs/teach_it_your_doodle.md.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile
from typing import Any

import numpy as np
from measure import parse, quiet, rows_of

import magenta_sketch
from magenta_sketch.data.sources import building, finding
from magenta_sketch.data.sources.options import Options
from magenta_sketch.study.statistics import estimate
from magenta_sketch.study.wording import with_interval

# Few steps at a low rate: with 0.0003, some classes became worse than before.
STEPS = {"after": 60, "scratch": 150}
RATES = {"after": 0.0001, "scratch": 0.001}
CHECKPOINTS = {"after": "newest", "scratch": "best"}
SHARES = (50, 10, 40)


def held_out(model: Any, sketches: Any) -> float:
    """Return the mean loss of sketches, in nats per point (model units)."""
    losses = model.losses(sketches).masked_reconstruction * model.max_seq_len
    return float(np.mean(losses / [len(sketch) for sketch in sketches]))


def losses_of(model_dir: str, file: pathlib.Path, seed: int) -> dict[str, float]:
    """Return the held-out losses before and after the training, and from the start."""
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        options = Options(recognized_only=True, shares=SHARES)
        building.build(list(finding.find(str(file))), folder, options, quiet)
        name = next(folder.glob("*.npz")).name
        data = magenta_sketch.load_data_set(name, folder, report=quiet)
        start = magenta_sketch.load(model_dir)
        found = {"drawings": float(len(data.train))}
        factor = data.normalizing_factor
        found["before"] = held_out(start.with_normalizing_factor(factor), data.test)
        hparams = {"data_set": [name], "batch_size": min(20, len(data.train)), "save_every": 20}
        for arm, steps in STEPS.items():
            more: dict[str, Any] = {"num_steps": steps, "learning_rate": RATES[arm]}
            more["decay_rate"] = 1.0
            if arm == "after":
                more["init_from"] = model_dir
            else:
                of_start = start.config.hparams
                more |= {"conditional": False, "dec_model": of_start.dec_model}
                more |= {"dec_rnn_size": of_start.dec_rnn_size}
            magenta_sketch.train(
                folder / arm, data_dir=folder, seed=seed, report=quiet, **hparams, **more
            )
            trained = magenta_sketch.load(folder / arm, checkpoint=CHECKPOINTS[arm])
            found[arm] = held_out(trained, data.test)
        return found


def train(model_dir: str, files: list[pathlib.Path], seeds: int, out: pathlib.Path) -> None:
    """Measure each class with each seed."""
    done = {(row["class"], row["seed"]) for row in rows_of(out)}
    for file in files:
        for seed in range(seeds):
            if (file.stem, seed) in done:
                continue
            row = {"class": file.stem, "seed": seed, **losses_of(model_dir, file, seed)}
            with open(out, "a", encoding="utf-8") as written:
                written.write(json.dumps(row) + "\n")
            print(row, flush=True)


def show(path: pathlib.Path) -> None:
    """Print the table: a row for each class, and the differences over classes."""
    rows = rows_of(path)
    arms = ("before", "after", "scratch")
    print("| class | drawings | before | after | from scratch |\n| --- | --- | --- | --- | --- |")
    means = {}
    for name in dict.fromkeys(row["class"] for row in rows):
        own = [row for row in rows if row["class"] == name]
        means[name] = {arm: float(np.mean([row[arm] for row in own])) for arm in arms}
        cells = [f"{means[name][arm]:.2f}" for arm in arms]
        print(f"| {name} | {own[0]['drawings']:.0f} | {' | '.join(cells)} |")
    for other in ("before", "scratch"):
        less = estimate([one["after"] - one[other] for one in means.values()])
        print(f"\nafter less {other}, mean over classes: {with_interval(less)}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "show"])
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="ndjson, one class each")
    parser.add_argument("--model_dir", default="bird.gen.json")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("doodle.jsonl"))
    args = parse(parser)
    if args.what == "train":
        train(args.model_dir, args.files, args.seeds, args.out)
    else:
        show(args.out)


if __name__ == "__main__":
    main()
