"""Messages about files: one printable line that names the file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from magenta_sketch.errors import DataError


def printable(text: Any) -> str:
    """Return text from a file as one line of at most 120 printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= 120 else line[:117] + "..."


@contextlib.contextmanager
def writing(path: str | os.PathLike[str], advice: str = "") -> Iterator[None]:
    """Turn an OSError of the block into a DataError: `path` cannot be written.

    Args:
      path: the file or folder that the block writes.
      advice: what to do, the end of the message.

    Raises:
      DataError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = f"{path}: cannot be written: {error.strerror or error}"
        raise DataError(f"{reason}; {advice}" if advice else reason) from error
