"""A finding, and how it is put together."""

from __future__ import annotations

import dataclasses

from magenta_sketch.study.summary import SettingSummary, Slice
from magenta_sketch.study.wording import capital


@dataclasses.dataclass(frozen=True)
class Finding:
    """A question, what the data say (a paragraph for each value of a second axis), and sentences
    with the numbers."""

    question: str
    answers: tuple[str, ...]
    details: tuple[str, ...]


class Draft:
    """A finding that is being written, slice by slice."""

    def __init__(self, question: str):
        self._question = question
        self._answers: dict[str, list[str]] = {}
        self._details: list[str] = []

    def answer(self, one: Slice, sentence: str) -> None:
        """Add a sentence to what the data say; those of one slice make a paragraph."""
        self._answers.setdefault(one.label, []).append(capital(sentence))

    def detail(self, one: Slice, sentence: str) -> None:
        """Add a sentence with numbers of one slice, which it names."""
        label = f"{capital(one.label)}: " if one.label else ""
        self._details.append(f"{label}{sentence if label else capital(sentence)}")

    def explain(self, sentence: str) -> None:
        """Add a sentence that is not of a slice to those with numbers."""
        self._details.append(sentence)

    def finding(self) -> Finding | None:
        """Return the finding; None where there is no answer."""
        if not self._answers:
            return None
        paragraphs = (
            f"{label}: {' '.join(sentences)}" if label else " ".join(sentences)
            for label, sentences in self._answers.items()
        )
        return Finding(self._question, tuple(paragraphs), tuple(self._details))


def place(one: Slice, setting: SettingSummary) -> str:
    """Return the name of a setting in a slice, as a sentence begins."""
    return capital(f"{one.label}, {setting.label}" if one.label else setting.label)
