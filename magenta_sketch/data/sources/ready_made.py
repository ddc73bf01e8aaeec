"""Data sets made from installed packages, by name. They need no files and no download.

To add one, write a function that returns its `Source`, with suitable defaults, and add a line to
`SOURCES`. The class of its drawings is that name.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from magenta_sketch.data.sources import kanjivg
from magenta_sketch.data.sources.building import Report, build
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.data.sources.options import Options

SOURCES: dict[str, Callable[[], Source]] = {"kanjivg": kanjivg.source}


def is_ready_made(file_name: str) -> bool:
    """Return whether `write` can make the data file of this name, such as "kanjivg.npz"."""
    return file_name in {f"{name}.npz" for name in SOURCES}


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
    source = SOURCES[file_name.removesuffix(".npz")]()
    build([source], folder, Options(overwrite=True), report)
