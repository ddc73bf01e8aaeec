"""Checkpoints: all that a run needs to go on exactly where it was, saved and restored.

A checkpoint is a folder, written beside its place, flushed to disk and renamed into it, so that it
is whole or absent whenever the program is stopped. (tf.train.CheckpointManager moves the data file
and then writes the index in place, which a kill in between leaves half done.) A step that is saved
a second time, as after an interrupted evaluation, goes to step-N.1/, and only then is the first one
removed.
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

KEPT = 3  # newest checkpoints kept, so that a damaged one has a predecessor
_PREFIX = "checkpoint"


class Checkpoints:
    """Saves and restores all that a run needs to go on exactly where it was.

    Args:
      folder: the run's.
      model, optimizer: what is saved; an optimizer of None saves the model without its training.
      seed: of the run, which a checkpoint that is restored must have too.
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

    def save_newest(self) -> None:
        """Write the present state to ``newest``, keeping the `KEPT` last ones."""
        self._save(self.folder.newest, KEPT)

    def save_best(self) -> None:
        """Write the present state to ``best`` in place of the one before."""
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
        # Steps beyond this one could not be restored (`restore_newest`) or, of the best, belong to
        # a course of the run that has not come to pass again; the same step is the one replaced.
        past = [place for place in places(folder) if place.step < step]
        keep = {new, *past[max(len(past) - kept + 1, 0) :]}
        for place in set(places(folder)) - keep:
            with contextlib.suppress(OSError):  # no harm but to the room on the disk
                remove(folder / place.name, folder)
        remove_hidden(folder)

    def restore_newest(self, warn: Callable[[str], None]) -> bool:
        """Restore the newest checkpoint that is whole; False when there is none at all.

        A damaged one is passed over with a line to ``warn``.

        Raises:
          RunError: there are checkpoints and all are damaged, or it is one of another run.
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
    """Restore the newest checkpoint in ``folder`` that can be read; its step, or None if empty.

    Raises:
      RunError: there are checkpoints, and none can be read.
    """
    saved = places(folder)
    for place in reversed(saved):
        try:
            status = checkpoint.read(str(folder / place.name / _PREFIX))
            status.assert_existing_objects_matched()
            status.expect_partial()  # a model is restored without the optimizer's variables
            return place.step
        except Exception as error:  # TensorFlow raises IndexError, RuntimeError and many more
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
