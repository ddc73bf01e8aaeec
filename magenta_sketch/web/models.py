"""A model for the page: its file, with the size of its drawings and the plane of its map."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.data.strokes import bounds, to_polylines
from magenta_sketch.errors import ArgumentError, PageError
from magenta_sketch.inference.latent import principal_plane, scatter_limits
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.web.model_file import model_bytes

PAGE_CELLS = ("lstm", "layer_norm", "hyper")  # those of static/network.js
_DRAWN_TO_MEASURE = 24
# For visitors, after "There is no map of this model: ".
_NO_SKETCHES = "the drawings it was trained on were not at hand when this page was made"
_TOO_FEW = "the drawings it was trained on are too few, or too much alike"


@dataclasses.dataclass(frozen=True)
class PageModel:
    """A model as the page reads it.

    Attributes:
      name: its name on the page.
      content: its file, see `model_file`.
      no_plane: why there is no map of its latent space, for who makes the page; "" if there is one,
        or if the model is unconditional.
    """

    name: str
    content: bytes
    no_plane: str = ""


def page_model(
    trained: TrainedModel,
    *,
    name: str,
    dtype: str = "float32",
    sketches: Sketches | None = None,
    seed: int = 0,
) -> PageModel:
    """Return a model for the page.

    Args:
      trained: the model. Its cells are of `PAGE_CELLS`.
      name: its name on the page.
      dtype: "float32", or "float16" for a file of half the size.
      sketches: stroke-3 arrays [n, 3] in data units, or a `SketchSet`, of which the map of a
        conditional model is made: the plane of the first two principal components of mu.
      seed: seed of the drawings on which the typical size is measured.

    Raises:
      PageError: the page does not know a cell of the model, a weight is not finite or too large for
        the dtype.
      ValueError: a sketch has a wrong shape or values.

    >>> made = page_model(magenta_sketch.load("bird.gen.json"), name="bird")
    >>> made.content[:8], made.no_plane
    (b'SKETCHRN', '')
    """
    _require_known_cells(trained)
    plane, no_plane, said = None, "", ""
    if trained.conditional and sketches is not None:
        try:
            plane = _plane(trained.encode(sketches))
        except ArgumentError as error:
            no_plane, said = str(error), _TOO_FEW
    elif trained.conditional:
        no_plane, said = "there are no sketches for it", _NO_SKETCHES
    size, longest = _typical_lengths(trained, seed)
    more = {
        "size": size,
        "longest": longest,
        "plane": plane,
        "no_plane": said,
    }
    return PageModel(name, model_bytes(trained, name=name, dtype=dtype, **more), no_plane)


def _require_known_cells(trained: TrainedModel) -> None:
    model = trained.model
    parts = {"decoder": model.decoder, "encoder": model.encoder}
    for part, layer in parts.items():
        if layer is not None and layer.cell not in PAGE_CELLS:
            raise PageError(
                f"the page computes the cells {', '.join(PAGE_CELLS)} only, and the {part} of "
                "this model has one of your own: train one with a built-in cell"
            )


def _plane(mu: np.ndarray) -> dict[str, Any]:
    """Return the plane in which latent vectors ``mu`` [n, Z] vary most, as the page reads it.

    Raises:
      ArgumentError: as for `latent.principal_plane`, or they are not finite.
    """
    if not np.isfinite(mu).all():
        raise ArgumentError("the latent vectors of its data set are not finite")
    plane = principal_plane(mu)
    (left, low), (right, high) = scatter_limits(plane.project(mu))
    return {
        "origin": plane.mean.tolist(),
        "x": plane.axes[0].tolist(),
        "y": plane.axes[1].tolist(),
        "limits": [float(x) for x in (left, right, low, high)],
        "shares": plane.shares.tolist(),
    }


def _typical_lengths(trained: TrainedModel, seed: int) -> tuple[float, float]:
    """Return lengths in data units, measured on some drawings by the model, both above 0.

    The first is the median of the drawings' larger sides; the second is the longest offset with the
    pen down, without the longest hundredth.
    """
    drawn = trained.sample(_DRAWN_TO_MEASURE, temperature=0.4, seed=seed)
    boxes = map(bounds, drawn)
    sizes = [max(box.max_x - box.min_x, box.max_y - box.min_y) for box in boxes]
    lines = [line for sketch in drawn for line in to_polylines(sketch)]
    steps = [np.hypot(*np.diff(line, axis=0).T) for line in lines if len(line) > 1]
    size = float(np.median(sizes))
    size = size if np.isfinite(size) and size > 0.0 else trained.normalizing_factor
    longest = float(np.quantile(np.concatenate(steps), 0.99)) if steps else 0.0
    return size, longest if np.isfinite(longest) and longest > 0.0 else size
