"""Write a .npz data set as SVG files, as a contact sheet, or as QuickDraw's simplified ndjson.

    sketch_rnn_convert export bird.npz --to=svg --out=birds/ --split=test
    sketch_rnn_convert export bird.npz --out=birds.svg --columns=12 --limit=144
    sketch_rnn_convert export bird.npz --out=bird.ndjson.gz

Without --to, the name of --out decides. A name that ends in .svg makes a contact sheet; one that
ends in .ndjson or .ndjson.gz makes ndjson. Any other name is a folder, with one SVG per sketch,
such as train-00012.svg.

To read the data again, with sketch_rnn_convert data or another program, choose ndjson. It keeps
every offset, and the splits in a member "split". Drawings are moved to the top left, but not
scaled. SVG files are scaled to a square of 256 pixels; with --units=pixels they keep the data's
coordinates. When sketch_rnn_convert data reads SVG, it scales and simplifies. Both formats lift the
pen after the last point of a sketch.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import program, values
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:
    from magenta_sketch.data import SketchSet

SHEET_LIMIT = 100
ENDINGS = {"ndjson": (".ndjson", ".ndjson.gz"), "sheet": (".svg",)}
Chosen = Sequence[tuple[str, int]]  # splits and numbers of the sketches to write
ONLY_FOR = {"columns": "sheet", "units": "svg", "word": "ndjson"}  # flag -> the --to it needs

FLAGS = program.new_flags()
values.define_place(FLAGS, "out", None, "File or folder to write.", kind="file or folder")
flags.DEFINE_enum(
    "to",
    None,
    ["svg", "sheet", "ndjson"],
    "What to write: a folder of SVG files, one SVG with all sketches in a grid (sheet), or a file "
    "of JSON lines. Default: decided by the name of --out.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "split", "all", ["all", "train", "valid", "test"], "Split to write.", flag_values=FLAGS
)
flags.DEFINE_string(
    "numbers",
    None,
    "Numbers of the sketches to write, such as 0,7,20-23; the first sketch of a split is 0. "
    "Default: all.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "limit",
    None,
    "Largest number of sketches to write. If there are more, they are chosen evenly. Default: no "
    f"limit; {SHEET_LIMIT} for a contact sheet.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "columns", 10, "Sketches per row of the contact sheet.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_enum(
    "units",
    "fit",
    ["fit", "pixels"],
    "Coordinates in SVG files: scaled to fit a square, or the data's pixels, with the first point "
    "at (0, 0).",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "word",
    None,
    "Class name in ndjson. Default: the data set's file name, with spaces for _.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "overwrite",
    False,
    "Replace an existing file; write into a folder that already holds SVG files.",
    flag_values=FLAGS,
)
TAKES_FILES = True


def main(files: list[str]) -> int:
    """Write what the flags ask for, and list the files written."""
    if len(files) != 1:
        raise UsageError(
            f"export takes one data set, got {len(files)}; use for example "
            "sketch_rnn_convert export bird.npz --out=bird.ndjson"
        )
    kind = _kind()
    for flag, only in ONLY_FOR.items():
        if FLAGS[flag].present and kind != only:
            raise UsageError(f"--{flag} is for --to={only}, but this makes --to={kind}")
    numbers = _numbers()
    _check_place(kind)
    from magenta_sketch.data import read_npz
    from magenta_sketch.drawing.contact_sheet import evenly_spread

    splits = read_npz(files[0], report=print, all_splits=False)
    if FLAGS.split != "all":
        if FLAGS.split not in splits:
            raise UsageError(f"--split={FLAGS.split}: {files[0]} has only {' and '.join(splits)}")
        splits = {FLAGS.split: splits[FLAGS.split]}
    if numbers is None:
        chosen = [(split, i) for split, sketches in splits.items() for i in range(len(sketches))]
    else:
        count = len(splits[FLAGS.split])
        if max(numbers) >= count:
            raise UsageError(
                f"--numbers={FLAGS.numbers}: the {FLAGS.split} set has {count} sketches, "
                f"0 to {count - 1}"
            )
        chosen = [(FLAGS.split, number) for number in numbers]
    limit = SHEET_LIMIT if kind == "sheet" and FLAGS.limit is None else FLAGS.limit
    chosen = [chosen[i] for i in evenly_spread(len(chosen), limit)]
    write = {"svg": _write_svgs, "sheet": _write_sheet, "ndjson": _write_ndjson}[kind]
    write(pathlib.Path(files[0]), splits, chosen)
    return 0


def _kind() -> str:
    """Return what to write. Raise UsageError if --to and --out disagree."""
    if not FLAGS.out:
        raise UsageError(
            "--out is missing: name a folder for SVG files, or a file ending in .svg (a contact "
            "sheet), .ndjson or .ndjson.gz"
        )
    name = FLAGS.out.lower()
    looks = next((kind for kind, ends in ENDINGS.items() if name.endswith(ends)), None)
    if FLAGS.to is None:
        if looks is None and pathlib.Path(name).suffix and not pathlib.Path(FLAGS.out).is_dir():
            raise UsageError(
                f"--out={FLAGS.out}: what should it be? say --to=svg for a folder of this name, or "
                "choose a name ending in .svg, .ndjson or .ndjson.gz"
            )
        return looks or "svg"
    if FLAGS.to == "svg" and looks is not None:
        raise UsageError(
            f"--to=svg --out={FLAGS.out}: SVG files, one a sketch, go to a folder; for one file "
            "with all of them say --to=sheet"
        )
    if FLAGS.to != "svg" and looks != FLAGS.to:
        endings = " or ".join(ENDINGS[FLAGS.to])
        raise UsageError(f"--to={FLAGS.to} --out={FLAGS.out}: the name must end in {endings}")
    return FLAGS.to


def _check_place(kind: str) -> None:
    """Raise UsageError if --out exists and would be replaced, or mixed with another data set."""
    values.require_room(FLAGS.out)
    if kind == "svg" and pathlib.Path(FLAGS.out).is_file():
        raise UsageError(f"--out={FLAGS.out} is a file; name a folder")
    if kind != "svg" and pathlib.Path(FLAGS.out).is_dir():
        raise UsageError(f"--out={FLAGS.out} is a folder; name a file")
    values.require_free(FLAGS.out, FLAGS.overwrite)


def _numbers() -> list[int] | None:
    if FLAGS.numbers is None:
        return None
    if FLAGS.split == "all":
        raise UsageError("--numbers are of one split: say which, --split=train, valid or test")
    numbers = values.parse_numbers(FLAGS.numbers, "numbers")
    return list(dict.fromkeys(numbers))  # a sketch that is named twice is written once


def _progress(chosen: Chosen) -> Iterable[tuple[str, int]]:
    from tqdm import tqdm

    # disable=None shows the bar only on a terminal.
    return tqdm(chosen, unit="sketch", disable=None, leave=False, dynamic_ncols=True)


def _write_svgs(file: pathlib.Path, splits: Mapping[str, SketchSet], chosen: Chosen) -> None:
    from magenta_sketch.drawing.svg import sketch_to_pixel_svg, sketch_to_svg
    from magenta_sketch.files import write_bytes

    draw = sketch_to_svg if FLAGS.units == "fit" else sketch_to_pixel_svg
    for split, number in _progress(chosen):
        text = draw(splits[split][number])
        write_bytes(pathlib.Path(FLAGS.out, f"{split}-{number:05d}.svg"), text.encode())
    print(f"wrote {len(chosen):,} sketches of {file} to {FLAGS.out}, one SVG each")


def _write_sheet(file: pathlib.Path, splits: Mapping[str, SketchSet], chosen: Chosen) -> None:
    from magenta_sketch.drawing.contact_sheet import Entry, save_sheet

    entries = [Entry(splits[split][number], f"{split} {number}") for split, number in chosen]
    total = sum(map(len, splits.values()))
    name = "" if FLAGS.split == "all" else f", {FLAGS.split}"
    title = f"{file.name}{name}: {len(entries):,} of {total:,} sketches"
    save_sheet(FLAGS.out, entries, title=title, columns=FLAGS.columns)
    print(f"wrote {FLAGS.out}: {len(entries):,} of {total:,} sketches of {file}")


def _write_ndjson(file: pathlib.Path, splits: Mapping[str, SketchSet], chosen: Chosen) -> None:
    from magenta_sketch.data.sources.quickdraw_writer import write_ndjson

    word = file.stem.replace("_", " ") if FLAGS.word is None else FLAGS.word
    sketches = ((split, i, splits[split][i]) for split, i in _progress(chosen))
    count = write_ndjson(FLAGS.out, sketches, word=word)
    print(f'wrote {FLAGS.out}: {count:,} sketches of {file} as "{word}"')
