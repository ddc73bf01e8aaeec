"""A run's folder (its log root): what it holds, how it is written and read back.

    log_root/
      model_config.json    the hyperparameters, one JSON object, the original's names at its top
      run.json             seed, normalizing factor and everything else a resumed run must agree on
      newest/step-N/       the last few checkpoints: model, optimizer, step, best cost, seed
      best/step-N/         the one of the lowest validation cost so far

A checkpoint is a folder, written beside its place, flushed to disk and renamed into it, so that it
is whole or absent whenever the program is stopped. (tf.train.CheckpointManager moves the data file
and then writes the index in place, which a kill in between leaves half done.)
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_sketch._backend import keras, tf
from magenta_sketch.hparams import HParams, HParamsError
from magenta_sketch.model import SketchRNN

KEPT = 3  # newest checkpoints kept, so that a damaged one has a predecessor
_PREFIX = "checkpoint"
_STEP = "step-"


class RunError(RuntimeError):
    """A run's folder can't be used as asked, or can't be written; the message is one line."""


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What a run is besides its weights.

    normalizing_factor: data units (pixels) in one model unit. max_seq_len is that of
    ``hparams``, taken from the data. fingerprint: `datasets.DataSet.fingerprint`.
    """

    hparams: HParams
    seed: int
    normalizing_factor: float
    fingerprint: str = ""
    data_dir: str = ""

    @property
    def max_seq_len(self) -> int:
        return self.hparams.max_seq_len


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Write ``text`` to ``path`` so that it holds the old or the new text, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _fsync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RunFolder:
    """The folder of one run."""

    def __init__(self, root: str | os.PathLike):
        self.root = pathlib.Path(root)

    @property
    def config(self) -> pathlib.Path:
        return self.root / "model_config.json"

    @property
    def run(self) -> pathlib.Path:
        return self.root / "run.json"

    @property
    def newest(self) -> pathlib.Path:
        return self.root / "newest"

    @property
    def best(self) -> pathlib.Path:
        return self.root / "best"

    @property
    def history(self) -> pathlib.Path:
        return self.root / "history.jsonl"

    def holds_run(self) -> bool:
        return self.run.exists() or self.config.exists() or bool(saved_steps(self.newest))

    def create(self, info: RunInfo) -> None:
        """Make the folder and write both files; run.json last, it marks the run as begun."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_atomically(self.config, info.hparams.to_json() + "\n")
        rest = {
            "seed": info.seed,
            "normalizing_factor": info.normalizing_factor,
            "fingerprint": info.fingerprint,
            "data_dir": info.data_dir,
            "versions": {
                "python": ".".join(map(str, sys.version_info[:3])),
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
        }
        write_atomically(self.run, json.dumps(rest, indent=1) + "\n")

    def clear(self) -> None:
        """Remove what a run wrote here, run.json first, and nothing else that is in the folder."""
        self.run.unlink(missing_ok=True)
        self.config.unlink(missing_ok=True)
        self.history.unlink(missing_ok=True)
        for folder in (self.newest, self.best):
            shutil.rmtree(folder, ignore_errors=True)
        for events in self.root.glob("events.out.tfevents.*"):
            events.unlink()

    def read(self) -> RunInfo:
        """What `create` wrote.

        Raises:
          RunError: no run here, or one of its files is unreadable; the message says which.
        """
        for path in (self.config, self.run):
            if not path.exists():
                there = sorted(p.name for p in self.root.glob("*")) if self.root.is_dir() else None
                found = "there is no such folder" if there is None else f"it holds {there[:8]}"
                raise RunError(f"{self.root} is not a trained model: {path.name} is missing ({found}).")
        try:
            hparams = HParams.from_json(self.config.read_text(encoding="utf-8"))
        except (HParamsError, UnicodeDecodeError) as error:
            raise RunError(f"{self.config}: {error}") from error
        try:
            rest = json.loads(self.run.read_text(encoding="utf-8"))
            return RunInfo(
                hparams,
                int(rest["seed"]),
                float(rest["normalizing_factor"]),
                str(rest["fingerprint"]),
                str(rest["data_dir"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.run} is damaged ({error!r}).") from error


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Steps of the checkpoints in ``folder``, ascending."""
    names = (path.name[len(_STEP) :] for path in folder.glob(f"{_STEP}*"))
    return sorted(int(name) for name in names if name.isdigit())


class Checkpoints:
    """Saves and restores all that a run needs to go on exactly where it was."""

    def __init__(self, folder: RunFolder, model: SketchRNN, optimizer: Any, seed: int):
        self.folder = folder
        self.step = tf.Variable(0, dtype=tf.int64)
        self.evaluated_step = tf.Variable(0, dtype=tf.int64)
        self.best_step = tf.Variable(0, dtype=tf.int64)
        self.best_cost = tf.Variable(np.inf, dtype=tf.float64)
        self.seed = tf.Variable(seed, dtype=tf.int64)
        self._checkpoint = tf.train.Checkpoint(
            model=model,
            optimizer=optimizer,
            step=self.step,
            evaluated_step=self.evaluated_step,
            best_step=self.best_step,
            best_cost=self.best_cost,
            seed=self.seed,
        )

    def save_newest(self) -> None:
        """Write the present state to ``newest``, keeping the `KEPT` last ones."""
        self._save(self.folder.newest, KEPT)

    def save_best(self) -> None:
        """Write the present state to ``best`` in place of the one before."""
        self._save(self.folder.best, 1)

    def _save(self, folder: pathlib.Path, kept: int) -> None:
        step = int(self.step)
        place = folder / f"{_STEP}{step}"
        beside = folder / f".{place.name}.tmp"
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            self._checkpoint.write(str(beside / _PREFIX))
            for file in beside.iterdir():
                _fsync(file)
            if place.exists():  # written before a crash and now again, with the same bits
                old = folder / f".{place.name}.old"
                os.rename(place, old)
            os.rename(beside, place)
            _fsync(folder)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise RunError(self._unwritten(step, error)) from error
        for other in folder.iterdir():
            if other.name.startswith("."):
                shutil.rmtree(other, ignore_errors=True)
        for old in saved_steps(folder)[:-kept]:
            shutil.rmtree(folder / f"{_STEP}{old}", ignore_errors=True)

    def _unwritten(self, step: int, error: Exception) -> str:
        return (
            f"the checkpoint of step {step} could not be written to {self.folder.root}: "
            f"{reason(error)}. {last_good(self.folder)} Make room and go on with --resume_training."
        )

    def restore_newest(self, warn: Callable[[str], None]) -> bool:
        """Restore the newest checkpoint that is whole; False when there is none at all.

        A damaged one is passed over with a line to ``warn``.

        Raises:
          RunError: when there are checkpoints and all are damaged.
        """
        steps = saved_steps(self.folder.newest)
        restore_first_whole(self._checkpoint, self.folder.newest, warn)
        return bool(steps)


def restore_first_whole(
    checkpoint: tf.train.Checkpoint, folder: pathlib.Path, warn: Callable[[str], None]
) -> int | None:
    """Restore the highest step in ``folder`` that can be read; its step, or None if empty."""
    steps = saved_steps(folder)
    for step in reversed(steps):
        place = folder / f"{_STEP}{step}"
        try:
            status = checkpoint.read(str(place / _PREFIX))
            status.assert_existing_objects_matched()
            return step
        except (tf.errors.OpError, OSError, ValueError, AssertionError) as error:
            warn(f"warning: the checkpoint {place} is damaged ({reason(error)}).")
    if steps:
        raise RunError(f"none of the {len(steps)} checkpoints in {folder} can be read.")
    return None


def reason(error: Exception) -> str:
    """The gist of an exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0].rstrip(".")[:200]


def last_good(folder: RunFolder) -> str:
    """A sentence that names the last good checkpoint."""
    steps = saved_steps(folder.newest)
    if not steps:
        return "No checkpoint had been written before."
    return f"The last good checkpoint, of step {steps[-1]}, is intact."
