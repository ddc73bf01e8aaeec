"""Data sets of other programs' drawings: read, brought into pixels, split, and written as `.npz`.

Whatever the inputs' size, no more than some sketches are in memory: they wait on the disk, in a
hidden folder beside the result that is gone when `build` has ended, in whatever way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.datasets import polylines, splitting
from magenta_sketch.datasets.array_pickle import printable
from magenta_sketch.datasets.drawings import Drawing, Skipped, Source
from magenta_sketch.datasets.npz import (
    MAX_OFFSET,
    MAX_SPLIT_BYTES,
    SPLITS,
    stream_npz,
    too_large,
)
from magenta_sketch.datasets.sketch_set import DataError
from magenta_sketch.datasets.spool import KEY_DECIDES, ClassSpool, Entry, Spool
from magenta_sketch.files import replacing
from magenta_sketch.strokes import from_polylines

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Options", "build", "file_name"]

MOST_CLASSES = 10_000  # QuickDraw has 345
NAMED = 10  # skipped drawings that are named one by one, for each reason
MOST_POINTS = 100_000  # of a sketch

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How drawings become a data set.

    Attributes:
      epsilon: pixels by which simplification may move a line, 0 or more. None: 2, but drawings
        that are simplified already are taken as they are.
      max_points: sketches of more points are left out; None for no limit.
      recognized_only: leave out what QuickDraw's game did not recognise.
      counts: the most sketches of train, valid and test in each class; where there are more, those
        are kept whose keys have the lowest hashes. None for no limit.
      shares: parts of train, valid and test by which keys are split, whole numbers of at least 1.
        None: as `counts`, or 90, 5 and 5.
      overwrite: replace files that are there.
    """

    epsilon: float | None = None
    max_points: int | None = None
    recognized_only: bool = False
    counts: tuple[int, int, int] | None = None
    shares: tuple[int, int, int] | None = None
    overwrite: bool = False

    @property
    def pixels(self) -> float:
        """The epsilon in use."""
        return polylines.EPSILON if self.epsilon is None else self.epsilon

    @property
    def parts(self) -> tuple[int, int, int]:
        """The shares in use."""
        return self.shares or self.counts or splitting.SHARES


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
    with _work_folder(out) as folder:
        collection = _Collection(out, options, Spool(folder))
        size = sum(source.size for source in sources)
        with _writing(out), _progress("reading", size, unit="B", unit_scale=True) as bar:
            for source in sources:
                collection.read(source, bar.update)
            collection.spool.flush()
        chosen = {name: collection.choose(name) for name in sorted(collection.spool.classes)}
        for line in collection.skips.lines():
            report(line)
        collection.check(chosen)
        sketches = sum(int(np.count_nonzero(mask)) for masks in chosen.values() for mask in masks)
        with _progress("writing", sketches, unit="sketch") as bar:
            return [
                collection.write(name, masks, report, bar.update) for name, masks in chosen.items()
            ]


def file_name(name: str) -> str:
    """Returns a class's file name without its suffix: safe on any disk, whatever the class is.

    Spaces become underscores, as in the names of QuickDraw's published `.npz` files; so does all
    else but letters, digits and `._-`. The result is not empty, starts with none of these three,
    and is short enough.
    """
    text = re.sub(r"[^\w.-]+", "_", " ".join(name.split())).lstrip("._-")
    return text.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore").rstrip(".") or "unnamed"


class _Skips:
    """What is left out: counted by reason, the first of each named."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._named: dict[str, list[str]] = defaultdict(list)

    def add(self, skipped: Skipped) -> None:
        self.counts[skipped.reason] += 1
        if len(self._named[skipped.reason]) < NAMED:
            self._named[skipped.reason].append(str(skipped))

    def count(self, reason: str, number: int) -> None:
        """Adds to a reason's sum alone."""
        self.counts[reason] += number

    def lines(self) -> Iterator[str]:
        for named in self._named.values():
            yield from (f"skipped {line}" for line in named)
        for reason, count in self.counts.most_common():
            yield f"left out {count:,}: {reason}"

    def first(self) -> str:
        return next((named[0] for named in self._named.values() if named), "it is empty")


class _Collection:
    """The drawings of all sources, on their way to files."""

    def __init__(self, out: Path, options: Options, spool: Spool):
        self.out, self.options, self.spool = out, options, spool
        self.skips = _Skips()
        self._files: dict[str, str] = {}  # file name, in one case of letters -> class
        self._names: dict[str, str] = {}  # class -> file name
        self._places: list[str] = []  # the drawings' files, numbered
        self._sources: dict[str, list[Source]] = defaultdict(list)  # class -> where it is from

    def read(self, source: Source, advance: Callable[[int], None]) -> None:
        """Adds a source's drawings to the spool."""
        before, kept = self.skips.counts.total(), 0
        for item in source.read(advance):
            skipped = item if isinstance(item, Skipped) else self._add(item, source)
            if skipped is not None:
                self.skips.add(skipped)
            else:
                kept += 1
        if not kept:
            count = self.skips.counts.total() - before
            raise DataError(
                f"{source.label}: no usable drawing among {count:,}; the first left out: "
                f"{self.skips.first()}"
                if count
                else f"{source.label}: there is no drawing in it"
            )

    def _add(self, drawing: Drawing, source: Source) -> Skipped | None:
        options = self.options
        where = drawing.source, drawing.line, drawing.key
        if options.recognized_only and drawing.recognized is not True:
            return Skipped(*where, "not recognised by QuickDraw's game")
        try:
            sketch = _sketch(drawing, options)
        except ValueError as error:
            return Skipped(*where, str(error))
        most = MOST_POINTS if options.max_points is None else options.max_points
        if len(sketch) > most:
            return Skipped(*where, f"more than {most:,} points", f"{len(sketch):,}")
        if np.abs(sketch[:, :2]).max() > MAX_OFFSET:
            return Skipped(
                *where,
                f"moves by more than {MAX_OFFSET:,} pixels at once",
                "give --epsilon to have it fitted and simplified",
            )
        name = self._name(drawing)
        if source not in self._sources[name]:
            self._sources[name].append(source)
        self.spool.add(name, self._entry(drawing, sketch), sketch)
        return None

    def _entry(self, drawing: Drawing, sketch: NDArray[np.float32]) -> Entry:
        if not self._places or self._places[-1] != drawing.source:
            self._places.append(drawing.source)
        number = len(self._places) - 1
        if drawing.key is None:
            place = splitting.place(sketch.astype("<f4").tobytes())
            identity = splitting.place(f"{number}:{drawing.line}".encode())  # like no other
        else:
            place = splitting.place(drawing.key.encode("utf-8", "surrogatepass"))
            identity = place
        if drawing.file is not None:
            identity = splitting.place(os.fsencode(drawing.file))
        split = KEY_DECIDES if drawing.split is None else SPLITS.index(drawing.split)
        return Entry(place, identity, number, drawing.line, split)

    def _name(self, drawing: Drawing) -> str:
        if drawing.name in self._names:
            return self._names[drawing.name]
        name = file_name(drawing.name)
        if other := self._files.get(name.casefold()):
            raise DataError(
                f"{drawing.source}: its class {printable(drawing.name)!r} and the class "
                f"{printable(other)!r} would both be the file {name}.npz; convert them one by one"
            )
        if len(self._names) == MOST_CLASSES:
            raise DataError(f"{drawing.source}: over {MOST_CLASSES:,} classes, by its words")
        self._check_free(name)
        self._files[name.casefold()] = drawing.name
        self._names[drawing.name] = name
        return name

    def _check_free(self, name: str) -> None:
        path = self.out / f"{name}.npz"
        if path.exists() and (path.is_dir() or not self.options.overwrite):
            raise DataError(
                f"{path}: is there already; give --overwrite to replace it, or another --out"
            )

    def choose(self, name: str) -> list[NDArray[np.bool_]]:
        """Which of a class's sketches make train, valid and test, [count] each."""
        spool = self.spool.classes[name]
        keep = self._first_of_each(spool)
        places = spool.column("place")
        splits = _splits(spool, self.options.parts)
        masks = []
        for number, split in enumerate(SPLITS):
            mask = keep & (splits == number)
            most = self.options.counts and self.options.counts[number]
            if most is not None and (count := np.count_nonzero(mask)) > most:
                mask = _lowest(mask, places, most)
                self.skips.count(f"over --counts in {split} of {name}", count - most)
            masks.append(mask)
        return masks

    def _first_of_each(self, spool: ClassSpool) -> NDArray[np.bool_]:
        """Which sketches are not the same drawing as one before, [count]."""
        keep = np.ones(spool.count, bool)
        again = _repeated(spool.column("identity"))
        keep[again] = False
        if len(again):
            reason = "the same drawing again, by its key"
            sources, lines = spool.column("source"), spool.column("line")
            for index in again[:NAMED].tolist():
                place = self._places[sources[index]], int(lines[index])
                self.skips.add(Skipped(*place, None, reason))
            self.skips.count(reason, max(0, len(again) - NAMED))
        return keep

    def check(self, chosen: dict[str, list[NDArray[np.bool_]]]) -> None:
        """Raises DataError when a split of a class is empty or too large."""
        failing = [name for name, masks in chosen.items() if not all(map(np.any, masks))]
        if failing:
            counts = _counts_text(chosen[failing[0]])
            others = f" (and {len(failing) - 1:,} more classes)" if failing[1:] else ""
            raise DataError(
                f"{failing[0]}{others}: {counts}; no split may be empty: "
                f"{self._advice(chosen, failing)}. Nothing was written"
            )
        for name, masks in chosen.items():
            spool = self.spool.classes[name]
            sizes = spool.column("points") * np.where(self._is_float(spool, masks), 12, 6)
            for split, mask in zip(SPLITS, masks, strict=True):
                if sizes[mask].sum(dtype=np.int64) > MAX_SPLIT_BYTES:
                    raise too_large(f"{name}, {split}, {np.count_nonzero(mask):,} sketches")

    def _advice(self, chosen: dict[str, list[NDArray[np.bool_]]], failing: list[str]) -> str:
        """Shares that fill all splits of all classes, or what else to do."""

        def fills(name: str, shares: tuple[int, int, int]) -> bool:
            spool, usable = self.spool.classes[name], np.any(chosen[name], axis=0)
            return set(_splits(spool, shares)[usable]) == {0, 1, 2}

        for shares in splitting.LARGER:
            if all(fills(name, shares) for name in chosen):
                return f"give larger shares, such as --shares={','.join(map(str, shares))}"
        return "give larger --shares, or leave out what has too few drawings"

    def _is_float(self, spool: ClassSpool, masks: list[NDArray[np.bool_]]) -> bool:
        return bool((spool.column("is_float") & np.any(masks, axis=0)).any())

    def write(
        self,
        name: str,
        masks: list[NDArray[np.bool_]],
        report: Report,
        advance: Callable[[int], None],
    ) -> Path:
        """Writes a class's file, and the text of its licence before it if there is one."""
        path = self.out / f"{name}.npz"
        spool = self.spool.classes[name]
        texts = [
            source.license_text(path.name, self.options.pixels)
            for source in self._sources[name]
            if source.license_text
        ]
        if texts:
            with _writing(path), replacing(path.with_suffix(".LICENSE.txt")) as file:
                file.write("\n".join(dict.fromkeys(texts)).encode())
        dtype = "<f4" if self._is_float(spool, masks) else "<i2"
        stream_npz(
            path,
            dtype,
            {
                split: (int(np.count_nonzero(mask)), _told(spool.sketches(mask, dtype), advance))
                for split, mask in zip(SPLITS, masks, strict=True)
            },
        )
        longest = int(spool.column("points")[np.any(masks, axis=0)].max())
        report(f"wrote {path}: {_counts_text(masks)}; the longest has {longest:,} points")
        return path


def _sketch(drawing: Drawing, options: Options) -> NDArray[np.float32]:
    """A drawing as stroke-3 [n, 3], n >= 1.

    Raises:
      ValueError: it has less than two points, or cannot be scaled.
    """
    lines = drawing.lines
    if drawing.form == "simplified":
        if options.epsilon is not None:
            lines = [polylines.simplify(line, options.epsilon) for line in lines]
    else:
        spacing = polylines.SPACING if drawing.form == "timed" else None
        lines = polylines.in_pixels(lines, options.pixels, spacing=spacing)
    return from_polylines(lines)


def _splits(spool: ClassSpool, shares: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The number of each sketch's split, [count]."""
    splits = spool.column("split")
    by_key = splits == KEY_DECIDES
    splits[by_key] = splitting.splits_of(spool.column("place")[by_key], shares)
    return splits


def _counts_text(masks: list[NDArray[np.bool_]]) -> str:
    pairs = zip(SPLITS, masks, strict=True)
    return ", ".join(f"{split} {np.count_nonzero(mask):,}" for split, mask in pairs)


def _repeated(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where values are that were there before, in rising order.

    Mostly there are none; then this takes no memory but a copy of the values.
    """
    ordered = np.sort(values)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(repeated):
        return np.zeros(0, np.int64)
    found = []
    for start in range(0, len(values), 1 << 18):
        part = values[start : start + (1 << 18)]
        nearest = np.minimum(np.searchsorted(repeated, part), len(repeated) - 1)
        found.append(start + np.flatnonzero(repeated[nearest] == part))
    indices = np.concatenate(found)
    first = np.unique(values[indices], return_index=True)[1]
    return np.delete(indices, first)


def _lowest(mask: NDArray[np.bool_], places: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Of those in the mask the `count` with the lowest places, the first of equal ones."""
    indices = np.flatnonzero(mask)
    chosen = indices[np.argsort(places[indices], kind="stable")[:count]]
    mask = np.zeros_like(mask)
    mask[chosen] = True
    return mask


def _progress(what: str, total: int, **settings: object) -> tqdm:
    from tqdm import tqdm

    # disable=None: a bar on a terminal, nothing in a log file.
    return tqdm(total=total, desc=what, disable=None, leave=False, dynamic_ncols=True, **settings)


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
            folder = Path(tempfile.mkdtemp(prefix=".sketch_rnn_convert-", dir=out))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
