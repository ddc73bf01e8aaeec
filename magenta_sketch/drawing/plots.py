"""What pictures by matplotlib share: colours, plain axes, and files that are equal for equal data.

matplotlib is imported when a picture is drawn: it takes a while.
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

# Okabe and Ito's palette without its yellow: told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
COLORS = (BLUE, ORANGE, GREEN, PINK, "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vP*X"
GREY = "#767676"
SIZE = (4.2, 3.1)  # inches: legible also where a page has 400 pixels


def color_of(rank: int, count: int, ordered: bool) -> Any:
    """Return a colour for one of ``count``: along a scale where they have an order.

    >>> color_of(1, 3, ordered=False)
    '#d55e00'
    """
    if not ordered and count <= len(COLORS):
        return COLORS[rank]
    import matplotlib

    # Not to the bright end, which is hard to see on white.
    return matplotlib.colormaps["viridis"](0.88 * rank / max(count - 1, 1))


def marker_of(rank: int) -> str:
    """Return a marker for one of several; they repeat after eight."""
    return MARKERS[rank % len(MARKERS)]


def make_plain(panel: Axes) -> None:
    """Give a panel pale grid lines and no frame at its top and right."""
    panel.grid(True, color="#ececec", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def use_log_y(panel: Axes, subs: tuple[int, ...] = (1, 2, 5)) -> None:
    """Make the y axis logarithmic, with ticks at ``subs`` times powers of ten, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=subs))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


@contextlib.contextmanager
def settings(salt: str, **more: Any) -> Iterator[None]:
    """Use matplotlib's settings ``more`` for a while, and a salt by which SVGs repeat."""
    import matplotlib

    changed: dict[Any, Any] = {"svg.hashsalt": salt, **more}
    with matplotlib.rc_context(changed):
        yield


def encoded(figure: Figure, kind: str, **how: Any) -> bytes:
    """Return a figure as a "png" or "svg" file, without the date."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, metadata=metadata, **how)
    return buffer.getvalue()


def panel_to_svg(
    name: str, title: str, draw: Callable[[Axes], None], size: tuple[float, float] = SIZE
) -> bytes:
    """Return a picture of one panel as SVG, equal for equal drawing.

    Args:
      name: tells its SVG ids from those of other pictures on the same page.
      title: above the panel.
      draw: draws into the panel.
      size: in inches.
    """
    from matplotlib.figure import Figure

    fonts = {"font.size": 9.5, "legend.fontsize": 8.5, "legend.title_fontsize": 8.5}
    # Names of data sets are no formulas, and may have letters that the font lacks.
    text = {"svg.fonttype": "path", "text.parse_math": False}
    with (
        settings(f"magenta_sketch {name}", **fonts, **text),
        warnings.catch_warnings(action="ignore", category=UserWarning),
    ):
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        make_plain(panel)
        draw(panel)
        panel.set_title(title, fontsize=10, loc="left", wrap=True)
        return encoded(figure, "svg")
