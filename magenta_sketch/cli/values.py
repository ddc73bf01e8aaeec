"""Values of flags: what several programs check or read."""

from __future__ import annotations

import pathlib

from absl import flags

from magenta_sketch.errors import UsageError

_NOT_FOLDERS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".json", ".npz", ".ndjson"}


def require(values: flags.FlagValues, *names: str) -> None:
    """Raises UsageError unless these flags are given."""
    for name in names:
        if not values[name].value:
            text = values[name].help
            raise UsageError(f"--{name} is missing: {text[0].lower()}{text[1:]}")


def is_one_svg(out: str) -> bool:
    """Whether ``out`` asks for one SVG file, and not for a folder of them.

    Raises:
      UsageError: it looks like another kind of file, or something else is there.
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
    """``"0,7,20-23"``, the value of a flag, as [0, 7, 20, 21, 22, 23], in the order given.

    Raises:
      UsageError: the text is something else, or names more than ``most``.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        # Twenty digits name more than there can be, and int refuses thousands of them.
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
