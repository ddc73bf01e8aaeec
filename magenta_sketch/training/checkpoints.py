"""A run's folder (its log root): what it holds, how it is written and read back.

    log_root/
      model_config.json    the hyperparameters, one JSON object, the original's names at its top
      run.json             seed, normalizing factor and everything else a resumed run must agree on
      newest/step-N/       the last few checkpoints: model, optimizer, step, best cost, seed
      best/step-N/         the one of the lowest validation cost so far
      history.jsonl, events.out.tfevents.*, training_curve.png, sketches.svg

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
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.run_folder import (
    RunFolder,
    _fsync,
    _Place,
    _places,
    _remove,
    _remove_hidden,
    reason,
    writing,
)

ADAM_EPSILON = 1e-8
KEPT = 3  # newest checkpoints kept, so that a damaged one has a predecessor
_PREFIX = "checkpoint"


def new_optimizer(model: SketchRNN) -> keras.optimizers.Adam:
    """The optimizer of a run, built for ``model``; its learning rate is set at each step."""
    optimizer = keras.optimizers.Adam(epsilon=ADAM_EPSILON)
    optimizer.build(model.trainable_variables)
    return optimizer


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
        numbers = [place.number for place in _places(folder) if place.step == step]
        new = _Place(step, max(numbers) + 1 if numbers else 0)
        beside = folder / f".{new.name}.new"
        try:
            with writing(self.folder, f"the checkpoint of step {step} in {folder}"):
                shutil.rmtree(beside, ignore_errors=True)
                beside.mkdir(parents=True)
                self._checkpoint.write(str(beside / _PREFIX))
                for file in beside.iterdir():
                    _fsync(file)
                _fsync(beside)
                os.rename(beside, folder / new.name)
                _fsync(folder)
        except RunError:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        # Steps beyond this one could not be restored (`restore_newest`) or, of the best, belong to
        # a course of the run that has not come to pass again; the same step is the one replaced.
        past = [place for place in _places(folder) if place.step < step]
        keep = {new, *past[max(len(past) - kept + 1, 0) :]}
        for place in set(_places(folder)) - keep:
            with contextlib.suppress(OSError):  # no harm but to the room on the disk
                _remove(folder / place.name, folder)
        _remove_hidden(folder)

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
                f"{int(self.seed)}, but this run has {seed}: it does not belong here."
            )
        return step is not None


def restore_first_whole(
    checkpoint: tf.train.Checkpoint, folder: pathlib.Path, warn: Callable[[str], None]
) -> int | None:
    """Restore the newest checkpoint in ``folder`` that can be read; its step, or None if empty.

    Raises:
      RunError: there are checkpoints, and none can be read.
    """
    places = _places(folder)
    for place in reversed(places):
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
    if places:
        raise RunError(
            f"none of the {len(places)} checkpoints in {folder} can be read: restore the folder "
            "from a copy, or train anew."
        )
    return None
