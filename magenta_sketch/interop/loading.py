"""`load`: read a trained model, whatever program wrote it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from magenta_sketch import interop
from magenta_sketch._backend import tf
from magenta_sketch.errors import ArgumentError, RunError
from magenta_sketch.inference import saving
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop import adam
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import new_optimizer
from magenta_sketch.training.checkpoints import restore_first_whole
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder


def _warn(text: str) -> None:
    print(text, file=sys.stderr)


def load(
    model_dir: str | os.PathLike[str],
    *,
    checkpoint: str = "best",
    with_optimizer: bool = False,
    warn: Callable[[str], None] = _warn,
) -> TrainedModel:
    """Return the trained model at ``model_dir``, whatever program wrote it.

    A Magenta checkpoint does not hold the normalizing factor. Its sketches are in model units until
    `TrainedModel.with_normalizing_factor` sets it (`load_data_set` computes it). If a model has a
    cell of your own, first import the module that registers it.

    Args:
      model_dir: a run's --log_root or a folder that `TrainedModel.save` wrote; a .keras file; a
        Magenta checkpoint directory (or the prefix of one checkpoint in it, `.../vector-N`), with
        or without a usable model_config.json; or a Sketch-RNN-JS file.
      checkpoint: which checkpoint of a run: "best" (lowest validation cost; the newest if there is
        no best one yet or it is damaged) or "newest".
      with_optimizer: whether to load a run's optimizer too, as `TrainedModel.adam`. The optimizer
        of a Magenta checkpoint is always loaded.
      warn: called with one line for each damaged checkpoint that is skipped, and for everything
        that another program's files do not say.

    Raises:
      RunError: there is no model, no checkpoint in it, or none that can be read.
      ModelFileError: a .keras file or another program's model cannot be read, or its cell is not
        registered.
      ValueError: ``checkpoint`` is another word.

    Example:
      >>> model = load("bird.gen.json")
      >>> len(model.sample(2, seed=1))
      2
    """
    if checkpoint not in ("best", "newest"):
        raise ArgumentError(f"checkpoint must be best or newest, got {checkpoint!r}")
    folder = RunFolder(model_dir)
    if saving.is_keras_file(model_dir) and not folder.root.is_dir():
        model = saving.read_keras(model_dir)
        return TrainedModel(model, data_known=bool(model.config.fingerprint))
    foreign = None if folder.run.exists() else interop.read(model_dir)
    if foreign is None:
        return _load_run(folder, checkpoint, with_optimizer, warn)
    for note in foreign.notes:
        warn(note)
    return TrainedModel(foreign.build(), foreign.adam, foreign.step, data_known=foreign.data_known)


def _load_run(
    folder: RunFolder, checkpoint: str, with_optimizer: bool, warn: Callable[[str], None]
) -> TrainedModel:
    config = folder.read()
    with saving.naming(folder.run):
        model = SketchRNN(config)
    step = tf.Variable(0, dtype=tf.int64)
    # A folder that `TrainedModel.save` wrote has one checkpoint, without an optimizer.
    trained_here = bool(saved_steps(folder.newest)) or not saved_steps(folder.best)
    optimizer = new_optimizer(model) if with_optimizer and trained_here else None
    also = {} if optimizer is None else {"optimizer": optimizer}
    restorer = tf.train.Checkpoint(model=model, step=step, **also)
    if not trained_here:
        places = [folder.best]
    else:
        places = [folder.best, folder.newest] if checkpoint == "best" else [folder.newest]
    damaged = None
    for place in places:
        try:
            if restore_first_whole(restorer, place, warn) is not None:
                if damaged is not None:
                    warn("warning: took the newest checkpoint in place of the best")
                state = None if optimizer is None else adam.state_of(model, optimizer)
                known = bool(config.fingerprint)  # empty if another program trained it
                return TrainedModel(model, state, int(step), data_known=known)
        except RunError as error:
            damaged = error
    if damaged is not None:
        raise damaged
    raise RunError(
        f"{folder.root} holds a run without a checkpoint yet: wait for its first one, or train on"
    )
