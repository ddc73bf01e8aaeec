"""Measure completing sketches against drawing new ones, and the time of each kind of picture.

    python benchmarks/pictures.py

The decoder is an untrained unconditional lstm of the default size (512 units, M 20) whose sketches
never end. Pictures are of made-up sketches of 80 points in strokes of 10.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from measure import machine, parse, repeat, seconds, summary, table

COUNT, GIVEN, POINTS = 100, 30, 130  # of completions; 130 points in all
KINDS = ("plain.svg", "animated.svg", "page.svg", "sketch.png", "sketch.gif")
HOW = {"animated.svg": {"animate": True}, "page.svg": {"page": "a4"}}


def endless_model():
    """Return an untrained unconditional model whose sketches have `POINTS` points."""
    from magenta_sketch import RunConfig, SketchRNN, TrainedModel

    config = RunConfig.of(conditional=False, dec_model="lstm")
    model = SketchRNN(config.replace(max_seq_len=POINTS, normalizing_factor=10.0))
    bias = model.decoder.output_bias.numpy()
    bias[2] = -100.0  # the logit of the end
    model.decoder.output_bias.assign(bias)
    return TrainedModel(model)


def sketch() -> np.ndarray:
    """Return a sketch of 80 points in eight strokes."""
    points = np.random.default_rng(3).normal(0, 9, (80, 3)).astype(np.float32)
    points[:, 2] = np.arange(80) % 10 == 9
    return points


def completions(runs: int) -> None:
    """Print the times of new sketches and of completions with as many points."""
    model = endless_model()
    begun = model.sample(1)[0][:GIVEN]

    def new():
        assert {len(one) for one in model.sample(COUNT)} == {POINTS}

    def complete():
        assert {len(one) for one in model.complete(begun, COUNT)} == {POINTS}

    new(), complete()  # compiles
    pairs = [(seconds(new), seconds(complete)) for _ in range(runs)]
    rows = []
    names = (f"{COUNT} new sketches", f"{COUNT} endings of {GIVEN} points")
    for name, times in zip(names, zip(*pairs, strict=True), strict=True):
        median, low, high = summary(times)
        rows.append([name, f"{median:.3f}", f"{low:.3f} to {high:.3f}"])
    table([f"{POINTS} points in all", "seconds", "quartiles"], rows)
    median, low, high = summary([complete / new for new, complete in pairs])
    print(f"\nratio of the two, of paired runs: {median:.2f} ({low:.2f} to {high:.2f})\n")


def pictures(runs: int) -> None:
    """Print the time of each kind of file, of one sketch and of twenty."""
    from magenta_sketch import save_drawings

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in KINDS:
            path, how, row = Path(folder, name), HOW.get(name, {}), [name]
            for drawings in (sketch(), [sketch()] * 20):

                def save(path=path, drawings=drawings, how=how):
                    save_drawings(path, drawings, **how)

                first = seconds(save)
                median, _, _ = summary(repeat(save, runs))
                row += [f"{first:.2f}", f"{median:.3f}", f"{path.stat().st_size / 1000:.0f}"]
            rows.append(row)
    table("file|first, s|one, s|kB|first, s|twenty, s|kB".split("|"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each (default 7)")
    runs = parse(parser).runs
    print(machine())
    completions(runs)
    pictures(runs)


if __name__ == "__main__":
    main()
