"""A whole run: beginning it or taking it up again, training it, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.checkpoints import RunError, RunFolder, RunInfo, reason, writing
from magenta_sketch.curves import save_training_curve
from magenta_sketch.datasets import DataSet, load_data_set
from magenta_sketch.gallery import save_gallery
from magenta_sketch.hparams import HParams
from magenta_sketch.journal import Journal
from magenta_sketch.trained import TrainedModel
from magenta_sketch.training import Interrupted, StopRequest, Trainer, total_steps

Report = Callable[[str], None]

# What a resumed run may change, and what the data or the call decide whatever the user says.
MAY_CHANGE = ("num_steps", "save_every")
NOT_THE_USERS = ("max_seq_len", "is_training")


def begin(
    folder: RunFolder,
    assignments: Mapping[str, Any],
    *,
    data_dir: str,
    seed: int,
    overwrite: bool = False,
    num_epochs: float | None = None,
    mixed_precision: bool = False,
    bucket_by_length: bool = False,
    report: Report = print,
) -> tuple[RunInfo, DataSet]:
    """Load the data and make the folder of a new run.

    Args:
      assignments: the hyperparameters that were given; the others take their defaults.
      data_dir: a folder or an http(s) URL.
      overwrite: remove a run that the folder already holds.
      num_epochs, mixed_precision, bucket_by_length: see `checkpoints.RunInfo`; kept with the run.

    Raises:
      HParamsError: the hyperparameters don't go together.
      RunError: the folder holds a run and ``overwrite`` is false, or can't be written.
      DataError: the data can't be read.
    """
    if folder.holds_run() and not overwrite:
        raise RunError(
            f"{folder.root} already holds a run: go on with it with --resume_training, name "
            "another --log_root, or give --overwrite to delete it."
        )
    hparams = HParams(**assignments)
    data = load_data_set(list(hparams.data_set), data_dir, report=report)
    info = RunInfo(
        hparams.replace(max_seq_len=data.max_seq_len),
        seed,
        data.normalizing_factor,
        data.fingerprint,
        _lasting(data_dir),
        num_epochs,
        mixed_precision,
        bucket_by_length,
    )
    # Only now: a mistake in the data's name must not cost the run that is to be overwritten.
    try:
        if overwrite:
            folder.clear()
        folder.create(info)
    except OSError as error:
        folder.forget()
        raise RunError(f"{folder.root} can't be written: {reason(error)}.") from error
    return info, data


def resume(
    folder: RunFolder,
    assignments: Mapping[str, Any],
    *,
    data_dir: str | None,
    seed: int | None,
    num_epochs: float | None = None,
    mixed_precision: bool | None = None,
    bucket_by_length: bool | None = None,
    report: Report = print,
) -> tuple[RunInfo, DataSet]:
    """Read what the folder's run is, and load its data again.

    What is not given is the run's own; what is given must agree with it, but for `MAY_CHANGE`,
    ``num_epochs``, and ``data_dir`` as long as the data in it are the same.

    Raises:
      RunError: no run in the folder, or something differs; the message lists all that does.
      DataError: the data can't be read.
    """
    if not folder.holds_run():
        raise RunError(
            f"{folder.root} holds no run to go on with: check --log_root, or leave out "
            "--resume_training to begin one there."
        )
    info = folder.read()
    now = info.hparams.replace(**assignments)
    differences = [
        f"{name}: the run has {mine!r}, now {theirs!r}"
        for name, mine, theirs in info.hparams.differences(now, MAY_CHANGE + NOT_THE_USERS)
    ]
    given = {
        "seed": seed,
        "mixed_precision": mixed_precision,
        "bucket_by_length": bucket_by_length,
    }
    differences += [
        f"{name}: the run has {getattr(info, name)}, now {value}"
        for name, value in given.items()
        if value is not None and value != getattr(info, name)
    ]
    if differences:
        raise RunError(
            f"{folder.root} holds a run with other settings ({'; '.join(differences)}): leave them "
            "as they were, or begin a new run in another --log_root."
        )
    changed = {name: assignments[name] for name in MAY_CHANGE if name in assignments}
    hparams = info.hparams.replace(**changed)
    place = data_dir or info.data_dir
    data = load_data_set(list(hparams.data_set), place, report=report)
    if data.fingerprint != info.fingerprint:
        raise RunError(
            f"the data in {place} are not those the run in {folder.root} was begun with: give the "
            "--data_dir it had, or begin a new run in another --log_root."
        )
    new = dataclasses.replace(
        info,
        hparams=hparams,
        data_dir=_lasting(place),
        num_epochs=info.num_epochs if num_epochs is None else num_epochs,
    )
    if new != info:
        with writing(folder, str(folder.root)):
            folder.create(new)
    return new, data


def _lasting(data_dir: str) -> str:
    """``data_dir`` as it is kept with a run: good in another working directory too."""
    return data_dir if "://" in data_dir else str(pathlib.Path(data_dir).expanduser().resolve())


def train(
    folder: RunFolder,
    info: RunInfo,
    data: DataSet,
    *,
    resumed: bool,
    image_dir: str | os.PathLike | None = None,
    report: Report = print,
) -> int:
    """Train the run of ``folder`` to its end, draw what it has learnt, and say what was written.

    SIGINT and SIGTERM end it early, with a checkpoint.

    Args:
      resumed: restore the newest checkpoint first, if there is one.
      image_dir: folder for a picture at each evaluation; None for the final one alone.

    Returns:
      The exit status for a program: 0, or 128 + the signal's number.

    Raises:
      RunError: see `training.Trainer.run`.
    """
    try:
        trainer = Trainer(folder, info, data)
    except (MemoryError, tf.errors.OpError) as error:
        if not resumed:
            folder.forget()
        raise RunError(
            f"the model is too large for this machine's memory ({reason(error)}): choose smaller "
            "cells."
        ) from error
    trained = TrainedModel(trainer.model, info)
    title = f"{', '.join(info.hparams.data_set)}, step "

    def picture(path: pathlib.Path) -> None:
        with writing(folder, str(path)):
            save_gallery(path, trained, data.test, title=f"{title}{trainer.step}", seed=info.seed)

    with writing(folder, str(folder.root)):
        folder.tidy()
    if image_dir is not None:
        images = pathlib.Path(image_dir)
        try:
            images.mkdir(parents=True, exist_ok=True)  # now, not after an hour of training
        except OSError as error:
            if not resumed:
                folder.forget()
            raise RunError(f"the image folder {images} can't be made: {reason(error)}.") from error
        trainer.illustrate = lambda step: picture(images / f"step-{step:07d}.svg")
    total = total_steps(info.hparams, info.num_epochs, len(data.train))
    for line in _describe(info, data, trainer, total):
        report(line)
    if resumed and not trainer.restore(report):
        report(f"{folder.root} has no checkpoint yet: beginning at step 0")
    elif resumed:
        report(f"resumed at step {trainer.step}")
        if trainer.step >= total:
            report(f"the run has its {total} steps already: a larger num_steps makes it go on")
    stop = StopRequest()
    try:
        evaluated = int(trainer.state.evaluated_step)
        with stop.listening(), Journal(folder, trainer.step, total, evaluated) as journal:
            trainer.run(total, journal, stop)
            if journal.history:
                with writing(folder, str(folder.curve)):
                    save_training_curve(
                        folder.curve, journal.history, kl_tolerance=info.hparams.kl_tolerance
                    )
            picture(folder.sketches)
    except Interrupted as interruption:
        try:
            report(str(interruption))
        except OSError:  # Ctrl-C also ends the `tee` that we may write to
            print(interruption, file=sys.stderr)
        return 128 + interruption.signal_number
    report(f"done: {trainer.step} steps. Written to {folder.root}:")
    written = [
        ("newest/, best/", "checkpoints"),
        (folder.config.name, "hyperparameters"),
        ("events.out.tfevents.*", f"for tensorboard --logdir={folder.root}"),
        (folder.curve.name, "training curve"),
        (folder.sketches.name, "test sketches, reconstructions, new sketches: for a browser"),
    ]
    if image_dir is not None:
        written.append((str(image_dir), "the same picture at each evaluation"))
    for name, what in written:
        report(f"  {name:<24}{what}")
    report(f"next: {next_command(folder)} --count=20")
    return 0


def _describe(info: RunInfo, data: DataSet, trainer: Trainer, total: int) -> list[str]:
    hps = info.hparams
    encoder = f"encoder {hps.enc_model} {hps.enc_rnn_size}, z {hps.z_size}, "
    lines = [
        f"model: {encoder if hps.conditional else 'unconditional, '}decoder {hps.dec_model} "
        f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, noise scale {hps.scale:g}; "
        f"{trainer.num_trainable():,} parameters",
        f"run: {total} steps of {min(hps.batch_size, len(data.train))} sketches, seed {info.seed}",
    ]
    modes = [name for name in ("mixed_precision", "bucket_by_length") if getattr(info, name)]
    if modes:
        lines.append(f"modes: {', '.join(modes)}")
    if hps.batch_size > len(data.train):
        lines.append(
            f"warning: batch_size is {hps.batch_size}, but there are {len(data.train)} training "
            "sketches: each batch holds all of them"
        )
    return lines


def next_command(folder: RunFolder) -> str:
    """A command to try after a run."""
    program = "sketch_rnn_draw"
    beside = pathlib.Path(sys.executable).with_name(program)
    # Outside an activated virtual environment the bare name would not be found.
    on_path = any((pathlib.Path(place) / program).exists() for place in os.get_exec_path() if place)
    command = program if on_path or not beside.exists() else str(beside)
    return f"{shlex.quote(command)} --model_dir={shlex.quote(str(folder.root))}"
