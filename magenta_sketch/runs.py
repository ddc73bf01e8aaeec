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
from magenta_sketch.config.hparams import HParams
from magenta_sketch.data import DataSet, load_data_set
from magenta_sketch.drawing.curves import save_training_curve
from magenta_sketch.drawing.gallery import save_gallery
from magenta_sketch.errors import HParamsError, ModelFileError, RunError
from magenta_sketch.inference.trained_model import TrainedModel, load
from magenta_sketch.interop import adam, magenta_checkpoint
from magenta_sketch.interop.foreign import ARCHITECTURE
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.run_folder import RunFolder, RunInfo, reason, saved_steps, writing
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.signals import Interrupted, StopRequest

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
    init_from: str | os.PathLike | None = None,
    init_optimizer: bool = False,
    report: Report = print,
) -> tuple[RunInfo, DataSet]:
    """Load the data and make the folder of a new run.

    Args:
      assignments: the hyperparameters that were given; the others take their defaults.
      data_dir: a folder or an http(s) URL.
      overwrite: remove a run that the folder already holds.
      num_epochs, mixed_precision, bucket_by_length: see `checkpoints.RunInfo`; kept with the run.
      init_from: a model for `trained.load`, whose weights the run begins with. Its sizes and cells
        are the run's; those among the assignments must agree. All else, the normalizing factor
        too, is as for any new run.
      init_optimizer: take its optimizer's state and step count too, from which the schedules
        follow: the run goes on where that one stopped.

    Raises:
      HParamsError: the hyperparameters don't go together, or not with ``init_from``.
      ModelFileError: ``init_from`` can't be read.
      RunError: the folder holds a run and ``overwrite`` is false, or can't be written; or no model
        at ``init_from``, or one without an optimizer's state.
      DataError: the data can't be read.
    """
    _refuse_magentas(folder, "name another --log_root, and give this one as --init_from.")
    if folder.holds_run() and not overwrite:
        raise RunError(
            f"{folder.root} already holds a run: go on with it with --resume_training, name "
            "another --log_root, or give --overwrite to delete it."
        )
    source = None
    if init_from is not None:
        if overwrite and pathlib.Path(init_from).resolve().is_relative_to(folder.root.resolve()):
            raise RunError(
                f"--overwrite would delete {init_from}, which --init_from needs: name another "
                "--log_root."
            )
        source = _source(init_from, init_optimizer)
        assignments = _with_architecture(assignments, source)
    hparams = HParams(**assignments)
    data = load_data_set(list(hparams.data_set), data_dir, report=report)
    if source is not None and init_optimizer:
        total = total_steps(hparams, num_epochs, len(data.train))
        if source.step >= total:
            raise RunError(
                f"{init_from} has {source.step} steps already, and this run would end at {total}: "
                "give a larger num_steps, or num_epochs."
            )
    info = RunInfo(
        hparams.replace(max_seq_len=data.max_seq_len),
        seed,
        data.normalizing_factor,
        data.fingerprint,
        lasting(data_dir),
        num_epochs,
        mixed_precision,
        bucket_by_length,
        tanh_z=source is not None and source.info.tanh_z,
        init_from="" if init_from is None else lasting(os.fspath(init_from)),
        init_optimizer=init_optimizer,
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


def _refuse_magentas(folder: RunFolder, advice: str) -> None:
    # It has a model_config.json too, so that it would be taken for a run, and overwritten.
    if magenta_checkpoint.find(folder.root) is not None and not folder.run.exists():
        raise RunError(f"{folder.root} holds a Magenta checkpoint: {advice}")


def _source(init_from: str | os.PathLike, with_optimizer: bool) -> TrainedModel:
    # With the optimizer it is a training that goes on, from where it was last.
    checkpoint = "newest" if with_optimizer else "best"
    source = load(init_from, checkpoint=checkpoint, with_optimizer=with_optimizer)
    if with_optimizer and source.adam is None:
        raise RunError(
            f"{init_from} holds no state of an optimizer: leave out --init_optimizer to begin with "
            "its weights alone."
        )
    return source


def _with_architecture(assignments: Mapping[str, Any], source: TrainedModel) -> Mapping[str, Any]:
    """The assignments, with what the source's weights decide."""
    theirs = source.info.hparams
    names = [
        name
        for name in ARCHITECTURE
        if theirs.conditional or name not in ("enc_model", "enc_rnn_size", "z_size")
    ]
    differences = [
        f"{name}: the model has {getattr(theirs, name)!r}, given {assignments[name]!r}"
        for name in names
        if name in assignments and assignments[name] != getattr(theirs, name)
    ]
    if differences:
        raise HParamsError(
            f"the model of --init_from has another architecture ({'; '.join(differences)}): leave "
            "these out of --hparams, they follow from the model."
        )
    return {**assignments, **{name: getattr(theirs, name) for name in names}}


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
    _refuse_magentas(
        folder,
        "go on with it in another --log_root, with this one as --init_from and --init_optimizer.",
    )
    if not folder.holds_run():
        raise RunError(
            f"{folder.root} holds no run to go on with: check --log_root, or leave out "
            "--resume_training to begin one there."
        )
    info = folder.read()
    now = info.hparams.replace(**assignments)
    differences = settings_differences(info, now, seed, mixed_precision, bucket_by_length)
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
        data_dir=lasting(place),
        num_epochs=info.num_epochs if num_epochs is None else num_epochs,
    )
    if new != info:
        with writing(folder, str(folder.root)):
            folder.create(new)
    return new, data


def settings_differences(
    info: RunInfo,
    hparams: HParams,
    seed: int | None,
    mixed_precision: bool | None,
    bucket_by_length: bool | None,
) -> list[str]:
    """Where a run is not as asked, a phrase each; what it `MAY_CHANGE`, and None, is left out."""
    differences = [
        f"{name}: the run has {mine!r}, now {theirs!r}"
        for name, mine, theirs in info.hparams.differences(hparams, MAY_CHANGE + NOT_THE_USERS)
    ]
    given = {
        "seed": seed,
        "mixed_precision": mixed_precision,
        "bucket_by_length": bucket_by_length,
    }
    return differences + [
        f"{name}: the run has {getattr(info, name)}, now {value}"
        for name, value in given.items()
        if value is not None and value != getattr(info, name)
    ]


def lasting(data_dir: str) -> str:
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
    if info.init_from and not (resumed and saved_steps(folder.newest)):
        try:
            _start_from(trainer, info, report)
        except (ModelFileError, RunError) as error:
            if not resumed:
                folder.forget()
                raise
            raise RunError(
                f"the run in {folder.root} has no checkpoint yet, and begins with the weights of "
                f"{info.init_from}, which can't be had ({error}): put them back, or begin anew "
                "with --overwrite."
            ) from error
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


def _start_from(trainer: Trainer, info: RunInfo, report: Report) -> None:
    """Give the run its first weights, and the optimizer's state where that was asked for."""
    source = _source(info.init_from, info.init_optimizer)
    step = 0
    if info.init_optimizer:
        adam.load_state(trainer.model, trainer.train_step.optimizer, source.adam)
        step = source.step
    trainer.start_from(source.model, step)
    after = f", with its optimizer, after {step} steps" if info.init_optimizer else ""
    report(f"begins with the weights of {info.init_from}{after}")


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
