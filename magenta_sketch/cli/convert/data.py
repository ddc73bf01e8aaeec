"""Data sets of drawings: QuickDraw's ndjson, folders of SVG files and KanjiVG -> .npz.

    sketch_rnn_convert data bird.ndjson.gz cat.ndjson --out=datasets --recognized_only
    sketch_rnn_convert data drawings/ --out=datasets --shares=80,10,10
    sketch_rnn_convert data kanjivg --out=datasets

Inputs: .ndjson files, plain or gzipped, raw with timing or simplified; folders of SVG files, one
class each, or with subfolders one class a subfolder; kanjivg, the installed package, or a folder of
KanjiVG's files. Each class becomes a file in --out, QuickDraw's "power outlet" power_outlet.npz;
several inputs of one class are joined.

Raw drawings are simplified as QuickDraw's published ones: moved to the top left, scaled to 255
pixels, resampled at 1 pixel, simplified with --epsilon, rounded to whole pixels. SVG is treated so
too, but not resampled. Simplified drawings are taken as they are or, where --epsilon is given,
simplified once more. Of SVG all shapes that can be seen are read, with groups, use, transforms and
style sheets; texts, images, clip paths, masks and transforms in CSS are not.

Characters of KanjiVG keep their sizes: a unit of their box of 109 becomes 4 pixels. Their defaults
are --epsilon=4 --max_points=48, which makes the very file that the quick start builds;
--max_points=1000 brings the longer characters too. Inputs of one class must have equal settings.

A drawing's key alone (QuickDraw's key_id; an SVG file's path in the folder of its class; the name
of KanjiVG's file) decides whether it is in train, valid or test, by --shares: more drawings, or
another order, move none. A member "split" of an ndjson line goes first. A key that was there before
in its class is left out. Equal drawings, keys and settings give equal files. What is left out is
counted, and the first ten named, for each reason; what KanjiVG's default --max_points leaves out is
counted alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import program, values
from magenta_sketch.config.kinds import show
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:  # it imports NumPy
    from magenta_sketch.data.sources.options import Options

TAKES_FILES = True
LARGEST_COUNT = 1_000_000_000

FLAGS = program.new_flags()
values.define_place(FLAGS, "out", None, "The folder for the .npz files; it is made.", kind="folder")
flags.DEFINE_float(
    "epsilon",
    None,
    "Pixels, as written, that simplification may move a line by [default: 2, of KanjiVG 4, and "
    "simplified drawings are taken as they are].",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "max_points",
    None,
    "Leave out sketches of more points [default: no limit, of KanjiVG 48].",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "recognized_only",
    False,
    "Leave out drawings that QuickDraw's game did not recognise.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "counts",
    None,
    "The most sketches of train, valid and test in each class, such as 70000,2500,2500; where "
    "there are more, their keys decide which are kept [default: no limit].",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "shares",
    None,
    "In which parts keys are split into train, valid and test, three whole numbers [default: as "
    "--counts, or 90,5,5].",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "format",
    "auto",
    ["auto", "quickdraw", "svg", "kanjivg"],
    "What the inputs are; auto goes by names and contents.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "overwrite", False, "Replace files of --out that are there already.", flag_values=FLAGS
)


def main(files: list[str]) -> int:
    """Convert the inputs and say what was written."""
    options = _options()
    if not files:
        raise UsageError("say what to convert: .ndjson files, folders of SVG files, or kanjivg")
    if not FLAGS.out:
        raise UsageError("--out is missing: name a folder for the .npz files")
    if FLAGS.out.endswith(".npz"):
        raise UsageError(f"--out={FLAGS.out}: name a folder; its files are named for the classes")
    from magenta_sketch.data.sources import building
    from magenta_sketch.data.sources import finding as sources

    seen: dict[str, str] = {}
    for name in files:
        path = os.path.realpath(name)
        if path in seen:
            raise UsageError(f"{name} is named twice; name each input once")
        seen[path] = name
    inputs = [sources.find(name, FLAGS.format) for name in files]
    with _ended_like_interrupted():
        building.build(inputs, FLAGS.out, options)
    return 0


def _options() -> Options:
    from magenta_sketch.data.sources.options import Options

    # absl lets NaN pass any bounds.
    if FLAGS.epsilon is not None and not 0 <= FLAGS.epsilon <= 255:
        raise UsageError(
            f"--epsilon must be a number of pixels from 0 to 255, got {FLAGS.epsilon:g}"
        )
    return Options(
        epsilon=FLAGS.epsilon,
        max_points=FLAGS.max_points,
        recognized_only=FLAGS.recognized_only,
        counts=_three_numbers("counts"),
        shares=_three_numbers("shares"),
        overwrite=FLAGS.overwrite,
    )


def _three_numbers(flag: str) -> tuple[int, int, int] | None:
    text = FLAGS[flag].value
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 12]
    if len(parts) != 3 or len(numbers) != 3 or not all(1 <= n <= LARGEST_COUNT for n in numbers):
        raise UsageError(
            f"--{flag} must be three whole numbers, for train, valid and test, each from 1 to "
            f"{LARGEST_COUNT:,}, got {show(text)}; use for example --{flag}="
            f"{'70000,2500,2500' if flag == 'counts' else '90,5,5'}"
        )
    train, valid, test = numbers
    return train, valid, test


@contextlib.contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the work as Ctrl-C does, so that nothing is left on the disk."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not every system has both
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
