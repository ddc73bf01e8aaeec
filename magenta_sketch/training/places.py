"""The folders of checkpoints: step-N, or step-N.1 if step N was saved again."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil

_NAME = re.compile(r"step-(\d+)(?:\.(\d+))?", re.ASCII)


@dataclasses.dataclass(frozen=True, order=True)
class Place:
    """The place of a checkpoint: step-N, or step-N.2 if it was saved again. Sorted old to new."""

    step: int
    number: int = 0

    @property
    def name(self) -> str:
        return f"step-{self.step}" + (f".{self.number}" if self.number else "")


def places(folder: pathlib.Path) -> list[Place]:
    """Return the checkpoints in ``folder``, oldest first."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob("step-*"))
    found = {Place(int(match[1]), int(match[2] or 0)) for match in matches if match}
    return sorted(place for place in found if (folder / place.name).is_dir())


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Return the steps of the checkpoints in ``folder``, ascending."""
    return sorted({place.step for place in places(folder)})


def remove(place: pathlib.Path, folder: pathlib.Path) -> None:
    """Remove a checkpoint. It is hidden first, so that it is never visible in part."""
    hidden = folder / f".{place.name}.old"
    shutil.rmtree(hidden, ignore_errors=True)
    os.rename(place, hidden)
    shutil.rmtree(hidden)


def remove_hidden(folder: pathlib.Path) -> None:
    """Remove checkpoints that a stopped program wrote or removed only in part."""
    for hidden in folder.glob(".step-*"):
        shutil.rmtree(hidden, ignore_errors=True)


def fsync(path: pathlib.Path) -> None:
    """Flush a file or folder to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
