"""The reports of a run: printed lines, progress bar, TensorBoard events and history file.

The training-curve picture is drawn from the history (history.jsonl, one JSON object a line). A
resumed run removes the rows of the steps that it repeats.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from tqdm import tqdm

from magenta_sketch._backend import tf
from magenta_sketch.files import write_bytes
from magenta_sketch.training.failures import writing
from magenta_sketch.training.history import format_duration, read_history
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.signals import StopRequest

# TensorBoard's names of the splits, as in the original: "Eval" is the test set.
_SPLIT_TAGS = {"valid": "Valid", "test": "Eval"}


class Journal:
    """Report on a run.

    Lines go to ``report``. The progress bar goes to standard error, if that is a terminal, or into
    a notebook. Use the journal in a with statement, which closes the bar and the files. All
    methods raise `RunError` if something cannot be written, and BrokenPipeError if standard output
    has no reader any more.

    Args:
      folder: the run's folder, for the history and TensorBoard's events.
      start_step: updates made so far. Later rows of an old history are removed.
      total_steps: steps of the whole run.
      evaluated_step: the last evaluated step of the restored state. Later evaluations in an old
        history are removed. None: start_step.
      report: called with each line.
      stop: is asked to stop the run if standard output has no reader any more. None: raise
        BrokenPipeError.
    """

    def __init__(
        self,
        folder: RunFolder,
        start_step: int,
        total_steps: int,
        evaluated_step: int | None = None,
        report: Callable[[str], None] = print,
        stop: StopRequest | None = None,
    ):
        self.folder, self._stop = folder, stop
        self.start_step, self.total_steps = start_step, total_steps
        self._report = report
        last = {"train": start_step}
        if evaluated_step is not None:
            last |= {"valid": evaluated_step, "test": evaluated_step}
        with writing(folder, str(folder.history)):
            self.history = [
                row
                for row in read_history(folder.history, up_to=start_step)
                if row["step"] <= last.get(row["split"], start_step)
            ]
            rows = "".join(json.dumps(row) + "\n" for row in self.history)
            write_bytes(folder.history, rows.encode())
            self._history_file = open(folder.history, "a", encoding="utf-8")
        with writing(folder, f"TensorBoard's events in {folder.root}"):
            self._events = tf.summary.create_file_writer(str(folder.root))
            self._events.flush()
        self._bar = _progress_bar(start_step, total_steps)
        self._began = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        # A full disk fails here again; the failed write has reported it.
        with contextlib.suppress(OSError):
            self._history_file.close()
        with contextlib.suppress(tf.errors.OpError):
            self._events.close()

    def say(self, text: str) -> None:
        """Report a line, above the bar if there is one."""
        try:
            self._say(text)
        except BrokenPipeError:
            if self._stop is None:
                raise
            self._stop.signal_number = self._stop.signal_number or signal.SIGPIPE

    def _say(self, text: str) -> None:
        with writing(self.folder, "standard output"):  # it may be a log file, on a full disk
            with contextlib.nullcontext() if self._bar is None else tqdm.external_write_mode():
                self._report(text)
            if sys.stdout is not None:
                sys.stdout.flush()

    def advance(self, cost: float) -> None:
        """Show that one more training step is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"cost {cost:.3f}", refresh=False)
            self._bar.update()

    def evaluating(self, split: str, done: int, batches: int) -> None:
        """Show that ``done`` of ``batches`` batches of an evaluation are done."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"{split} {done}/{batches}")

    def train(self, step: int, row: dict[str, float], seconds: float, points: int) -> None:
        """Report a training step; ``seconds`` and ``points`` count from the last report."""
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
        """Report the evaluation of ``split`` (valid or test) after ``step`` training steps."""
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
        """Write a number for TensorBoard."""
        self._scalars(step, {tag: value})

    def _time_left(self, step: int) -> str:
        rate = (time.monotonic() - self._began) / max(step - self.start_step, 1)
        return format_duration(rate * (self.total_steps - step))

    def _record(self, step: int, split: str, row: dict[str, float]) -> None:
        entry = {"step": step, "split": split, **row}
        self.history.append(entry)
        with writing(self.folder, str(self.folder.history)):
            self._history_file.write(json.dumps(entry) + "\n")
            self._history_file.flush()

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        with writing(self.folder, f"TensorBoard's events in {self.folder.root}"):
            with self._events.as_default(step=step):
                for tag, value in values.items():
                    tf.summary.scalar(tag, value)
            self._events.flush()


class NoJournal:
    """The journal of a worker that is not the chief: it reports and writes nothing."""

    history: tuple[()] = ()

    def __enter__(self) -> NoJournal:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not hasattr(Journal, name):
            raise AttributeError(name)
        return lambda *arguments: None


AnyJournal: TypeAlias = Journal | NoJournal


def _progress_bar(start_step: int, total_steps: int) -> Any:
    """Return a progress bar in a terminal or notebook, else None."""
    settings = {"initial": start_step, "total": total_steps, "unit": "step"}
    settings |= {"smoothing": 0.05, "desc": "training"}
    if _in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing widgets: the bar is text then
            from tqdm.auto import tqdm as notebook_bar  # a widget if possible

        return notebook_bar(**settings)
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    # Some terminals, for example in containers, report a width of 0.
    sized = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    return tqdm(ncols=None if sized else 80, dynamic_ncols=sized, **settings)


def _in_notebook() -> bool:
    """Return whether this process is a notebook's kernel. IPython in a terminal has none."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
