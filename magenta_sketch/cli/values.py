"""Checks and parsers of flag values that several commands share."""

from __future__ import annotations

import os
import pathlib

from absl import flags

from magenta_sketch.config import typography
from magenta_sketch.config.kinds import Unfit, show
from magenta_sketch.errors import UsageError

LARGEST_COUNT = 1_000_000_000  # of sketches in a split

_PICTURES = ".png .jpg .jpeg .gif .webp .bmp .tif .tiff .pdf .eps .ps .svgz"
_NOT_FOLDERS = {*_PICTURES.split(), ".html", ".json", ".npz", ".ndjson"}


class PlaceParser(flags.ArgumentParser[str]):
    """Parser of a path. A "~" at its start stands for the user's home folder.

    kind: "folder", "file" or "file or folder"; an existing path must be of this kind.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.syntactic_help = f"a {kind}"

    def parse(self, argument: str) -> str:
        return os.path.expanduser(argument)

    def check(self, argument: str) -> None:
        """Raise Unfit if a file is in the place of a folder, or a folder in that of a file."""
        path = pathlib.Path(self.parse(argument))
        if not argument:
            return
        if self.kind == "folder" and path.exists() and not path.is_dir():
            raise Unfit("there is a file of this name")
        if self.kind == "file" and path.is_dir():
            raise Unfit("there is a folder of this name")

    def flag_type(self) -> str:
        return self.kind


def define_place(
    values: flags.FlagValues, name: str, default: str | None, help: str, *, kind: str
) -> None:
    """Define a flag that is a path, see `PlaceParser`."""
    flags.DEFINE(PlaceParser(kind), name, default, help, values, flags.ArgumentSerializer())


def require(values: flags.FlagValues, *names: str) -> None:
    """Raise UsageError unless all of these flags are given."""
    for name in names:
        if not values[name].value:
            text = values[name].help.rstrip(".")
            raise UsageError(f"--{name} is missing: {text[0].lower()}{text[1:]}")


def require_room(out: str) -> None:
    """Raise UsageError if a folder in the path ``out`` is a file."""
    for above in pathlib.Path(out).parents:
        if above.exists():
            if not above.is_dir():
                raise UsageError(f"--out={out}: {above} is a file; name a place in a folder")
            return


def is_one_svg(out: str) -> bool:
    """Return whether ``out`` names one SVG file (True) or a folder of SVG files (False).

    Raises:
      UsageError: its name is that of another file type, or a folder or file is in its place.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() in _NOT_FOLDERS:
        raise UsageError(
            f"--out={out}: drawings are SVG; choose a name that ends in .svg, or a folder"
        )
    one = path.suffix.lower() == ".svg"
    require_kind(out, ".svg" if one else "")
    return one


def require_kind(out: str, ending: str) -> None:
    """Raise UsageError if a folder is in the place of a file, or a file in that of a folder.

    Args:
      out: the value of --out.
      ending: the ending of the file that is to be written, or "" for a folder.
    """
    path = pathlib.Path(out)
    if ending and path.is_dir():
        raise UsageError(f"--out={out} is a folder; name a file in it, or another folder")
    if not ending and path.exists() and not path.is_dir():
        raise UsageError(f"--out={out} is a file; name a folder, or a file that ends in .svg")
    require_room(out)


def parse_numbers(
    text: str,
    flag: str,
    *,
    most: int = 100_000,
    what: str = "sketches",
    example: str = "0,7,20-23",
) -> list[int]:
    """Return the numbers in a flag's value: "0,7,20-23" -> [0, 7, 20, 21, 22, 23].

    Args:
      text: the value of the flag.
      flag: its name, for messages.
      most: how many numbers it may name.
      what: what has these numbers, for messages.
      example: a value that can be used, for messages.

    Raises:
      UsageError: the text has another form, or names more than ``most`` numbers.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        # A longer part cannot be valid, and `int` refuses texts of thousands of digits.
        if len(part) > 40 or not first.isdecimal() or (dash and not last.isdecimal()):
            part = part if len(part) <= 40 else f"{part[:40]}..."
            text = text if len(text) <= 80 else f"{text[:80]}..."
            raise UsageError(
                f"--{flag}={text}: {part.strip()!r} is not a number or a range; "
                + (typography.advice(part) or f"write something like {example}")
            )
        start, stop = int(first), int(last if dash else first) + 1
        if not start < stop <= start + 10_000:
            raise UsageError(
                f"--{flag}={text}: the range {part.strip()} cannot be used; it must rise, by "
                "less than 10000"
            )
        numbers += range(start, stop)
        if len(numbers) > most:
            raise UsageError(f"--{flag} names more than {most} {what}: take them in several goes")
    return numbers


def three_numbers(flag: str, text: str | None) -> tuple[int, int, int] | None:
    """Return the numbers of train, valid and test in a flag's value; None if it is not given.

    Raises:
      UsageError: it is not three whole numbers from 1 to `LARGEST_COUNT`.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 12]
    if len(parts) != 3 or len(numbers) != 3 or not all(1 <= n <= LARGEST_COUNT for n in numbers):
        raise UsageError(
            f"--{flag} must be three whole numbers, for train, valid and test, each from 1 to "
            f"{LARGEST_COUNT:,}, got {show(text)}; use for example --{flag}="
            f"{'70000,2500,2500' if flag == 'counts' else '90,5,5'}"
        )
    train, valid, test = numbers
    return train, valid, test


def require_free(out: str, overwrite: bool) -> None:
    """Raise UsageError if a file would be replaced, or drawings in a folder mixed with others."""
    path = pathlib.Path(out)
    if overwrite or not path.exists():
        return
    if not path.is_dir():
        raise UsageError(
            f"--out={out} is there already: give --overwrite to replace it, or another name"
        )
    there = sum(1 for _ in path.glob("*.svg"))
    if there:
        raise UsageError(
            f"--out={out} holds {there:,} SVG files already, which would be mixed with these: "
            "name another folder, or give --overwrite"
        )
