"""A map of the latent space: the plane in which sketches vary most, decoded on a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.drawing.picture import Dot, Picture
from magenta_sketch.drawing.plots import BLUE, hex_color_of
from magenta_sketch.drawing.sketches import SketchGrid, SketchList
from magenta_sketch.inference.latent import Plane, principal_plane, scatter_limits

_MOST_LABELS = 12  # of a legend
_TOOLTIPS = 3000  # with more dots the file would be large


@dataclasses.dataclass(frozen=True, eq=False)
class LatentMap:
    """A map of sketches' latent vectors, from `TrainedModel.latent_map`. Notebooks show it.

    Attributes:
      plane: the plane of the first two principal components, a `latent.Plane`.
      positions: the sketches' projections onto it, [n, 2].
      x, y: positions of the grid's columns [columns] and rows [rows], from left and from the top,
        so that y falls.
      drawings: the plane decoded on the grid: ``drawings[row][column]`` is at (x, y).
      labels: a text for each sketch, or None.

    >>> plane = principal_plane([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]])
    >>> line = SketchGrid([[[[3, 0, 1]]]])
    >>> LatentMap(plane, np.zeros((1, 2)), np.zeros(1), np.zeros(1), line).picture().size
    (160.0, 197.8)
    """

    plane: Plane
    positions: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    drawings: SketchGrid
    labels: Sequence[str] | None = None

    def picture(self) -> Picture:
        """Return the decoded grid with the sketches as dots on it."""
        names = sorted(set(self.labels or ()))
        colors = {name: hex_color_of(i, len(names)) for i, name in enumerate(names)}
        columns, rows = self._in_cells()
        count = len(self.positions)
        dots = [
            Dot(
                columns[i],
                rows[i],
                colors[self.labels[i]] if self.labels else BLUE,
                (f"sketch {i}" + (f", {self.labels[i]}" if self.labels else ""))
                if count <= _TOOLTIPS
                else "",
            )
            for i in range(count)
        ]
        shares = " and ".join(f"{100 * share:.0f} %" for share in self.plane.shares)
        return Picture(
            list(self.drawings),
            title=f"Two principal components of mu: {shares} of its variance",
            rules=False,
            dots=dots,
            legend=list(colors.items())[:_MOST_LABELS] if len(names) > 1 else (),
        )

    def _in_cells(self) -> tuple[list[float], list[float]]:
        """Return columns and rows of the dots, in cells: the first cell's middle is 0.5."""
        result = []
        for values, ticks in ((self.positions[:, 0], self.x), (self.positions[:, 1], self.y)):
            width = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else 1.0
            result.append(((values - ticks[0]) / width + 0.5).tolist())
        return result[0], result[1]

    def _repr_svg_(self) -> str:
        return self.picture().to_svg().partition("\n")[2]


def map_of(
    mu: np.ndarray,
    draw: Callable[[np.ndarray], SketchList],
    rows: int,
    columns: int,
    labels: Sequence[str] | None,
) -> LatentMap:
    """Return the map of latent vectors ``mu`` [n, Z].

    Args:
      draw: decodes latent vectors [batch, Z].
      rows, columns, labels: see `TrainedModel.latent_map`.

    Raises:
      ValueError: as for `latent.principal_plane`.
    """
    plane = principal_plane(mu)
    positions = plane.project(mu)
    low, high = scatter_limits(positions)
    x, y = np.linspace(low[0], high[0], columns), np.linspace(high[1], low[1], rows)
    drawn = draw(plane.at(np.stack(np.meshgrid(x, y), axis=-1)).reshape(rows * columns, -1))
    grid = SketchGrid(drawn[i : i + columns] for i in range(0, len(drawn), columns))
    return LatentMap(plane, positions, x, y, grid, labels)
