"""What the figures of a study share: their form, and how settings look in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from magenta_sketch.drawing.plots import COLORS, color_of, marker_of
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.summary import SettingSummary, Summary, is_numeric

SECTIONS = ("curves", "grid", "matrix", "latent", "profiles", "distances")
_MOST_MULTIPLES = 6  # pictures of one kind, a value of the second axis each


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of the report.

    name: of its file, without the ending. section: of `SECTIONS`, where it belongs. alt: what it
    shows, for who cannot see it. caption: below it.
    """

    name: str
    section: str
    title: str
    alt: str
    caption: str
    svg: bytes


@dataclasses.dataclass(frozen=True)
class Multiple:
    """The settings of one of several pictures of a kind. label: what they share, or ""."""

    label: str
    settings: Sequence[SettingSummary]

    def named(self, name: str) -> str:
        """Return a file's name with what is special to this picture."""
        label = "".join(c if c.isalnum() or c in "._+-" else "-" for c in self.label)
        return f"{name}_{label}" if label else name

    def titled(self, title: str) -> str:
        """Return a title with what is special to this picture."""
        return f"{title}, {self.label}" if self.label else title


def multiples(summary: Summary, settings: Sequence[SettingSummary]) -> Iterator[Multiple]:
    """Yield settings in as many pictures as are legible: by the second axis if there is one."""
    if len(summary.axes) == 1:
        yield Multiple("", settings)
        return
    other = summary.axes[1]
    for value in other.values[:_MOST_MULTIPLES]:
        label = f"{other.name} {value_text(value)}"
        yield Multiple(label, [s for s in settings if s.value(other) == value])


def style_of(summary: Summary, one: SettingSummary) -> dict[str, Any]:
    """Return label, color and marker of a setting's line, by its value of the main axis."""
    axis = summary.main
    rank = axis.values.index(one.value(axis))
    text = value_text(one.value(axis))
    return {
        "label": f" {text}" if text.startswith("_") else text,  # matplotlib hides those
        "color": color_of(rank, len(axis.values), is_numeric(axis)),
        "marker": marker_of(rank),
    }


def slice_color(summary: Summary, which: int) -> Any:
    """Return the colour of a value of the second axis."""
    if len(summary.axes) == 1:
        return COLORS[0]
    axis = summary.axes[1]
    return color_of(which, len(axis.values), is_numeric(axis))
