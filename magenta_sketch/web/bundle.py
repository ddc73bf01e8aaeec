"""The page's scripts: our sources and the npm packages they import, made into two files by esbuild.

The packages are used as their authors published them. npm and esbuild run once for each state of
our sources; the result is then in the cache.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from magenta_sketch.data.download import cache_dir
from magenta_sketch.errors import PageError
from magenta_sketch.files import replacing_folder, write_bytes

STATIC = Path(__file__).parent / "static"
PACKAGES = {
    "@tensorflow/tfjs-core": "4.22.0",
    "@tensorflow/tfjs-backend-cpu": "4.22.0",
    "@tensorflow/tfjs-backend-wasm": "4.22.0",
    "gifenc": "1.0.3",
    "esbuild": "0.28.2",
}
_ENTRIES = ("app.js", "worker.js")
_KEPT = (*_ENTRIES, "network.wasm")  # in the cache
_WASM = "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
_ESBUILD = ".bin/esbuild"
_OPTIONS = "--bundle --format=iife --minify --target=es2020 --legal-comments=none --color=false"
_NPM_SECONDS = 300  # to download some megabytes
_ESBUILD_SECONDS = 120  # it needs about one
_OTHERWISE = "or give --node_modules=FOLDER, where these packages are installed"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What runs in the browser.

    Attributes:
      app: the page's script.
      worker: the script of the thread that computes the network.
      wasm: the WebAssembly module that this thread loads.
      versions: package name -> version of the npm packages in these.
    """

    app: bytes
    worker: bytes
    wasm: bytes
    versions: Mapping[str, str]


def from_npm(*, report: Callable[[str], None]) -> Bundle:
    """Return the bundle of `PACKAGES` from the cache; the first time, make it with npm.

    npm does not run the packages' install scripts.

    Args:
      report: called with a line before npm runs.

    Raises:
      PageError: npm or esbuild is missing or fails, or the cache cannot be written.
    """
    kept = cache_dir() / "npm" / f"page-{_key()}"
    bundle = _read(kept)
    if bundle is not None:
        return bundle
    npm = shutil.which("npm")
    if npm is None:
        raise PageError(
            f"npm, which brings TensorFlow.js, is not installed: install Node.js, {_OTHERWISE}"
        )
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    report(f"npm install {' '.join(wanted)}")
    with tempfile.TemporaryDirectory(prefix="magenta_sketch-npm-") as folder:
        _install(npm, folder, wanted)
        bundle = from_folder(Path(folder, "node_modules"))
    try:
        with replacing_folder(kept) as new:
            contents = (bundle.app, bundle.worker, bundle.wasm)
            for name, content in zip(_KEPT, contents, strict=True):
                write_bytes(new / name, content)
    except OSError as error:
        raise PageError(
            f"{kept} cannot be written: {error.strerror}; make room or set MAGENTA_SKETCH_CACHE to "
            "another folder"
        ) from error
    return bundle


def from_folder(node_modules: str | os.PathLike[str]) -> Bundle:
    """Return the bundle of packages that are installed: those of `PACKAGES`, in any version.

    Args:
      node_modules: the folder node_modules that npm made, or the one that holds it.

    Raises:
      PageError: a package is missing, or esbuild fails.
    """
    folder = Path(node_modules)
    if not (folder / "gifenc").exists() and (folder / "node_modules").is_dir():
        folder /= "node_modules"
    versions = {name: _version(folder, name) for name in PACKAGES}
    with tempfile.TemporaryDirectory(prefix="magenta_sketch-page-") as place:
        # Imports of packages are looked up in the node_modules beside the importing file.
        for name, source in _sources().items():
            Path(place, name).write_bytes(source)
        Path(place, "node_modules").symlink_to(folder.absolute())
        command = [
            str(folder.absolute() / _ESBUILD),
            *_ENTRIES,
            *_OPTIONS.split(),
            "--outdir=bundled",
        ]
        done = _run(command, place, "esbuild", _ESBUILD_SECONDS)
        if done.returncode:
            raise PageError(f"esbuild cannot bundle the page's scripts: {_first_error(done)}")
        try:
            app, worker = (Path(place, "bundled", name).read_bytes() for name in _ENTRIES)
            wasm = (folder / _WASM).read_bytes()
        except OSError as error:
            raise PageError(f"{error.filename} cannot be read: {error.strerror}") from error
    return Bundle(app, worker, wasm, versions)


def _sources() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(STATIC.glob("*.js"))}


def _key() -> str:
    """Return a name for what the bundle is made of."""
    digest = hashlib.sha256(json.dumps([PACKAGES, _OPTIONS]).encode())
    for name, source in _sources().items():
        digest.update(f"{name} {len(source)} ".encode() + source)
    return digest.hexdigest()[:20]


def _read(folder: Path) -> Bundle | None:
    """Return the bundle in a folder of the cache, or None."""
    try:
        app, worker, wasm = ((folder / name).read_bytes() for name in _KEPT)
    except OSError:
        return None
    return Bundle(app, worker, wasm, PACKAGES)


def _version(folder: Path, name: str) -> str:
    file = folder / name / "package.json"
    try:
        return str(json.loads(file.read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        packages = " ".join(f"{name}@{version}" for name, version in PACKAGES.items())
        raise PageError(
            f"the npm package {name} is not in {folder}: give the folder node_modules after `npm "
            f"install {packages}`"
        ) from error


def _install(npm: str, folder: str, wanted: list[str]) -> None:
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    command = [npm, "install", *quiet, f"--prefix={folder}", *wanted]
    done = _run(command, folder, "npm", _NPM_SECONDS)
    if done.returncode:
        raise PageError(
            f"npm cannot install {', '.join(wanted)}: {_reason(done.stderr)}; check the network, "
            f"{_OTHERWISE}"
        )


def _run(
    command: Sequence[str], folder: str, name: str, seconds: float
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        advice = f"try again, {_OTHERWISE}" if name == "npm" else "try again"
        raise PageError(f"{name} has not ended in {seconds} seconds: {advice}") from error
    except OSError as error:
        raise PageError(f"{name} cannot be run: {command[0]}: {error.strerror}") from error


def _reason(text: str) -> str:
    """Return the first two lines of npm's error text, without npm's prefixes."""
    lines = [line.removeprefix("npm").strip() for line in text.splitlines()]
    lines = [line.removeprefix("error").removeprefix("ERR!").strip() for line in lines]
    return "; ".join([line for line in lines if line][:2])[:200] or "it does not say why"


def _first_error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first error in the output of esbuild, which marks it with [ERROR]."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    marked = [line.partition("[ERROR]")[2].strip() for line in lines if "[ERROR]" in line]
    return ([*marked, *lines] or ["it does not say why"])[0][:200]
