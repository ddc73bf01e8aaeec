"""Train and measure the models of prediction P6 of docs/noise_predictions.md.

    python benchmarks/noise_kept.py --study=studies/noise_shapes --out=kept.jsonl

For each seed two models of scale 4: from the weights of scale 1, and from the start. The file gets
a line for each; the same command goes on where it was broken off.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from measure import parse, quiet, rows_of

import magenta_sketch
from magenta_sketch.measures.measuring import measure
from magenta_sketch.measures.result import MeasureSettings


def keep(study: pathlib.Path, out: pathlib.Path, data_dir: str, seeds: Iterable[int]) -> None:
    """Train at scale 4 from the weights of scale 1, and from the start, and measure both."""
    done = {(row["seed"], row["arm"]) for row in rows_of(out)}
    for seed in seeds:
        source = study / "runs" / f"scale-1_seed-{seed}"
        saved = magenta_sketch.load(source, checkpoint="newest").config
        steps = saved.hparams.num_steps
        for arm, more in (
            ("kept", {"init_from": str(source), "num_steps": steps}),
            ("start", {"num_steps": 2 * steps}),
        ):
            if (seed, arm) in done:
                continue
            hparams: dict[str, Any] = saved.hparams.to_dict() | {"scale": 4.0} | more
            hparams.pop("max_seq_len")
            init = {"init_from": hparams.pop("init_from", "")}
            folder = study / "kept" / f"{arm}_seed-{seed}"
            magenta_sketch.train(
                folder, data_dir=data_dir, seed=seed, bucket_by_length=True, overwrite=True,
                report=quiet, **init, **hparams,
            )  # fmt: skip
            trained = magenta_sketch.load(folder, checkpoint="newest")
            data = magenta_sketch.load_data_set(saved.hparams.data_set, data_dir, report=quiet)
            settings = MeasureSettings(draws=2, bounded=10, training=500)
            found = measure(trained, data, settings)
            with open(out, "a", encoding="utf-8") as file:
                file.write(json.dumps({"seed": seed, "arm": arm, **found.scalars}) + "\n")
            print(f"seed {seed}, {arm}: {found.scalars['active_units']} active units", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--data_dir", default="datasets")
    parser.add_argument("--seeds", type=int, default=10)
    args = parse(parser)
    keep(args.study, args.out, args.data_dir, range(args.seeds))


if __name__ == "__main__":
    main()
