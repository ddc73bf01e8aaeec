"""What all figures of a report share: the class `Picture`, and the style of each setting."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from magenta_sketch.drawing.plots import COLORS, color_of, marker_of
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.summary import SettingSummary, Summary, is_numeric

SECTIONS = ("curves", "grid", "matrix", "latent", "profiles", "distances")
_MOST_MULTIPLES = 6  # pictures of one kind, one per value of the second axis


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of the report.

    name: its file's name without the ending. section: one of `SECTIONS`. alt: text for readers who
    cannot see it. caption: text below it.
    """

    name: str
    section: str
    title: str
    alt: str
    caption: str
    svg: bytes


@dataclasses.dataclass(frozen=True)
class Multiple:
    """The settings in one of several pictures of a kind. label: the value they share, or ""."""

    label: str
    settings: Sequence[SettingSummary]

    def named(self, name: str) -> str:
        """Return a file's name with the label."""
        label = "".join(c if c.isalnum() or c in "._+-" else "-" for c in self.label)
        return f"{name}_{label}" if label else name

    def titled(self, title: str) -> str:
        """Return a title with the label."""
        return f"{title}, {self.label}" if self.label else title


def multiples(summary: Summary, settings: Sequence[SettingSummary]) -> Iterator[Multiple]:
    """Yield the settings for each picture: one per value of the second axis, if there is one."""
    if len(summary.axes) == 1:
        yield Multiple("", settings)
        return
    other = summary.axes[1]
    for value in other.values[:_MOST_MULTIPLES]:
        label = f"{other.name} {value_text(value)}"
        yield Multiple(label, [s for s in settings if s.value(other) == value])


def style_of(summary: Summary, one: SettingSummary) -> dict[str, Any]:
    """Return label, color and marker for a setting's value of the main axis."""
    axis = summary.main
    rank = axis.values.index(one.value(axis))
    text = value_text(one.value(axis))
    return {
        "label": f" {text}" if text.startswith("_") else text,  # matplotlib hides labels with _
        "color": color_of(rank, len(axis.values), is_numeric(axis)),
        "marker": marker_of(rank),
    }


def slice_color(summary: Summary, which: int) -> Any:
    """Return the colour of value number ``which`` of the second axis."""
    if len(summary.axes) == 1:
        return COLORS[0]
    axis = summary.axes[1]
    return color_of(which, len(axis.values), is_numeric(axis))
