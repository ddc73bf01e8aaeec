"""The flag --preset: names for the flag files in configs/, wherever the package is installed."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

from absl import flags

from magenta_sketch.config.kinds import nearest
from magenta_sketch.errors import UsageError

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


class _PresetParser(flags.ArgumentParser[str]):
    """Parser of a --preset in a flag file, which `expand` does not see. It raises ValueError."""

    def parse(self, argument: Any) -> str:
        raise UsageError("a flag file cannot name a preset; write --flagfile= and its path there")

    def flag_type(self) -> str:
        return "preset"


def define(values: flags.FlagValues) -> None:
    """Define --preset."""
    help = "Use the settings of a preset, listed below. Flags after it override them."
    serializer: flags.ArgumentSerializer[str] = flags.ArgumentSerializer()
    flags.DEFINE(_PresetParser(), "preset", None, help, values, serializer)


def folder() -> pathlib.Path:
    """Return the folder of the flag files: inside the package, or beside it in a clone."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def presets(values: flags.FlagValues) -> dict[str, pathlib.Path]:
    """Return name -> file, for the presets whose flags are all defined in ``values``."""
    known = set(values)
    paths = sorted(folder().glob("*.cfg"))
    return {path.stem: path for path in paths if _flags_in(path) <= known}


def describe(values: flags.FlagValues) -> str:
    """Return a line for each preset: its name and the first line of its file."""
    lines = ["Presets (--preset), each a file in configs/:"]
    for name, path in presets(values).items():
        first = path.read_text(encoding="ascii").partition("\n")[0]
        lines.append(f"  {name}: {first.removeprefix('# ')}")
    return "\n".join(lines)


def expand(arguments: Iterable[str], values: flags.FlagValues) -> list[str]:
    """Return the command line with each --preset=NAME replaced by --flagfile=PATH.

    Raises:
      UsageError: no preset for ``values`` has this name.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        flag, equals, name = argument.partition("=")
        if "preset" in values and flag in ("--preset", "-preset"):
            following = name if equals else next(rest, None)
            if following is not None:  # if it is None, absl reports the missing value
                argument = f"--flagfile={_path(following, values)}"
        expanded.append(argument)
    return expanded


def _path(name: str, values: flags.FlagValues) -> pathlib.Path:
    known = presets(values)
    if name not in known:
        near = nearest(name, known)
        advice = f"did you mean {near!r}? The" if near else "the"
        raise UsageError(
            f"--preset={name}: this command has no such preset; {advice} presets are "
            f"{', '.join(known)}"
        )
    return known[name]


def _flags_in(path: pathlib.Path) -> set[str]:
    lines = path.read_text(encoding="ascii").splitlines()
    return {line[2:].partition("=")[0].strip() for line in lines if line.startswith("--")}
