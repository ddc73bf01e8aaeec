"""A finding, and a class to write one."""

from __future__ import annotations

import dataclasses

from magenta_sketch.study.summary import SettingSummary, Slice
from magenta_sketch.study.wording import capital


@dataclasses.dataclass(frozen=True)
class Finding:
    """A question and its answer.

    answers: a paragraph, or one per value of a second axis. details: sentences with the numbers.
    """

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
        """Add a sentence to the answer's paragraph for a slice."""
        self._answers.setdefault(one.label, []).append(capital(sentence))

    def detail(self, one: Slice, sentence: str) -> None:
        """Add a sentence with numbers of a slice. The slice's label is put before it."""
        label = f"{capital(one.label)}: " if one.label else ""
        self._details.append(f"{label}{sentence if label else capital(sentence)}")

    def explain(self, sentence: str) -> None:
        """Add a sentence to the details as it is."""
        self._details.append(sentence)

    def finding(self) -> Finding | None:
        """Return the finding, or None without an answer."""
        if not self._answers:
            return None
        paragraphs = (
            f"{label}: {' '.join(sentences)}" if label else " ".join(sentences)
            for label, sentences in self._answers.items()
        )
        return Finding(self._question, tuple(paragraphs), tuple(self._details))


def place(one: Slice, setting: SettingSummary) -> str:
    """Return the name of a setting in a slice, with a capital letter."""
    return capital(f"{one.label}, {setting.label}" if one.label else setting.label)
