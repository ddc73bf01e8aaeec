"""Flag files: --flagfile=NAME stands for the lines of a file, one flag each."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from magenta_sketch.errors import UsageError
from magenta_sketch.files import did_you_mean, read_text

_NAMES = ("--flagfile", "-flagfile")


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of the command line. place: its flag file and line; empty on the command line."""

    text: str
    place: str = ""

    def error(self, message: str) -> UsageError:
        """Return an error about this word, with its place."""
        return UsageError(f"{self.place}: {message}" if self.place else message)


def expand(arguments: Iterable[str]) -> list[Word]:
    """Return the command line with each --flagfile replaced by the lines of its file.

    Raises:
      UsageError: a flag file is missing, cannot be read, or includes itself.
    """
    return _expand([Word(text) for text in arguments], ())


def _expand(words: list[Word], inside: tuple[str, ...]) -> list[Word]:
    found: list[Word] = []
    rest = iter(words)
    for word in rest:
        name, equals, file = word.text.partition("=")
        if word.text == "--":  # the rest are not flags
            return [*found, word, *rest]
        if name not in _NAMES:
            found.append(word)
            continue
        if not equals:
            file = next(rest, Word("")).text
        file = os.path.expanduser(file.strip())
        if not file:
            raise word.error("--flagfile has no value; name a file: --flagfile=NAME")
        if file in inside:
            raise word.error(f"--flagfile={file}: this file is read already; leave the line out")
        found += _expand(_lines(file, word), (*inside, file))
    return found


def _lines(file: str, word: Word) -> list[Word]:
    path = Path(file)
    try:
        text = read_text(path)
    except FileNotFoundError:
        meant = did_you_mean(path, (".cfg",))
        raise word.error(f"--flagfile={file}: no such file{meant}") from None
    except IsADirectoryError:
        raise word.error(f"--flagfile={file}: a folder; name a file in it") from None
    except OSError as error:
        raise word.error(f"--flagfile={file}: cannot be read: {error.strerror or error}") from None
    except ValueError:  # not UTF-8; or a null character in the name
        raise word.error(
            f"--flagfile={file}: not a text file in UTF-8; expected one --flag=value a line"
        ) from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "//")):
            continue
        found.append(Word(line, f"{file}, line {number}"))
        if line.endswith(" \\"):
            raise found[-1].error("leave out the \\ at its end: each line of a flag file is a flag")
    return found
