"""Drawings on their way into data sets: brought into pixels, named, spooled, and chosen from."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz import MAX_OFFSET, SPLITS
from magenta_sketch.data.safe_pickle import printable
from magenta_sketch.data.sources import polylines, splitting
from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.spool import KEY_DECIDES, ClassSpool, Entry, Spool
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError

__all__ = ["Chosen", "Collection", "Options", "Tally", "file_name", "sketch_of", "splits_in"]

MOST_CLASSES = 10_000  # QuickDraw has 345
NAMED = 10  # skipped drawings that are named one by one, for each reason
MOST_POINTS = 100_000  # of a sketch

Shares = tuple[int, int, int]


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
    counts: Shares | None = None
    shares: Shares | None = None
    overwrite: bool = False

    @property
    def pixels(self) -> float:
        """The epsilon in use."""
        return polylines.EPSILON if self.epsilon is None else self.epsilon

    @property
    def parts(self) -> Shares:
        """The shares in use."""
        return self.shares or self.counts or splitting.SHARES


def file_name(name: str) -> str:
    """Returns a class's file name without its suffix: safe on any disk, whatever the class is.

    Spaces become underscores, as in the names of QuickDraw's published `.npz` files; so does all
    else but letters, digits and `._-`. The result is not empty, starts with none of these three,
    and is short enough.
    """
    text = re.sub(r"[^\w.-]+", "_", " ".join(name.split())).lstrip("._-")
    return text.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore").rstrip(".") or "unnamed"


class Tally:
    """What is left out: counted by reason and by class, the first of each reason named."""

    def __init__(self) -> None:
        self.total = 0
        self.of_class: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._named: dict[str, list[str]] = defaultdict(list)

    def add(self, skipped: Skipped, name: str | None = None) -> None:
        """Adds a drawing, of a class if that is known."""
        if len(self._named[skipped.reason]) < NAMED:
            self._named[skipped.reason].append(str(skipped))
        self.count(skipped.reason, 1, name)

    def count(self, reason: str, number: int, name: str | None = None) -> None:
        """Adds to the sums alone."""
        self.total += number
        self._reasons[reason] += number
        if name is not None:
            self.of_class[name] += number

    def lines(self) -> Iterator[str]:
        """The drawings that are named, and then a sum for each reason."""
        for named in self._named.values():
            yield from (f"skipped {line}" for line in named)
        for reason, count in self._reasons.most_common():
            yield f"left out {count:,}: {reason}"


class Chosen(NamedTuple):
    """Which of a class's spooled sketches make its splits, bool [count] each."""

    train: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    test: NDArray[np.bool_]

    @property
    def all(self) -> NDArray[np.bool_]:
        """Those of any split."""
        return self.train | self.valid | self.test

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many there are in each split."""
        return tuple(int(np.count_nonzero(mask)) for mask in self)

    def __str__(self) -> str:
        pairs = zip(SPLITS, self.counts, strict=True)
        return ", ".join(f"{split} {count:,}" for split, count in pairs)


class Collection:
    """The drawings of all sources. Its classes are called as their files are, without suffix.

    Args:
      out: the folder where these will be.
      options: how.
      spool: where the sketches wait.
    """

    def __init__(self, out: Path, options: Options, spool: Spool):
        self.spool = spool
        self.tally = Tally()
        self._out, self._options = out, options
        self._files: dict[str, str] = {}  # file name, in one case of letters -> the source's class
        self._names: dict[str, str] = {}  # the source's class -> file name
        self._places: list[str] = []  # the drawings' files, numbered
        self._sources: dict[str, list[Source]] = defaultdict(list)

    def read(self, source: Source, advance: Callable[[int], None]) -> None:
        """Adds a source's drawings to the spool.

        Raises:
          DataError: the source is damaged or has no usable drawing, two classes would be one file,
            a file is there already, or the spool cannot be written.
        """
        before, first, any_kept = self.tally.total, None, False
        for item in source.read(advance):
            skipped = item if isinstance(item, Skipped) else self._add(item, source)
            if skipped is None:
                any_kept = True
            else:
                self.tally.add(skipped, None if item.name is None else file_name(item.name))
                first = first or skipped
        if first is None and not any_kept:
            raise DataError(f"{source.label}: there is no drawing in it")
        if not any_kept:
            raise DataError(
                f"{source.label}: no usable drawing among {self.tally.total - before:,}; the first "
                f"left out: {first}"
            )

    def sources(self, name: str) -> list[Source]:
        """Where a class's drawings are from."""
        return self._sources[name]

    def choose(self, name: str) -> Chosen:
        """Which sketches of a class make train, valid and test."""
        spool = self.spool.classes[name]
        keep = self._first_of_each(name, spool)
        splits = splits_in(spool, self._options.parts)
        masks = [keep & (splits == number) for number in range(len(SPLITS))]
        for number, most in enumerate(self._options.counts or ()):
            count = np.count_nonzero(masks[number])
            if count > most:
                masks[number] = _lowest(masks[number], spool.column("place"), most)
                self.tally.count("more than --counts", count - most, name)
        return Chosen(*masks)

    def _add(self, drawing: Drawing, source: Source) -> Skipped | None:
        options = self._options
        where = drawing.source, drawing.line, drawing.key
        if options.recognized_only and drawing.recognized is not True:
            return Skipped(*where, "not recognised by QuickDraw's game")
        try:
            sketch = sketch_of(drawing, options)
        except ValueError as error:
            return Skipped(*where, str(error))
        most = MOST_POINTS if options.max_points is None else options.max_points
        if len(sketch) > most:
            return Skipped(*where, f"more than {most:,} points", f"{len(sketch):,}")
        if np.abs(sketch[:, :2]).max() > MAX_OFFSET:  # reading the file would cut it short
            return Skipped(*where, f"moves by more than {MAX_OFFSET:,} pixels at once")
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
        other = self._files.get(name.casefold())
        if other is not None and file_name(other) == name:  # "power outlet" and power_outlet
            self._names[drawing.name] = name
            return name
        if other is not None:  # they differ in capitals alone, which not every disk tells apart
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
        path = self._out / f"{name}.npz"
        if path.is_dir():
            raise DataError(f"{path}: is a folder; move it away, or give another --out")
        if path.exists() and not self._options.overwrite:
            raise DataError(
                f"{path}: is there already; give --overwrite to replace it, or another --out"
            )

    def _first_of_each(self, name: str, spool: ClassSpool) -> NDArray[np.bool_]:
        """Which sketches are not the same drawing as one before, [count]."""
        keep = np.ones(spool.count, bool)
        again = _repeated(spool.column("identity"))
        keep[again] = False
        if len(again):
            reason = "the same drawing again"
            sources, lines = spool.column("source"), spool.column("line")
            for index in again[:NAMED].tolist():
                place = self._places[sources[index]], int(lines[index])
                self.tally.add(Skipped(*place, None, reason), name)
            self.tally.count(reason, max(0, len(again) - NAMED), name)
        return keep


def sketch_of(drawing: Drawing, options: Options) -> NDArray[np.float32]:
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


def splits_in(spool: ClassSpool, shares: Shares) -> NDArray[np.uint8]:
    """The number of each sketch's split, [count]."""
    splits = spool.column("split")
    by_key = splits == KEY_DECIDES
    splits[by_key] = splitting.splits_of(spool.column("place")[by_key], shares)
    return splits


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
    values = places[mask]
    values.partition(count - 1)
    limit = values[count - 1]
    result = mask & (places < limit)
    equal = np.flatnonzero(mask & (places == limit))
    result[equal[: count - np.count_nonzero(result)]] = True
    return result
