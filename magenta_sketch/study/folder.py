"""The paths in a study's folder.

study.json           the study, as of the last command
runs/NAME/           the folder of each run, as sketch_rnn_train makes it
logs/NAME.log        the output of each run
outcomes/NAME.json   how the last attempt of each run ended, and the time of all attempts
measures/NAME.json   the measures of each run
locks/NAME.lock      locked by the process that works on a run
.lock                locked by the sweep
report/              index.html, results.csv, results.json, figures as SVG
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from magenta_sketch.files import read_text, write_bytes
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
        """Return the folder of a run."""
        return self.root / "runs" / trial.name

    def log(self, trial: Trial) -> pathlib.Path:
        """Return the file with the output of a run."""
        return self.root / "logs" / f"{trial.name}.log"

    def outcome(self, trial: Trial) -> pathlib.Path:
        """Return the file that says how a run ended."""
        return self.root / "outcomes" / f"{trial.name}.json"

    def measures(self, trial: Trial) -> pathlib.Path:
        """Return the file of a run's measures."""
        return self.root / "measures" / f"{trial.name}.json"

    def lock(self, trial: Trial) -> pathlib.Path:
        """Return the lock file of a run."""
        return self.root / "locks" / f"{trial.name}.lock"

    def baselines(self, fingerprint: str) -> pathlib.Path:
        """Return the file with the baselines of the data set with this fingerprint."""
        return self.root / "measures" / f"real-{fingerprint[:12]}.json"


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write a JSON file. Raise ValueError for a number that is not finite.

    If writing fails, an existing file stays as it was.
    """
    write_bytes(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: pathlib.Path) -> Any:
    """Return the content of a JSON file, or None if it cannot be read."""
    try:
        return json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None


def read_json_object(path: pathlib.Path) -> dict[str, Any]:
    """Return the object in a JSON file, or an empty one if there is none."""
    value = read_json(path)
    return value if isinstance(value, dict) else {}
