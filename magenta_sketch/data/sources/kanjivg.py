"""A real data set without a download: Chinese characters, stroke by stroke, from KanjiVG.

KanjiVG is copyright (C) Ulrich Apel, released under the Creative Commons
Attribution-ShareAlike 3.0 licence; see https://kanjivg.tagaini.net and
https://creativecommons.org/licenses/by-sa/3.0/. What is made from it here is under the same
licence: `build` says so and leaves the credit in a text file beside the data.

The PyPI package `kanjivg` installs one SVG file a character, `kanji/04e00.svg` and so on, in a box
of 109 units, y down, with one `<path>` a stroke in the order of writing. Its curves are flattened
to polylines, simplified after Ramer, Douglas and Peucker, rounded to whole pixels and written as
stroke-3.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz import write_npz
from magenta_sketch.data.sources import svg, svg_shapes
from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.polylines import SIDE, simplify, whole_pixels
from magenta_sketch.data.sources.progress import progress_bar
from magenta_sketch.data.sources.splitting import split_of
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing

__all__ = [
    "CREDIT",
    "build",
    "flatten",
    "is_folder_of_characters",
    "read_character",
    "simplify",
    "source",
    "split_of",
]

CREDIT = (
    "KanjiVG is copyright (C) Ulrich Apel, licensed CC BY-SA 3.0, https://kanjivg.tagaini.net; "
    "data and drawings derived from it keep that licence."
)

# The main block of Chinese characters. Left out with the rest of KanjiVG: kana, Latin letters and
# punctuation, which are other kinds of drawings, and the radicals and compatibility characters,
# which repeat characters of this block almost line by line and would put near copies into different
# splits. The 5,000 variant files (04e14-Kaisho.svg) repeat them too.
CHARACTERS = range(0x4E00, 0xA000)

# How far simplification may move a line, in KanjiVG's units. Its own pen is 3 units wide, so a
# third of a pen's width: the shape stays, and a stroke has 2.9 points on average. At 0.5 it has
# 3.9, which makes training a third slower for a difference hard to see.
TOLERANCE = 1.0

# Straight pieces for each curve: then none is further than 0.07 units from its curve in any file.
PIECES = 32

# A pixel is a quarter of a unit: rounding to whole pixels moves a point by at most 0.18 units,
# little beside TOLERANCE, and characters are about as large as in Magenta's short_kanji.npz.
PIXELS_PER_UNIT = 4

# Characters with more points are left out, one in seven, the most crowded. The longest sketch
# decides what a training step costs; to have them all would take 80 points, and nearly double it.
MAX_POINTS = 48

_FILE_NAME = re.compile(r"([0-9a-f]{5})\.svg")
_STROKE_ID = re.compile(r"kvg:.+-s([0-9]+)")
_PATH = "{http://www.w3.org/2000/svg}path"
_FAR = 1000.0  # units; a stroke that leaves the box of 109 this far is a damaged file


def build(
    path: pathlib.Path,
    report: Callable[[str], None] = print,
    *,
    source: str | os.PathLike[str] | Iterable[pathlib.Path] | None = None,
) -> None:
    """Writes the data set, about 5,500 sketches of at most MAX_POINTS points, in some seconds.

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
    files, origin = _files(source)
    report(f"kanjivg: reading {len(files):,} characters from {origin}")
    report(f"kanjivg: {CREDIT}")

    splits: dict[str, list[NDArray[np.float32]]] = {"train": [], "valid": [], "test": []}
    too_long = 0
    damaged: list[str] = []
    for file in _progress(files):
        try:
            strokes = read_character(file)
        except (ValueError, OSError) as error:
            damaged.append(f"{file.name}: {error}")
            continue
        sketch = _sketch(strokes)
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The credit first: the data are never there without it.
        with replacing(path.with_suffix(".LICENSE.txt")) as file:
            file.write(_license_text(path.name, origin, _CHANGES).encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    write_npz(path, **splits)
    report(f"kanjivg: wrote {path}")


def is_folder_of_characters(folder: pathlib.Path) -> bool:
    """Whether a folder holds KanjiVG's files, by the name and the ids of the first of them.

    Raises:
      OSError: the folder or the file cannot be read.
    """
    names = (file for file in sorted(folder.iterdir()) if _FILE_NAME.fullmatch(file.name))
    first = next(names, None)
    return first is not None and b"kvg:" in first.read_bytes()[: 1 << 16]


def source(folder: pathlib.Path | None = None) -> Source:
    """Returns KanjiVG's characters as an input, of the class "kanjivg"; variants are left out.

    Args:
      folder: where the files are; None for the installed package.

    Raises:
      DataError: the package or its files are missing.
    """
    files, origin = _files(folder)

    def license_text(name: str, epsilon: float) -> str:
        changes = f"""strokes were flattened to polylines, scaled so that the larger side of a
character is {SIDE:g} pixels, simplified (Ramer-Douglas-Peucker, tolerance {epsilon:g} pixels),
rounded and stored as pen offsets; variants, and characters that were asked to be left out, are not
in it."""
        return _license_text(name, origin, changes)

    return Source(
        origin if folder is None else str(folder),
        sum(file.stat().st_size for file in files),
        functools.partial(_read, files),
        license_text,
        CREDIT,
    )


def _read(files: list[pathlib.Path], advance: Callable[[int], None]) -> Iterator[Drawing | Skipped]:
    for file in files:
        try:
            advance(file.stat().st_size)
            lines = read_character(file)
        except (ValueError, OSError) as error:
            reason = "not a usable character of KanjiVG"
            yield Skipped(str(file), 0, None, reason, str(error), "kanjivg")
        else:
            # Characters have one file each, wherever it is: a second one is left out.
            yield Drawing(str(file), 0, "kanjivg", file.name, lines, "exact")


def read_character(file: str | os.PathLike[str]) -> list[NDArray[np.float64]]:
    """Reads the strokes of one of KanjiVG's files.

    Returns:
      The strokes in the order of writing, float64 [k, 2] in KanjiVG's units, curves flattened.

    Raises:
      ValueError: the file is not XML, declares entities, has no strokes or a damaged one.
      OSError: the file cannot be read.
    """
    root = svg.parse_xml(file)
    strokes = []
    for element in root.iter(_PATH):
        match = _STROKE_ID.fullmatch(element.get("id", ""))
        if match:
            strokes.append((int(match[1]), element.get("d", "")))
    if not strokes:
        raise ValueError("has no strokes")
    strokes.sort()  # the numbers are the order of writing
    if [number for number, _ in strokes] != list(range(1, len(strokes) + 1)):
        raise ValueError(
            f"has {len(strokes)} strokes, but they are not numbered 1 to {len(strokes)}"
        )
    return [line for number, path in strokes for line in _flatten_stroke(path, number)]


def flatten(path: str) -> list[NDArray[np.float64]]:
    """`svg_shapes.flatten` with PIECES straight pieces for each curve."""
    return svg_shapes.flatten(path, PIECES)


def _flatten_stroke(path: str, number: int) -> list[NDArray[np.float64]]:
    lines = flatten(path)
    if not lines:
        raise ValueError(f"stroke {number} draws nothing")
    if max(np.abs(line).max() for line in lines) > _FAR:
        raise ValueError(f"stroke {number} leaves the character's box")
    return lines


def _sketch(strokes: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Strokes in KanjiVG's units as a stroke-3 sketch [n, 3] in whole pixels."""
    lines = [simplify(stroke, TOLERANCE) * PIXELS_PER_UNIT for stroke in strokes]
    return from_polylines(whole_pixels(lines))


def _files(
    source: str | os.PathLike[str] | Iterable[pathlib.Path] | None,
) -> tuple[list[pathlib.Path], str]:
    """The files of single characters in CHARACTERS, sorted by name, and where they are from."""
    if source is None:
        candidates, origin = _installed_files()
    elif isinstance(source, str | os.PathLike):
        origin = str(source)
        try:
            candidates = list(pathlib.Path(source).iterdir())
        except OSError as error:
            raise DataError(
                f"kanjivg: {origin}: {error.strerror}; expected a folder of SVG files"
            ) from error
    else:
        candidates, origin = list(source), "the given files"
    files = []
    for file in candidates:
        match = _FILE_NAME.fullmatch(file.name)
        if match and int(match[1], 16) in CHARACTERS:
            files.append(file)
    if not files:
        raise DataError(
            f"kanjivg: {origin} has no character files such as 04e00.svg; "
            "reinstall them: pip install --force-reinstall kanjivg"
        )
    return sorted(files, key=lambda file: file.name), origin


def _installed_files() -> tuple[list[pathlib.Path], str]:
    try:
        package = importlib.metadata.distribution("kanjivg")
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            "kanjivg: the package with the drawings is not installed; run: pip install kanjivg"
        ) from None
    # The package's own list of files: its folder is called `kanji` and has no code to import.
    files = [
        pathlib.Path(str(file.locate())) for file in package.files or () if file.suffix == ".svg"
    ]
    return files, f"the package kanjivg {package.version}"


def _progress(files: list[pathlib.Path]) -> Iterator[pathlib.Path]:
    with progress_bar("kanjivg", len(files), unit="file") as bar:
        for file in files:
            yield file
            bar.update()


_CHANGES = f"""strokes were flattened to polylines, simplified (Ramer-Douglas-Peucker, tolerance
{TOLERANCE:g} of KanjiVG's units), scaled by {PIXELS_PER_UNIT}, rounded and stored as pen offsets;
characters of more than {MAX_POINTS} points and all variants were left out."""


def _license_text(name: str, origin: str, changes: str) -> str:
    return f"""{name} is derived from KanjiVG, taken from {origin}.

KanjiVG is copyright (C) Ulrich Apel.
https://kanjivg.tagaini.net
Released under the Creative Commons Attribution-ShareAlike 3.0 licence:
https://creativecommons.org/licenses/by-sa/3.0/

Changes made: {changes}
The result, and drawings made from it, are under the same licence.
"""
