"""KanjiVG's Chinese characters, stroke by stroke: their files and drawings.

KanjiVG is copyright (C) Ulrich Apel, released under the Creative Commons
Attribution-ShareAlike 3.0 licence; see https://kanjivg.tagaini.net and
https://creativecommons.org/licenses/by-sa/3.0/. What is made from it has the same licence.

The PyPI package `kanjivg` installs one SVG file for each character, `kanji/04e00.svg` and so on.
A character has a box of 109 units, y down, and one `<path>` for each stroke, in writing order.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources import installed, svg_paths
from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.options import Options, Settings
from magenta_sketch.data.sources.svg_xml import parse_xml
from magenta_sketch.errors import DataError

CREDIT = (
    "KanjiVG is copyright (C) Ulrich Apel, licensed CC BY-SA 3.0, https://kanjivg.tagaini.net; "
    "data and drawings derived from it keep that licence."
)

# The main block of Chinese characters. The rest of KanjiVG is left out. Kana, Latin letters and
# punctuation are other kinds of drawings. Radicals, compatibility characters and the 5,000 variant
# files (04e14-Kaisho.svg) are near copies of characters in this block, and would put such copies
# into different splits.
CHARACTERS = range(0x4E00, 0xA000)

# Straight pieces for each curve. In no file is one further than 0.07 units from its curve.
PIECES = 32

# Rounding to whole pixels then moves a point by at most 0.18 units, little compared with TOLERANCE,
# and characters are about as large as in Magenta's short_kanji.npz. They are not fitted, so that a
# small character stays small.
PIXELS_PER_UNIT = 4

# How far simplification may move a line, in KanjiVG's units: a third of its pen's width. A stroke
# then has 2.9 points on average. With 0.5 it has 3.9, and training is a third slower for a
# difference that is hard to see.
TOLERANCE = 1.0

# Characters with more points are left out, one in seven. The longest sketch decides the cost of a
# training step; all characters would need 80 points, at nearly double the cost.
MAX_POINTS = 48

# The quick start's data set is made with these. If they change, older runs of it cannot be resumed
# with a data set made later.
DEFAULTS = Settings(PIXELS_PER_UNIT, TOLERANCE * PIXELS_PER_UNIT, MAX_POINTS)

_FILE_NAME = re.compile(r"([0-9a-f]{5})\.svg")
_STROKE_ID = re.compile(r"kvg:.+-s([0-9]+)")
_PATH = "{http://www.w3.org/2000/svg}path"
_FAR = 1000.0  # units; a coordinate beyond this means a damaged file


def is_folder_of_characters(folder: pathlib.Path) -> bool:
    """Return whether a folder holds KanjiVG's files, by the name and content of the first one.

    Raises:
      OSError: the folder or the file cannot be read.
    """
    names = (file for file in sorted(folder.iterdir()) if _FILE_NAME.fullmatch(file.name))
    first = next(names, None)
    return first is not None and b"kvg:" in first.read_bytes()[: 1 << 16]


def source(folder: pathlib.Path | None = None) -> Source:
    """Return KanjiVG's characters, without variants, as an input with the class "kanjivg".

    Args:
      folder: where the files are; None for the installed package.

    Raises:
      DataError: the package or its files are missing.
    """
    files, origin = character_files(folder)

    return Source(
        label=origin,
        size=sum(file.stat().st_size for file in files),
        read=functools.partial(_read, files),
        defaults=DEFAULTS,
        contents=f"{len(files):,} characters",
        license_text=functools.partial(_license_text, origin),
        credit=CREDIT,
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
            # A character has one file. A second one with its name, in any folder, is left out.
            yield Drawing(str(file), 0, "kanjivg", file.name, lines, "exact")


def read_character(file: str | os.PathLike[str]) -> list[NDArray[np.float64]]:
    """Read the strokes of one of KanjiVG's files.

    Returns:
      The strokes in writing order, float64 [k, 2] in KanjiVG's units, curves flattened.

    Raises:
      ValueError: the file is not XML, declares entities, has no strokes or a damaged one.
      OSError: the file cannot be read.
    """
    root = parse_xml(file)
    strokes = []
    for element in root.iter(_PATH):
        match = _STROKE_ID.fullmatch(element.get("id", ""))
        if match:
            strokes.append((int(match[1]), element.get("d", "")))
    if not strokes:
        raise ValueError("has no strokes")
    strokes.sort()  # the numbers give the writing order
    if [number for number, _ in strokes] != list(range(1, len(strokes) + 1)):
        raise ValueError(
            f"has {len(strokes)} strokes, but they are not numbered 1 to {len(strokes)}"
        )
    return [line for number, path in strokes for line in _flatten_stroke(path, number)]


def flatten(path: str) -> list[NDArray[np.float64]]:
    """Return a path as polylines, with PIECES straight pieces for each curve."""
    return svg_paths.flatten(path, PIECES)


def _flatten_stroke(path: str, number: int) -> list[NDArray[np.float64]]:
    lines = flatten(path)
    if not lines:
        raise ValueError(f"stroke {number} draws nothing")
    if max(np.abs(line).max() for line in lines) > _FAR:
        raise ValueError(f"stroke {number} leaves the character's box")
    return lines


def character_files(
    folder: str | os.PathLike[str] | None = None,
) -> tuple[list[pathlib.Path], str]:
    """Return the files of the characters in CHARACTERS, sorted by name, and their origin.

    Args:
      folder: where to look; None for the installed package.

    Raises:
      DataError: the package or the folder is missing, or there are no such files.
    """
    if folder is None:
        candidates, origin = _installed_files()
    else:
        origin = str(folder)
        try:
            candidates = list(pathlib.Path(folder).iterdir())
        except OSError as error:
            raise DataError(
                f"kanjivg: {origin}: {error.strerror}; expected a folder of SVG files"
            ) from error
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
    package = installed.package("kanjivg", "kanjivg")
    return installed.files(package, ".svg"), f"the package kanjivg {package.version}"


def _license_text(origin: str, name: str, options: Options) -> str:
    """Return the text that must be beside the data file `name`, made from `origin`."""
    settings = options.settings(DEFAULTS)
    tolerance = settings.epsilon / PIXELS_PER_UNIT
    counts = "" if options.counts is None else ", characters beyond the number that was asked for"
    return f"""{name} is derived from KanjiVG, taken from {origin}.

KanjiVG is copyright (C) Ulrich Apel.
https://kanjivg.tagaini.net
Released under the Creative Commons Attribution-ShareAlike 3.0 licence:
https://creativecommons.org/licenses/by-sa/3.0/

Changes made: strokes were flattened to polylines, simplified (Ramer-Douglas-Peucker, tolerance
{tolerance:g} of KanjiVG's units), scaled by {PIXELS_PER_UNIT}, rounded and stored as pen offsets;
characters of more than {settings.max_points} points{counts} and all variants were left out.
The result, and drawings made from it, are under the same licence.
"""
