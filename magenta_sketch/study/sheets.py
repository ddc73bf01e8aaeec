"""Grids of drawings for the report: the noise ladder, reconstructions and new sketches."""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_sketch.drawing.grid import grid_to_svg
from magenta_sketch.measures.scalars import PRIORS
from magenta_sketch.study.plan import Setting, value_text
from magenta_sketch.study.results import RunResult, StudyResult, of


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


_Shown = list[tuple[Setting, RunResult]]


def sheets(result: StudyResult) -> list[Sheet]:
    """Return all grids of a study, the noise ladder first.

    Each swept setting is shown by one of its runs: that of a seed with results for all of them, or,
    if there is no such seed, its first run with results.
    """
    shown = _shown(result, result.swept)
    made = []
    groups = _by_data(shown)
    for number, group in enumerate(groups):
        name = f"_{number + 1}" if len(groups) > 1 else ""
        data = f", {_data_set(group[0][1])}" if len(groups) > 1 else ""
        made.append(_ladder(result, group, f"ladder{name}", data))
        for kind in ("with_noise", "without_noise"):
            made.append(_reconstructions(group, kind, f"reconstructions_{kind}{name}", data))
    made += [_new(shown, prior) for prior in PRIORS]
    return [sheet for sheet in made if sheet is not None]


def _shown(result: StudyResult, settings: list[Setting]) -> _Shown:
    """Return one run for each setting, with the same seed if possible."""
    runs = {one: result.runs_of(one) for one in settings}
    seeds = [{run.trial.seed for run in found} for found in runs.values()]
    common = set.intersection(*seeds) if seeds else set()
    return [
        (one, next((run for run in found if run.trial.seed in common), found[0]))
        for one, found in runs.items()
    ]


def _by_data(shown: _Shown) -> list[_Shown]:
    """Return groups of settings whose test sketches are the same."""
    groups: dict[tuple[str, ...], _Shown] = {}
    for one, run in shown:
        key = (_data_set(run), *map(str, of(run).test_indices))
        groups.setdefault(key, []).append((one, run))
    return list(groups.values())


def _data_set(run: RunResult) -> str:
    return value_text(run.hparams.get("data_set", ""))


def _ladder(result: StudyResult, group: _Shown, name: str, data: str) -> Sheet | None:
    """Return one test sketch, reconstructed by every model at every noise."""
    group = [(one, run) for one, run in group if of(run).drawings.get("ladder")]
    if not group:
        return None
    first = of(group[0][1])
    index = first.test_indices[0]
    rows = []
    for one, run in group:
        what = f"test sketch {index}, model of {one.label} (seed {run.trial.seed})"
        cells = [Cell(first.drawings["originals"][0], f"test sketch {index}, the original")]
        cells += [
            Cell(sketch, f"{what}, at noise {noise:g}")
            for noise, sketch in zip(
                result.settings.noises, of(run).drawings["ladder"], strict=False
            )
        ]
        rows.append((one.label, cells))
    columns = ["original", *(f"noise {noise:g}" for noise in result.settings.noises)]
    return Sheet(
        name,
        f"One sketch at every noise{data}",
        "Rows: models of each setting. Columns: the noise e in z = mu + e · sigma · eps, with the "
        f"same eps; drawn greedily. {_seeds(group)}",
        columns,
        rows,
    )


def _reconstructions(group: _Shown, kind: str, name: str, data: str) -> Sheet | None:
    group = [(one, run) for one, run in group if of(run).drawings.get(kind)]
    if not group:
        return None
    noisy = kind == "with_noise"
    first = of(group[0][1])
    rows = []
    for i, index in enumerate(first.test_indices):
        what = f"test sketch {index}"
        cells = [Cell(first.drawings["originals"][i], f"{what}, the original")]
        cells += [
            Cell(
                of(run).drawings[kind][i],
                f"{what}, reconstructed by the model of {one.label} (seed {run.trial.seed}), "
                f"{_noise(run) if noisy else 'z = mu'}",
            )
            for one, run in group
        ]
        rows.append((f"test {index}", cells))
    how = "with the noise each was trained at" if noisy else "without noise (z = mu)"
    swept = {name for one, _ in group for name, _ in one.values}
    # Noise of another size is another draw.
    draw = " The same noise draw in every column." if noisy and "z_size" not in swept else ""
    return Sheet(
        name,
        f"Reconstructions {how}{data}",
        f"The same test sketches in every column, decoded greedily.{draw} {_seeds(group)}",
        ["original", *(one.label for one, _ in group)],
        rows,
    )


def _noise(run: RunResult) -> str:
    return f"z = mu + {value_text(run.hparams.get('scale', 1.0))} · sigma · eps"


def _new(shown: _Shown, prior: str) -> Sheet | None:
    rows = []
    for one, run in shown:
        what = f"{prior} prior, drawn by the model of {one.label} (seed {run.trial.seed})"
        drawings = of(run).drawings.get(f"new_{prior}") or []
        cells = [Cell(sketch, f"new sketch {i + 1}, {what}") for i, sketch in enumerate(drawings)]
        if cells:
            rows.append((one.label, cells))
    if not rows:
        return None
    temperature = of(shown[0][1]).settings.temperature
    return Sheet(
        f"new_{prior}",
        f"New sketches, {prior} prior",
        f"At temperature {temperature:g}. {_seeds(shown)}",
        [],
        rows,
    )


def _seeds(shown: _Shown) -> str:
    seeds = sorted({run.trial.seed for _, run in shown})
    if len(seeds) == 1:
        return f"Models of seed {seeds[0]}."
    return "Models of different seeds, because no seed has results for all settings."
