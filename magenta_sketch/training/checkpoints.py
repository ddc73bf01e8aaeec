"""Save and restore all that a run needs to resume exactly.

A checkpoint is a folder, step-N/. It is written under another name, flushed to disk and then
renamed, so that it is complete or absent when the program is killed at any time.
(tf.train.CheckpointManager writes the index in place, so a kill can leave it incomplete.) If a step
is saved again, for example after an interrupted evaluation, it goes to step-N.1/, and then the old
folder is removed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_sketch._backend import keras, tf
from magenta_sketch.errors import RunError
from magenta_sketch.training.failures import reason, writing
from magenta_sketch.training.places import Place, fsync, places, remove, remove_hidden
from magenta_sketch.training.run_folder import RunFolder

KEPT = 3  # newest checkpoints to keep, in case one is damaged
_PREFIX = "checkpoint"


class Checkpoints:
    """Save and restore all that a run needs to resume exactly.

    Args:
      folder: the run's folder.
      model, optimizer: what to save. With an optimizer of None, only the model is saved.
      seed: the run's seed; a checkpoint to restore must have the same.
    """

    def __init__(self, folder: RunFolder, model: keras.Model, optimizer: Any, seed: int):
        self.folder = folder
        self.step = tf.Variable(0, dtype=tf.int64)
        self.evaluated_step = tf.Variable(0, dtype=tf.int64)
        self.best_step = tf.Variable(0, dtype=tf.int64)
        self.best_cost = tf.Variable(np.inf, dtype=tf.float64)
        self.seed = tf.Variable(seed, dtype=tf.int64)
        self._checkpoint = tf.train.Checkpoint(
            model=model,
            **({} if optimizer is None else {"optimizer": optimizer}),
            step=self.step,
            evaluated_step=self.evaluated_step,
            best_step=self.best_step,
            best_cost=self.best_cost,
            seed=self.seed,
        )

    def variables(self) -> list[tf.Variable]:
        """Return the variables besides those of model and optimizer."""
        return [self.step, self.evaluated_step, self.best_step, self.best_cost]

    def save_newest(self) -> None:
        """Save the current state in ``newest``, and keep the last `KEPT` checkpoints there."""
        self._save(self.folder.newest, KEPT)

    def save_best(self) -> None:
        """Save the current state in ``best`` and remove the old checkpoint there."""
        self._save(self.folder.best, 1)

    def _save(self, folder: pathlib.Path, kept: int) -> None:
        step = int(self.step)
        numbers = [place.number for place in places(folder) if place.step == step]
        new = Place(step, max(numbers) + 1 if numbers else 0)
        beside = folder / f".{new.name}.new"
        try:
            with writing(self.folder, f"the checkpoint of step {step} in {folder}"):
                shutil.rmtree(beside, ignore_errors=True)
                beside.mkdir(parents=True)
                self._checkpoint.write(str(beside / _PREFIX))
                for file in beside.iterdir():
                    fsync(file)
                fsync(beside)
                os.rename(beside, folder / new.name)
                fsync(folder)
        except RunError:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        # Later steps are from before the run was resumed at an earlier step: remove them too.
        past = [place for place in places(folder) if place.step < step]
        keep = {new, *past[max(len(past) - kept + 1, 0) :]}
        for place in set(places(folder)) - keep:
            with contextlib.suppress(OSError):  # it only takes disk space
                remove(folder / place.name, folder)
        remove_hidden(folder)

    def restore_newest(self, warn: Callable[[str], None]) -> bool:
        """Restore the newest undamaged checkpoint; return False if there is no checkpoint.

        ``warn`` is called with a line for each damaged checkpoint.

        Raises:
          RunError: all checkpoints are damaged, or the checkpoint belongs to another run.
        """
        seed = int(self.seed)
        step = restore_first_whole(self._checkpoint, self.folder.newest, warn)
        if int(self.seed) != seed:
            raise RunError(
                f"the checkpoint of step {step} in {self.folder.newest} is of a run with seed "
                f"{int(self.seed)}, but this run has {seed}: it does not belong here: remove it"
            )
        return step is not None


def restore_first_whole(
    checkpoint: tf.train.Checkpoint, folder: pathlib.Path, warn: Callable[[str], None]
) -> int | None:
    """Restore the newest undamaged checkpoint in ``folder``; return its step, or None.

    None means that there is no checkpoint.

    Raises:
      RunError: all checkpoints are damaged.
    """
    saved = places(folder)
    for place in reversed(saved):
        try:
            status = checkpoint.read(str(folder / place.name / _PREFIX))
            status.assert_existing_objects_matched()
            status.expect_partial()  # a model may be restored without its optimizer
            return place.step
        except Exception as error:  # TensorFlow raises many kinds
            warn(
                f"warning: the checkpoint {folder / place.name} is damaged ({reason(error)}); "
                "trying the one before"
            )
    if saved:
        raise RunError(
            f"none of the {len(saved)} checkpoints in {folder} can be read: restore the folder "
            "from a copy, or train anew"
        )
    return None
