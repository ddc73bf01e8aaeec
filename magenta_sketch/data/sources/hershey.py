"""The Hershey fonts: letters, signs and symbols drawn with single lines, by A. V. Hershey.

The PyPI package `Hershey-Fonts` has 32 of them. Many fonts share glyphs; each is taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sources import installed
from magenta_sketch.data.sources.drawings import Drawing, Source, digest_of
from magenta_sketch.data.sources.options import Options, Settings
from magenta_sketch.errors import DataError

PACKAGE = "hershey-fonts"
CREDIT = (
    "The Hershey fonts were created by Dr. A. V. Hershey at the U. S. National Bureau of "
    "Standards; anyone may use them for any purpose with this acknowledgement."
)

# A capital letter has 21 units. A unit becomes 4 pixels, so that letters keep their sizes.
DEFAULTS = Settings(pixels_per_unit=4, epsilon=2.0)

Glyph = list[NDArray[np.float64]]


def source() -> Source:
    """Return the different glyphs of all fonts, as an input with the class "hershey".

    Raises:
      DataError: the package is missing or damaged.
    """
    version = installed.package(PACKAGE, "hershey").version
    try:
        glyphs = _glyphs()
    except Exception as error:  # whatever the package's code may raise
        raise DataError(
            f"hershey: the package {PACKAGE} is damaged ({error}); "
            f"reinstall it: pip install --force-reinstall {PACKAGE}"
        ) from None
    return Source(
        label=f"the package {PACKAGE} {version}",
        size=len(glyphs),
        read=partial(_read, glyphs),
        defaults=DEFAULTS,
        contents=f"{len(glyphs):,} different glyphs",
        license_text=partial(_license_text, version),
        credit=CREDIT,
    )


def _glyphs() -> dict[str, Glyph]:
    """Return the different glyphs, by "font number" of the first font that has each."""
    from HersheyFonts import HersheyFonts  # imported here: an optional dependency

    fonts, seen, found = HersheyFonts(), set(), {}
    for name in sorted(fonts.default_font_names):
        fonts.load_default_font(name)
        for letter, glyph in fonts.all_glyphs.items():
            lines = [np.array(list(line), np.float64).reshape(-1, 2) for line in glyph.strokes]
            lines = [line for line in lines if len(line)]
            if lines and (digest := digest_of(lines)) not in seen:
                seen.add(digest)
                found[f"{name} {ord(letter)}"] = lines
    return found


def _read(glyphs: dict[str, Glyph], advance: Callable[[int], None]) -> Iterator[Drawing]:
    for key, lines in glyphs.items():
        advance(1)
        yield Drawing(key, 0, "hershey", key, lines, "exact")


def _license_text(version: str, name: str, options: Options) -> str:
    return f"""{name} is derived from the Hershey fonts, taken from the package {PACKAGE} {version}.

The Hershey fonts were originally created by Dr. A. V. Hershey while working at the U. S. National
Bureau of Standards. Their format in that package was converted by several people.
They may be used by anyone for any purpose, commercial or otherwise, with this acknowledgement, but
may not be converted into the format of the National Technical Information Service (NTIS).
The package is copyright (c) apshu, MIT licence: https://github.com/apshu/HersheyFonts

Changes made: glyphs that occur several times were taken once, simplified
({options.settings(DEFAULTS)}), rounded and stored as pen offsets.
"""
