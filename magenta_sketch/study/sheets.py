"""Grids of drawings for the report: reconstructions, new sketches and interpolations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from magenta_sketch.drawing.grid import grid_to_svg
from magenta_sketch.study.measures import interpolation_ends
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import RunResult
from magenta_sketch.study.summary import SettingSummary, Summary


@dataclasses.dataclass(frozen=True)
class Cell:
    """A stroke-3 sketch [n, 3], or None for an empty cell, and its description."""

    sketch: np.ndarray | None
    meaning: str


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A grid of drawings.

    name: its file's name without the ending. columns: titles, may be empty. rows: titles and cells.
    """

    name: str
    title: str
    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]

    def svg(self) -> bytes:
        """Return the grid as an SVG document."""
        text = grid_to_svg(
            [[cell.sketch for cell in cells] for _, cells in self.rows],
            column_titles=self.columns or None,
            row_titles=[title for title, _ in self.rows],
            title=self.title,
            cell=100.0,
        )
        return text.encode("utf-8")


def sheets(summary: Summary) -> list[Sheet]:
    """Return all grids of a study.

    Each setting is shown by one of its runs: that of a seed with results for all settings, or, if
    there is no such seed, its first run with results.
    """
    shown = _shown(summary)
    made = []
    groups = _by_data(shown)
    for number, group in enumerate(groups):
        name = f"_{number + 1}" if len(groups) > 1 else ""
        data = f", {_data_set(group[0][1])}" if len(groups) > 1 else ""
        made += [
            _reconstructions(group, "with_noise", f"with_noise{name}", data),
            _reconstructions(group, "without_noise", f"without_noise{name}", data),
        ]
    made += [_new(shown), _interpolations(shown)]
    return [sheet for sheet in made if sheet is not None]


_Shown = list[tuple[SettingSummary, RunResult]]


def _shown(summary: Summary) -> _Shown:
    """Return one run for each setting with results, with the same seed if possible."""
    measured = summary.measured
    seeds = [{run.trial.seed for run in one.runs} for one in measured]
    common = set.intersection(*seeds) if seeds else set()
    return [
        (one, next((run for run in one.runs if run.trial.seed in common), one.runs[0]))
        for one in measured
    ]


def _by_data(shown: _Shown) -> list[_Shown]:
    """Return groups of settings whose test sketches are the same."""
    groups: dict[Any, _Shown] = {}
    for one, run in shown:
        key = (_data_set(run), tuple(run.measured.test_indices))
        groups.setdefault(key, []).append((one, run))
    return list(groups.values())


def _data_set(run: RunResult) -> str:
    return value_text(run.hparams.get("data_set", ""))


def _reconstructions(group: _Shown, kind: str, name: str, data: str) -> Sheet | None:
    group = [(one, run) for one, run in group if run.measured.drawings.get(kind)]
    if not group:
        return None
    noisy = kind == "with_noise"
    first = group[0][1].measured
    originals = first.drawings.get("originals") or []
    rows = []
    for i, index in enumerate(first.test_indices[: len(originals)]):
        what = f"test sketch {index}"
        cells = [Cell(_sketch(originals, i), f"{what}, the original")]
        for one, run in group:
            noise = _noise(run) if noisy else "z = mu"
            cells.append(
                Cell(
                    _sketch(run.measured.drawings[kind], i),
                    f"{what}, reconstructed by the model of {one.setting.label} "
                    f"(seed {run.trial.seed}), {noise}",
                )
            )
        rows.append((f"test {index}", cells))
    if not rows:
        return None
    how = "with the noise each was trained at" if noisy else "without noise (z = mu)"
    swept = {name for one, _ in group for name, _ in one.setting.values}
    # Noise of another size is another draw.
    draw = " The same noise draw in every column." if noisy and "z_size" not in swept else ""
    return Sheet(
        f"reconstructions_{name}",
        f"Reconstructions {how}{data}",
        f"The same test sketches in every column, decoded greedily.{draw} {_seeds(group)}",
        ["original", *(one.setting.label for one, _ in group)],
        rows,
    )


def _noise(run: RunResult) -> str:
    return f"z = mu + {value_text(run.hparams.get('scale', 1.0))} · sigma · eps"


def _new(shown: _Shown) -> Sheet | None:
    rows = []
    for one, run in shown:
        drawings = run.measured.drawings.get("new") or []
        what = f"drawn by the model of {one.setting.label} (seed {run.trial.seed})"
        cells = [
            Cell(_sketch(drawings, i), f"new sketch {i + 1}, {what}") for i in range(len(drawings))
        ]
        if cells:
            rows.append((one.setting.label, cells))
    if not rows:
        return None
    temperature = shown[0][1].measured.settings.temperature
    return Sheet(
        "new_sketches",
        "New sketches",
        f"Drawn from the prior at temperature {temperature:g}. {_seeds(shown)}",
        [],
        rows,
    )


def _interpolations(shown: _Shown) -> Sheet | None:
    rows = []
    for one, run in shown:
        ends = interpolation_ends(run.measured.test_indices)
        made = run.measured.drawings.get("interpolations") or []
        for number, ((first, last), drawings) in enumerate(zip(ends, made, strict=False)):
            what = f"model of {one.setting.label} (seed {run.trial.seed})"
            way = f"from test sketch {first} to {last}"
            cells = [
                Cell(
                    _sketch(drawings, i),
                    f"interpolation {way}, drawing {i + 1} of {len(drawings)}, {what}",
                )
                for i in range(len(drawings))
            ]
            if cells:
                rows.append((one.setting.label if number == 0 else "", cells))
    if not rows:
        return None
    return Sheet(
        "interpolations",
        "Interpolations",
        f"Between the latent vectors of two test sketches, decoded. {_seeds(shown)}",
        [],
        rows,
    )


def _sketch(drawings: Sequence[Any], i: int) -> np.ndarray | None:
    if i >= len(drawings) or drawings[i] is None:
        return None
    return np.asarray(drawings[i], np.float32).reshape(-1, 3)


def _seeds(shown: _Shown) -> str:
    seeds = sorted({run.trial.seed for _, run in shown})
    if len(seeds) == 1:
        return f"Models of seed {seeds[0]}."
    return "Models of different seeds, because no seed has results for all settings."
