"""Write the page: a folder for a web server, or one file that opens by itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magenta_sketch.errors import PageError
from magenta_sketch.files import replacing_folder, write_bytes
from magenta_sketch.web.bundle import STATIC, Bundle
from magenta_sketch.web.models import PageModel
from magenta_sketch.web.template import embedded_file, folder_page, one_file_page

_MADE_BY = "magenta_sketch"
_SETTINGS = "settings.json"
_LICENCES = ("licences/LICENSE", "licences/NOTICE")
_OWN = {"index.html", "style.css", "icon.svg", "app.js", "worker.js", "network.wasm", _SETTINGS}
_OWN |= set(_LICENCES)
# Files of a page by version 0.6 and earlier.
_OWN |= {"drawing.js", "panels.js", "surface.js", "model.json"}
_OWN |= {f"vendor/{name}" for name in ("LICENSE", "NOTICE", "magentasketch.js")}
_LONGEST_NAME = 60  # characters of a model's file name


def is_one_file(out: str | os.PathLike[str]) -> bool:
    """Return whether a page at ``out`` is one file; otherwise it is a folder.

    >>> is_one_file("bird.html"), is_one_file("site")
    (True, False)
    """
    return Path(out).suffix.lower() == ".html"


def check_place(out: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise PageError if no page may be written to ``out``.

    It may be a new or empty folder, a new file, or an earlier page. With ``overwrite``, it may be
    any file that ends in .html, and any folder except the current one.
    """
    out = Path(out)
    if is_one_file(out):
        _check_file(out, overwrite)
    elif out.exists():
        _check_folder(out, overwrite)


def _check_file(out: Path, overwrite: bool) -> None:
    if out.is_dir():
        raise PageError(f"--out={out} is a folder; name a file in it, or another folder")
    if out.exists() and not overwrite and not _is_settings(_embedded_settings(out)):
        raise PageError(
            f"--out={out} is not a page by this command: name another file, or give --overwrite "
            "to replace it"
        )


def _check_folder(out: Path, overwrite: bool) -> None:
    if not out.is_dir():
        raise PageError(f"--out={out} is a file; name a folder, or a file that ends in .html")
    if Path.cwd().is_relative_to(out.resolve()):
        raise PageError(f"--out={out} is the folder you are in, or holds it: name another one")
    if overwrite:
        return
    files = {file.relative_to(out).as_posix() for file in out.rglob("*") if not file.is_dir()}
    settings = _read_settings(out)
    others = sorted(files - _OWN - _model_files(settings))
    if files and (others or not _is_settings(settings)):
        raise PageError(
            f"--out={out} holds other files, such as {(others or sorted(files))[0]}: name another "
            "folder, or give --overwrite to replace it and all in it"
        )


def _read_settings(folder: Path) -> Any:
    try:
        return json.loads((folder / _SETTINGS).read_bytes())
    except (OSError, ValueError):
        return None


def _embedded_settings(page: Path) -> Any:
    try:
        return json.loads(embedded_file(page.read_bytes(), _SETTINGS) or b"null")
    except (OSError, ValueError):
        return None


def _is_settings(settings: Any) -> bool:
    return isinstance(settings, dict) and settings.get("made_by") == _MADE_BY


def _model_files(settings: Any) -> set[str]:
    """Return the names of the models' files that a page's settings name."""
    models = settings.get("models") if _is_settings(settings) else None
    found = (one.get("file") for one in models or () if isinstance(one, dict))
    return {name for name in found if isinstance(name, str)}


def write_page(
    out: str | os.PathLike[str],
    models: Sequence[PageModel],
    bundle: Bundle,
    *,
    overwrite: bool = False,
) -> int:
    """Write a page of one or more models, and return its size in bytes.

    If writing fails, what was there stays as it was.

    Args:
      out: a name that ends in .html, for one file, or a folder.
      models: in the order in which the page offers them.
      bundle: the scripts.
      overwrite: see `check_place`.

    Raises:
      PageError: as for `check_place`.
      OSError: the page cannot be written.
    """
    check_place(out, overwrite=overwrite)
    place, template = Path(out).resolve(), _text("index.html")
    files = _files(models, bundle)
    if is_one_file(out):
        page = one_file_page(
            template,
            style=_text("style.css"),
            script=bundle.app.decode(),
            icon=(STATIC / "icon.svg").read_bytes(),
            files=files,
        ).encode()
        write_bytes(place, page)
        return len(page)
    files |= {
        "index.html": folder_page(template).encode(),
        "style.css": (STATIC / "style.css").read_bytes(),
        "icon.svg": (STATIC / "icon.svg").read_bytes(),
        "app.js": bundle.app,
    }
    with replacing_folder(place) as new:
        for name, content in files.items():
            write_bytes(new / name, content)
    return sum(map(len, files.values()))


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _files(models: Sequence[PageModel], bundle: Bundle) -> dict[str, bytes]:
    """Return name -> content of the files that both forms of the page have."""
    names = _file_names([model.name for model in models])
    about = [{"name": model.name, "file": name} for model, name in zip(models, names, strict=True)]
    settings = json.dumps({"made_by": _MADE_BY, "models": about})
    licences = {name: (STATIC / name).read_text(encoding="utf-8") for name in _LICENCES}
    for package, version in bundle.versions.items():
        licences = {
            name: text.replace(f"{{{package}}}", version) for name, text in licences.items()
        }
    return {
        _SETTINGS: settings.encode(),
        "worker.js": bundle.worker,
        "network.wasm": bundle.wasm,
        **{name: model.content for model, name in zip(models, names, strict=True)},
        **{name: text.encode() for name, text in licences.items()},
    }


def _file_names(names: Sequence[str]) -> list[str]:
    """Return a file for each model: with ASCII letters and digits only, all different."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:_LONGEST_NAME] or "model"
        candidate, number = plain, 1
        while candidate.lower() in (other.lower() for other in found):
            number += 1
            candidate = f"{plain}_{number}"
        found.append(candidate)
    return [f"models/{name}.sketchrnn" for name in found]
