"""Write sketches as QuickDraw's simplified ndjson: one JSON object a line, one for each drawing.

An object has QuickDraw's members (https://github.com/googlecreativelab/quickdraw-dataset) and
"split", so that a data set keeps its splits:

    {"word": "sheep", "countrycode": "", "timestamp": "", "recognized": true,
     "key_id": "4865710293318251", "drawing": [[[0, 3], [5, 0]], ...], "split": "train"}

"drawing" has one [[x, ...], [y, ...]] for each stroke. It is moved so that the smallest x and y are
0, but not scaled: numbers stay in the sketch's pixel units and may exceed QuickDraw's 255.

`strokes.from_polylines` makes the sketch from these positions again, except for the last lift,
which becomes 1. Repeated points and dots are kept. Offsets are exact if they are whole numbers or
above 2**-24 of the drawing's extent. Smaller ones have the rounding error of a float64 position.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.messages import writing
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.files import replacing

_KEYS = 10**16  # QuickDraw's have 16 digits


def write_ndjson(
    path: str | os.PathLike[str],
    sketches: Iterable[tuple[str, int, NDArray[np.float32]]],
    *,
    word: str,
) -> int:
    """Write sketches as they come, one line each; the file is written atomically.

    Args:
      path: the file, replaced if it exists; compressed if the name ends in .gz. Its folder is made
        if needed. Equal sketches give equal bytes.
      sketches: (split, number in the split, stroke-3 sketch [n, 3] in pixel units) for each sketch.
      word: the class as QuickDraw writes it: "palm tree".

    Returns:
      The number of lines.

    Raises:
      DataError: the file cannot be written.
    """
    path = Path(path)
    count = 0
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file, _packing(file, path) as out:
            for split, number, sketch in sketches:
                out.write(ndjson_line(sketch, word=word, split=split, number=number).encode())
                count += 1
    return count


def ndjson_line(sketch: NDArray[np.float32], *, word: str, split: str, number: int) -> str:
    """Return a stroke-3 sketch [n, 3] in pixel units as a line of text, with its newline.

    Args:
      word: the class.
      split: "train", "valid" or "test".
      number: the sketch's number in its split. The key depends on it, the split and the sketch
        only, so that copies of a sketch have different keys.
    """
    sketch = np.ascontiguousarray(sketch, "<f4")
    digest = hashlib.sha256(f"{split} {number} ".encode() + sketch.tobytes()).digest()
    drawing = {
        "word": word,
        "countrycode": "",
        "timestamp": "",
        "recognized": True,
        "key_id": f"{int.from_bytes(digest[:8], 'big') % _KEYS:016d}",
        "drawing": _drawing(sketch),
        "split": split,
    }
    return json.dumps(drawing, ensure_ascii=False, separators=(",", ":")) + "\n"


def _packing(
    file: BinaryIO, path: Path
) -> contextlib.AbstractContextManager[BinaryIO | gzip.GzipFile]:
    if path.suffix.lower() != ".gz":
        return contextlib.nullcontext(file)
    # Without a name and a time: the bytes depend on the sketches alone.
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)


def _drawing(sketch: NDArray[np.float32]) -> list[list[list[float]]]:
    lines = to_polylines(sketch)
    positions = np.concatenate(lines)
    corner = positions.min(axis=0)
    # Python writes enough digits to read the same float64 again.
    whole = bool((positions == np.rint(positions)).all())
    kind = np.int64 if whole else np.float64
    return [(line - corner).astype(kind).T.tolist() for line in lines]
