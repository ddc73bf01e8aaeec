"""Data sets of other programs' drawings: read, brought into pixels, split, and written as `.npz`.

Whatever the inputs' size, no more than some sketches are in memory: they wait on the disk, in a
hidden folder beside the result that is gone when `build` has ended, with an error too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz import MAX_SPLIT_BYTES, SPLITS, stream_npz, too_large
from magenta_sketch.data.sources import splitting
from magenta_sketch.data.sources.collecting import Chosen, Collection, Options, splits_in
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.data.sources.progress import progress_bar
from magenta_sketch.data.sources.spool import KEY_DECIDES, ClassSpool, Spool
from magenta_sketch.errors import DataError
from magenta_sketch.files import replacing

__all__ = ["Options", "build"]

NAMED = 5  # classes with an empty split that are named

Report = Callable[[str], None]

_WORK = ".sketch_rnn_convert-"  # what the hidden folder's name begins with


def build(
    sources: Sequence[Source], out: str | os.PathLike[str], options: Options, report: Report = print
) -> list[Path]:
    """Writes one `.npz` for each class of the sources, each whole or not at all.

    The split is a function of the drawing's key and the shares, sketches keep the order of the
    sources, and the same drawings give the same bytes. Nothing is written unless every class fills
    all three splits.

    Args:
      sources: the inputs; classes of one name in several are one.
      out: a folder; it is made.
      options: how.
      report: is given lines of text on what was done and left out.

    Returns:
      The files written.

    Raises:
      DataError: a source is damaged or has no usable drawing, a split would be empty or too large,
        two classes would be one file, a file is there already, or something cannot be written.
    """
    out = Path(out)
    for credit in dict.fromkeys(source.credit for source in sources if source.credit):
        report(credit)
    for left in sorted(out.glob(f"{_WORK}*")):
        report(f"note: {left} is of a conversion that runs, or was killed: then remove it")
    with _work_folder(out) as folder:
        collection = Collection(out, options, Spool(folder))
        size = sum(source.size for source in sources)
        with progress_bar("reading", size, unit="B", unit_scale=True) as bar:
            for source in sources:
                collection.read(source, bar.update)
        collection.spool.flush()
        chosen = {name: collection.choose(name) for name in sorted(collection.spool.classes)}
        for line in collection.tally.lines():
            report(line)
        _check_none_is_empty(collection.spool, chosen)
        _check_none_is_too_large(collection.spool, chosen)
        paths = []
        sketches = sum(sum(one.counts) for one in chosen.values())
        with progress_bar("writing", sketches, unit=" sketches") as bar:
            for name, one in chosen.items():
                paths.append(out / f"{name}.npz")
                spool = collection.spool.classes[name]
                _write_license(paths[-1], collection.sources(name), options)
                _write(paths[-1], spool, one, bar.update)
                _remove_old_license(paths[-1], collection.sources(name))
                longest = int(spool.column("points")[one.all].max())
                left = collection.tally.of_class[name]
                report(
                    f"wrote {paths[-1]}: {one}; the longest has {longest:,} points"
                    + (f"; {left:,} of this class left out" if left else "")
                )
        return paths


def _check_none_is_empty(spool: Spool, chosen: Mapping[str, Chosen]) -> None:
    failing = [name for name, one in chosen.items() if not all(one.counts)]
    if failing:
        told = "; ".join(f"{name}: {chosen[name]}" for name in failing[:NAMED])
        more = f"; and {len(failing) - NAMED:,} more classes" if failing[NAMED:] else ""
        # As many as there are drawings: --counts may have left only some of them.
        few = [n for n in failing if len(np.unique(spool.classes[n].column("identity"))) < 3]
        advice = ["a class needs at least 3 drawings"] if few else []
        if len(few) < len(failing):
            others = {name: one for name, one in chosen.items() if name not in few}
            advice.append(_advice(spool, others))
        raise DataError(
            f"{told}{more}; no split may be empty: {'; else '.join(advice)}. Nothing was written"
        )


def _advice(spool: Spool, chosen: Mapping[str, Chosen]) -> str:
    """Shares that fill all splits of all classes, or what else to do."""
    told = [name for name in chosen if (spool.classes[name].column("split") != KEY_DECIDES).all()]
    if any(not all(chosen[name].counts) for name in told):
        return (
            "the lines name their splits themselves, so that no shares can help: add those of the "
            'other splits, or take out the members "split"'
        )
    for shares in splitting.LARGER:
        splits = (splits_in(spool.classes[name], shares)[one.all] for name, one in chosen.items())
        if all(set(np.unique(some)) == {0, 1, 2} for some in splits):
            return f"give larger shares, such as --shares={','.join(map(str, shares))}"
    return "give larger --shares, or leave out what has too few drawings"


def _check_none_is_too_large(spool: Spool, chosen: Mapping[str, Chosen]) -> None:
    # A lower bound; what is just too large is found when it is written.
    for name, one in chosen.items():
        points = spool.classes[name].column("points")
        item = 12 if _is_float(spool.classes[name], one) else 6
        for split, mask in zip(SPLITS, one, strict=True):
            if item * points[mask].sum(dtype=np.int64) > MAX_SPLIT_BYTES:
                raise too_large(f"{name}, {split}, {np.count_nonzero(mask):,} sketches")


def _is_float(spool: ClassSpool, chosen: Chosen) -> bool:
    return bool(spool.column("is_float")[chosen.all].any())


def _write(path: Path, spool: ClassSpool, chosen: Chosen, advance: Callable[[int], None]) -> None:
    dtype = "<f4" if _is_float(spool, chosen) else "<i2"
    sketches = (_told(spool.sketches(mask, dtype), advance) for mask in chosen)
    splits = zip(chosen.counts, sketches, strict=True)
    stream_npz(path, dtype, dict(zip(SPLITS, splits, strict=True)))


def _write_license(path: Path, sources: Sequence[Source], options: Options) -> None:
    """Writes what must stand beside the data, before them: they are never there without it."""
    texts = [one.license_text(path.name, options.pixels) for one in sources if one.license_text]
    license_file = path.with_suffix(".LICENSE.txt")
    if texts:
        with _writing(license_file), replacing(license_file) as file:
            file.write("\n".join(dict.fromkeys(texts)).encode())


def _remove_old_license(path: Path, sources: Sequence[Source]) -> None:
    """Removes the text of data that have been replaced by some that are under no licence."""
    license_file = path.with_suffix(".LICENSE.txt")
    if any(source.license_text for source in sources):
        return
    with contextlib.suppress(OSError):
        if license_file.read_bytes().startswith(f"{path.name} is derived from ".encode()):
            license_file.unlink()


def _told(sketches: Iterator[NDArray], advance: Callable[[int], None]) -> Iterator[NDArray]:
    for sketch in sketches:
        yield sketch
        advance(1)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A hidden folder in `out`; both are removed in the end, `out` if it was made and is empty."""
    made = []
    with _writing(out):
        for folder in (out, *out.parents):
            if folder.exists():
                break
            made.append(folder)
        out.mkdir(parents=True, exist_ok=True)
    try:
        with _writing(out):
            folder = Path(tempfile.mkdtemp(prefix=_WORK, dir=out))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
