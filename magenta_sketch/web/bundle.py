"""The script @magenta/sketch, which runs the network in the browser, from npm or from a path.

The script is used as its authors published it. npm runs once; the script is then in the cache.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from magenta_sketch.data.download import cache_dir
from magenta_sketch.errors import PageError
from magenta_sketch.files import write_bytes

PACKAGE = "@magenta/sketch"
VERSION = "0.2.0"
FILE = "magentasketch.js"
_SECONDS = 300  # for npm to download some megabytes
_OTHERWISE = f"or give --sketch_js=PATH, an installed {PACKAGE} or its dist/{FILE}"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """The script for the page. version: that of the package, None if unknown."""

    script: bytes
    version: str | None


def from_path(path: str | os.PathLike[str]) -> Bundle:
    """Read the script from an installed package's folder, or from the file itself.

    Raises:
      PageError: the file is missing, or is another one.
    """
    path = Path(path)
    file = path / "dist" / FILE if path.is_dir() else path
    try:
        script = file.read_bytes()
    except OSError as error:
        raise PageError(
            f"{file} cannot be read: {error.strerror}; give the folder of an installed {PACKAGE}, "
            f"or its dist/{FILE}"
        ) from error
    # The bundled script contains this name, which the page uses.
    if b"SketchRNN" not in script:
        raise PageError(f"{file} is not {PACKAGE}: there is no SketchRNN in it")
    return Bundle(script, _version(file.parent.parent / "package.json"))


def _version(path: Path) -> str | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    mine = isinstance(content, dict) and content.get("name") == PACKAGE
    return str(content.get("version")) if mine else None


def from_npm(*, report: Callable[[str], None]) -> Bundle:
    """Return the script of `VERSION` from the cache; the first time, install it with npm.

    npm does not run the packages' install scripts.

    Args:
      report: called with a line before npm runs.

    Raises:
      PageError: npm is missing or fails, or the cache cannot be written.
    """
    kept = cache_dir() / "npm" / f"magenta-sketch-{VERSION}" / FILE
    if kept.is_file():
        return dataclasses.replace(from_path(kept), version=VERSION)
    npm = shutil.which("npm")
    if npm is None:
        raise PageError(
            f"npm, which brings {PACKAGE}, is not installed: install Node.js, {_OTHERWISE}"
        )
    report(f"npm install {PACKAGE}@{VERSION}")
    with tempfile.TemporaryDirectory(prefix="magenta_sketch-npm-") as folder:
        _install(npm, folder)
        bundle = from_path(Path(folder, "node_modules", *PACKAGE.split("/"), "dist", FILE))
    try:
        write_bytes(kept, bundle.script)
    except OSError as error:
        raise PageError(
            f"{kept} cannot be written: {error.strerror}; make room or set MAGENTA_SKETCH_CACHE to "
            "another folder"
        ) from error
    return dataclasses.replace(bundle, version=VERSION)


def _install(npm: str, folder: str) -> None:
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    command = [npm, "install", *quiet, f"--prefix={folder}", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise PageError(
            f"npm has not brought {PACKAGE} in {_SECONDS} seconds: try again, {_OTHERWISE}"
        ) from error
    if done.returncode:
        raise PageError(
            f"npm cannot install {PACKAGE}@{VERSION}: {_reason(done.stderr)}; check the network, "
            f"{_OTHERWISE}"
        )


def _reason(text: str) -> str:
    """Return the first two lines of npm's error text, without npm's prefixes."""
    lines = [line.removeprefix("npm").strip() for line in text.splitlines()]
    lines = [line.removeprefix("error").removeprefix("ERR!").strip() for line in lines]
    return "; ".join([line for line in lines if line][:2])[:200] or "it does not say why"
