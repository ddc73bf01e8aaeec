"""Count what is left out or changed, by reason; name the first drawings of each reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from magenta_sketch.data.sources.drawings import Skipped

NAMED = 10  # skipped drawings that are named for each reason, at most


class Tally:
    """A count of the drawings that are left out.

    Attributes:
      total: the number of all.
      of_class: class, as the name of its file -> the number of its drawings.
    """

    def __init__(self) -> None:
        self.total = 0
        self.of_class: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._named: dict[str, list[str]] = defaultdict(list)
        self._noted: dict[tuple[str, str], tuple[int, int]] = {}  # things and drawings

    def note(self, verb: str, what: str, count: int) -> None:
        """Count things that were changed in a drawing, such as "joined" and "pieces"."""
        things, drawings = self._noted.get((verb, what), (0, 0))
        self._noted[verb, what] = things + count, drawings + 1

    def add(self, skipped: Skipped, name: str | None = None) -> None:
        """Count a drawing, and name it if it is among the first. Its class may be unknown."""
        if not skipped.by_default and len(self._named[skipped.reason]) < NAMED:
            self._named[skipped.reason].append(str(skipped))
        self.count(skipped.reason, 1, name)

    def count(self, reason: str, number: int, name: str | None = None) -> None:
        """Count drawings without naming them."""
        self.total += number
        self._reasons[reason] += number
        if name is not None:
            self.of_class[name] += number

    def lines(self) -> Iterator[str]:
        """Yield a line for each named drawing, one for each reason, and one for each note."""
        for named in self._named.values():
            yield from (f"skipped {line}" for line in named)
        for reason, count in self._reasons.most_common():
            yield f"left out {count:,}: {reason}"
        for (verb, what), (things, drawings) in self._noted.items():
            plural = "drawing" if drawings == 1 else "drawings"
            yield f"{what}: {things:,} {verb}, in {drawings:,} {plural}"
