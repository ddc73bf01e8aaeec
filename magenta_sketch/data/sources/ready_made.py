"""Data sets by name, from installed packages or made up. They need no files and no download.

To add one, write a module whose `source` returns its `Source`, with suitable defaults, and add a
line to `SOURCES`. The class of its drawings is that name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from magenta_sketch.data.sources import hanzi, hershey, kanjivg, openmoji, shapes
from magenta_sketch.data.sources.building import Report, build
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.data.sources.options import Options
from magenta_sketch.errors import DataError


class ReadyMade(NamedTuple):
    """A data set made from an installed package, or made up.

    Attributes:
      source: returns the input, or raises DataError if the package is missing.
      what: its drawings, in a few words.
      license: its licence, in a few words.
    """

    source: Callable[[], Source]
    what: str
    license: str


SOURCES = {
    "kanjivg": ReadyMade(kanjivg.source, "Chinese characters of KanjiVG", "CC BY-SA 3.0"),
    "hershey": ReadyMade(
        hershey.source, "letters and symbols of the Hershey fonts", "free, with acknowledgement"
    ),
    "openmoji": ReadyMade(openmoji.source, "OpenMoji's emojis, their lines", "CC BY-SA 4.0"),
    "hanzi": ReadyMade(
        hanzi.source, "Chinese characters of Make Me a Hanzi", "Arphic Public License"
    ),
    "shapes": ReadyMade(
        shapes.source,
        "polygons and ellipses with known factors",
        "made up by this program; no rights reserved, CC0",
    ),
}


def is_ready_made(file_name: str) -> bool:
    """Return whether `write` can make the data file of this name, such as "kanjivg.npz"."""
    return file_name in {f"{name}.npz" for name in SOURCES}


def describe() -> Iterator[str]:
    """Yield a line on each data set: its name, count, drawings and licence, or what it needs."""
    for name, one in SOURCES.items():
        try:
            contents = one.source().contents
        except DataError as error:
            contents = f"not installed; {str(error).rpartition('; ')[2]}"
        yield f"{name}: {one.what} ({one.license}); {contents}"


def write(file_name: str, folder: str | os.PathLike[str], report: Report = print) -> None:
    """Write a ready-made data file with its source's defaults. Replace an existing file.

    `sketch_rnn_convert data NAME --out=FOLDER` writes the same bytes.

    Args:
      file_name: such as "kanjivg.npz".
      folder: its folder, made if needed.
      report: called with each line of text on progress.

    Raises:
      DataError: the package or its files are missing or damaged, or the result cannot be written.
    """
    source = SOURCES[file_name.removesuffix(".npz")].source()
    build([source], folder, Options(overwrite=True), report)
