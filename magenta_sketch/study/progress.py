"""The display of a sweep: finished runs, speed, time left."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping

from tqdm import tqdm

from magenta_sketch.study.task import DONE, FAILED, Outcome, Task
from magenta_sketch.training.history import format_duration

_LINE_EVERY = 60.0  # seconds between lines without a terminal
_LOOK_EVERY = 2.0  # seconds between looks at the runs' files
_TAIL = 4096  # bytes at a history's end, more than one row


class SweepProgress:
    """A progress bar over the steps of all runs; without a terminal, a line per minute.

    It reads the steps from the runs' histories, so it works for processes on any machine. Use it in
    a with statement.

    Args:
      totals: task name -> number of steps of the whole run, for all runs of the study.
      steps: task name -> number of finished steps.
      todo: number of runs that are not finished.
      report: prints a line.
    """

    def __init__(
        self,
        totals: Mapping[str, int],
        steps: Mapping[str, int],
        todo: int,
        report: Callable[[str], None],
    ):
        self._totals, self._steps = dict(totals), dict(steps)
        self._report = report
        self._done = len(totals) - todo
        self._failed = 0
        self._running: dict[str, Task] = {}
        self._at_start = sum(self._steps.values())
        self._began = self._looked = self._said = time.monotonic()
        self._bar = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = tqdm(total=sum(totals.values()), initial=self._at_start, unit="step",
                             desc="sweep", smoothing=0.02, dynamic_ncols=True)  # fmt: skip

    def __enter__(self) -> SweepProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is None:
            self._report(text)
        else:
            self._bar.write(text, file=sys.stdout)
            sys.stdout.flush()

    def began(self, task: Task) -> None:
        """Record and print that a task starts."""
        self._running[task.name] = task
        at = self._steps[task.name]
        if at >= self._totals[task.name]:
            self.say(f"{task.name}: is measured")
        else:
            self.say(f"{task.name}: begins" + (f" again at step {at}" if at else ""))

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Record and print that a task has ended."""
        self._running.pop(task.name, None)
        if outcome.status == DONE:
            self._done += 1
            self._steps[task.name] = self._totals[task.name]
        else:
            self._steps[task.name] = max(self._steps[task.name], _last_step(task))
            if outcome.status == FAILED:
                self._failed += 1
                self._totals[task.name] = self._steps[task.name]  # it trains no more this time
        took = format_duration(outcome.seconds)
        detail = f": {outcome.message}" if outcome.message else ""
        self.say(f"{task.name}: {outcome.status} after {took}{detail}")
        self._show()

    def tick(self) -> None:
        """Update the display, at most every `_LOOK_EVERY` seconds."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        for name, task in self._running.items():
            self._steps[name] = max(self._steps[name], _last_step(task))
        self._show()
        if self._bar is None and now - self._said >= _LINE_EVERY:
            self._said = now
            self._report(self.line())

    def _counts(self) -> str:
        counts = f"runs {self._done}/{len(self._totals)} done, {len(self._running)} at work"
        return counts + (f", {self._failed} failed" if self._failed else "")

    def line(self) -> str:
        """Return a line about the whole sweep."""
        steps, total = sum(self._steps.values()), sum(self._totals.values())
        rate = (steps - self._at_start) / max(time.monotonic() - self._began, 1e-9)
        left = format_duration((total - steps) / rate) if rate > 0 else "?"
        return f"{self._counts()}; step {steps} of {total}, {rate:.1f} steps/s in all, {left} left"

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._counts(), refresh=False)
            self._bar.total = sum(self._totals.values())
            self._bar.update(sum(self._steps.values()) - self._bar.n)
            self._bar.refresh()


def _last_step(task: Task) -> int:
    """Return the last step in a run's history; 0 if there is none."""
    try:
        with open(pathlib.Path(task.log_root) / "history.jsonl", "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that `_TAIL` cut, or that is being written
    return 0
