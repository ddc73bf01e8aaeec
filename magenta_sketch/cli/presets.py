"""--preset: the flag files of configs/ by their names, wherever the package is installed."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

from absl import flags

from magenta_sketch.config.kinds import nearest
from magenta_sketch.errors import UsageError

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


class _PresetParser(flags.ArgumentParser[str]):
    """absl's parser of a --preset that `expand` has not replaced: one in a flag file."""

    def parse(self, argument: Any) -> str:
        raise UsageError("a flag file cannot name a preset; write --flagfile= and its path there")

    def flag_type(self) -> str:
        return "preset"


def define(values: flags.FlagValues) -> None:
    """Define --preset."""
    help = "Settings by name, of those listed below; flags after it win."
    serializer: flags.ArgumentSerializer[str] = flags.ArgumentSerializer()
    flags.DEFINE(_PresetParser(), "preset", None, help, values, serializer)


def folder() -> pathlib.Path:
    """Return the folder of the flag files: in the package, or beside it in a clone."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def presets(values: flags.FlagValues) -> dict[str, pathlib.Path]:
    """Return the files whose flags are all among ``values``, by name."""
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
    """Return the command line with --flagfile=PATH for each --preset=NAME or --preset NAME.

    Raises:
      UsageError: there is no such preset among those of ``values``.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        flag, equals, name = argument.partition("=")
        if "preset" in values and flag in ("--preset", "-preset"):
            following = name if equals else next(rest, None)
            if following is not None:  # else absl says that the value is missing
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
