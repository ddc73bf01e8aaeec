"""The page's folder: the static files, the model, its settings, and @magenta/sketch."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from magenta_sketch.data.strokes import bounds
from magenta_sketch.errors import PageError
from magenta_sketch.files import replacing_folder, write_bytes
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.interop.folding import FoldedDecoder, fold
from magenta_sketch.web.bundle import FILE, PACKAGE, Bundle

STATIC = Path(__file__).parent / "static"
_MADE_BY = "magenta_sketch"
_MODEL, _SETTINGS, _VENDOR = "model.json", "settings.json", f"vendor/{FILE}"
_PAGE_SIZE = 255  # size of a typical drawing in units of the page; see static/drawing.js
_DRAWN_TO_MEASURE = 24
_BIAS = 4  # index of the cell's bias in a file's blobs


@dataclasses.dataclass(frozen=True)
class Page:
    """A model in the form that the page needs.

    Attributes:
      decoders: for each z, a decoder with that z folded in. They differ only in bias, h and c. An
        unconditional model has one.
      conditional: whether the model is conditional.
      size: larger side of a typical drawing by the model, in data units.
      name, max_seq_len, normalizing_factor: as for `sketch_rnn_js.write`.
    """

    decoders: list[FoldedDecoder]
    conditional: bool
    size: float
    name: str
    max_seq_len: int
    normalizing_factor: float


def make_page(trained: TrainedModel, *, name: str, latents: int = 1, seed: int = 0) -> Page:
    """Return the page of a model.

    Args:
      name: the model's name on the page.
      latents: number of z for the continuations of a conditional model, 1 or more: the prior's
        mean, and others drawn from the prior. The browser keeps one copy of the weights for each.
      seed: seed of these z, and of the drawings that `Page.size` is measured on.

    Raises:
      ModelFileError: the decoder's cell is not lstm.
      PageError: there are more mixture components than @magenta/sketch supports, or a weight is not
        finite.
    """
    zs = [None]
    if trained.conditional:
        mean = np.zeros((1, trained.z_size), np.float32)
        zs = [*mean, *trained.prior(latents - 1, seed=seed)]
    decoders = [fold(trained.model, z) for z in zs]
    hparams = trained.config.hparams
    if hparams.num_mixture > sketch_rnn_js.BROWSER_MIXTURE:
        raise PageError(
            f"{PACKAGE} computes {sketch_rnn_js.BROWSER_MIXTURE} mixture components at most, and "
            f"this model has {hparams.num_mixture}: train one with "
            f"--hparams=num_mixture={sketch_rnn_js.BROWSER_MIXTURE}"
        )
    decoders = [
        decoder._replace(output_kernel=kernel, output_bias=bias)
        for decoder in decoders
        for kernel, bias in [sketch_rnn_js.widen(decoder.output_kernel, decoder.output_bias)]
    ]
    if not all(np.isfinite(array).all() for array in (*decoders[0], decoders[-1].bias)):
        raise PageError(
            "the model has weights that are not finite: train it anew with a lower learning_rate"
        )
    return Page(
        decoders=decoders,
        conditional=trained.conditional,
        size=_typical_size(trained, seed),
        name=name,
        max_seq_len=trained.max_seq_len,
        normalizing_factor=trained.normalizing_factor,
    )


def _typical_size(trained: TrainedModel, seed: int) -> float:
    """Return the median of the larger sides of some drawings by the model, in data units."""
    sizes = []
    for sketch in trained.sample(_DRAWN_TO_MEASURE, temperature=0.4, seed=seed):
        box = bounds(sketch)
        sizes.append(max(box.max_x - box.min_x, box.max_y - box.min_y))
    size = float(np.median(sizes))
    return size if np.isfinite(size) and size > 0.0 else trained.normalizing_factor


def check_place(out: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise PageError if no page may be written to ``out``.

    It may be a new or empty folder, or one with an earlier page. With ``overwrite``, it may be any
    folder except the current one.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise PageError(f"--out={out} is a file; name a folder")
    if not out.exists():
        return
    if Path.cwd().is_relative_to(out.resolve()):
        raise PageError(f"--out={out} is the folder you are in, or holds it: name another one")
    if overwrite:
        return
    files = {file.relative_to(out).as_posix() for file in out.rglob("*") if not file.is_dir()}
    others = sorted(files - _own_files())
    if files and (others or not _is_page(out)):
        raise PageError(
            f"--out={out} holds other files, such as {(others or sorted(files))[0]}: name another "
            "folder, or give --overwrite to replace it and all in it"
        )


def _is_page(out: Path) -> bool:
    try:
        return json.loads((out / _SETTINGS).read_bytes()).get("made_by") == _MADE_BY
    except (OSError, ValueError, AttributeError):
        return False


def _static_files() -> list[Path]:
    return [file for file in sorted(STATIC.rglob("*")) if file.is_file()]


def _own_files() -> set[str]:
    static = {file.relative_to(STATIC).as_posix() for file in _static_files()}
    return static | {_MODEL, _SETTINGS, _VENDOR}


def write_site(
    out: str | os.PathLike[str], page: Page, bundle: Bundle, *, overwrite: bool = False
) -> sketch_rnn_js.Quantised:
    """Write the page's folder, and return how the file format changed the weights.

    If writing fails, the folder stays as it was.

    Raises:
      PageError: as for `check_place`.
      OSError: the folder cannot be written.
    """
    check_place(out, overwrite=overwrite)
    with replacing_folder(Path(out).resolve()) as new:
        return _fill(new, page, bundle)


def _fill(folder: Path, page: Page, bundle: Bundle) -> sketch_rnn_js.Quantised:
    for file in _static_files():
        content = file.read_bytes()
        if file.name == "NOTICE":
            content = content.replace(b"{version}", (bundle.version or "(unknown)").encode())
        write_bytes(folder / file.relative_to(STATIC), content)
    write_bytes(folder / _VENDOR, bundle.script)
    about: dict[str, Any] = {
        "name": page.name,
        "max_seq_len": page.max_seq_len,
        "normalizing_factor": page.normalizing_factor,
    }
    model = folder / _MODEL
    latents: list[Mapping[str, Any]] = []
    # Write a file for each z, and keep its encoded bias. The file of the first z is written last
    # and stays.
    for decoder in reversed(page.decoders):
        quantised = sketch_rnn_js.write_arrays(model, decoder.weights, **about)
        bias = json.loads(model.read_bytes())[2][_BIAS]
        latents.insert(0, {"bias": bias, "h": decoder.h.tolist(), "c": decoder.c.tolist()})
    settings = _settings(page, latents if page.conditional else [])
    write_bytes(folder / _SETTINGS, json.dumps(settings, allow_nan=False).encode())
    return quantised


def _settings(page: Page, latents: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings for static/app.js and static/worker.js."""
    return {
        "made_by": _MADE_BY,
        "name": page.name,
        "max_seq_len": page.max_seq_len,
        # Data units in one unit of the page.
        "pixel_factor": page.size / _PAGE_SIZE,
        "latents": latents,
    }
