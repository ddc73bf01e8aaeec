"""The cache of flat files, in which large data sets are unpacked once and then opened.

It is the folder `unpacked` of the user's cache folder (or $MAGENTA_SKETCH_CACHE):

    KEY.1.sketches      the sketches of one .npz file (`flat_file`, version 1)
    seen/PATH.json      the key of the file at a path, with its size and times
    joined/FILES.json   what is known of several files together

A key is the SHA-256 of a file's content. It is computed again only if the file's size, times or
number on the disk have changed. Everything is written atomically. All of it may be deleted at any
time, even in use; it is then made again when it is next needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magenta_sketch.data import flat_file
from magenta_sketch.data.conventions import recognise
from magenta_sketch.data.data_dir import FoundFile, Report, bytes_of, notes, reading
from magenta_sketch.data.download import CACHE_VARIABLE, cache_dir
from magenta_sketch.data.flat_file import FlatFile
from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz import Cut, read_npz_counting
from magenta_sketch.data.progress import progress_bar
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing, write_bytes

ADVICE = f"make room or set {CACHE_VARIABLE} to another folder"

# A file that changed so recently may change again without other times: some disks count seconds.
_UNSETTLED = 2.0  # seconds

# Open files that a process is allowed: enough for several large data sets at once.
_MANY_FILES, _MOST_FILES = 1 << 12, 1 << 16

_UNPACKING = "unpacking"  # begins the line that says how much is written


def report_unpacking(line: str) -> None:
    """Report, on standard error, only that files are unpacked: for data that are read in passing.

    >>> report_unpacking("loaded 2/1/1 train/valid/test sketches from lines.npz")
    """
    if line.startswith(_UNPACKING):
        print(line, file=sys.stderr, flush=True)


def folder() -> Path:
    """Return the folder of the cache."""
    return cache_dir() / "unpacked"


def open_files(files: Sequence[FoundFile], report: Report) -> tuple[list[FlatFile], list[str]]:
    """Open data set files; unpack those that are not in the cache, one after another.

    Args:
      files: the `.npz` files.
      report: called with lines on what is unpacked, and on what is odd in a file.

    Returns:
      The opened files and their keys.

    Raises:
      DataError: a file cannot be read (`read_npz`) or is changed meanwhile; the disk has too little
        room, or the cache cannot be written; or too many files are open.
    """
    _allow_open_files(len(files))
    seen = [_key(file) for file in files]
    keys = [key for key, _ in seen]
    opened = {key: flat_file.open_flat(_place(key)) for key in keys}
    missing = {
        key: (file, state)
        for file, (key, state) in zip(files, seen, strict=True)
        if opened[key] is None
    }
    if missing:
        _require_room([file for file, _ in missing.values()], len(files), report)
        with progress_bar("unpacking", len(missing), unit="file") as bar:
            for key, (file, state) in missing.items():
                _unpack(file, key, state)
                opened[key] = flat_file.open_flat(_place(key))
                bar.update()
    result = []
    for key, file in zip(keys, files, strict=True):
        flat = opened[key]
        if flat is None:
            raise DataError(
                f"{_place(key)}: vanished or damaged just after it was written; {ADVICE}"
            )
        for line in notes(file, Cut(*flat.facts["cut"]), flat.facts["conventions"]):
            report(line)
        result.append(flat)
    return result, keys


def _allow_open_files(count: int) -> None:
    """Let this process open ``count`` more files, as far as the system allows."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(max(_MANY_FILES, 2 * count), _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit that it hides
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _place(key: str) -> Path:
    return folder() / f"{key}.{flat_file.VERSION}.sketches"


def _require_room(missing: Sequence[FoundFile], count: int, report: Report) -> None:
    """Say how much is unpacked, and where. Raise DataError if the disk has less room."""
    place = folder()
    with writing(place, ADVICE):
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free
    size = bytes_of(missing)
    what = f"{len(missing)} of {count} files" if len(missing) < count else _files(count)
    if size > free:
        raise DataError(
            f"{place}: unpacking {what} takes about {_gigabytes(size)}, and {_gigabytes(free)} are "
            f"free; {ADVICE}"
        )
    report(
        f"{_UNPACKING} {what} once, about {_gigabytes(size)}, into {place} "
        f"({_gigabytes(free)} free); deleting this folder frees them"
    )


def _files(count: int) -> str:
    return f"{count} files" if count > 1 else "1 file"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _unpack(file: FoundFile, key: str, state: list[int]) -> None:
    """Unpack a file, which had this ``key`` when it was in this ``state``."""
    with reading(file):
        splits, cut = read_npz_counting(file.path, str(file.path))
    if _state(file.path) != state:
        raise DataError(f"{file.path}: was changed while it was read; run the command again")
    facts = {"cut": list(cut), "conventions": recognise(splits["train"])}
    place = _place(key)
    with writing(place, ADVICE):
        place.parent.mkdir(parents=True, exist_ok=True)  # it may have been deleted meanwhile
        with replacing(place) as new:
            flat_file.write(new, splits, facts)


# ------------------------------------------------------------------------------------- contents


def _state(path: Path) -> list[int]:
    """Return what changes when a file's content does."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _key(file: FoundFile) -> tuple[str, list[int]]:
    """Return the SHA-256 of a file's content, in hex, and the state in which it had this."""
    path = file.path.resolve()
    name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:40]
    seen = folder() / "seen" / f"{name}.json"
    began = time.time()
    state = _state(path)
    known = _json(seen)
    if known.get("path") == str(path) and known.get("state") == state and "key" in known:
        return str(known["key"]), state
    key = _sha256(path)
    if max(state[1], state[2]) / 1e9 < began - _UNSETTLED and _state(path) == state:
        _write_json(seen, {"path": str(path), "state": state, "key": key})
    return key, state


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as content:
            while piece := content.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


# --------------------------------------------------------------------- several files together


def joined_facts(keys: Sequence[str], max_seq_len: int | None) -> dict[str, Any]:
    """Return what `keep_joined_facts` has kept; empty if nothing.

    Args:
      keys: of the files, in order.
      max_seq_len: longer sketches are dropped; None: nothing is dropped.
    """
    return _json(_joined_place(keys, max_seq_len))


def keep_joined_facts(keys: Sequence[str], max_seq_len: int | None, facts: dict[str, Any]) -> None:
    """Keep facts, in JSON types, on the sketches of some files."""
    _write_json(_joined_place(keys, max_seq_len), facts)


def _joined_place(keys: Sequence[str], max_seq_len: int | None) -> Path:
    what = json.dumps([flat_file.VERSION, max_seq_len, *keys])
    return folder() / "joined" / f"{hashlib.sha256(what.encode()).hexdigest()[:40]}.json"


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one if the file is missing or damaged."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a note, if that is possible: it only saves time."""
    with contextlib.suppress(OSError):
        write_bytes(path, json.dumps(value).encode())
