"""Chinese characters of Make Me a Hanzi: the middle line of each stroke, in writing order.

The npm package `hanzi-writer-data` has one JSON file for each character, with the members `strokes`
(outlines) and `medians`: a list of points for each stroke, in a box of 1,024 units whose top is at
y = 900. It is derived from the fonts of Arphic Technology, under the Arphic Public License.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.options import Options, Settings
from magenta_sketch.errors import DataError

PACKAGE = "hanzi-writer-data"
CREDIT = (
    "The characters are from Make Me a Hanzi, derived from fonts that are copyright (C) 1999 "
    "Arphic Technology Co., Ltd., Arphic Public License; data derived from them keep that licence."
)
TOP = 900.0  # y of the top of a character's box, which points up

# The main block of Chinese characters, as for KanjiVG. The others are parts of characters.
_FILE_NAME = re.compile("[\u4e00-\u9fff]\\.json")

# The box becomes 256 pixels. Characters keep their sizes.
DEFAULTS = Settings(pixels_per_unit=0.25, epsilon=4.0)

_FAR = 10_000.0  # units; a coordinate beyond this means a damaged file


def source() -> Source:
    """Return the characters as an input with the class "hanzi".

    Raises:
      DataError: the package or its files are missing.
    """
    folder = _folder()
    files = sorted(file for file in folder.iterdir() if _FILE_NAME.fullmatch(file.name))
    license_file = folder / "ARPHICPL.TXT"
    if not files or not license_file.is_file():
        raise DataError(f"hanzi: {folder} is not complete; run: npm install {PACKAGE}")
    return Source(
        label=str(folder),
        size=sum(file.stat().st_size for file in files),
        read=partial(_read, files),
        defaults=DEFAULTS,
        contents=f"{len(files):,} characters",
        license_text=partial(_license_text, license_file.read_text("utf-8", "replace")),
        credit=CREDIT,
    )


def _folder() -> Path:
    """Return where npm has installed the package: here, or in a folder above."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (found := folder / "node_modules" / PACKAGE).is_dir():
            return found
    raise DataError(
        "hanzi: the package with the drawings is not in node_modules here or above; "
        f"run: npm install {PACKAGE}"
    )


def _read(files: list[Path], advance: Callable[[int], None]) -> Iterator[Drawing | Skipped]:
    for file in files:
        try:
            advance(file.stat().st_size)
            lines = _medians(json.loads(file.read_bytes()))
        except (ValueError, OSError) as error:
            yield Skipped(str(file), 0, None, "not a usable character", str(error), "hanzi")
        else:
            yield Drawing(str(file), 0, "hanzi", file.stem, lines, "exact")


def _medians(record: Any) -> list[NDArray[np.float64]]:
    """Return the middle lines of a character's strokes, y down.

    Raises:
      ValueError: the record is damaged.
    """
    medians = record.get("medians") if isinstance(record, dict) else None
    if not isinstance(medians, list) or not medians:
        raise ValueError("has no strokes")
    lines = []
    for number, median in enumerate(medians, 1):
        try:
            points = np.array(median, np.float64)
        except (TypeError, ValueError):
            points = np.zeros(0)
        if points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) < _FAR).all():
            raise ValueError(f"stroke {number} is damaged")
        lines.append(points * [1, -1] + [0, TOP])
    return lines


def _license_text(text: str, name: str, options: Options) -> str:
    return f"""{name} is derived from Make Me a Hanzi, taken from the npm package {PACKAGE}.

https://github.com/skishore/makemeahanzi, https://github.com/chanind/hanzi-writer-data
The characters are derived from fonts that are copyright (C) 1999 Arphic Technology Co., Ltd. They
are under the Arphic Public License, which follows.

Changes made: of each stroke only the middle line was taken, simplified
({options.settings(DEFAULTS)}), rounded and stored as pen offsets.
The result, and drawings made from it, are under the same licence.

{text}"""
