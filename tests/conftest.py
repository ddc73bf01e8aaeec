"""Fixtures shared by all tests."""

import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of real inputs and reference numbers beside the checkout; skips when absent."""
    default = pathlib.Path(__file__).resolve().parents[2] / "shared"
    folder = pathlib.Path(os.environ.get("MAGENTA_SKETCH_SHARED", default))
    if not (folder / "REFERENCE.md").exists():
        pytest.skip(f"needs the reference files, which are not in {folder}")
    return folder
