"""Write drawings to files of all kinds, by the ending of the name.

Missing folders are made. If writing fails, an existing file stays as it was.
"""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from magenta_sketch.config.kinds import show
from magenta_sketch.data.npz_writer import stream_npz
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.drawing.animation import LARGEST_GIF, to_animated_svg, to_gif
from magenta_sketch.drawing.picture import Picture, as_picture, is_one_sketch
from magenta_sketch.drawing.plotter import page_named, to_page
from magenta_sketch.drawing.raster import LARGEST, to_png
from magenta_sketch.drawing.sketches import SketchGrid
from magenta_sketch.drawing.svg import checked
from magenta_sketch.errors import ArgumentError
from magenta_sketch.files import write_bytes

PICTURES = (".svg", ".png", ".gif")
NUMBERS = (".npz", ".json")
# Names that ask for something that we cannot write, and would make strange folders.
_OTHERS = ".jpg .jpeg .webp .bmp .tif .tiff .pdf .eps .ps .svgz .html .ndjson .mp4 .apng".split()
_LEAST = 4.0  # pixels of a sketch's cell: below, nothing is seen of it


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return what a name asks for: ".svg", ".png", ".gif", ".npz", ".json", or "" for a folder.

    Raises:
      ArgumentError: it ends as files of another kind do, or is nothing but an ending.

    >>> kind_of("a.PNG"), kind_of("birds")
    ('.png', '')
    """
    ending, name = pathlib.Path(path).suffix.lower(), pathlib.Path(path).name
    if name.lower() in (*PICTURES, *NUMBERS):
        raise ArgumentError(f"{path}: a name is missing before {name}")
    if ending in (*PICTURES, *NUMBERS):
        return ending
    if ending in _OTHERS:
        raise ArgumentError(
            f"{path}: drawings are written as {', '.join((*PICTURES, *NUMBERS))}, or to a folder"
        )
    return ""


def save_drawings(
    path: str | os.PathLike[str],
    drawings: Any,
    *,
    animate: bool = False,
    page: str | None = None,
    absolute: bool = False,
    names: Sequence[str] | None = None,
    **layout: Any,
) -> None:
    """Write drawings to a file whose kind is decided by the ending of its name.

    - .svg: a picture; with ``animate`` drawn stroke by stroke, over and over; with ``page`` for a
      pen plotter.
    - .png: the picture with two pixels for each of its units.
    - .gif: the picture drawn stroke by stroke, over and over.
    - .npz: a data set in Magenta's format, whose only split is train. It cannot hold empty
      sketches, and leaves them out. `sketch_rnn_convert mend --what=splits` makes all splits of it.
    - .json: {"format", "sketches": [{"name", "given", "points"}]}. The points are stroke-3 rows
      [dx, dy, lift], or with ``absolute`` rows [x, y, lift] that begin with the origin.
    - any other name: a folder with one .svg for each sketch.

    Args:
      path: the file or folder. A file that is there is replaced.
      drawings: a sketch [n, 3], a sequence of them, a `Picture`, or a result of `TrainedModel`.
      animate: only for .svg and folders.
      page: a paper size in millimetres, such as "a4", "a4-landscape" or "300x200", only for .svg
        and folders. Each stroke is one path; titles and lines between sketches are left out.
      absolute: only for .json.
      names: names of the sketches for .json and folders, where they must differ. None:
        sketch-0000 and so on.
      layout: columns, cell, stroke_width and shared_scale, see `as_picture`.

    Raises:
      ValueError: there is nothing to draw, a sketch is invalid, or arguments do not fit the kind of
        file.
      OSError: a file cannot be written.

    >>> sketch = np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])
    >>> save_drawings("one.gif", sketch)
    >>> save_drawings("plot.svg", [sketch, sketch], page="a5")
    """
    kind = kind_of(path)
    require_fitting(kind, animate=animate, page=page, absolute=absolute)
    path = pathlib.Path(path)
    if kind in PICTURES:
        picture = as_picture(drawings, **layout)
        _require_visible(path, kind, picture)
        write_bytes(path, _encoder(kind, animate, page)(picture))
        return
    named = _named(drawings, names)
    if kind == ".json":
        write_bytes(path, _to_json(named, absolute))
    elif kind == ".npz":
        _write_npz(path, [sketch for _, sketch in named])
    else:
        _require_file_names([name for name, _ in named])
        encode = _encoder(".svg", animate, page)
        for name, sketch in named:
            write_bytes(path / f"{name}.svg", encode(as_picture(sketch, **layout)))


def require_fitting(kind: str, *, animate: bool, page: str | None, absolute: bool) -> None:
    """Raise ArgumentError if an option of `save_drawings` does not fit the kind of file.

    >>> require_fitting(".png", animate=True, page=None, absolute=False)
    Traceback (most recent call last):
    magenta_sketch.errors.ArgumentError: animate is for .svg and folders, not for .png
    """
    for name, given, kinds in (
        ("animate", animate and kind != ".gif", (".svg", "")),
        ("page", page is not None, (".svg", "")),
        ("absolute", absolute, (".json",)),
    ):
        if given and kind not in kinds:
            places = " and ".join(one or "folders" for one in kinds)
            raise ArgumentError(f"{name} is for {places}, not for {kind or 'folders'}")
    if page is not None:
        page_named(page)
        if animate:
            raise ArgumentError("animate is not for a page, which a plotter draws: leave out one")


def _require_visible(path: pathlib.Path, kind: str, picture: Picture) -> None:
    """Raise ArgumentError if nothing would be seen of a picture's sketches, as they are so many."""
    largest = {".png": LARGEST, ".gif": LARGEST_GIF}.get(kind)
    if largest is not None and picture.cell * largest / max(picture.size) < _LEAST:
        rows, columns = len(picture.rows), max(map(len, picture.rows))
        raise ArgumentError(
            f"{path}: {rows:,} rows and {columns:,} columns are too many for a {kind}, whose sides "
            f"have at most {largest:,} pixels: draw fewer sketches, or choose .svg"
        )


def _require_file_names(names: Sequence[str]) -> None:
    """Raise ArgumentError if a name is used twice, or is that of no file in the folder."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ArgumentError(f"names has {show(name)} {count} times: files must differ")
        if not name or name != pathlib.PurePath(name).name or "\0" in name:
            raise ArgumentError(f"names must be names of files, without folders, got {show(name)}")


def _encoder(kind: str, animate: bool, page: str | None) -> Callable[[Picture], bytes]:
    if kind == ".png":
        return to_png
    if kind == ".gif":
        return to_gif
    if page is not None:
        paper = page_named(page)
        return lambda picture: to_page(picture, paper).encode()
    return lambda picture: (to_animated_svg(picture) if animate else picture.to_svg()).encode()


def _named(drawings: Any, names: Sequence[str] | None) -> list[tuple[str, np.ndarray]]:
    """Return all sketches with their names. Check them."""
    sketches: list[Any]
    if isinstance(drawings, SketchGrid):  # without what its picture shows beside the rows
        sketches = [one for row in drawings for one in row]
    elif isinstance(drawings, Picture) or hasattr(drawings, "picture"):
        picture = drawings if isinstance(drawings, Picture) else drawings.picture()
        sketches = [one for row in picture.rows for one in row if one is not None]
    elif is_one_sketch(drawings):
        sketches = [np.asanyarray(drawings)]
    else:
        sketches = [drawings[i] for i in range(len(drawings))]
    if not sketches:
        raise ArgumentError("sketches is empty: there is nothing to write")
    if names is None:
        names = [f"sketch-{number:04d}" for number in range(len(sketches))]
    if len(names) != len(sketches):
        raise ArgumentError(f"names has {len(names)} entries for {len(sketches)} sketches")
    for i, sketch in enumerate(sketches):
        checked(sketch, f"sketch {i}")
    return list(zip(names, sketches, strict=True))


def _to_json(named: list[tuple[str, np.ndarray]], absolute: bool) -> bytes:
    import orjson  # it writes float32 with as few digits as they need

    sketches = [
        {
            "name": name,
            "given": int(getattr(sketch, "given", 0)),
            "points": _positions(sketch) if absolute else np.array(sketch, np.float32, order="C"),
        }
        for name, sketch in named
    ]
    text = {"format": "positions" if absolute else "stroke-3", "sketches": sketches}
    return orjson.dumps(text, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def _positions(sketch: np.ndarray) -> np.ndarray:
    """Return rows (x, y, lift) [n + 1, 3]. The first is the origin."""
    result = np.zeros((len(sketch) + 1, 3), np.float32)
    result[1:, :2] = np.cumsum(np.asarray(sketch)[:, :2], axis=0, dtype=np.float64)
    result[1:, 2] = np.asarray(sketch)[:, 2]
    return result


def _write_npz(path: pathlib.Path, sketches: list[np.ndarray]) -> None:
    drawn = [sketch for sketch in sketches if len(sketch)]
    if not drawn:
        raise ArgumentError(f"{path}: all sketches are empty, and a data set cannot hold these")
    points = SketchSet.from_sketches(drawn)  # checks them
    path.parent.mkdir(parents=True, exist_ok=True)

    def items() -> Iterator[np.ndarray]:
        for sketch in points:
            yield sketch.astype("<f4")

    stream_npz(path, "<f4", {"train": (len(points), items())})
