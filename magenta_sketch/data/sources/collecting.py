"""Collect drawings for data sets: convert them to pixels, name and spool them, class by class."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data import splitting
from magenta_sketch.data.messages import printable
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.offsets import MAX_OFFSET
from magenta_sketch.data.sources import pieces, polylines
from magenta_sketch.data.sources.choosing import Chosen, choose, repeated
from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source
from magenta_sketch.data.sources.options import Options, Settings
from magenta_sketch.data.sources.spool import KEY_DECIDES, ClassSpool, Entry, Spool
from magenta_sketch.data.sources.tally import NAMED, Tally
from magenta_sketch.data.strokes import from_polylines
from magenta_sketch.errors import DataError

MOST_CLASSES = 10_000  # QuickDraw has 345
MOST_POINTS = 100_000  # of a sketch

FEW = 100  # sketches of a class; fewer are learnt by heart

JOINED = "joined to the ones before (--join=0 keeps them apart)"


def file_name(name: str) -> str:
    """Return the file name of a class, without suffix, valid on any disk.

    Spaces become underscores, as in the names of QuickDraw's published `.npz` files. So does
    everything else but letters, digits and `._-`. The result is not empty, does not start with one
    of these three, and is short enough.
    """
    text = re.sub(r"[^\w.-]+", "_", " ".join(name.split())).lstrip("._-")
    return text.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore").rstrip(".") or "unnamed"


class Collection:
    """The drawings of all sources. A class has the name of its file, without suffix.

    Args:
      out: the folder of the files.
      options: the user's choices.
      spool: where the sketches wait.

    Attributes:
      spool: as given.
      tally: what was left out or changed.
    """

    def __init__(self, out: Path, options: Options, spool: Spool):
        self.spool = spool
        self.tally = Tally()
        self._filled: list[str] = []
        self._few: list[str] = []
        self._out, self._options = out, options
        self._wanted = None if options.classes is None else set(map(file_name, options.classes))
        self._files: dict[str, str] = {}  # file name without case -> the source's class
        self._names: dict[str, str] = {}  # the source's class -> file name
        self._inputs: list[str] = []  # the files read; an index is a file's number
        self._sources: dict[str, list[Source]] = defaultdict(list)  # file name -> its sources

    def read(self, source: Source, advance: Callable[[int], None]) -> None:
        """Add a source's drawings to the spool.

        Raises:
          DataError: the source is damaged or has no usable drawing, two classes would be one file,
            sources with different settings share a class, a file exists already, or the spool
            cannot be written.
        """
        settings = self._options.settings(source.defaults)
        before, first, any_kept = self.tally.total, None, False
        for item in source.read(advance):
            skipped = item if isinstance(item, Skipped) else self._add(item, source, settings)
            if skipped is None:
                any_kept = True
            else:
                self.tally.add(skipped, None if item.name is None else file_name(item.name))
                first = first or skipped
        if first is None and not any_kept:
            raise DataError(f"{source.label}: there is no drawing in it")
        if not any_kept and self._wanted is None:
            raise DataError(
                f"{source.label}: no usable drawing among {self.tally.total - before:,}; the first "
                f"left out: {first}"
            )

    def check_classes(self) -> None:
        """Check that there are drawings of all classes that the user has named.

        Raises:
          DataError: there are none of a class.
        """
        missing = [
            name for name in self._options.classes or () if file_name(name) not in self._sources
        ]
        if missing:
            more = f", and {len(missing) - NAMED:,} more" if missing[NAMED:] else ""
            named = ", ".join(map(printable, missing[:NAMED]))
            raise DataError(
                f"--classes: no usable drawing of {named}{more}; "
                "mend the list, or add the files of these classes; nothing was written"
            )

    def notes(self) -> Iterator[str]:
        """Yield lines to report on how the sketches of all classes were chosen."""
        if self._filled:
            yield (
                "note: too few drawings to fill these splits by their keys: "
                f"{_named(self._filled)}. Each got one drawing of the largest split, whose key has "
                "the lowest hash"
            )
        if self._few:
            yield (
                f"note: under {FEW} drawings of {_named(self._few)}: a model learns so few by "
                "heart; collect more, or start from a trained model with --init_from"
            )

    def sources(self, name: str) -> list[Source]:
        """Return the sources of a class."""
        return self._sources[name]

    def choose(self, name: str) -> Chosen:
        """Return the chosen sketches of a class, and count those left out."""
        spool = self.spool.classes[name]
        candidates = self._first_of_each(name, spool)
        chosen, filled = choose(spool, candidates, self._options.parts, self._options.counts)
        if filled:
            self._filled.append(f"{name} ({' and '.join(filled)})")
        if sum(chosen.counts) < FEW:
            self._few.append(f"{name} ({sum(chosen.counts)})")
        more = int(np.count_nonzero(candidates)) - sum(chosen.counts)
        if more:
            self.tally.count("more than --counts", more, name)
        return chosen

    def _add(self, drawing: Drawing, source: Source, settings: Settings) -> Skipped | None:
        options = self._options
        where = drawing.source, drawing.line, drawing.key
        if self._wanted is not None and file_name(drawing.name) not in self._wanted:
            return Skipped(*where, "of a class that is not in --classes", by_default=True)
        if options.recognized_only and drawing.recognized is not True:
            return Skipped(*where, "not recognised by QuickDraw's game")
        lines = drawing.lines
        if drawing.pens is not None:
            drawing = drawing._replace(lines=pieces.join(lines, drawing.pens, options.join))
        try:
            sketch = sketch_of(drawing, settings, simplify_again=options.epsilon is not None)
        except ValueError as error:
            return Skipped(*where, str(error))
        most = MOST_POINTS if settings.max_points is None else settings.max_points
        if len(sketch) > most:
            return Skipped(
                *where,
                f"more than {most:,} points",
                f"{len(sketch):,}",
                by_default=options.max_points is None and settings.max_points is not None,
            )
        if np.abs(sketch[:, :2]).max() > MAX_OFFSET:  # reading the file would clamp it
            return Skipped(*where, f"moves by more than {MAX_OFFSET:,} pixels at once")
        name = self._name(drawing)
        if source not in self._sources[name]:
            self._check_settings(name, source, settings)
            self._sources[name].append(source)
        self.spool.add(name, self._entry(drawing, sketch), sketch)
        for what, count in drawing.passed_over.items():
            self.tally.note("passed over", what, count)
        if len(drawing.lines) < len(lines):
            self.tally.note(JOINED, "pieces of strokes", len(lines) - len(drawing.lines))
        return None

    def _entry(self, drawing: Drawing, sketch: NDArray[np.float32]) -> Entry:
        if not self._inputs or self._inputs[-1] != drawing.source:
            self._inputs.append(drawing.source)
        number = len(self._inputs) - 1
        if drawing.key is None:
            key_hash = splitting.hash_of(sketch.astype("<f4").tobytes())
            identity = splitting.hash_of(f"{number}:{drawing.line}".encode())  # unique
        else:
            key_hash = splitting.hash_of(drawing.key.encode("utf-8", "surrogatepass"))
            identity = key_hash
        if drawing.file is not None:
            identity = splitting.hash_of(os.fsencode(drawing.file))
        split = KEY_DECIDES if drawing.split is None else SPLITS.index(drawing.split)
        return Entry(key_hash, identity, number, drawing.line, split)

    def _name(self, drawing: Drawing) -> str:
        if drawing.name in self._names:
            return self._names[drawing.name]
        name = file_name(drawing.name)
        other = self._files.get(name.casefold())
        if other is not None and file_name(other) == name:  # "power outlet" and power_outlet
            self._names[drawing.name] = name
            return name
        if other is not None:  # only the case differs, which some disks ignore
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

    def _check_settings(self, name: str, source: Source, settings: Settings) -> None:
        """Check that a class's earlier sources have the same settings."""
        for other in self._sources[name]:
            if (others := self._options.settings(other.defaults)) != settings:
                raise DataError(
                    f"class {name}: {other.label} ({others}) and {source.label} ({settings}) "
                    "cannot be one data set, because their settings differ; convert them into "
                    "different folders"
                )

    def _check_free(self, name: str) -> None:
        path = self._out / f"{name}.npz"
        if path.is_dir():
            raise DataError(f"{path}: is a folder; move it away, or give another --out")
        if path.exists() and not self._options.overwrite:
            raise DataError(
                f"{path}: is there already; give --overwrite to replace it, or another --out"
            )

    def _first_of_each(self, name: str, spool: ClassSpool) -> NDArray[np.bool_]:
        """Return which sketches do not repeat an earlier drawing, bool [count]."""
        keep = np.ones(spool.count, bool)
        again = repeated(spool.column("identity"))
        keep[again] = False
        if len(again):
            reason = "the same drawing again"
            sources, lines = spool.column("source"), spool.column("line")
            for index in again[:NAMED].tolist():
                place = self._inputs[sources[index]], int(lines[index])
                self.tally.add(Skipped(*place, None, reason), name)
            self.tally.count(reason, max(0, len(again) - NAMED), name)
        return keep


def _named(classes: list[str]) -> str:
    more = len(classes) - NAMED
    return ", ".join(classes[:NAMED]) + (f" and {more:,} more classes" if more > 0 else "")


def sketch_of(drawing: Drawing, settings: Settings, *, simplify_again: bool) -> NDArray[np.float32]:
    """Return a drawing as stroke-3 [n, 3], n >= 1.

    Args:
      drawing: the drawing.
      settings: how to convert it.
      simplify_again: whether to simplify a drawing that is simplified already. If not, it stays as
        it is.

    Raises:
      ValueError: the drawing cannot be fitted, because all points are equal or its lines too long.
    """
    lines = drawing.lines
    if drawing.form == "simplified":
        if simplify_again:
            lines = [polylines.simplify(line, settings.epsilon) for line in lines]
    else:
        spacing = polylines.SPACING if drawing.form == "timed" else None
        lines = polylines.in_pixels(
            lines, settings.epsilon, spacing=spacing, pixels_per_unit=settings.pixels_per_unit
        )
    return from_polylines(lines)
