"""Classify real drawings with published models, and show what the result depends on.

    python benchmarks/classifying.py --models_dir=models --data=quickdraw_raw

The models are Sketch-RNN-JS files, NAME.gen.json, one for each class. The drawings are QuickDraw's
raw files of these classes; give --data once for each folder. Only drawings that its game recognised
are taken. They are converted as by `sketch_rnn_convert data`: larger side 255, whole pixels.
"""

import argparse
from pathlib import Path

import numpy as np
from measure import machine, parse, table

DRAWN = 50  # sketches that each model draws, to measure their size
RUNS = (  # start, dequantize, size
    ("pen_down", False, "as converted"),
    ("pen_down", False, "fitted"),
    ("zeros", False, "as converted"),
    ("zeros", False, "fitted"),
    ("zeros", False, "the models'"),
    ("zeros", True, "as converted"),
    ("zeros", True, "fitted"),
    ("zeros", True, "the models'"),
)


def drawings(folders, classes):
    """Return the names of the classes, and sketches [n, 3], of all recognised drawings."""
    from magenta_sketch.data.sources import collecting, quickdraw
    from magenta_sketch.data.sources.options import Settings

    names, sketches = [], []
    for path in sorted(path for folder in folders for path in Path(folder).iterdir()):
        name = collecting.file_name(path.name.split(".")[0])
        if name not in classes or not path.name.endswith(quickdraw.IN_FOLDERS):
            continue
        for drawing in quickdraw.read(path):
            if getattr(drawing, "recognized", None) is True:
                names.append(name)
                sketches.append(collecting.sketch_of(drawing, Settings(), simplify_again=False))
    return np.array(names), sketches


def side(sketch) -> float:
    """Return the larger side of a sketch."""
    return float(np.ptp(np.cumsum(sketch[:, :2], axis=0), axis=0).max()) if len(sketch) else 0.0


def interval(right: int, count: int) -> str:
    """Return a share in percent with its 95 % interval (Wilson 1927)."""
    z, share = 1.96, right / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return f"{100 * share:.0f} % ({100 * (middle - half):.0f} to {100 * (middle + half):.0f})"


def confusion(names, best, classes) -> None:
    """Print how many drawings of each class were taken for which."""
    rows = []
    for name in classes:
        answers = [one for one, true in zip(best, names, strict=True) if true == name]
        if answers:
            rows.append([name, *(answers.count(other) or "." for other in classes)])
    table(["drawn \\ answer", *classes], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models_dir", required=True, help="folder of the NAME.gen.json files")
    parser.add_argument("--data", action="append", required=True, help="folder of raw drawings")
    given = parse(parser)
    import magenta_sketch

    paths = sorted(Path(given.models_dir).glob("*.gen.json"))
    models = {path.name.split(".")[0]: magenta_sketch.load(path) for path in paths}
    names, sketches = drawings(given.data, list(models))
    drawn = {
        name: np.median([side(one) for one in model.sample(DRAWN, temperature=0.5)])
        for name, model in models.items()
    }
    size = float(np.median(list(drawn.values()))) / 255
    print(machine())
    print(f"{len(sketches)} drawings of {len(set(names))} classes, {len(models)} models")
    print("sides drawn: " + ", ".join(f"{name} {value:.0f}" for name, value in drawn.items()))
    print(f"the models' size: {size:.2f} times the drawings as converted\n")
    rows, confusions = [], []
    for start, dequantize, which in RUNS:
        factor = size if which == "the models'" else 1.0
        scaled = [sketch * [factor, factor, 1.0] for sketch in sketches]
        if dequantize and factor != 1.0:
            # The noise is half a pixel as converted: the models in the drawings' units.
            scaled = sketches
            used = {
                name: model.with_normalizing_factor(model.normalizing_factor / factor)
                for name, model in models.items()
            }
        else:
            used = models
        found = magenta_sketch.classify(
            scaled, used, start=start, dequantize=dequantize, fit_size=which == "fitted"
        )
        right = int(np.sum(np.array(found.best) == names))
        rows.append([start, "yes" if dequantize else "no", which, interval(right, len(names))])
        print(*rows[-1], sep=", ", flush=True)
        confusions.append((right, found))
    print()
    table(["start", "dequantize", "size", "accuracy"], rows)
    _, best = max(confusions, key=lambda one: one[0])
    print("\nThe best of these:\n")
    confusion(names, best.best, list(models))


if __name__ == "__main__":
    main()
