"""The training program as one call from Python, for notebooks."""

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
    """Train as the program sketch_rnn_train does, and return the trained model.

    Ctrl-C (a notebook's stop button) ends the training with a checkpoint; so does the end of the
    steps. TensorFlow's threads and the order of its sums are left as they are.

    Args:
      log_root: the run's folder. None: the run leaves no files.
      resume_training, overwrite, save_image_dir: as the program's flags.
      encoder_cell, decoder_cell: cells of your own, see `SketchRNN`; their classes must be
        registered with Keras. A run that is resumed has them already.
      report: gets the lines that the program prints.
      settings: hyperparameters and options of the run by name, as ``data_set=["cat.npz"]``,
        ``num_steps=1000``, ``data_dir="datasets"``, ``seed=1``.

    Returns:
      The model of the lowest validation cost, as `magenta_sketch.load` gives it.

    Raises:
      SketchError: as the program's one line of error; its subclasses are in
        `magenta_sketch.errors`.

    Example::

        model = magenta_sketch.train(data_set=["kanjivg.npz"], data_dir="datasets", num_steps=500)
        magenta_sketch.save_svg("new.svg", model.sample(9))
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
    """Return what settings are read on top of: the saved run's values, or the defaults."""
    folder = RunFolder(log_root)
    return folder.read() if resume_training and folder.run.exists() else RunConfig()
