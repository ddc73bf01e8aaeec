"""The names of a data set's files: patterns such as `quickdraw/*.npz`, and lists in text files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from magenta_sketch.data.factors import SUFFIX
from magenta_sketch.data.urls import is_url, shown_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import did_you_mean, read_text

LIST = "@"  # begins the name of a text file that lists names


def file_names(
    names: Iterable[str | os.PathLike[str]], data_dir: str | os.PathLike[str]
) -> list[str]:
    """Return the names of files in data_dir that some names stand for, in order.

    A name with `*` (any characters but `/`) or `?` (one of them) is a pattern, unless a file has
    just this name. It stands for all files that match, sorted by the numbers of their characters,
    but for hidden files and files of factors. `@NAME` stands for the names and patterns in the text
    file NAME, one on each line; `#` begins a comment, and `.npz` may be left out. With patterns or
    lists, each file is taken once, at its first place.

    Args:
      names: file names, patterns and lists.
      data_dir: the folder or http(s) URL. At a URL, there are neither patterns nor lists.

    Raises:
      DataError: no file matches a pattern; a list cannot be read, names no file, or names a list;
        or there is a pattern or list and data_dir is a URL.

    Example:
      >>> file_names(["li*.npz"], ".")
      ['lines.npz']
    """
    plain = [os.fspath(name) for name in names]
    found: list[str] = []
    several = False
    for name in plain:
        new = _stands_for(name, data_dir)
        several |= new != [name]
        found += new
    if not several:
        return found
    first: dict[str, str] = {}  # of each file, however it is written
    for name in found:
        first.setdefault(os.path.normpath(os.path.join(os.path.expanduser(data_dir), name)), name)
    return list(first.values())


def stands_for_several(name: str) -> bool:
    """Return whether a name is a pattern or a list.

    >>> [stands_for_several(name) for name in ("lines.npz", "li*.npz", "@lines.txt")]
    [False, True, True]
    """
    return name.startswith(LIST) or _is_pattern(name)


def _stands_for(name: str, data_dir: str | os.PathLike[str]) -> list[str]:
    is_list, is_pattern = name.startswith(LIST), _is_pattern(name)
    if not (is_list or is_pattern):
        return [name]
    if is_url(data_dir):
        what = "a list of names" if is_list else "a pattern"
        raise DataError(
            f"{name} is {what}, which needs a folder, and data_dir is the URL "
            f"{shown_url(str(data_dir))}; name the files, or give their folder as data_dir"
        )
    folder = Path(os.path.expanduser(data_dir))
    if os.path.isfile(folder / name):
        return [name]
    return _listed(folder, name.removeprefix(LIST)) if is_list else _matching(folder, name)


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _matching(folder: Path, pattern: str) -> list[str]:
    literal = pattern.replace("[", "[[]")  # only * and ? are special
    found = [
        name
        for name in sorted(glob.glob(literal, root_dir=folder))
        if not os.path.isdir(folder / name) and not name.endswith(SUFFIX)
    ]
    place = (folder / pattern).parent
    if not found and os.path.isdir(place) and not os.access(place, os.R_OK | os.X_OK):
        raise DataError(f"{pattern}: the folder {place} may not be read")
    if not found:
        raise DataError(
            f"{pattern}: no file in {folder} matches this pattern; check the pattern and data_dir"
        )
    return found


def _listed(folder: Path, name: str) -> list[str]:
    path = folder / name
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        advice = did_you_mean(path, (".txt",)) or "; check the name and data_dir"
        raise DataError(f"{path}: no such list of names{advice}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise DataError(
            f"{path}: not a text in UTF-8; a list has one file name on each line"
        ) from None
    found: list[str] = []
    for line in lines:
        entry = line.partition("#")[0].strip()
        if entry.startswith(LIST):
            raise DataError(f"{path}: {entry} is a list in a list; write its names here")
        if not entry.isprintable():
            raise DataError(f"{path}: {entry!r} is no name; write one file name on each line")
        if _is_pattern(entry) and not os.path.isfile(folder / entry):
            found += _matching(folder, entry)
        elif entry:
            found.append(entry if entry.endswith(".npz") else f"{entry}.npz")
    if not found:
        raise DataError(f"{path}: names no file; write one file name on each line")
    return found
