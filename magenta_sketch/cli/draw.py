"""Draw with a trained Sketch-RNN: new sketches, or reconstructions of test sketches.

    sketch_rnn_draw --model_dir=models/quickstart --count=20
    sketch_rnn_draw --model_dir=models/quickstart --reconstruct=0,7,20-23 --temperature=0.2
    sketch_rnn_draw --model_dir=models/quickstart --count=100 --out=drawings/
    sketch_rnn_draw --model_dir=bird.gen.json --count=10 --out=birds.svg

The model can be a run's folder, a .keras file, a Magenta checkpoint directory or a Sketch-RNN-JS
file.
"""

from __future__ import annotations

import math
import pathlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_sketch.cli import model_flags, program, values
from magenta_sketch.data.data_dir import require_files
from magenta_sketch.errors import DataError, UsageError

if TYPE_CHECKING:  # it imports TensorFlow
    from magenta_sketch.inference.trained_model import TrainedModel

MOST_SKETCHES = 100_000  # all are in memory before the first is written
LARGEST_SCALE = 1e6  # a larger one could take z out of float32's range
ONLY_FOR_RECONSTRUCTIONS = ("split", "scale", "data_dir", "data_set")

FLAGS = program.new_flags()
model_flags.define_model(FLAGS)
values.define_place(
    FLAGS,
    "out",
    "drawings.svg",
    "File or folder for the drawings. A name that ends in .svg: one grid. Any other name: a "
    "folder with one SVG per sketch.",
    kind="file or folder",
)
flags.DEFINE_integer(
    "count",
    None,
    "How many new sketches to draw [default: 10]; with --reconstruct, how many reconstructions of "
    "each sketch [default: 1].",
    lower_bound=1,
    upper_bound=MOST_SKETCHES,
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "reconstruct",
    None,
    "Numbers of the sketches to reconstruct, such as 0,7,20-23; the first sketch is 0. Each is "
    "drawn beside its original.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Split of these sketches.", flag_values=FLAGS
)
model_flags.define_data(FLAGS, "for --reconstruct", "the one the model was trained on")
flags.DEFINE_float(
    "scale",
    0.0,
    "Noise added to z in reconstructions, as a multiple of the posterior's sigma: 0 for none, "
    "1 for a draw from the posterior.",
    lower_bound=0.0,
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "temperature",
    0.4,
    "Randomness of the drawing, in (0, 1]: low is tidy, high is varied.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "greedy", False, "Always draw the most likely point: no randomness.", flag_values=FLAGS
)
flags.DEFINE_boolean(
    "overwrite", False, "Replace an existing --out file, or add to a folder.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the randomness: equal seeds draw equal sketches.",
    lower_bound=0,
    upper_bound=2**63 - 1,
    flag_values=FLAGS,
)


def _check_flags() -> list[int] | None:
    values.require(FLAGS, "out")
    model_flags.require_model(FLAGS)
    values.is_one_svg(FLAGS.out)
    values.require_free(FLAGS.out, FLAGS.overwrite)
    if not 0.0 < FLAGS.temperature <= 1.0:
        raise UsageError(
            f"--temperature must be in (0, 1], got {FLAGS.temperature:g}; for no randomness at all "
            "give --greedy"
        )
    # absl's bounds let NaN pass.
    if not (math.isfinite(FLAGS.scale) and FLAGS.scale <= LARGEST_SCALE):
        raise UsageError(
            f"--scale must be a number from 0 to {LARGEST_SCALE:g}, got {FLAGS.scale:g}"
        )
    if FLAGS.reconstruct is None:
        alone = [name for name in ONLY_FOR_RECONSTRUCTIONS if FLAGS[name].present]
        if alone:
            raise UsageError(f"--{alone[0]} is for --reconstruct, which is missing")
        return None
    if FLAGS.data_dir:
        require_files(FLAGS.data_dir, FLAGS.data_set or ())
    numbers = values.parse_numbers(FLAGS.reconstruct, "reconstruct", most=MOST_SKETCHES)
    count = FLAGS.count or 1
    if len(numbers) * count > MOST_SKETCHES:
        raise UsageError(
            f"--reconstruct names {len(numbers)} sketches, which --count={count} times over are "
            f"more than {MOST_SKETCHES}: draw them in several goes"
        )
    return numbers


def main() -> int:
    """Draw what the flags ask for, and list the files written."""
    numbers = _check_flags()
    print(f"sketch_rnn_draw: {FLAGS.model_dir}; starting TensorFlow ...", flush=True)
    from magenta_sketch.interop.loading import load

    trained = load(FLAGS.model_dir, checkpoint=FLAGS.checkpoint)
    how = {"temperature": FLAGS.temperature, "greedy": FLAGS.greedy, "seed": FLAGS.seed}
    if numbers is None:
        _draw_new(trained, how)
    else:
        _draw_reconstructions(trained, numbers, how)
    return 0


def _draw_new(trained: TrainedModel, how: Mapping[str, Any]) -> None:
    from magenta_sketch.drawing.grid import save_svg

    sketches = trained.sample(FLAGS.count or 10, **how)
    if values.is_one_svg(FLAGS.out):
        save_svg(FLAGS.out, sketches)
        print(f"wrote {FLAGS.out}: {len(sketches)} new sketches")
    else:
        for number, sketch in enumerate(sketches):
            save_svg(_in_folder(f"sketch-{number:04d}.svg"), sketch)
        print(f"wrote {len(sketches)} new sketches to {FLAGS.out}, one SVG each")
    empty = sum(len(sketch) == 0 for sketch in sketches)
    if empty:
        print(f"note: {empty} of them empty: the model ended the sketch before its second point")


def _draw_reconstructions(
    trained: TrainedModel, numbers: list[int], how: Mapping[str, Any]
) -> None:
    from magenta_sketch.drawing.grid import save_grid, save_svg

    if not trained.conditional:
        raise UsageError(
            f"{FLAGS.model_dir} is unconditional, and cannot reconstruct: leave out --reconstruct"
        )
    trained, data = model_flags.with_data(trained, FLAGS.model_dir, FLAGS.data_dir, FLAGS.data_set)
    info, place = trained.config, FLAGS.data_dir or trained.config.data_dir
    if info.fingerprint and not FLAGS.data_set and data.fingerprint != info.fingerprint:
        print(
            f"sketch_rnn_draw: warning: the data in {place} are not those the model was trained "
            "on; numbers may name other sketches",
            file=sys.stderr,
        )
    try:
        originals = [data.sketch(FLAGS.split, number) for number in numbers]
    except DataError as error:
        raise UsageError(f"--reconstruct={FLAGS.reconstruct}: {error}") from None
    count = FLAGS.count or 1
    # In one call: the first reconstruction of every sketch, then the second, and so on.
    drawn = trained.reconstruct(originals * count, scale=FLAGS.scale, **how)
    rows = [[original, *drawn[i :: len(numbers)]] for i, original in enumerate(originals)]
    if values.is_one_svg(FLAGS.out):
        titles = [f"{FLAGS.split} {number}" for number in numbers]
        numbered = [f"reconstruction {i + 1}" for i in range(count)]
        heads = ["original", *(numbered if count > 1 else ["reconstruction"])]
        save_grid(FLAGS.out, rows, row_titles=titles, column_titles=heads)
        print(f"wrote {FLAGS.out}: {len(rows)} sketches beside their reconstructions")
        return
    for number, (original, *again) in zip(numbers, rows, strict=True):
        stem = f"{FLAGS.split}-{number:05d}"
        save_svg(_in_folder(f"{stem}-original.svg"), original)
        for i, sketch in enumerate(again):
            save_svg(_in_folder(f"{stem}-reconstruction-{i + 1}.svg"), sketch)
    print(f"wrote {len(rows)} sketches and their reconstructions to {FLAGS.out}, one SVG each")


def _in_folder(name: str) -> pathlib.Path:
    return pathlib.Path(FLAGS.out) / name


def run() -> None:
    """Run the command and exit with its status."""
    sys.exit(program.run_program("sketch_rnn_draw", __doc__, FLAGS, main))


if __name__ == "__main__":
    run()
