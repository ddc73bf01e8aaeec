"""The folders of checkpoints: step-N, or step-N.1 when step N was saved anew."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil

_NAME = re.compile(r"step-(\d+)(?:\.(\d+))?", re.ASCII)


@dataclasses.dataclass(frozen=True, order=True)
class Place:
    """A checkpoint's place: step-N, or step-N.2 when N was saved anew. Ordered from old to new."""

    step: int
    number: int = 0

    @property
    def name(self) -> str:
        return f"step-{self.step}" + (f".{self.number}" if self.number else "")


def places(folder: pathlib.Path) -> list[Place]:
    """Return the checkpoints in ``folder``, from old to new."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob("step-*"))
    found = {Place(int(match[1]), int(match[2] or 0)) for match in matches if match}
    return sorted(place for place in found if (folder / place.name).is_dir())


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Return the steps of the checkpoints in ``folder``, ascending."""
    return sorted({place.step for place in places(folder)})


def remove(place: pathlib.Path, folder: pathlib.Path) -> None:
    """Remove a checkpoint; out of sight first, so that it is never seen half removed."""
    hidden = folder / f".{place.name}.old"
    shutil.rmtree(hidden, ignore_errors=True)
    os.rename(place, hidden)
    shutil.rmtree(hidden)


def remove_hidden(folder: pathlib.Path) -> None:
    """Remove what a stopped program has left half written or half removed."""
    for hidden in folder.glob(".step-*"):
        shutil.rmtree(hidden, ignore_errors=True)


def fsync(path: pathlib.Path) -> None:
    """Have what was written to a file or folder reach the disk."""
    if os.name == "nt" and path.is_dir():  # cannot be opened there, and needs no fsync
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
