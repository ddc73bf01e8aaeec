"""Files of installed packages that data sets are made from."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from magenta_sketch.errors import DataError


def package(name: str, source: str) -> importlib.metadata.Distribution:
    """Return an installed package of PyPI.

    Args:
      name: the package.
      source: the data set made from it, for the message.

    Raises:
      DataError: it is not installed.
    """
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            f"{source}: the package with the drawings is not installed; run: pip install {name}"
        ) from None


def files(distribution: importlib.metadata.Distribution, suffix: str) -> list[Path]:
    """Return the package's files with this suffix, sorted by name."""
    # From the package's list of files, because its folders may have no code to import.
    found = [Path(str(file.locate())) for file in distribution.files or () if file.suffix == suffix]
    return sorted(found, key=lambda file: file.name)
