"""What readers of other programs' drawings yield: drawings, and what they skip."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.messages import printable
from magenta_sketch.data.sources.options import Options, Settings

Form = Literal["timed", "exact", "simplified"]


class Drawing(NamedTuple):
    """One drawing, as its source has it.

    Attributes:
      source: its file, for messages.
      line: its line there, from 1; 0 if the file holds one drawing.
      name: its class, any text: QuickDraw's word, or the name of a folder.
      key: identifies it within its class and decides its split. None: it has no key.
      lines: its strokes in order, float64 [k, 2] each with k >= 1: finite positions in the source's
        unit, x to the right and y down.
      form: "timed": drawn by hand, many points a second; "exact": lines and curves of a drawing
        program, curves flattened; "simplified": in pixels, to be taken as it is.
      recognized: whether QuickDraw's game recognised it; None: unknown.
      split: the split that the source gives, which overrides the key; usually None.
      file: distinguishes drawings with equal keys in different files. None: equal keys mean the
        same drawing.
      pens: the pen of each line: consecutive lines of one pen may be pieces of one stroke. None:
        each line is a whole stroke.
      passed_over: a count of what the drawing has and the lines have not, by its name.
    """

    source: str
    line: int
    name: str
    key: str | None
    lines: list[NDArray[np.float64]]
    form: Form
    recognized: bool | None = None
    split: str | None = None
    file: str | None = None
    pens: Sequence[Hashable] | None = None
    passed_over: Counter[str] = Counter()


def digest_of(lines: Sequence[NDArray[np.float64]]) -> bytes:
    """Return a digest that is equal for drawings with equal lines, wherever they are."""
    moved = [(line - lines[0][0]).round(6) + 0.0 for line in lines]
    return hashlib.sha256(b"|".join(line.tobytes() for line in moved)).digest()


class Skipped(NamedTuple):
    """A drawing that cannot be read, or is left out.

    Attributes:
      source, line, key: as in `Drawing`.
      reason: one of a few texts, which are counted.
      detail: the details for this drawing.
      name: its class; None: unknown.
      by_default: whether a default of its source leaves it out. It is then counted, but not named.
    """

    source: str
    line: int
    key: str | None
    reason: str
    detail: str = ""
    name: str | None = None
    by_default: bool = False

    def __str__(self) -> str:
        """Return one line: where, which drawing, why."""
        place = f"{self.source}, line {self.line:,}" if self.line else self.source
        key = "" if self.key is None else f", drawing {printable(self.key)}"
        detail = f": {printable(self.detail)}" if self.detail else ""
        return f"{place}{key}: {self.reason}{detail}"


class KnownFactors(NamedTuple):
    """The known factors of a source's drawings, such as the size of a made-up shape.

    Attributes:
      names: of the factors.
      rows: returns the factors [n, len(names)] of drawings, given their lines in the source (see
        `Drawing`), int [n].
    """

    names: tuple[str, ...]
    rows: Callable[[NDArray[np.integer]], ArrayLike]


@dataclasses.dataclass(frozen=True)
class Source:
    """An input with drawings.

    Attributes:
      label: its name in messages.
      size: its bytes, for the progress bar.
      read: yields the drawings. It calls its argument with the number of bytes read since the last
        call. It raises DataError if the whole input is damaged.
      defaults: how its drawings become sketches, unless the user chooses otherwise.
      contents: a description such as "6,413 characters", reported with the settings before reading.
      license_text: for licensed drawings: returns the text beside the data, given the data file's
        name and the user's choices.
      credit: for licensed drawings: a line to report.
      factors: for drawings with known factors: they go into a file beside the data.
    """

    label: str
    size: int
    read: Callable[[Callable[[int], None]], Iterator[Drawing | Skipped]]
    defaults: Settings = Settings()
    contents: str | None = None
    license_text: Callable[[str, Options], str] | None = None
    credit: str | None = None
    factors: KnownFactors | None = None
