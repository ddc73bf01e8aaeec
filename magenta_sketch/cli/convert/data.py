"""Make .npz data sets from QuickDraw's drawings, folders of SVG files, or installed packages.

    sketch_rnn_convert data bird.ndjson.gz cat.ndjson --out=datasets --recognized_only
    sketch_rnn_convert data drawings/ --out=datasets --shares=80,10,10
    sketch_rnn_convert data kanjivg --out=datasets
    sketch_rnn_convert data --list

An input is one of these:
  - an .ndjson file, also gzipped, with raw or simplified drawings, or those that visitors of a web
    page kept; a .json file with one array of them; kaggle's .csv; or a folder of .ndjson, .jsonl
    and .csv files
  - a folder of SVG files: one class, or one class per subfolder
  - the name of a ready-made data set, such as kanjivg or hershey: --list shows them
  - a folder of KanjiVG's files

Each class becomes one file in --out: "power outlet" becomes power_outlet.npz. Several inputs of one
class are joined; they must have equal settings.

Raw drawings are simplified as QuickDraw does it: moved to the top left, scaled to 255 pixels,
resampled at 1 pixel, simplified with --epsilon, rounded to whole pixels. SVG drawings are treated
the same way, but not resampled. Simplified drawings stay as they are, unless --epsilon is given.

SVG (.svg, .svgz): all visible shapes are read, with groups, use, transforms and style sheets. Texts
and images are ignored, and so are clip paths and masks. A filled area without outline that covers
the page or the whole drawing is a background, and left out. Where a program wrote each bit of a
stroke by itself, the bits are joined (--join).

KanjiVG: characters keep their sizes, and one of the 109 units of their box becomes 4 pixels. The
defaults are --epsilon=4 --max_points=48, as in the quick start; --max_points=1000 includes the
longer characters.

Splits: a drawing's key and --shares decide whether it goes to train, valid or test. Adding
drawings does not move others, unless there are so few that a split would be empty. The key is
QuickDraw's key_id, an SVG file's path in the folder of its class, or the name of KanjiVG's file. A
member "split" in an ndjson line takes precedence. If a class has a key twice, the second drawing is
left out.

For each reason to leave out drawings, the command prints their number and the first ten.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import program, values
from magenta_sketch.errors import UsageError
from magenta_sketch.files import read_text

if TYPE_CHECKING:  # it imports NumPy
    from magenta_sketch.data.sources.options import Options

TAKES_FILES = True

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
flags.DEFINE_float(
    "join",
    0.001,
    "SVG: a line continues the stroke before it if it begins where that ended, up to this share of "
    "the drawing's size; 0 joins nothing.",
    flag_values=FLAGS,
)
values.define_place(
    FLAGS,
    "classes",
    None,
    "Text file with a class on each line: convert these only [default: all].",
    kind="file",
)
flags.DEFINE_boolean(
    "list",
    False,
    "List the ready-made data sets, with their counts and licences, and do nothing else.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("overwrite", False, "Replace existing files in --out.", flag_values=FLAGS)


def main(files: list[str]) -> int:
    """Convert the inputs, and list the files written."""
    if FLAGS.list:
        from magenta_sketch.data.sources import ready_made

        for line in ready_made.describe():
            print(line)
        return 0
    options = _options()
    if not files:
        raise UsageError(
            "say what to convert: .ndjson files, folders of SVG files, or a data set of --list"
        )
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
    inputs = [source for name in files for source in sources.find(name, FLAGS.format)]
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
    if not 0 <= FLAGS.join <= 0.1:
        raise UsageError(f"--join must be a number from 0 to 0.1, got {FLAGS.join:g}")
    return Options(
        join=FLAGS.join,
        epsilon=FLAGS.epsilon,
        max_points=FLAGS.max_points,
        recognized_only=FLAGS.recognized_only,
        counts=values.three_numbers("counts", FLAGS.counts),
        shares=values.three_numbers("shares", FLAGS.shares),
        overwrite=FLAGS.overwrite,
        classes=None if FLAGS.classes is None else _classes(FLAGS.classes),
    )


def _classes(file: str) -> tuple[str, ...]:
    """Return the classes in a list file, one a line; blank lines and those with # are no class."""
    try:
        lines = read_text(pathlib.Path(file)).splitlines()
    except ValueError:
        raise UsageError(f"--classes={file}: not a text file") from None
    found = [line.strip() for line in lines]
    classes = tuple(dict.fromkeys(line for line in found if line and not line.startswith("#")))
    if not classes:
        raise UsageError(f"--classes={file}: there is no class in it; write one on each line")
    return classes


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
