"""A study's folder on the disk.

study.json           the plan of the last command
runs/NAME/           one log root for each run, as sketch_rnn_train writes them
logs/NAME.log        what each run printed
outcomes/NAME.json   how each run's last attempt ended, and the time all took
measures/NAME.json   what was measured of each run
locks/NAME.lock      held by the process that is at work on a run; .lock by the sweep
report/              index.html, results.csv, results.json, figures as SVG
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from magenta_sketch.files import write_bytes
from magenta_sketch.study.plan import Trial


class StudyFolder:
    """The paths in a study's folder.

    >>> StudyFolder("studies/scale").report.as_posix()
    'studies/scale/report'
    """

    def __init__(self, root: str | os.PathLike[str]):
        self.root = pathlib.Path(root)
        self.plan = self.root / "study.json"
        self.report = self.root / "report"

    def run(self, trial: Trial) -> pathlib.Path:
        """Return the log root of a run."""
        return self.root / "runs" / trial.name

    def log(self, trial: Trial) -> pathlib.Path:
        """Return the file of what a run printed."""
        return self.root / "logs" / f"{trial.name}.log"

    def outcome(self, trial: Trial) -> pathlib.Path:
        """Return the file of how a run ended."""
        return self.root / "outcomes" / f"{trial.name}.json"

    def measures(self, trial: Trial) -> pathlib.Path:
        """Return the file of a run's measures."""
        return self.root / "measures" / f"{trial.name}.json"

    def lock(self, trial: Trial) -> pathlib.Path:
        """Return the file that the process of a run locks."""
        return self.root / "locks" / f"{trial.name}.lock"

    def baselines(self, fingerprint: str) -> pathlib.Path:
        """Return the file of the baselines of the data set with this fingerprint."""
        return self.root / "measures" / f"real-{fingerprint[:12]}.json"


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write a JSON file whole or not at all; numbers that are not finite are refused."""
    write_bytes(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: pathlib.Path) -> Any:
    """Return what a JSON file holds; None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_json_object(path: pathlib.Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; an empty one where there is none."""
    value = read_json(path)
    return value if isinstance(value, dict) else {}
