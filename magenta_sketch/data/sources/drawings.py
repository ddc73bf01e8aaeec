"""What the readers of other programs' drawings give, one after another, and what they skip."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.messages import printable
from magenta_sketch.data.sources.options import Options, Settings

Form = Literal["timed", "exact", "simplified"]


class Drawing(NamedTuple):
    """One drawing, as its source has it.

    Attributes:
      source: the file it is from, for messages.
      line: its line there, from 1; 0 where a file holds one drawing.
      name: its class, any text: QuickDraw's word, the name of a folder.
      key: what identifies it within its class and decides its split; None where nothing does.
      lines: its strokes in order, float64 [k, 2] each with k >= 1: positions, x to the right and
        y down, in the source's unit, finite.
      form: "timed", as a hand drew it, many points a second; "exact", curves and corners of a
        drawing program, curves flattened; "simplified", in pixels, to be taken as it is.
      recognized: whether QuickDraw's game recognised it; None where nothing is said.
      split: the split that the source puts it in, which wins over the key; None mostly.
      file: what tells it from a drawing of another file that has the same key; None where equal
        keys mean the same drawing.
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


class Skipped(NamedTuple):
    """A drawing that could not be read, or is left out.

    Attributes:
      source, line, key: as in `Drawing`.
      reason: one of few, to be counted.
      detail: what exactly, for this one.
      name: its class; None where it is not known.
      by_default: it is left out by a default of its source; such are counted, but not named.
    """

    source: str
    line: int
    key: str | None
    reason: str
    detail: str = ""
    name: str | None = None
    by_default: bool = False

    def __str__(self) -> str:
        """Return one line: where, which, why."""
        place = f"{self.source}, line {self.line:,}" if self.line else self.source
        key = "" if self.key is None else f", drawing {printable(self.key)}"
        detail = f": {printable(self.detail)}" if self.detail else ""
        return f"{place}{key}: {self.reason}{detail}"


@dataclasses.dataclass(frozen=True)
class Source:
    """An input of drawings.

    Attributes:
      label: what messages call it.
      size: its bytes, for the progress bar.
      read: starts reading; the function it is given is told how many more bytes have been read.
        Raises DataError when the input as a whole is damaged.
      defaults: how its drawings become sketches, where a user chooses nothing else.
      contents: what is in it, such as "6,413 characters"; told, with the settings, before reading.
      license_text: for drawings that are under a licence, what the text beside them says, given
        the data file's name and the user's choices.
      credit: the line that is told for them.
    """

    label: str
    size: int
    read: Callable[[Callable[[int], None]], Iterator[Drawing | Skipped]]
    defaults: Settings = Settings()
    contents: str | None = None
    license_text: Callable[[str, Options], str] | None = None
    credit: str | None = None
