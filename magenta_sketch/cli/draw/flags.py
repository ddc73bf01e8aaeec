"""The flags of sketch_rnn_draw, and which of them go together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from magenta_sketch.cli import model_flags, program, values
from magenta_sketch.data.data_dir import require_files
from magenta_sketch.errors import ArgumentError, DataError, UsageError

MOST_SKETCHES = 100_000  # all are in memory before the first is written
LARGEST_SCALE = 1e6  # a larger one could take z out of float32's range
SCALES = ["0", "0.5", "1", "2", "4"]
DRAWS = 5  # of a noise ladder at each scale, unless --count says otherwise

NEW = "new sketches"  # what is drawn without any of the flags below
OPERATIONS = (
    "reconstruct",
    "complete",
    "interpolate",
    "grid",
    "analogy",
    "map",
    "noise_ladder",
)
# How many numbers of sketches an operation takes, from least to most, and a value that can be used.
NUMBERS = {
    "reconstruct": (1, MOST_SKETCHES, "0,7,20-23"),
    "complete": (1, 1, "7"),
    "interpolate": (2, 100, "3,17"),
    "grid": (4, 4, "3,17,40,41"),
    "analogy": (3, 3, "3,17,40"),
    "noise_ladder": (1, 1, "7"),
}
# Flags that only some operations use.
ONLY_FOR = {
    "prior": (NEW,),
    "scale": ("reconstruct",),
    "points": ("complete",),
    "size": ("complete",),
    "z": ("complete",),
    "keep_strokes": ("complete",),
    "steps": ("interpolate",),
    "how": ("interpolate", "grid"),
    "rows": ("grid", "map"),
    "columns": (NEW, "complete", "grid", "map"),
    "scales": ("noise_ladder",),
    "count": (NEW, "reconstruct", "complete", "map", "noise_ladder"),
    "split": OPERATIONS,
    "data_dir": OPERATIONS,
    "data_set": OPERATIONS,
}

FLAGS = program.new_flags()
model_flags.define_model(FLAGS)
values.define_place(
    FLAGS,
    "out",
    "drawings.svg",
    "File or folder for the drawings. The name's ending decides: .svg, .png or .gif for one "
    "picture; .npz or .json for the sketches as numbers; any other name for a folder with one SVG "
    "per sketch.",
    kind="file or folder",
)
flags.DEFINE_integer(
    "count",
    None,
    "How many new sketches to draw [default: 10]; with --complete, how many endings [default: 8]; "
    "with --reconstruct, how many reconstructions of each sketch [default: 1]; with "
    "--noise_ladder, how many drawings at each scale [default: 5]; with --map, of how many "
    "sketches [default: at most 1000].",
    lower_bound=1,
    upper_bound=MOST_SKETCHES,
    flag_values=FLAGS,
)


def _define_text(name: str, help: str) -> None:
    flags.DEFINE_string(name, None, help, flag_values=FLAGS)


_define_text(
    "reconstruct",
    "Numbers of the sketches to reconstruct, such as 0,7,20-23; the first sketch is 0. Each is "
    "drawn beside its original.",
)
_define_text(
    "complete",
    "Draw endings of a sketch that was begun: an SVG file, or the number of a sketch, of which the "
    "first --points are taken.",
)
_define_text("interpolate", "Draw the way from one sketch to the next: two or more numbers.")
_define_text(
    "grid",
    "Draw the latent space between four sketches: top left, top right, bottom left, bottom right.",
)
_define_text("analogy", "A,B,C: draw A + (B - C), of three numbers of sketches.")
flags.DEFINE_boolean(
    "map",
    False,
    "Draw a map of the latent space: the two directions in which the sketches of --split vary "
    "most, with a dot for each sketch.",
    flag_values=FLAGS,
)
_define_text(
    "noise_ladder", "Reconstruct one sketch, by its number, with the noise of each of --scales."
)
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Split of these sketches.", flag_values=FLAGS
)
model_flags.define_data(FLAGS, "with these sketches", "the one the model was trained on")
flags.DEFINE_enum(
    "prior",
    "standard",
    ["standard", "scaled", "aggregate"],
    "Normal distribution of z for new sketches by a conditional model: standard, N(0, 1); scaled, "
    "N(0, s²), where s is the model's hyperparameter scale; aggregate, with the mean and "
    "covariance of z over the training sketches, which are read from --data_dir.",
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "scale",
    0.0,
    "Noise added to z in reconstructions, as a multiple of the posterior's sigma: 0 for none, "
    "1 for a draw from the posterior.",
    lower_bound=0.0,
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "scales", SCALES, "Noise scales of --noise_ladder, each a row.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "points",
    None,
    "How many first points --complete begins with. Default: half of a sketch, all of a file.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "size",
    None,
    "Larger side of the file's drawing in data units, for --complete. Default: the size at which "
    "the model finds it most probable.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "z",
    "prior",
    ["prior", "encoded"],
    "z of the endings by a conditional model: drawn from the prior, or that of the given points.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "keep_strokes",
    False,
    "Lift the pen after the given points, so that each ending begins with a new stroke.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "steps",
    10,
    "Sketches of an interpolation, both ends included.",
    lower_bound=2,
    upper_bound=1000,
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "how", "slerp", ["slerp", "linear"], "Interpolate on a sphere or a line.", flag_values=FLAGS
)
for _name, _of in (("rows", "Rows"), ("columns", "Columns")):
    flags.DEFINE_integer(
        _name,
        None,
        f"{_of} of --grid [default: 6] and --map [default: 9]"
        + ("." if _name == "rows" else "; sketches per row of new sketches and endings."),
        lower_bound=1,
        upper_bound=300,
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
    "animate",
    False,
    "Draw the .svg stroke by stroke, over and over, as a .gif always is.",
    flag_values=FLAGS,
)
_define_text(
    "page",
    "Paper for a pen plotter: a2 to a6, letter, legal or tabloid, also such as a4-landscape, or "
    "WIDTHxHEIGHT in millimetres. The .svg is then in millimetres, with one path for each stroke "
    "and nothing else.",
)
flags.DEFINE_boolean(
    "absolute",
    False,
    "Write positions (x, y, lift), with the first at the origin, in place of offsets to .json.",
    flag_values=FLAGS,
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


def operation() -> str:
    """Return the operation that the flags ask for. Check flags that need no model.

    Raises:
      UsageError: flags do not go together, or a value cannot be used.
    """
    values.require(FLAGS, "out")
    model_flags.require_model(FLAGS)
    _check_ranges()
    given = [name for name in OPERATIONS if FLAGS[name].value not in (None, False)]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} exclude each other: draw one at a time")
    wanted = given[0] if given else NEW
    for name, users in ONLY_FOR.items():
        if name in ("data_dir", "data_set") and wanted == NEW and FLAGS.prior == "aggregate":
            continue
        if FLAGS[name].present and wanted not in users:
            places = _listed([f"--{user}" if user in OPERATIONS else user for user in users])
            places = places if users != OPERATIONS else "sketches of a data set, such as --grid"
            missing = f"not for --{wanted}" if given else "which is missing"
            raise UsageError(f"--{name} is for {places}, {missing}")
    _check_out()
    if wanted == "complete":
        _check_complete()
    elif wanted in NUMBERS:
        numbers(wanted)
    _check_counts()
    if FLAGS.data_dir:
        require_files(FLAGS.data_dir, FLAGS.data_set or ())
    return wanted


def _listed(words: Sequence[str]) -> str:
    """Return words as text: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _check_out() -> None:
    from magenta_sketch.drawing.saving import kind_of, require_fitting

    out = FLAGS.out
    try:
        kind = kind_of(out)
    except ArgumentError as error:  # it begins with the name
        raise UsageError(f"--out={error}") from None
    try:
        require_fitting(kind, animate=FLAGS.animate, page=FLAGS.page, absolute=FLAGS.absolute)
    except ArgumentError as error:  # it begins with the option
        raise UsageError(f"--{error}") from None
    values.require_kind(out, kind)
    values.require_free(out, FLAGS.overwrite)
    if kind == ".json":
        model_flags.require_apart(FLAGS, out)


def _check_ranges() -> None:
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
    if FLAGS.size is not None and not 0.0 < FLAGS.size < LARGEST_SCALE:
        raise UsageError(f"--size must be above 0 and below {LARGEST_SCALE:g}, got {FLAGS.size:g}")
    for name in ("rows", "columns"):
        if (FLAGS.grid or FLAGS.map) and FLAGS[name].value == 1:
            raise UsageError(f"--{name} must be at least 2, as corners are part of it, got 1")


def _check_complete() -> None:
    from magenta_sketch.data.sources.single import read_svg_sketch

    text = FLAGS.complete
    if not completes_file():
        numbers("complete")
        if FLAGS["size"].present:
            raise UsageError(f"--size is for a file, not for sketch {text}: leave it out")
        return
    if not text.lower().endswith((".svg", ".svgz")):
        raise UsageError(
            f"--complete={text}: give the name of a .svg file, or the number of a sketch"
        )
    for name in ("split", "data_dir", "data_set"):
        if FLAGS[name].present:
            raise UsageError(f"--{name} is for numbers of sketches, not for a file: leave it out")
    path = Path(text).expanduser()
    if path.exists() and path.resolve() == Path(FLAGS.out).resolve():
        raise UsageError(f"--out={FLAGS.out} is the drawing to be completed: name another file")
    try:
        read_svg_sketch(path)
    except DataError as error:
        raise UsageError(f"--complete={error}") from None


def _check_counts() -> None:
    count = FLAGS.count
    if FLAGS.reconstruct is not None:
        asked = len(numbers("reconstruct"))
        if asked * (count or 1) > MOST_SKETCHES:
            raise UsageError(
                f"--reconstruct names {asked} sketches, which --count={count} times over are "
                f"more than {MOST_SKETCHES}: draw them in several goes"
            )
    if FLAGS.noise_ladder is not None and len(scales()) * (count or DRAWS) > MOST_SKETCHES:
        raise UsageError(
            f"--count={count} at each of {len(scales())} scales are more than {MOST_SKETCHES} "
            "sketches: draw fewer"
        )
    if FLAGS.map and count is not None and count < 3:
        raise UsageError(f"--count must be at least 3 for --map, got {count}")


def completes_file() -> bool:
    """Return whether --complete names a file (True) or has the number of a sketch (False)."""
    return not FLAGS.complete.isdecimal()


def numbers(flag: str) -> list[int]:
    """Return the numbers of sketches in a flag's value.

    Raises:
      UsageError: the value has another form, or too few or too many numbers.
    """
    least, most, example = NUMBERS[flag]
    limit = MOST_SKETCHES if least == most else most
    found = values.parse_numbers(str(FLAGS[flag].value), flag, most=limit, example=example)
    if len(found) < least or len(found) > most:
        what = "one sketch" if most == 1 else f"{least} sketches"
        what += "" if least == most else " or more"
        raise UsageError(f"--{flag} takes {what}, such as --{flag}={example}, got {len(found)}")
    return found


def scales() -> list[float]:
    """Return the numbers of --scales.

    Raises:
      UsageError: one is no number from 0 to `LARGEST_SCALE`, or there are none or too many.
    """
    result = []
    for text in FLAGS.scales:
        try:
            result.append(float(text))
        except ValueError:
            result.append(math.nan)
        if not 0.0 <= result[-1] <= LARGEST_SCALE:
            raise UsageError(
                f"--scales must be numbers from 0 to {LARGEST_SCALE:g}, separated by commas, got "
                f"{text[:40]!r}"
            )
    if not 1 <= len(result) <= 100:
        raise UsageError(f"--scales must be 1 to 100 numbers, got {len(result)}")
    return result
