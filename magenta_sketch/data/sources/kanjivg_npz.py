"""The quick start's data set: kanjivg.npz, made from KanjiVG's characters without a download.

Curves are flattened to polylines, simplified after Ramer, Douglas and Peucker, rounded to whole
pixels and written as stroke-3. The result is under KanjiVG's licence: `build` says so and leaves
the credit in a text file beside the data.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.npz_writer import write_npz
from magenta_sketch.data.progress import progress_bar
from magenta_sketch.data.sources.kanjivg import (
    CREDIT,
    character_files,
    license_text,
    read_character,
)
from magenta_sketch.data.sources.polylines import simplify, whole_pixels
from magenta_sketch.data.sources.splitting import split_of
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError
from magenta_sketch.files import write_bytes

# How far simplification may move a line, in KanjiVG's units. Its own pen is 3 units wide, so a
# third of a pen's width: the shape stays, and a stroke has 2.9 points on average. At 0.5 it has
# 3.9, which makes training a third slower for a difference hard to see.
TOLERANCE = 1.0

# A pixel is a quarter of a unit: rounding to whole pixels moves a point by at most 0.18 units,
# little beside TOLERANCE, and characters are about as large as in Magenta's short_kanji.npz.
PIXELS_PER_UNIT = 4

# Characters with more points are left out, one in seven, the most crowded. The longest sketch
# decides what a training step costs; to have them all would take 80 points, and nearly double it.
MAX_POINTS = 48

_CHANGES = f"""strokes were flattened to polylines, simplified (Ramer-Douglas-Peucker, tolerance
{TOLERANCE:g} of KanjiVG's units), scaled by {PIXELS_PER_UNIT}, rounded and stored as pen offsets;
characters of more than {MAX_POINTS} points and all variants were left out."""


def build(
    path: pathlib.Path,
    report: Callable[[str], None] = print,
    *,
    source: str | os.PathLike[str] | Iterable[pathlib.Path] | None = None,
) -> None:
    """Write the data set, about 5,500 sketches of at most MAX_POINTS points, in some seconds.

    The same source gives the same file, byte for byte. A file that cannot be read is left out and
    counted in a report line. The credit goes to `<name>.LICENSE.txt` beside the data.

    Args:
      path: the `.npz` file, replaced if it is there; its folder is made.
      report: is given lines of text on what is done.
      source: a folder of KanjiVG's files, or the files; None for the installed package `kanjivg`.

    Raises:
      DataError: the package or its files are missing, too few files are usable to fill every split,
        or the result cannot be written.
    """
    path = pathlib.Path(path)
    files, origin = character_files(source)
    report(f"kanjivg: reading {len(files):,} characters from {origin}")
    report(f"kanjivg: {CREDIT}")
    splits = _read(files, origin, report)
    with writing(path):  # the credit first: the data are never there without it
        text = license_text(path.name, origin, _CHANGES)
        write_bytes(path.with_suffix(".LICENSE.txt"), text.encode())
    write_npz(path, **splits)
    report(f"kanjivg: wrote {path}")


def _read(
    files: list[pathlib.Path], origin: str, report: Callable[[str], None]
) -> dict[str, list[NDArray[np.float32]]]:
    """Return the sketches of the files, split by split; no split is empty."""
    splits: dict[str, list[NDArray[np.float32]]] = {split: [] for split in SPLITS}
    too_long = 0
    damaged: list[str] = []
    for file in _progress(files):
        try:
            strokes = read_character(file)
        except (ValueError, OSError) as error:
            damaged.append(f"{file.name}: {error}")
            continue
        sketch = sketch_of_strokes(strokes)
        if len(sketch) > MAX_POINTS:
            too_long += 1
        else:
            splits[split_of(file.name)].append(sketch)

    if damaged:
        report(f"kanjivg: left out {len(damaged):,} unreadable files, the first: {damaged[0]}")
    counts = ", ".join(f"{split} {len(sketches):,}" for split, sketches in splits.items())
    for split, sketches in splits.items():
        if not sketches:
            raise DataError(
                f"kanjivg: no sketch for {split} among {len(files):,} files from {origin} "
                f"({counts}; {len(damaged):,} unreadable); "
                "use the whole package: pip install kanjivg"
            )
    report(
        f"kanjivg: {counts} sketches of at most {MAX_POINTS} points; left out {too_long:,} longer"
    )
    return splits


def sketch_of_strokes(strokes: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return strokes in KanjiVG's units as a stroke-3 sketch [n, 3] in whole pixels."""
    lines = [simplify(stroke, TOLERANCE) * PIXELS_PER_UNIT for stroke in strokes]
    return from_polylines(whole_pixels(lines))


def _progress(files: list[pathlib.Path]) -> Iterator[pathlib.Path]:
    with progress_bar("kanjivg", len(files), unit="file") as bar:
        for file in files:
            yield file
            bar.update()
