"""What a run tells while it goes on: lines, a progress bar, TensorBoard events and a history file.

The history (history.jsonl, one JSON object a line) is what the training-curve picture is drawn
from; a resumed run drops the rows after the step it resumes from and goes on writing.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import sys
import time
from typing import Any

from tqdm import tqdm

from magenta_sketch._backend import tf

# TensorBoard's names for an evaluated split, as in the original ("Eval" is the test set).
_SPLIT_TAGS = {"valid": "Valid", "test": "Eval"}


def format_duration(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    return str(datetime.timedelta(seconds=round(max(seconds, 0.0))))


class Journal:
    """Reports on a run in ``root``.

    Lines go to standard output; the bar goes to standard error, and only if that is a terminal.
    A context manager: leaving it closes the bar and the files.
    """

    def __init__(self, root: pathlib.Path, start_step: int, total_steps: int):
        self.start_step, self.total_steps = start_step, total_steps
        self.history = read_history(root / "history.jsonl", up_to=start_step)
        self._rewrite_history(root / "history.jsonl")
        self._history_file = open(root / "history.jsonl", "a", encoding="utf-8")
        self._events = tf.summary.create_file_writer(str(root))
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                initial=start_step,
                total=total_steps,
                unit="step",
                dynamic_ncols=True,
                smoothing=0.05,
                desc="training",
            )
        self._began = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        self._history_file.close()
        try:
            self._events.close()
        except tf.errors.OpError:
            pass  # a full disk; the run has already said so, and events are no one's only copy

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is None:
            print(text, flush=True)
        else:
            self._bar.write(text, file=sys.stdout)
            sys.stdout.flush()

    def advance(self, cost: float) -> None:
        """One training step is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"cost {cost:.3f}", refresh=False)
            self._bar.update()

    def train(self, step: int, row: dict[str, float], seconds: float, points: int) -> None:
        """The numbers of a training step; ``seconds`` and ``points`` since the last such row."""
        speed = points / max(seconds, 1e-9)
        left = self._time_left(step)
        self.say(
            f"step: {step}, lr: {row['lr']:.6f}, klw: {row['klw']:.4f}, cost: {row['cost']:.4f}, "
            f"recon: {row['recon']:.4f}, kl: {row['kl']:.4f}, train_time_taken: {seconds:.4f}, "
            f"points_per_second: {speed:.0f}, time_left: {left}"
        )
        self._record(step, "train", row)
        self._scalars(
            step,
            {
                "Train_Cost": row["cost"],
                "Train_Reconstr_Cost": row["recon"],
                "Train_KL_Cost": row["kl"],
                "Learning_Rate": row["lr"],
                "KL_Weight": row["klw"],
                "Time_Taken_Train": seconds,
                "Points_Per_Second": speed,
            },
        )

    def evaluation(self, step: int, split: str, row: dict[str, float], seconds: float) -> None:
        """The numbers of ``split`` (valid or test), evaluated after ``step`` steps."""
        self.say(
            f"{split} at step {step}: cost: {row['cost']:.4f}, recon: {row['recon']:.4f}, "
            f"kl: {row['kl']:.4f}, masked_recon: {row['masked_recon']:.4f}, "
            f"time_taken: {seconds:.4f}"
        )
        self._record(step, split, row)
        tag = _SPLIT_TAGS[split]
        self._scalars(
            step,
            {
                f"{tag}_Cost": row["cost"],
                f"{tag}_Reconstr_Cost": row["recon"],
                f"{tag}_KL_Cost": row["kl"],
                f"{tag}_Masked_Reconstr_Cost": row["masked_recon"],
                f"Time_Taken_{tag}": seconds,
            },
        )

    def scalar(self, step: int, tag: str, value: float) -> None:
        self._scalars(step, {tag: value})

    def _time_left(self, step: int) -> str:
        rate = (time.monotonic() - self._began) / max(step - self.start_step, 1)
        return format_duration(rate * (self.total_steps - step))

    def _record(self, step: int, split: str, row: dict[str, float]) -> None:
        entry = {"step": step, "split": split, **row}
        self.history.append(entry)
        self._history_file.write(json.dumps(entry) + "\n")
        self._history_file.flush()

    def _rewrite_history(self, path: pathlib.Path) -> None:
        text = "".join(json.dumps(entry) + "\n" for entry in self.history)
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        with self._events.as_default(step=step):
            for tag, value in values.items():
                tf.summary.scalar(tag, value)
        self._events.flush()


def read_history(path: pathlib.Path, up_to: int | None = None) -> list[dict[str, Any]]:
    """Rows of a history file, of steps <= ``up_to``; a last line cut short is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if up_to is None or row["step"] <= up_to:
            rows.append(row)
    return rows
