"""Open a data set that is larger than memory: unpack its files once, and read from the disk."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.joined import Facts, Joined, facts_of, too_long
from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.opened_set import OpenedSet, Piece
from magenta_sketch.data.progress import progress_bar
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.unpacking import (
    ADVICE,
    Archive,
    Unpacked,
    folder_of,
    open_unpacked,
    require_room,
    unpack,
)
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing

LIMIT_VARIABLE = "MAGENTA_SKETCH_DATA_IN_MEMORY"
_LIMIT = 1024  # MiB

Report = Callable[[str], None]


def fits_in_memory(archives: Sequence[Archive]) -> bool:
    """Return whether the unpacked arrays are small enough to be loaded.

    The limit is 1 GiB, or what the variable MAGENTA_SKETCH_DATA_IN_MEMORY says, in MiB.

    Raises:
      DataError: the variable is no number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip() or str(_LIMIT)
    if not text.isdecimal():
        raise DataError(f"the variable {LIMIT_VARIABLE} is {text!r}: give a whole number of MiB")
    return sum(archive.size for archive in archives) <= int(text) << 20


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of a data set.

    Attributes:
      names: as in messages.
      archives: from `unpacking.look_at`.
      read: function of a file's number and a report that reads its sketches, checked.
    """

    names: Sequence[str]
    archives: Sequence[Archive]
    read: Callable[[int, Report], dict[str, SketchSet]]


def join_on_disk(files: Files, max_seq_len: int | None, report: Report) -> Joined:
    """Return the sketches of files as `OpenedSet`s, without those that are too long.

    Files are unpacked into the user's cache folder, once. What must be computed from all sketches
    is kept there, too.

    Args:
      files: the files.
      max_seq_len: see `load_data_set`.
      report: called with each line on progress.

    Raises:
      DataError: a file cannot be read, the disk is full, or a split has no sketch that is short
        enough.
    """
    opened = _all_unpacked(files, report)
    for one in opened:
        for note in one.notes:
            report(note)
    pieces = {split: [one.pieces[split] for one in opened] for split in SPLITS}
    keys = [archive.key for archive in files.archives]
    name = hashlib.sha256(json.dumps([keys, max_seq_len]).encode()).hexdigest()[:32]
    path = folder_of("joined") / f"{name}.npz"
    known = _read_known(path)
    if known is None:
        report("reading all sketches once, for the normalizing factor and the fingerprint ...")
        known = _compute(pieces, max_seq_len, files.names)
        _keep(path, *known)
    facts, dropped = known
    sets = {split: OpenedSet(pieces[split], dropped.get(split, ())) for split in SPLITS}
    return Joined(sets, dropped, sets["train"].counts, facts)


def _all_unpacked(files: Files, report: Report) -> list[Unpacked]:
    found = [open_unpacked(archive.key) for archive in files.archives]
    missing = [number for number, one in enumerate(found) if one is None]
    if missing:
        size = sum(files.archives[number].size for number in missing)
        report(
            f"unpacking {len(missing)} files into {folder_of('')}, about {size / 1e9:.1f} GB; that "
            "folder can be deleted at any time"
        )
        require_room(size)
    with progress_bar("unpacking", len(missing), unit="file") as bar:
        for number in missing:
            key, notes = files.archives[number].key, []  # type: tuple[str, list[str]]
            if open_unpacked(key) is None:  # else another file has the same arrays
                unpack(files.read(number, notes.append), notes, key)
            found[number] = open_unpacked(key)
            bar.update()
    whole = [one for one in found if one is not None]
    if len(whole) < len(found):
        raise DataError(f"{folder_of('')}: an unpacked file cannot be read again; {ADVICE}")
    return whole


Dropped = dict[str, NDArray[np.int64]]


def _compute(
    pieces: Mapping[str, Sequence[Piece]], max_seq_len: int | None, names: Sequence[str]
) -> tuple[Facts, Dropped]:
    dropped = {}
    for split in SPLITS:
        found = too_long(OpenedSet(pieces[split]).lengths, max_seq_len, names, split)
        if len(found):
            dropped[split] = found
    sets = {split: OpenedSet(pieces[split], dropped.get(split, ())) for split in SPLITS}
    return facts_of(sets), dropped


def _keep(path: Path, facts: Facts, dropped: Dropped) -> None:
    with writing(path, ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            arrays: dict[str, Any] = {"facts": json.dumps(facts._asdict()), **dropped}
            np.savez(file, **arrays)


def _read_known(path: Path) -> tuple[Facts, Dropped] | None:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            dropped = {split: kept[split] for split in SPLITS if split in kept}
            return Facts(**json.loads(str(kept["facts"]))), dropped
    except FileNotFoundError:
        return None
    except Exception:  # damaged: it is made anew
        return None
