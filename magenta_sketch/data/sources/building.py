"""Build `.npz` data sets from other programs' drawings: read, convert to pixels, split, write.

Only a few sketches are in memory at a time. The others wait on the disk,
in a hidden folder beside the result. `build` removes it at its end, also after an error.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from magenta_sketch.data.factors import Factors, write_factors
from magenta_sketch.data.messages import writing
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.npz_writer import stream_npz
from magenta_sketch.data.progress import past_bars, progress_bar
from magenta_sketch.data.sources.checking import check_none_is_empty, check_none_is_too_large
from magenta_sketch.data.sources.choosing import Chosen
from magenta_sketch.data.sources.collecting import Collection
from magenta_sketch.data.sources.drawings import Source
from magenta_sketch.data.sources.options import Options
from magenta_sketch.data.sources.spool import ClassSpool, Spool
from magenta_sketch.files import write_bytes

Report = Callable[[str], None]

_WORK = ".sketch_rnn_convert-"  # prefix of the hidden folder's name


def build(
    sources: Sequence[Source], out: str | os.PathLike[str], options: Options, report: Report = print
) -> list[Path]:
    """Write one `.npz` for each class of the sources, each atomically.

    A drawing's split depends only on its key and the shares. Sketches keep the order of the
    sources, and the same drawings give the same bytes. If any split of any class would be empty,
    nothing is written.

    Args:
      sources: the inputs. Classes with the same name are joined.
      out: the folder of the files; made if needed.
      options: the user's choices.
      report: called with each line of text on progress.

    Returns:
      The files written.

    Raises:
      DataError: a source is damaged or has no usable drawing, a split would be empty or too large,
        two classes would be one file, sources with different settings share a class, a file exists
        already, or something cannot be written.
    """
    out, report = Path(out), past_bars(report)
    for source in sources:
        if source.contents:
            settings = options.settings(source.defaults)
            report(f"reading {source.contents} from {source.label}: {settings}")
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
        collection.check_classes()
        collection.spool.flush()
        chosen = {name: collection.choose(name) for name in sorted(collection.spool.classes)}
        for line in collection.tally.lines():
            report(line)
        check_none_is_empty(chosen)
        check_none_is_too_large(collection.spool, chosen)
        for line in collection.notes():
            report(line)
        paths: list[Path] = []
        sketches = sum(sum(one.counts) for one in chosen.values())
        with progress_bar("writing", sketches, unit=" sketches") as bar:
            for name, one in chosen.items():
                paths.append(out / f"{name}.npz")
                spool = collection.spool.classes[name]
                _write_license(paths[-1], collection.sources(name), options)
                _write_factors(paths[-1], spool, one, collection.sources(name))
                _write(paths[-1], spool, one, bar.update)
                _remove_old_license(paths[-1], collection.sources(name))
                report(_written(paths[-1], spool, one, collection.tally.of_class[name]))
        return paths


def _written(path: Path, spool: ClassSpool, chosen: Chosen, left_out: int) -> str:
    longest = int(spool.column("points")[chosen.all].max())
    more = f"; {left_out:,} of this class left out" if left_out else ""
    return f"wrote {path}: {chosen}; the longest has {longest:,} points{more}"


def _write(path: Path, spool: ClassSpool, chosen: Chosen, advance: Callable[[int], None]) -> None:
    dtype = "<f4" if spool.any_float(chosen.all) else "<i2"
    sketches = (_counted(spool.sketches(mask, dtype), advance) for mask in chosen)
    splits = zip(chosen.counts, sketches, strict=True)
    stream_npz(path, dtype, dict(zip(SPLITS, splits, strict=True)))


def _write_license(path: Path, sources: Sequence[Source], options: Options) -> None:
    """Write the licence text before the data, so that they are never there without it."""
    texts = [one.license_text(path.name, options) for one in sources if one.license_text]
    license_file = path.with_suffix(".LICENSE.txt")
    if texts:
        with writing(license_file):
            write_bytes(license_file, "\n".join(dict.fromkeys(texts)).encode())


def _write_factors(
    path: Path, spool: ClassSpool, chosen: Chosen, sources: Sequence[Source]
) -> None:
    """Write the known factors before the data, in the same order, if one source has them all."""
    factors = sources[0].factors
    if factors is not None and len(sources) == 1:
        lines = spool.column("line")
        train, valid, test = (
            np.asarray(factors.rows(lines[mask]), np.float32).reshape(-1, len(factors.names))
            for mask in chosen
        )
        write_factors(path, Factors(factors.names, train, valid, test))


def _remove_old_license(path: Path, sources: Sequence[Source]) -> None:
    """Remove the licence text of replaced data if the new data need none."""
    license_file = path.with_suffix(".LICENSE.txt")
    if any(source.license_text for source in sources):
        return
    with contextlib.suppress(OSError):
        if license_file.read_bytes().startswith(f"{path.name} is derived from ".encode()):
            license_file.unlink()


def _counted(
    sketches: Iterator[np.ndarray], advance: Callable[[int], None]
) -> Iterator[np.ndarray]:
    for sketch in sketches:
        yield sketch
        advance(1)


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Make a hidden folder in `out`. At the end remove it, and `out` if it is new and empty."""
    made = []
    with writing(out):
        for folder in (out, *out.parents):
            if folder.exists():
                break
            made.append(folder)
        out.mkdir(parents=True, exist_ok=True)
    try:
        with writing(out):
            folder = Path(tempfile.mkdtemp(prefix=_WORK, dir=out))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
