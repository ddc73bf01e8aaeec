"""Known factors of drawings, such as the size of a made-up shape, in a file beside the data.

Beside `NAME.npz` there may be a file `NAME.factors.npz`. It is a plain NumPy archive: the arrays
`train`, `valid` and `test`, [n, F] each, with a row for each sketch of `NAME.npz` in its order, and
the array `names` of F texts. NaN means that a drawing has no such factor.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.messages import printable, writing
from magenta_sketch.data.npz_archive import SPLITS, reason
from magenta_sketch.data.urls import is_url
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing

SUFFIX = ".factors.npz"


class Factors(NamedTuple):
    """The known factors of the drawings of a data set.

    Attributes:
      names: of the F factors, all different.
      train, valid, test: float32 [n, F], a row for each drawing; NaN where it has no such factor.

    Example:
      >>> sizes = np.float32([[10], [20]])
      >>> Factors(("size",), sizes, sizes[:1], sizes[1:]).test.tolist()
      [[20.0]]
    """

    names: tuple[str, ...]
    train: NDArray[np.float32]
    valid: NDArray[np.float32]
    test: NDArray[np.float32]


def factors_path(data_file: str | os.PathLike[str]) -> Path:
    """Return where the factors of a data file are.

    Example:
      >>> factors_path("datasets/shapes.npz").name
      'shapes.factors.npz'
    """
    path = Path(data_file)
    return path.with_name(path.name.removesuffix(".npz") + SUFFIX)


def write_factors(data_file: str | os.PathLike[str], factors: Factors) -> None:
    """Write the factors of a data file beside it, atomically; equal factors give equal bytes.

    Args:
      data_file: the `.npz` file of the drawings; its folder must exist.
      factors: as many rows as there are drawings, in their order.

    Raises:
      DataError: the file cannot be written.

    Example:
      >>> write_factors("lines.npz", Factors(("length",), np.ones((2, 1)), *np.ones((2, 1, 1))))
    """
    path = factors_path(data_file)
    arrays = {split: np.asarray(getattr(factors, split), np.float32) for split in SPLITS}
    with writing(path), replacing(path) as file:
        np.savez(file, allow_pickle=False, names=np.array(factors.names, np.str_), **arrays)


def load_factors(
    names: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data_dir: str | os.PathLike[str],
    counts: Sequence[int],
) -> Factors | None:
    """Return the known factors of data sets, joined split by split, or None if one has none.

    Args:
      names: a data file in data_dir, with `.npz`, or a list of them, as for `load_data_set`.
      data_dir: their folder. At an http(s) URL no factors are looked for: the result is None.
      counts: the numbers of loaded train, valid and test sketches, which must be those of factors.

    Raises:
      DataError: a file cannot be read or is damaged, its arrays have wrong shapes or values, the
        files have different factors, or there are not as many rows as sketches.

    Example:
      >>> write_factors("lines.npz", Factors(("length",), np.ones((2, 1)), *np.ones((2, 1, 1))))
      >>> load_factors("lines.npz", ".", (2, 1, 1)).train.tolist()
      [[1.0], [1.0]]
      >>> print(load_factors("others.npz", ".", (2, 1, 1)))
      None
    """
    several = [names] if isinstance(names, (str, os.PathLike)) else names
    if is_url(data_dir):
        return None
    folder = Path(os.path.expanduser(data_dir))
    paths = [factors_path(folder / name) for name in several]
    if not paths or not all(path.exists() for path in paths):
        return None
    parts = [_read(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.names != parts[0].names:
            raise DataError(
                f"{path}: its factors are {', '.join(part.names)}, but those of {paths[0].name} "
                f"are {', '.join(parts[0].names)}; data sets used together need the same factors: "
                "change one file, or move it away"
            )
    train, valid, test = (
        np.concatenate([getattr(one, split) for one in parts]) for split in SPLITS
    )
    rows = len(train), len(valid), len(test)
    if rows != tuple(counts):
        where = ", ".join(map(str, paths[:3])) + (", ..." if len(paths) > 3 else "")
        raise DataError(
            f"{where}: {_slashed(rows)} rows for {_slashed(counts)} "
            "train/valid/test sketches do not fit, expected a row for each loaded sketch; make "
            "data and factors anew together, and load the data without a smaller max_seq_len"
        )
    return Factors(parts[0].names, train, valid, test)


def _slashed(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts))


def _read(path: Path) -> Factors:
    """Read and check one file of factors."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [name for name in ("names", *SPLITS) if name not in archive]
            if not missing:
                names, *arrays = (archive[name] for name in ("names", *SPLITS))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged archive may raise almost any error
        raise DataError(
            f"{path}: damaged, or not a file of factors ({reason(error)}); make or copy it again, "
            "or move it away"
        ) from None
    if missing:
        raise DataError(
            f"{path}: no array {', '.join(missing)}, expected names, train, valid and test; write "
            "the file by magenta_sketch.data.factors.write_factors"
        )
    return _checked(path, names, arrays)


def _checked(path: Path, names: np.ndarray, arrays: Sequence[np.ndarray]) -> Factors:
    if names.ndim != 1 or names.dtype.kind != "U" or not 0 < len(names) == len(set(names.tolist())):
        raise DataError(
            f"{path}, names: expected different texts [F], F >= 1, got {printable(names.tolist())}"
        )
    splits = []
    for split, array in zip(SPLITS, arrays, strict=True):
        if array.ndim != 2 or array.shape[1] != len(names) or array.dtype.kind not in "biuf":
            raise DataError(
                f"{path}, {split}: expected numbers [n, {len(names)}], a column for each of its "
                f"names, got {array.dtype} {list(array.shape)}"
            )
        with np.errstate(over="ignore"):
            splits.append(array.astype(np.float32))
        if np.isinf(splits[-1]).any():
            raise DataError(
                f"{path}, {split}: a value is infinite or too large for float32; write NaN where a "
                "drawing has no such factor"
            )
    return Factors(tuple(names.tolist()), *splits)
