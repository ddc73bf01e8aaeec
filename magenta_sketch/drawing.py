"""Stroke-3 sketches as SVG drawings, grids of them, and the training curve as a picture.

A sketch is drawn as `strokes.to_polylines` reads it: it starts at the origin with the pen down, x
to the right and y down, and nothing is drawn while the pen is lifted. Every stroke becomes one
`<path>` inside the sketch's own `<g class="sketch">`, so that a drawing can be taken apart again in
an editor.

Lengths are in SVG user units (pixels at 96 dpi). Files are replaced whole or not at all, and
folders that do not exist are made; an OSError (disk full, no permission) passes to the caller.
"""

from __future__ import annotations

import io
import math
import os
import pathlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.files import replacing
from magenta_sketch.strokes import to_polylines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["save_grid", "save_svg", "save_training_curve", "sketch_to_svg"]

_INK = "#1a1a1a"
_RULE = "#e3e3e3"  # between cells: visible on paper and screen, never taken for a stroke
_FONT = "Helvetica, Arial, 'Noto Sans', sans-serif"
_CELL = 160.0


class _Sketch(NamedTuple):
    """A checked sketch, ready to be placed."""

    polylines: list[
        np.ndarray
    ]  # float64 [k, 2] each, absolute, pixel units; none for an empty sketch
    center: np.ndarray  # [2], of the bounding box
    extent: np.ndarray  # [2], width and height of the bounding box


def sketch_to_svg(
    stroke3: np.ndarray,
    *,
    size: float = 256.0,
    stroke_width: float | None = None,
    padding: float | None = None,
) -> str:
    """One sketch as the text of an SVG document, black on white.

    Args:
      stroke3: [n, 3] rows (dx, dy, lift), any unit; n may be 0, which gives an empty white square.
      size: width and height of the document. The sketch is scaled to fit inside the padding with
        its aspect ratio kept, and centred.
      stroke_width: width of the pen; 1/64 of the size when None.
      padding: free margin on each side, outside the pen's width; 1/16 of the size when None.

    Returns:
      The document, with an XML declaration.

    Raises:
      ValueError: stroke3 is not [n, 3] or holds a number that is not finite, or padding and pen
        leave no room.
    """
    sketch = _check(stroke3, "the sketch")
    return _grid_document([[sketch]], cell=size, stroke_width=stroke_width, padding=padding)


def save_svg(
    path: str | os.PathLike[str],
    sketches: np.ndarray | Sequence[np.ndarray],
    *,
    cell: float | None = None,
    columns: int | None = None,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> None:
    """Write one sketch, or several as a grid, to an SVG file.

    Args:
      path: a name ending in .svg.
      sketches: one stroke-3 array [n, 3], or a sequence (or SketchSet) of them.
      cell: width and height given to each sketch; 256 for one sketch, 160 in a grid when None.
      columns: sketches in a row; when None the grid is as near a square as it gets.
      stroke_width: width of the pen; 1/64 of the cell when None.
      shared_scale: one scale for all sketches, so that sizes compare, instead of each filling its
        cell.

    Raises:
      ValueError: as in sketch_to_svg, no sketches at all, columns below 1, or another file type.
      OSError: the file cannot be written.
    """
    if _is_one_sketch(sketches):
        sketches = [sketches]
        cell = 256.0 if cell is None else cell
    count = len(sketches)
    if count == 0:
        raise ValueError("sketches is empty: there is nothing to draw")
    if columns is None:
        columns = math.ceil(math.sqrt(count))
    elif columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    columns = min(columns, count)
    checked = [_check(sketches[i], f"sketch {i}") for i in range(count)]
    rows = [checked[i : i + columns] for i in range(0, count, columns)]
    text = _grid_document(
        rows,
        cell=_CELL if cell is None else cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
        rules=count > 1,
    )
    _write_svg(path, text)


def save_grid(
    path: str | os.PathLike[str],
    rows: Sequence[Sequence[np.ndarray | None]],
    *,
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
    cell: float = _CELL,
    stroke_width: float | None = None,
    shared_scale: bool = False,
) -> None:
    """Write rows of sketches to an SVG file, with titles: originals beside reconstructions, say.

    Args:
      path: a name ending in .svg.
      rows: stroke-3 arrays [n, 3]; None leaves a cell empty, and short rows end in empty cells.
      column_titles: at most one for each column, above it. A title too long for its place is cut
        with an ellipsis and stays whole as the tooltip.
      row_titles: at most one for each row, to the left of it.
      title: above everything.
      cell, stroke_width, shared_scale: as in save_svg.

    Raises:
      ValueError: as in save_svg, or more titles than columns or rows.
      OSError: the file cannot be written.
    """
    checked = [
        [
            None if s is None else _check(s, f"the sketch in row {i}, column {j}")
            for j, s in enumerate(row)
        ]
        for i, row in enumerate(rows)
    ]
    columns = max((len(row) for row in checked), default=0)
    if columns == 0:
        raise ValueError("rows is empty: there is nothing to draw")
    for name, titles, limit in (
        ("column_titles", column_titles, columns),
        ("row_titles", row_titles, len(checked)),
    ):
        if titles is not None and len(titles) > limit:
            raise ValueError(f"{name} has {len(titles)} entries for {limit} places")
    text = _grid_document(
        checked,
        cell=cell,
        stroke_width=stroke_width,
        shared_scale=shared_scale,
        rules=True,
        column_titles=column_titles,
        row_titles=row_titles,
        title=title,
    )
    _write_svg(path, text)


def save_training_curve(
    path: str | os.PathLike[str],
    history: Sequence[Mapping[str, Any]],
    *,
    title: str | None = None,
    kl_tolerance: float | None = None,
) -> None:
    """Draw a run's losses and schedules over its steps.

    The top panel has the reconstruction loss (training as a line, validation and test as points),
    the middle one the KL term with its tolerance, the bottom one the learning rate and the KL
    weight. The KL panel and weight are left out when every KL is 0, as in an unconditional model.

    Args:
      path: a name ending in .png or .svg, which decides the form.
      history: one mapping for each measurement: "step" (int), "split" ("train", "valid" or "test")
        and any of "recon", "kl", "lr", "klw" (numbers; other keys are not looked at). Absent, None
        and non-finite values are skipped. Rows may come in any order; no rows give an empty panel.
      title: above the picture.
      kl_tolerance: drawn as a dashed line in the KL panel when given and above 0.

    Raises:
      ValueError: another file type.
      OSError: the file cannot be written.
    """
    path = pathlib.Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"{path}: a training curve is written as .png or .svg; choose such a name")
    import matplotlib  # here, because drawing sketches should not pay for it

    # A fixed salt and no date: the same history gives the same SVG.
    with matplotlib.rc_context({"svg.hashsalt": "magenta_sketch", "font.size": 10}):
        figure = _curve_figure(history, title, kl_tolerance)
        buffer = io.BytesIO()
        figure.savefig(
            buffer, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None
        )
    _write_atomically(path, buffer.getvalue())


# Sketches


def _is_one_sketch(sketches: Any) -> bool:
    """True for one [n, 3] array or a plain list of its rows, False for a sequence of sketches."""
    if isinstance(sketches, np.ndarray):
        return sketches.ndim == 2
    return len(sketches) > 0 and np.ndim(sketches[0]) == 1 and len(sketches[0]) == 3


def _check(stroke3: Any, what: str) -> _Sketch:
    rows = np.asarray(stroke3, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"{what} must be stroke-3, shape [n, 3], but has shape {list(rows.shape)}")
    if len(rows) == 0:
        return _Sketch([], np.zeros(2), np.zeros(2))
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ValueError(f"{what} has a number that is not finite in row {at}: {rows[at].tolist()}")
    with np.errstate(over="ignore", invalid="ignore"):  # told below, in words
        polylines = to_polylines(rows)
    points = np.concatenate(polylines)
    if not (np.abs(points) < 1e300).all():  # so that sums and differences below stay finite
        raise ValueError(f"{what} has offsets so large that its coordinates are not finite")
    low, high = points.min(axis=0), points.max(axis=0)
    return _Sketch(polylines, (low + high) / 2, high - low)


def _grid_document(
    rows: Sequence[Sequence[_Sketch | None]],
    *,
    cell: float,
    stroke_width: float | None = None,
    padding: float | None = None,
    shared_scale: bool = False,
    rules: bool = False,
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
) -> str:
    stroke_width = cell / 64 if stroke_width is None else stroke_width
    padding = cell / 16 if padding is None else padding
    inner = cell - 2 * padding - stroke_width  # for the pen's centre: its edge clears the padding
    if not (math.isfinite(inner) and inner > 0 and padding >= 0 and stroke_width > 0):
        raise ValueError(
            f"a cell of {cell:g} has no room for a padding of {padding:g} "
            f"and a stroke_width of {stroke_width:g}; both must fit in, and the pen be above 0"
        )
    columns = max(len(row) for row in rows)
    small = min(max(cell / 11, 10.0), 16.0)  # font size of row and column titles
    large = small * 1.3
    left = 0.0
    if row_titles:
        left = min(max(map(_text_width, row_titles)) * small, 2 * cell) + small
    top = (2 * large if title else 0.0) + (1.8 * small if column_titles else 0.0)
    width, height = left + columns * cell, top + len(rows) * cell

    drawing = svgwrite.Drawing(size=(_round(width), _round(height)), profile="full", debug=True)
    drawing.viewbox(0, 0, _round(width), _round(height))
    drawing.add(drawing.rect((0, 0), ("100%", "100%"), fill="white"))
    if rules:
        _add_rules(drawing, left, top, columns, len(rows), cell)
    texts = drawing.g(font_family=_FONT, fill=_INK)
    if title:
        _add_text(drawing, texts, title, width / 2, 1.4 * large, large, width - large, "middle")
    for j, text in enumerate(column_titles or ()):
        x, y = left + (j + 0.5) * cell, top - 0.6 * small
        _add_text(drawing, texts, text, x, y, small, 0.96 * cell, "middle")
    for i, text in enumerate(row_titles or ()):
        y = top + (i + 0.5) * cell + 0.35 * small  # the letters' middle, not their foot
        _add_text(drawing, texts, text, left - small / 2, y, small, 2 * cell, "end")
    if texts.elements:
        drawing.add(texts)

    ink = drawing.g(
        fill="none",
        stroke=_INK,
        stroke_width=_round(stroke_width, 2),
        stroke_linecap="round",  # also what makes a stroke of no length visible, as a dot
        stroke_linejoin="round",
    )
    scales = [_scale(s, inner) for row in rows for s in row if s is not None]
    common = min(scales, default=1.0)
    for i, row in enumerate(rows):
        for j, sketch in enumerate(row):
            if sketch is None:
                continue
            scale = common if shared_scale else _scale(sketch, inner)
            if math.isinf(scale):
                scale = 1.0  # only points without extent: any scale is right
            middle = np.array([left + (j + 0.5) * cell, top + (i + 0.5) * cell])
            group = drawing.g(class_="sketch")
            for line in sketch.polylines:
                group.add(drawing.path(_path_data((line - sketch.center) * scale + middle)))
            ink.add(group)
    drawing.add(ink)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.tostring() + "\n"


def _add_rules(
    drawing: svgwrite.Drawing, left: float, top: float, columns: int, rows: int, cell: float
) -> None:
    right, bottom = left + columns * cell, top + rows * cell
    lines = [
        f"M{_number(left + j * cell)} {_number(top)}V{_number(bottom)}" for j in range(columns + 1)
    ]
    lines += [
        f"M{_number(left)} {_number(top + i * cell)}H{_number(right)}" for i in range(rows + 1)
    ]
    drawing.add(drawing.path("".join(lines), fill="none", stroke=_RULE, class_="rules"))


def _scale(sketch: _Sketch, inner: float) -> float:
    longest = float(sketch.extent.max())
    return inner / longest if longest > 0 else math.inf


def _path_data(points: np.ndarray) -> str:
    # A tenth of a pixel is below what anyone sees and a third of the size of full numbers.
    # Coordinates are absolute, so the rounding does not add up along a stroke.
    corners = [f"{_number(x)} {_number(y)}" for x, y in points.tolist()]
    if len(corners) == 1:
        corners *= 2  # a path that only moves draws nothing; one of no length draws its round cap
    return f"M{corners[0]}L{' '.join(corners[1:])}"


def _round(value: float, digits: int = 1) -> float:
    return round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _number(value: float) -> str:
    text = f"{_round(value):.1f}"
    return text.removesuffix(".0")


def _add_text(
    drawing: svgwrite.Drawing,
    parent: Any,
    text: str,
    x: float,
    y: float,
    size: float,
    room: float,
    anchor: str,
) -> None:
    # Control characters and halves of surrogate pairs may not stand in XML, escaped or not.
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(text).split()))
    shown = text
    while len(shown) > 1 and _text_width(shown) * size > room:
        shown = shown[:-2].rstrip() + "…"
    element = drawing.text(
        shown, insert=(_round(x), _round(y)), font_size=_round(size), text_anchor=anchor
    )
    if shown != text:
        element.set_desc(title=text)
    parent.add(element)


def _text_width(text: str) -> float:
    """Estimated width in ems; the fonts of the viewer are not known, so on the generous side."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in str(text))


# Training curve

_SPLITS = {  # colour and marker; Okabe and Ito's palette, told apart by colour-blind readers too
    "train": ("#0072b2", None),
    "valid": ("#d55e00", "o"),
    "test": ("#009e73", "s"),
}


def _curve_figure(
    history: Sequence[Mapping[str, Any]], title: str | None, kl_tolerance: float | None
) -> Figure:
    from matplotlib.figure import Figure

    any_kl = any(np.any(_series(history, split, "kl")[1] != 0) for split in _SPLITS)
    schedules = [("lr", "learning rate", "#555555")]
    if any_kl:
        schedules.append(("klw", "KL weight", "#cc79a7"))
    schedules = [s for s in schedules if len(_series(history, None, s[0])[0])]

    heights = [3.0] + ([1.6] if any_kl else []) + ([1.1] if schedules else [])
    figure = Figure(figsize=(8, 0.8 + 1.1 * sum(heights)), layout="constrained")
    panels = list(
        figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    )
    if title:
        panels[0].set_title(title)
    _draw_losses(panels[0], history, "recon", "reconstruction loss")
    if any_kl:
        _draw_losses(panels[1], history, "kl", "KL")
        if kl_tolerance:
            panels[1].axhline(kl_tolerance, color="#888888", linestyle="--", linewidth=1)
            panels[1].annotate(
                f"tolerance {kl_tolerance:g}",
                (1, kl_tolerance),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 3),
                textcoords="offset points",
                ha="right",
                color="#666666",
                fontsize=8,
            )
        panels[1].set_ylim(bottom=0)
    if schedules:
        _draw_schedules(panels[-1], history, schedules)
    panels[-1].set_xlabel("step")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.align_ylabels(panels)
    return figure


def _series(
    history: Sequence[Mapping[str, Any]], split: str | None, key: str
) -> tuple[np.ndarray, np.ndarray]:
    """Steps and finite values of one key, in the order of the steps; split None takes every row."""
    pairs = sorted(
        (float(row["step"]), float(row[key]))
        for row in history
        if (split is None or row.get("split") == split) and row.get(key) is not None
    )
    array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    array = array[np.isfinite(array).all(axis=1)]
    return array[:, 0], array[:, 1]


def _draw_losses(panel: Axes, history: Sequence[Mapping[str, Any]], key: str, label: str) -> None:
    drawn = 0
    for split, (color, marker) in _SPLITS.items():
        steps, values = _series(history, split, key)
        if len(steps) == 0:
            continue
        drawn += 1
        if split == "train":
            # A line through one point is invisible, so that one gets a marker.
            panel.plot(
                steps,
                values,
                color=color,
                linewidth=1.3,
                marker="." if len(steps) == 1 else None,
                label=split,
            )
        else:
            panel.plot(
                steps,
                values,
                color=color,
                marker=marker,
                markersize=5,
                linestyle="none",
                label=split,
                zorder=3,
            )
    panel.set_ylabel(label)
    _plain(panel)
    if drawn == 0:
        panel.text(
            0.5, 0.5, "no measurements yet", transform=panel.transAxes, ha="center", color="#888888"
        )
    elif key == "recon":
        panel.legend(frameon=False, loc="upper right")


def _draw_schedules(
    panel: Axes, history: Sequence[Mapping[str, Any]], schedules: Sequence[tuple[str, str, str]]
) -> None:
    _plain(panel)
    for n, (key, label, color) in enumerate(schedules):
        axes = panel if n == 0 else panel.twinx()
        steps, values = _series(history, None, key)
        axes.plot(
            steps, values, color=color, linewidth=1.3, marker="." if len(steps) == 1 else None
        )
        axes.set_ylabel(label, color=color)
        axes.tick_params(axis="y", colors=color)
        axes.set_ylim(0, 1.12 * max(float(values.max()), 1e-12))
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        axes.spines["top"].set_visible(False)


def _plain(panel: Axes) -> None:
    panel.grid(True, color="#ececec", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


# Files


def _write_svg(path: str | os.PathLike[str], text: str) -> None:
    path = pathlib.Path(path)
    if path.suffix.lower() != ".svg":
        raise ValueError(f"{path}: drawings are written as SVG; choose a name ending in .svg")
    _write_atomically(path, text.encode("utf-8"))


def _write_atomically(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)
