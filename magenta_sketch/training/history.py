"""The history of a run, history.jsonl: one JSON object for each log line or evaluation."""

from __future__ import annotations

import datetime
import json
import pathlib
from typing import Any


def read_history(path: pathlib.Path, up_to: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of a history file with steps <= ``up_to``, without incomplete lines."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            if up_to is None or row["step"] <= up_to:
                rows.append({**row, "split": str(row["split"])})
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return rows


def format_duration(seconds: float) -> str:
    """Return seconds as h:mm:ss.

    >>> format_duration(3725)
    '1:02:05'
    """
    return str(datetime.timedelta(seconds=round(max(seconds, 0.0))))
