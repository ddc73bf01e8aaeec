"""Find the reader for an input of drawings."""

from __future__ import annotations

from pathlib import Path

from magenta_sketch.config.kinds import nearest
from magenta_sketch.data.sources import kanjivg, quickdraw, ready_made, svg
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean


def find(text: str, kind: str = "auto") -> list[Source]:
    """Return the inputs that a user names.

    Args:
      text: an ndjson file; a folder of SVG files, of KanjiVG's files or of ndjson files, each of
        which is an input; or a name in `ready_made.SOURCES`, if no file has that name.
      kind: "quickdraw", "svg", "kanjivg", or "auto" to decide by what is there.

    Raises:
      DataError: there is no such input, or it is of another kind.
    """
    path = Path(text)
    try:
        if text in ready_made.SOURCES and not path.exists() and kind in ("auto", text):
            return [ready_made.SOURCES[text].source()]
        if path.is_dir():
            return _folder(path, kind)
        size = path.stat().st_size
    except DataError:  # it is a ValueError too
        raise
    except FileNotFoundError:
        suffixes = quickdraw.SUFFIXES if kind in ("auto", "quickdraw") else ()
        meant = did_you_mean(path, suffixes, folders=kind != "quickdraw")
        if not meant and (near := nearest(text, list(ready_made.SOURCES))):
            meant = f"; did you mean {near}?"
        raise DataError(
            f"{text}: no such file or folder{meant or f'; expected {_expected(kind)}'}"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{text}: {reason}; expected {_expected(kind)}") from None
    if kind == "quickdraw" or (kind == "auto" and path.name.lower().endswith(quickdraw.SUFFIXES)):
        if not path.is_file():
            raise DataError(f"{text}: not a file; expected {_expected(kind)}")
        if not size:
            raise DataError(f"{text}: the file is empty")
        return [quickdraw.source(path)]
    if path.suffix.lower() in svg.SUFFIXES:
        raise DataError(
            f"{text}: a single SVG file; name the folder that it is in, it is the class"
        )
    if path.suffix.lower() == ".npz":
        raise DataError(
            f"{text}: a data set already; sketch_rnn_convert inspect looks at it, and "
            "sketch_rnn_convert mend changes it"
        )
    raise DataError(
        f"{text}: expected {_expected(kind)}"
        + ("; --format=quickdraw takes a file of any name" if kind == "auto" else "")
    )


def _folder(path: Path, kind: str) -> list[Source]:
    if kind == "quickdraw":
        if records := _records_in(path):
            return records
        raise DataError(f"{path}: no .ndjson, .jsonl or .csv file in this folder")
    # In KanjiVG's repository and package, the files are in this folder.
    below = path / "kanji"
    if kind in ("auto", "kanjivg"):
        for folder in (path, below):
            if folder.is_dir() and kanjivg.is_folder_of_characters(folder):
                return [kanjivg.source(folder)]
    if kind == "kanjivg":
        return [kanjivg.source(path)]
    try:
        return [svg.source(path)]
    except DataError:
        if kind == "auto" and (records := _records_in(path)):
            return records
        raise


def _records_in(folder: Path) -> list[Source]:
    """Return the folder's files of drawings, in order of their names."""
    names = sorted(folder.iterdir())
    return [
        quickdraw.source(path)
        for path in names
        if path.name.lower().endswith(quickdraw.IN_FOLDERS) and path.is_file()
    ]


def _expected(kind: str) -> str:
    return {
        "auto": "an .ndjson, .json or .csv file of QuickDraw's, a folder of SVG files, or one of "
        + ", ".join(ready_made.SOURCES),
        "quickdraw": "an .ndjson, .json or .csv file of QuickDraw's",
        "svg": "a folder of SVG files",
        "kanjivg": "a folder of KanjiVG's files, or kanjivg for the installed package",
    }[kind]
