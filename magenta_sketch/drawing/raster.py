"""SVG pictures as PNG files, by resvg."""

from __future__ import annotations

import math
import pathlib

from magenta_sketch.drawing.picture import Picture
from magenta_sketch.errors import ArgumentError

LARGEST = 8192  # pixels of a side, so that a picture takes at most 256 MiB


def svg_to_png(text: str, *, zoom: float = 2.0) -> bytes:
    """Return an SVG document as a PNG file.

    Texts are in DejaVu Sans, which matplotlib brings, and in the system's fonts for letters that it
    lacks.

    Args:
      text: the document.
      zoom: pixels of the PNG for each pixel of the SVG, above 0. 2 is sharp on most screens.

    Raises:
      ValueError: zoom is not above 0, the text is no SVG, or a side would be too long or too short.

    >>> from magenta_sketch.drawing.svg import sketch_to_svg
    >>> svg_to_png(sketch_to_svg(np.array([[30, 0, 1], [0, 40, 1]])))[1:4]
    b'PNG'
    """
    import resvg_py

    if not (math.isfinite(zoom) and zoom > 0):
        raise ArgumentError(f"zoom must be above 0, got {zoom}")
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=text,
                zoom=zoom,
                dpi=96,  # of a millimetre; without it, pages are refused
                font_files=[_font()],
                sans_serif_family="DejaVu Sans",
            )
        )
    except ValueError as error:
        raise ArgumentError(
            f"this SVG document cannot be drawn as PNG with a zoom of {zoom:g}: {error}"
        ) from None


def to_png(picture: Picture, *, zoom: float = 2.0) -> bytes:
    """Return a picture as a PNG file.

    Args:
      picture: the picture.
      zoom: as for `svg_to_png`; it is lowered where a side would have over `LARGEST` pixels.

    Raises:
      ValueError: as for `svg_to_png`.

    >>> to_png(Picture([[np.array([[30, 0, 1], [0, 40, 1]])]]))[1:4]
    b'PNG'
    """
    return svg_to_png(picture.to_svg(), zoom=min(zoom, LARGEST / max(picture.size)))


def _font() -> str:
    import matplotlib

    return str(pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
