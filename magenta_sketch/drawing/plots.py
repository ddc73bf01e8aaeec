"""What all plots share: colours, plain axes, and SVG files that are equal for equal data.

matplotlib is slow to import, so it is imported when the first plot is drawn.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow: colour-blind readers can tell these apart.
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
COLORS = (BLUE, ORANGE, GREEN, PINK, "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vP*X"
GREY = "#767676"
SIZE = (4.2, 3.1)  # inches: legible on a page of 400 pixels, too


def color_of(rank: int, count: int, ordered: bool) -> Any:
    """Return the colour of item ``rank`` of ``count``. Ordered items get colours along a scale.

    >>> color_of(1, 3, ordered=False)
    '#d55e00'
    """
    if not ordered and count <= len(COLORS):
        return COLORS[rank]
    import matplotlib

    # Up to 0.88: the bright end of the scale is hard to see on white.
    return matplotlib.colormaps["viridis"](0.88 * rank / max(count - 1, 1))


def hex_color_of(rank: int, count: int) -> str:
    """Return the colour of item ``rank`` of ``count``, which have no order, as SVG writes it.

    >>> hex_color_of(1, 3), hex_color_of(11, 12)
    ('#d55e00', '#b0dd2f')
    """
    color = color_of(rank, count, ordered=False)
    if isinstance(color, str):
        return color
    from matplotlib.colors import to_hex

    return to_hex(color)


def marker_of(rank: int) -> str:
    """Return the marker of item ``rank``. Markers repeat after eight."""
    return MARKERS[rank % len(MARKERS)]


def make_plain(panel: Axes) -> None:
    """Give a panel pale grid lines, and remove its frame at the top and right."""
    panel.grid(True, color="#ececec", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def use_log_y(panel: Axes, subs: tuple[int, ...] = (1, 2, 5)) -> None:
    """Make the y axis logarithmic, with plain numbers at ``subs`` times powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=subs))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


@contextlib.contextmanager
def settings(salt: str, **more: Any) -> Iterator[None]:
    """Use matplotlib's settings ``more`` in a with statement.

    salt: a text from which matplotlib makes the ids in an SVG, equal each time.
    """
    import matplotlib

    changed: dict[Any, Any] = {"svg.hashsalt": salt, **more}
    with matplotlib.rc_context(changed):
        yield


def encoded(figure: Figure, kind: str, **how: Any) -> bytes:
    """Return a figure as a "png" or "svg" file, without a date."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, metadata=metadata, **how)
    return buffer.getvalue()


def panel_to_svg(
    name: str, title: str, draw: Callable[[Axes], None], size: tuple[float, float] = SIZE
) -> bytes:
    """Return a plot with one panel as SVG. Equal plots give equal bytes.

    Args:
      name: a text that makes the plot's SVG ids unique on a page.
      title: text above the panel.
      draw: a function that draws into the panel.
      size: width and height in inches.
    """
    from matplotlib.figure import Figure

    fonts = {"font.size": 9.5, "legend.fontsize": 8.5, "legend.title_fontsize": 8.5}
    # Names of data sets may contain $, which is no formula, and letters that the font lacks.
    text = {"svg.fonttype": "path", "text.parse_math": False}
    with settings(f"magenta_sketch {name}", **fonts, **text), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        make_plain(panel)
        draw(panel)
        panel.set_title(title, fontsize=10, loc="left", wrap=True)
        return encoded(figure, "svg")
