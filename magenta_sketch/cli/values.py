"""Checks and parsers of flag values that several commands share."""

from __future__ import annotations

import pathlib

from absl import flags

from magenta_sketch.errors import UsageError

_NOT_FOLDERS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".json", ".npz", ".ndjson"}


def require(values: flags.FlagValues, *names: str) -> None:
    """Raise UsageError unless all of these flags are given."""
    for name in names:
        if not values[name].value:
            text = values[name].help
            raise UsageError(f"--{name} is missing: {text[0].lower()}{text[1:]}")


def is_one_svg(out: str) -> bool:
    """Return whether ``out`` names one SVG file (True) or a folder of SVG files (False).

    Raises:
      UsageError: its name is that of another file type, or a folder or file is in its place.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() in _NOT_FOLDERS:
        raise UsageError(
            f"--out={out}: drawings are SVG; choose a name that ends in .svg, or a folder."
        )
    one = path.suffix.lower() == ".svg"
    if one and path.is_dir():
        raise UsageError(f"--out={out} is a folder; name a file in it, or another folder.")
    if not one and path.exists() and not path.is_dir():
        raise UsageError(f"--out={out} is a file; name a folder, or a file that ends in .svg.")
    return one


def parse_numbers(
    text: str, flag: str, *, most: int = 100_000, what: str = "sketches"
) -> list[int]:
    """Return the numbers in a flag's value: "0,7,20-23" -> [0, 7, 20, 21, 22, 23].

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
                f"--{flag}={text}: {part.strip()!r} is not a number or a range; write "
                "something like 0,7,20-23."
            )
        start, stop = int(first), int(last if dash else first) + 1
        if not start < stop <= start + 10_000:
            raise UsageError(
                f"--{flag}={text}: the range {part.strip()} is not usable: it must rise, by "
                "less than 10000."
            )
        numbers += range(start, stop)
        if len(numbers) > most:
            raise UsageError(f"--{flag} names more than {most} {what}: take them in several goes.")
    return numbers
