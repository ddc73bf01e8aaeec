"""Find the reader for an input of drawings."""

from __future__ import annotations

from pathlib import Path

from magenta_sketch.config.kinds import nearest
from magenta_sketch.data.sources import kanjivg, quickdraw, ready_made, svg
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean


def find(text: str, kind: str = "auto") -> Source:
    """Return the input that a user names.

    Args:
      text: an ndjson file; a folder of SVG files or of KanjiVG's files; or "kanjivg" (or another
        name in `ready_made.SOURCES`) for the installed package, if no file has that name.
      kind: "quickdraw", "svg", "kanjivg", or "auto" to decide by what is there.

    Raises:
      DataError: there is no such input, or it is of another kind.
    """
    path = Path(text)
    try:
        if text in ready_made.SOURCES and not path.exists() and kind in ("auto", text):
            return ready_made.SOURCES[text]()
        if path.is_dir():
            return _folder(path, kind)
        size = path.stat().st_size
    except DataError:  # it is a ValueError too
        raise
    except FileNotFoundError:
        suffixes = quickdraw.SUFFIXES if kind in ("auto", "quickdraw") else ()
        meant = did_you_mean(path, suffixes, folders=kind != "quickdraw")
        if not meant and nearest(text, ["kanjivg"]):
            meant = "; did you mean kanjivg?"
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
        return quickdraw.source(path)
    if path.suffix.lower() == ".svg":
        raise DataError(
            f"{text}: a single SVG file; name the folder that it is in, it is the class"
        )
    raise DataError(
        f"{text}: expected {_expected(kind)}"
        + ("; --format=quickdraw takes a file of any name" if kind == "auto" else "")
    )


def _folder(path: Path, kind: str) -> Source:
    if kind == "quickdraw":
        raise DataError(f"{path}: a folder; expected {_expected(kind)}{_ndjson_advice(path)}")
    # In KanjiVG's repository and package, the files are in this folder.
    below = path / "kanji"
    if kind in ("auto", "kanjivg"):
        for folder in (path, below):
            if folder.is_dir() and kanjivg.is_folder_of_characters(folder):
                return kanjivg.source(folder)
    if kind == "kanjivg":
        return kanjivg.source(path)
    try:
        return svg.source(path)
    except DataError as error:
        raise DataError(f"{error}{_ndjson_advice(path)}") from None


def _ndjson_advice(folder: Path) -> str:
    """Return what to do about a folder of ndjson files; empty for another folder."""
    endings = [end for end in quickdraw.SUFFIXES if next(folder.glob(f"*{end}"), None)]
    if not endings:
        return ""
    names = " ".join(f"{folder}/*{end}" for end in endings)
    return f"; it holds {' and '.join(endings)} files: name these, {names}"


def _expected(kind: str) -> str:
    return {
        "auto": "an .ndjson or .ndjson.gz file, a folder of SVG files, or kanjivg",
        "quickdraw": "an ndjson file",
        "svg": "a folder of SVG files",
        "kanjivg": "a folder of KanjiVG's files, or kanjivg for the installed package",
    }[kind]
