"""Training as one call from Python, for notebooks."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from magenta_sketch import runs
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop.loading import load
from magenta_sketch.nn.any_cell import CellMaker, describe_cells
from magenta_sketch.training.run_folder import RunFolder


def train(
    log_root: str | os.PathLike[str] | None = None,
    *,
    resume_training: bool = False,
    overwrite: bool = False,
    encoder_cell: CellMaker | None = None,
    decoder_cell: CellMaker | None = None,
    save_image_dir: str | os.PathLike[str] | None = None,
    report: runs.Report = print,
    **settings: Any,
) -> TrainedModel:
    """Train as the command sketch_rnn_train does, and return the trained model.

    Ctrl-C, or a notebook's stop button, ends the training early; the run writes a checkpoint first.
    Unlike the command, this function does not change TensorFlow's threads or make it deterministic.

    Args:
      log_root: the run's folder. None: the run leaves no files.
      resume_training, overwrite, save_image_dir: the command's flags.
      encoder_cell, decoder_cell: cells of your own, see `SketchRNN`. Their classes must be
        registered with Keras. Omit them to resume a run.
      report: called with each line that the command would print.
      settings: hyperparameters and options of the run by name.

    Returns:
      The model with the lowest validation cost, as from `magenta_sketch.load`.

    Raises:
      SketchError: the settings, the data or the folder cannot be used. `magenta_sketch.errors`
        lists its subclasses.

    >>> sizes = dict(enc_rnn_size=8, dec_rnn_size=8, z_size=4, data_dir=".")
    >>> model = train(data_set=["lines.npz"], num_steps=1, **sizes)  # doctest: +ELLIPSIS
    loaded ...
    >>> len(model.sample(9, temperature=0.3))
    9
    """
    if resume_training and (log_root is None or overwrite):
        wrong = "goes without overwrite" if overwrite else "needs log_root, the folder of the run"
        raise ArgumentError(f"resume_training {wrong}: mend the call, or begin a new run")
    with tempfile.TemporaryDirectory() as temporary:
        root = temporary if log_root is None else log_root
        config = _saved_or_new(root, resume_training).asked(**settings)
        config = describe_cells(config, encoder_cell=encoder_cell, decoder_cell=decoder_cell)
        if resume_training:
            run = runs.resume(config, root, report=report)
        else:
            run = runs.begin(config, root, overwrite=overwrite, report=report)
        runs.train_run(run, image_dir=save_image_dir, report=report)
        return load(root, warn=report)


def _saved_or_new(log_root: str | os.PathLike[str], resume_training: bool) -> RunConfig:
    """Return the configuration that the settings change: that of the saved run, or the defaults."""
    folder = RunFolder(log_root)
    return folder.read() if resume_training and folder.run.exists() else RunConfig()
