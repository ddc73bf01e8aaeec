"""Sketches that show themselves in notebooks, and are plain arrays and lists elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch.drawing.picture import Picture, as_picture
from magenta_sketch.errors import ArgumentError

_SHOWN = 100  # sketches of a list that a notebook shows


class Sketch(np.ndarray):
    """A stroke-3 sketch [n, 3]: a NumPy array that notebooks show as a drawing.

    Attributes:
      given: number of points that it began with, see `TrainedModel.complete`; 0 if it was drawn
        from the start. Pictures show these in another colour. Parts of a sketch do not keep it.

    >>> sketch = Sketch([[30, 0, 1], [-15, -10, 0], [0, 40, 1]], given=1)
    >>> sketch.shape, sketch.dtype.name, sketch.given, sketch[1:].given
    ((3, 3), 'float32', 1, 0)
    """

    given: int

    def __new__(cls, points: ArrayLike, given: int = 0) -> Sketch:
        sketch = np.asarray(points, np.float32).view(cls)
        sketch.given = given
        return sketch

    def __array_finalize__(self, source: Any) -> None:
        same = getattr(source, "shape", None) == self.shape
        self.given = getattr(source, "given", 0) if same else 0

    def __array_wrap__(
        self, array: np.ndarray, context: Any = None, return_scalar: bool = False
    ) -> Any:
        # Results that are no sketches, such as sketch.max(), abs(sketch[:, 0]) and sketch > 0, are
        # NumPy's own.
        if array.ndim == 2 and array.shape[1] == 3 and array.dtype != bool:
            return super().__array_wrap__(array, context)
        return np.asarray(array)[()]

    def __reduce__(self) -> Any:
        parts: Any = super().__reduce__()
        return *parts[:2], (parts[2], self.given)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.given = state[1]

    def _repr_svg_(self) -> str | None:
        return _shown(lambda: as_picture(self)) if self.ndim == 2 else None


class SketchList(list[Sketch]):
    """A list of sketches that notebooks show as a grid.

    Attributes:
      columns: sketches in a row of the grid. None: a grid that is nearly square.

    >>> sketches = SketchList([[[30, 0, 1]], [[0, 40, 1]]])
    >>> len(sketches), sketches[0].tolist(), type(sketches[:1]).__name__
    (2, [[30.0, 0.0, 1.0]], 'SketchList')
    """

    def __init__(self, sketches: Iterable[ArrayLike] = (), columns: int | None = None):
        super().__init__(one if isinstance(one, Sketch) else Sketch(one) for one in sketches)
        self.columns = columns

    @overload
    def __getitem__(self, index: SupportsIndex) -> Sketch: ...
    @overload
    def __getitem__(self, index: slice) -> SketchList: ...
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return SketchList(found, self.columns) if isinstance(index, slice) else found

    def __add__(self, others: Any) -> SketchList:  # type: ignore[override]
        return SketchList([*self, *others], self.columns)

    def _repr_svg_(self) -> str | None:
        if not self:
            return None
        if len(self) <= _SHOWN:
            return _shown(lambda: as_picture(self))
        title = f"the first {_SHOWN} of {len(self):,} sketches"
        return _shown(lambda: Picture(as_picture(self[:_SHOWN]).rows, title=title))


class SketchGrid(list[SketchList]):
    """Rows of sketches, with titles, that notebooks show as a grid.

    Attributes:
      row_titles, column_titles, title: see `Picture`. Titles of columns are those of the rows'
        sketches.
      beside: a sketch, or None, to be shown to the left of each row. It is not in the list.
      beside_title: the title of that column.

    >>> grid = SketchGrid([[[[30, 0, 1]], [[0, 40, 1]]]], row_titles=["lines"])
    >>> grid[0][1].tolist(), grid.picture().size
    ([[0.0, 40.0, 1.0]], (376.7, 160.0))
    """

    def __init__(
        self,
        rows: Iterable[Iterable[ArrayLike]],
        *,
        row_titles: Sequence[str] = (),
        column_titles: Sequence[str] = (),
        title: str | None = None,
        beside: Sequence[np.ndarray | None] = (),
        beside_title: str = "",
    ):
        super().__init__(SketchList(row) for row in rows)
        self.row_titles, self.column_titles, self.title = row_titles, column_titles, title
        self.beside, self.beside_title = beside, beside_title

    def picture(self) -> Picture:
        """Return the rows as a `Picture`."""
        rows: list[list[np.ndarray | None]] = [list(row) for row in self]
        heads = list(self.column_titles)
        if self.beside:
            if len(self.beside) != len(rows):
                raise ArgumentError(f"beside has {len(self.beside)} entries for {len(rows)} rows")
            rows = [[left, *row] for left, row in zip(self.beside, rows, strict=True)]
            heads = [self.beside_title, *heads]
        return Picture(rows, heads, self.row_titles, self.title)

    def _repr_svg_(self) -> str | None:
        return _shown(self.picture) if any(self) else None


def _shown(picture: Callable[[], Picture]) -> str | None:
    """Return a picture as SVG for notebooks, or None, so that they write out what is no sketch."""
    try:
        return picture()._repr_svg_()
    except ValueError:  # such as a part of a sketch, sketch[:, :2]
        return None
