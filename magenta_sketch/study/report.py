"""The report of a study: a web page that needs no network, files of numbers, and figures."""

from __future__ import annotations

import base64
import pathlib
from collections.abc import Sequence
from typing import Any

from magenta_sketch.drawing.svg import sketch_to_svg
from magenta_sketch.files import write_bytes
from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study import wording
from magenta_sketch.study.claims import answer
from magenta_sketch.study.curves import Picture
from magenta_sketch.study.export import comparisons_csv, results_csv, results_json
from magenta_sketch.study.figures import pictures
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.sheets import Sheet, sheets
from magenta_sketch.study.tables import comparison_rows, tables
from magenta_sketch.training.history import format_duration

# The last line of every SVG of a report: a later report may delete such files.
_MARK = b"<!-- magenta_sketch: a figure of a study's report -->\n"
_MOST_POINTS = 200_000  # on the page, about 3 MB; the SVG files have all points

_WITHOUT_EFFECT = {"max_seq_len", "is_training"}  # hyperparameters that do nothing


def write_report(folder: pathlib.Path, result: StudyResult) -> list[pathlib.Path]:
    """Write index.html, the numbers (.csv, .json) and the figures as SVG to a folder.

    The page is written last. Old figures of a report are removed, other files in the folder stay.
    Equal results give equal files.

    Args:
      folder: the report's folder; it is made if it does not exist.

    Returns:
      The paths of all files, the page first.

    Raises:
      OSError: a file cannot be written.

    >>> from magenta_sketch.study.plan import Plan
    >>> from magenta_sketch.measures.result import MeasureSettings
    >>> plan = Plan.from_dict({"sweep": {"scale": [0.5, 1]}, "seeds": [0], "hparams": {}})
    >>> result = StudyResult(plan, "", {}, {}, [], MeasureSettings(), {}, "", "", 0.0, "")
    >>> [path.name for path in write_report(pathlib.Path("report"), result)]
    ['index.html', 'results.json', 'comparisons.csv', 'results.csv']
    """
    folder = pathlib.Path(folder)
    figures, grids = pictures(result), sheets(result)
    files = {f"{one.name}.svg": one.svg for one in figures}
    files |= {f"{one.name}.svg": one.svg() for one in grids}
    files = {name: svg.rstrip(b"\n") + b"\n" + _MARK for name, svg in files.items()}
    page = _page(result, figures, grids)
    files["results.csv"] = results_csv(result)
    files["comparisons.csv"] = comparisons_csv(result)
    files["results.json"] = results_json(result)
    files["index.html"] = page
    for name, content in files.items():
        write_bytes(folder / name, content)
    for path in folder.glob("*.svg"):
        if path.name not in files and path.read_bytes().endswith(_MARK):
            path.unlink()
    return [folder / name for name in reversed(files)]


def _page(result: StudyResult, figures: Sequence[Picture], grids: Sequence[Sheet]) -> bytes:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("magenta_sketch.study", "static"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "value_text": value_text,
        "duration": format_duration,
        "number": wording.number,
    }
    done = [run for run in result.runs if run.measures is not None]
    names = [axis.name for axis in result.plan.axes] or ["several settings"]
    text = environment.get_template("report.html").render(
        result=result,
        swept=" and ".join(names),
        claims=answer(result) if done else [],
        tables=tables(result),
        comparisons=comparison_rows(result),
        scalars={name: scalar for name, scalar in SCALARS.items() if result.has(name)},
        figures=list(map(_figure, figures)),
        sheets=_drawings(grids),
        done=done,
        others=[run for run in result.runs if run not in done],
        common=_common(result),
        data=_flat(result.data),
        measured=_flat(result.settings.to_dict()),
        axes=[
            (axis.name, ", ".join(value_text(value) for value in axis.values))
            for axis in result.plan.axes
        ],
    )
    return text.encode()


def _figure(one: Picture) -> dict[str, str]:
    source = "data:image/svg+xml;base64," + base64.b64encode(one.svg).decode()
    return {"name": one.name, "alt": one.alt, "caption": one.caption, "source": source}


def _drawings(grids: Sequence[Sheet]) -> list[dict[str, Any]]:
    """Return the grids for the page, with fewer rows if they have too many points."""
    share = _MOST_POINTS / max(len(grids), 1)
    made = []
    for sheet in grids:
        rows: list[dict[str, Any]] = []
        points = 0
        for label, cells in sheet.rows:
            points += sum(len(cell.sketch) for cell in cells if cell.sketch is not None)
            if rows and points > share:
                break
            drawn = [
                {
                    "meaning": cell.meaning,
                    "svg": "" if cell.sketch is None else _inline(cell.sketch, cell.meaning),
                }
                for cell in cells
            ]
            rows.append({"label": label, "cells": drawn})
        made.append({"sheet": sheet, "rows": rows, "left_out": len(sheet.rows) - len(rows)})
    return made


def _inline(sketch: Any, meaning: str) -> Any:
    """Return a drawing as SVG inside HTML, with a label for screen readers."""
    import markupsafe

    svg = sketch_to_svg(sketch, size=96.0, stroke_width=1.6).split("?>\n", 1)[1].strip()
    # Safe: our own SVG has no text from outside.
    named = markupsafe.Markup('<svg role="img" aria-label="{}" ').format(meaning)
    return named + markupsafe.Markup(svg.removeprefix("<svg "))


def _common(result: StudyResult) -> list[tuple[str, str, bool]]:
    """Return (name, value, whether it was given) for the hyperparameters that all runs share."""
    if not result.runs:
        return []
    first = result.runs[0].hparams
    return [
        (name, value_text(value), name in result.plan.base.given)
        for name, value in sorted(first.items())
        if name not in _WITHOUT_EFFECT
        and all(run.hparams.get(name) == value for run in result.runs)
    ]


def _flat(data: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return the names and values of a nested dict."""
    rows = []
    for name, value in data.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}: ")
        else:
            values = value if isinstance(value, (list, tuple)) else [value]
            rows.append((f"{prefix}{name}", ", ".join(map(_text, values))))
    return rows


def _text(value: Any) -> str:
    integer = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if integer else value_text(value)
