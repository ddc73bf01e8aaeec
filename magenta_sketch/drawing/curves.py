"""The training curve of a run, as a plot."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_sketch.drawing.plots import BLUE, GREEN, ORANGE, PINK, encoded, make_plain, settings
from magenta_sketch.errors import ArgumentError
from magenta_sketch.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colour and marker.
_SPLITS = {"train": (BLUE, None), "valid": (ORANGE, "o"), "test": (GREEN, "s")}


def save_training_curve(
    path: str | os.PathLike[str],
    history: Sequence[Mapping[str, Any]],
    *,
    title: str | None = None,
    kl_tolerance: float | None = None,
) -> None:
    """Plot a run's losses and schedules over its training steps.

    The top panel shows the reconstruction loss: training as a line, validation and test as points.
    The middle panel shows the KL term and its tolerance, the bottom panel the learning rate and the
    KL weight. If every KL is 0, as in an unconditional model, the KL and its weight are omitted.

    Args:
      path: a name that ends in .png or .svg.
      history: one mapping per measurement: "step" (int), "split" ("train", "valid" or "test") and
        any of the numbers "recon", "kl", "lr", "klw". Other keys, None and values that are not
        finite are ignored. Any order is fine. An empty history makes an empty panel.
      title: text above the plot.
      kl_tolerance: a number above 0 is drawn as a dashed line in the KL panel.

    Raises:
      ValueError: the name has another ending.
      OSError: the file cannot be written.

    >>> rows = [{"step": step, "split": "train", "recon": 1 / step} for step in (1, 2, 4)]
    >>> save_training_curve("curve.svg", rows)
    """
    path = pathlib.Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ArgumentError(
            f"{path}: a training curve is written as .png or .svg; choose such a name"
        )
    with settings("magenta_sketch", **{"font.size": 10}):
        figure = _curve_figure(history, title, kl_tolerance)
        content = encoded(figure, kind, dpi=120)
    write_bytes(path, content)


def _curve_figure(
    history: Sequence[Mapping[str, Any]], title: str | None, kl_tolerance: float | None
) -> Figure:
    from matplotlib.figure import Figure

    any_kl = any(np.any(_series(history, split, "kl")[1] != 0) for split in _SPLITS)
    schedules = [("lr", "learning rate", "#555555")]
    if any_kl:
        schedules.append(("klw", "KL weight", PINK))
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
    """Return the steps and finite values of one key, in the order of steps.

    split: None for the rows of all splits.
    """
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
            # A line through one point is invisible, so it gets a marker.
            style: dict[str, Any] = {"linewidth": 1.3, "marker": "." if len(steps) == 1 else None}
        else:
            style = {"marker": marker, "markersize": 5, "linestyle": "none", "zorder": 3}
        panel.plot(steps, values, color=color, label=split, **style)
    panel.set_ylabel(label)
    make_plain(panel)
    if drawn == 0:
        panel.text(
            0.5, 0.5, "no measurements yet", transform=panel.transAxes, ha="center", color="#888888"
        )
    elif key == "recon":
        panel.legend(frameon=False, loc="upper right")


def _draw_schedules(
    panel: Axes, history: Sequence[Mapping[str, Any]], schedules: Sequence[tuple[str, str, str]]
) -> None:
    make_plain(panel)
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
