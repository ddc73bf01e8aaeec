"""Drawings that are left out: counted by reason and by class, the first of each reason named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from magenta_sketch.data.sources.drawings import Skipped

NAMED = 10  # skipped drawings that are named one by one, for each reason


class Tally:
    """A count of what is left out.

    Attributes:
      total: how many drawings.
      of_class: class, as its file is called -> how many of its drawings.
    """

    def __init__(self) -> None:
        self.total = 0
        self.of_class: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._named: dict[str, list[str]] = defaultdict(list)

    def add(self, skipped: Skipped, name: str | None = None) -> None:
        """Add a drawing, of a class if that is known."""
        if not skipped.by_default and len(self._named[skipped.reason]) < NAMED:
            self._named[skipped.reason].append(str(skipped))
        self.count(skipped.reason, 1, name)

    def count(self, reason: str, number: int, name: str | None = None) -> None:
        """Add to the sums alone."""
        self.total += number
        self._reasons[reason] += number
        if name is not None:
            self.of_class[name] += number

    def lines(self) -> Iterator[str]:
        """Yield the drawings that are named, and then a sum for each reason."""
        for named in self._named.values():
            yield from (f"skipped {line}" for line in named)
        for reason, count in self._reasons.most_common():
            yield f"left out {count:,}: {reason}"
