"""Make .npz data sets from QuickDraw's ndjson, folders of SVG files, or KanjiVG.

    sketch_rnn_convert data bird.ndjson.gz cat.ndjson --out=datasets --recognized_only
    sketch_rnn_convert data drawings/ --out=datasets --shares=80,10,10
    sketch_rnn_convert data kanjivg --out=datasets

An input is one of these:
  - an .ndjson file, also gzipped, with raw or simplified drawings
  - a folder of SVG files: one class, or one class per subfolder
  - the word kanjivg, for the installed package, or a folder of KanjiVG's files

Each class becomes one file in --out: "power outlet" becomes power_outlet.npz. Several inputs of one
class are joined; they must have equal settings.

Raw drawings are simplified as QuickDraw does it: moved to the top left, scaled to 255 pixels,
resampled at 1 pixel, simplified with --epsilon, rounded to whole pixels. SVG drawings are treated
the same way, but not resampled. Simplified drawings stay as they are, unless --epsilon is given.

SVG: all visible shapes are read, with groups, use, transforms and style sheets. Texts, images, clip
paths, masks and CSS transforms are ignored.

KanjiVG: characters keep their sizes, and one of the 109 units of their box becomes 4 pixels. The
defaults are --epsilon=4 --max_points=48, as in the quick start; --max_points=1000 includes the
longer characters.

Splits: a drawing's key and --shares decide whether it goes to train, valid or test. Adding
drawings does not move others. The key is QuickDraw's key_id, an SVG file's path in the folder of
its class, or the name of KanjiVG's file. A member "split" in an ndjson line takes precedence. If a
class has a key twice, the second drawing is left out.

For each reason to leave out drawings, the command prints their number and the first ten.
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
values.define_place(FLAGS, "out", None, "Folder for the .npz files.", kind="folder")
flags.DEFINE_float(
    "epsilon",
    None,
    "How far simplification may move a line, in pixels of the data set [default: 2; for KanjiVG 4; "
    "simplified drawings stay as they are].",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "max_points",
    None,
    "Leave out sketches with more points [default: no limit; for KanjiVG 48].",
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
    "Largest numbers of train, valid and test sketches per class, such as 70000,2500,2500. If "
    "there are more, their keys decide which are kept [default: no limit].",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "shares",
    None,
    "Proportions of train, valid and test, as three whole numbers [default: those of --counts, or "
    "90,5,5].",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "format",
    "auto",
    ["auto", "quickdraw", "svg", "kanjivg"],
    "What the inputs are; auto: decide by name and content.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("overwrite", False, "Replace existing files in --out.", flag_values=FLAGS)


def main(files: list[str]) -> int:
    """Convert the inputs, and list the files written."""
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

    # absl's bounds let NaN pass.
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
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that temporary files are removed."""

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
