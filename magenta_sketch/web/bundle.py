"""@magenta/sketch, the network in the browser: its file for pages, from npm or from a path.

The file is taken as its authors published it. npm runs once: what it brought is kept in the cache.
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
_SECONDS = 300  # for npm to bring some megabytes
_OTHERWISE = f"or give --sketch_js=PATH, an installed {PACKAGE} or its dist/{FILE}"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """The file for pages. version: of the package, None where nothing says it."""

    script: bytes
    version: str | None


def from_path(path: str | os.PathLike[str]) -> Bundle:
    """The bundle in an installed package's folder, or the file itself.

    Raises:
      PageError: it is not there, or is another file.
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
    # The name under which a page finds it survives the bundling.
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
    """The bundle of `VERSION`: from the cache, or by npm the first time.

    Scripts of the packages are not run. ``report`` is called with a line when npm is.

    Raises:
      PageError: there is no npm, it fails, or the cache cannot be written.
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
    """The first lines of npm's that say something, without its prefix."""
    lines = [line.removeprefix("npm").strip() for line in text.splitlines()]
    lines = [line.removeprefix("error").removeprefix("ERR!").strip() for line in lines]
    return "; ".join([line for line in lines if line][:2])[:200] or "it does not say why"
