"""Show what is in .npz data sets: counts, lengths, offsets, and everything unusual.

    sketch_rnn_convert inspect datasets/bird.npz
    sketch_rnn_convert inspect datasets/*.npz --out=sheets/ --json=datasets.json

The command prints statistics of all splits together, in the data's pixels, for the sketches that
training can use. It also reads files that training refuses, and lists what is wrong with them. The
exit status is 0 for every file that can be read.

It also draws a contact sheet: sketches from all over the set, then the unusual ones, each with its
split and number.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import program, values
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:  # they import NumPy
    from magenta_sketch.data.inspection import Inspection
    from magenta_sketch.data.oddities import Oddity
    from magenta_sketch.data.statistics import Bar, Statistics

WIDTH = 79  # characters per line, for a terminal of 80 columns

FLAGS = program.new_flags()
values.define_place(
    FLAGS,
    "out",
    None,
    "File for the contact sheet, with a name that ends in .svg; or a folder. An existing sheet is "
    "replaced. Default: NAME_sheet.svg in the current folder.",
    kind="file or folder",
)
flags.DEFINE_boolean("sheet", True, "Draw a contact sheet.", flag_values=FLAGS)
values.define_place(
    FLAGS,
    "json",
    None,
    "File for the same findings as JSON: a list with one object per data set.",
    kind="file",
)
TAKES_FILES = True


def main(files: list[str]) -> int:
    """Inspect each file, print the findings, and draw the contact sheets."""
    sheets = _sheets(files)
    from magenta_sketch.data.inspection import inspect_npz
    from magenta_sketch.drawing.contact_sheet import save_inspection_sheet
    from magenta_sketch.files import write_bytes

    found = []
    for file, sheet in zip(files, sheets, strict=True):
        inspection = inspect_npz(file)
        print("\n".join(_report(inspection)))
        if sheet is not None:
            drawn = save_inspection_sheet(sheet, inspection)
            print(f"wrote {sheet}" if drawn else "no contact sheet: there is nothing to draw")
        if file != files[-1]:
            print()
        found.append(inspection.as_dict())
    if FLAGS.json is not None:
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        write_bytes(pathlib.Path(FLAGS.json), text.encode())
        print(f"wrote {FLAGS.json}")
    return 0


def _sheets(files: list[str]) -> Sequence[pathlib.Path | None]:
    """Return the path of each file's sheet; None for no sheet."""
    if not files:
        raise UsageError("name the data sets to look at: sketch_rnn_convert inspect A.npz")
    if FLAGS.json == "":
        raise UsageError("--json is empty: name a file, or leave it out")
    if not FLAGS.sheet:
        return [None] * len(files)
    out = FLAGS.out
    if out is not None and values.is_one_svg(out):
        if len(files) > 1:
            raise UsageError(
                f"--out={out}: {len(files)} data sets have a sheet each: name a folder"
            )
        return [pathlib.Path(out)]
    # with_suffix would cut "bird.full", too.
    sheets = [
        pathlib.Path(out or ".", pathlib.Path(file).name.removesuffix(".npz") + "_sheet.svg")
        for file in files
    ]
    twice = [sheet for i, sheet in enumerate(sheets) if sheet in sheets[:i]]
    if twice:
        raise UsageError(
            f"two data sets would have the sheet {twice[0]}: inspect them one by one, with --out"
        )
    return sheets


def _report(inspection: Inspection) -> list[str]:
    """Return the findings as lines."""
    counts = ", ".join(f"{split} {count:,}" for split, count in inspection.counts.items())
    lines = [inspection.name, f"  sketches: {counts}"]
    usable = {split: len(sketches) for split, sketches in inspection.sketches.items()}
    if usable != inspection.counts:
        few = ", ".join(f"{split} {count:,}" for split, count in usable.items())
        lines.append(f"  usable: {few}; the numbers below are of these")
    if sum(usable.values()):
        lines += _statistics(inspection.statistics)
    lines += _oddities(inspection.oddities)
    return lines


def _statistics(found: Statistics) -> list[str]:
    columns = ("min", "median", "mean", "percentile_95", "max")
    lines = [f"  {'':<20}" + "".join(f"{name:>10}" for name in ("min", "median", "mean", "95 %"))]
    lines[0] += f"{'max':>10}"
    for name, summary in (
        ("points a sketch", found.lengths),
        ("strokes a sketch", found.strokes),
        ("width, px", found.width),
        ("height, px", found.height),
    ):
        values = "".join(f"{_number(getattr(summary, column)):>10}" for column in columns)
        lines.append(f"  {name:<20}{values}")
    for name, axis in (("dx", found.dx), ("dy", found.dy)):
        lines.append(
            f"  offsets {name}, px: mean {axis.mean:.3f}, standard deviation {axis.std:.3f}, "
            f"at most {_number(axis.max_abs)}"
        )
    kind = "whole numbers" if found.whole else "not all whole numbers"
    lines.append(f"  offsets of zero length: {found.zero_offsets:.2%}; offsets are {kind}")
    factor = found.normalizing_factor
    # There is none for a training split that is empty or does not move.
    lines.append(f"  normalizing factor: {f'{factor:.4f}' if factor else 'none'}")
    return [*lines, "  points a sketch:", *_bars(found.histogram)]


def _bars(histogram: Sequence[Bar]) -> list[str]:
    labels = [
        str(bar.last) if bar.first == bar.last else f"{bar.first}-{bar.last}" for bar in histogram
    ]
    counts = [f"{bar.count:,}" for bar in histogram]
    label_width, count_width = max(map(len, labels)), max(map(len, counts))
    room = WIDTH - 4 - label_width - 1 - count_width - 1
    most = max(bar.count for bar in histogram)
    lines = []
    for bar, label, count in zip(histogram, labels, counts, strict=True):
        length = max(round(room * bar.count / most), 1) if bar.count else 0
        line = f"    {label:>{label_width}} {count:>{count_width}} {'#' * length}"
        lines.append(line.rstrip())
    return lines


def _oddities(oddities: Sequence[Oddity]) -> list[str]:
    from magenta_sketch.data.conventions import CONVENTIONS
    from magenta_sketch.data.oddities import KINDS

    if not oddities:
        return ["  nothing odd"]
    lines = ["  odd:"]
    for oddity in oddities:
        if oddity.kind in CONVENTIONS:  # of the whole data set
            lines.append(f"    {KINDS[oddity.kind]}")
            continue
        lines.append(f"    {KINDS[oddity.kind]}: {oddity.count:,}")
        lines += _named(oddity)
    return lines


def _named(oddity: Oddity) -> list[str]:
    """Return lines with the places, as many per line as fit."""
    words = [str(place) for place in oddity.places]
    more = oddity.count - len(words)
    words = [f"{word}," for word in words[:-1]] + words[-1:]
    if more:
        words.append(f"and {more:,} more")
    lines = [""]
    for word in words:
        if lines[-1] and 6 + len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return [f"      {line}" for line in lines]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
