"""A whole run: beginning it or taking it up again, training it, and what it leaves behind."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.checkpoints import RunError, RunFolder, RunInfo, last_good, reason
from magenta_sketch.datasets import DataSet, load_data_set
from magenta_sketch.drawing import save_training_curve
from magenta_sketch.gallery import save_gallery
from magenta_sketch.hparams import HParams
from magenta_sketch.journal import Journal
from magenta_sketch.trained import TrainedModel
from magenta_sketch.training import Interrupted, StopRequest, Trainer, total_steps

Report = Callable[[str], None]

# What a resumed run may change, and what is of the data or of the call rather than of the user.
MAY_CHANGE = ("num_steps", "save_every")
NOT_THE_USERS = ("max_seq_len", "is_training")


def begin(
    folder: RunFolder,
    assignments: Mapping[str, Any],
    *,
    data_dir: str,
    seed: int,
    overwrite: bool = False,
    report: Report = print,
) -> tuple[RunInfo, DataSet]:
    """Load the data and make the folder of a new run.

    Args:
      assignments: the hyperparameters that were given; the others take their defaults.
      data_dir: a folder or an http(s) URL.
      overwrite: remove a run that the folder already holds.

    Raises:
      RunError: the folder holds a run and ``overwrite`` is false, or can't be written.
      DataError: the data can't be read.
    """
    if folder.holds_run() and not overwrite:
        raise RunError(
            f"{folder.root} already holds a run: go on with it with --resume_training, name another "
            "--log_root, or give --overwrite to delete it."
        )
    hparams = HParams(**assignments)
    data = load_data_set(list(hparams.data_set), data_dir, report=report)
    info = RunInfo(
        hparams.replace(max_seq_len=data.max_seq_len),
        seed,
        data.normalizing_factor,
        data.fingerprint,
        data_dir if "://" in data_dir else str(pathlib.Path(data_dir).resolve()),
    )
    # Only now: a mistake in the data's name must not cost the run that is to be overwritten.
    try:
        if overwrite:
            folder.clear()
        folder.create(info)
    except OSError as error:
        raise RunError(f"{folder.root} can't be written: {error.strerror}.") from error
    return info, data


def resume(
    folder: RunFolder,
    assignments: Mapping[str, Any],
    *,
    data_dir: str | None,
    seed: int | None,
    report: Report = print,
) -> tuple[RunInfo, DataSet]:
    """Read what the folder's run is, and load its data again.

    What is not given is the run's own; what is given must agree with it, but for `MAY_CHANGE`.

    Raises:
      RunError: no run in the folder, or something differs; the message lists all that does.
      DataError: the data can't be read.
    """
    info = folder.read()
    differences = [
        f"{name}: the run has {getattr(info.hparams, name)!r}, now {value!r}"
        for name, value in assignments.items()
        if name not in MAY_CHANGE + NOT_THE_USERS and value != getattr(info.hparams, name)
    ]
    if seed is not None and seed != info.seed:
        differences.append(f"seed: the run has {info.seed}, now {seed}")
    if differences:
        raise RunError(
            f"{folder.root} holds a run with other settings ({'; '.join(differences)}): leave them "
            "as they were, or begin a new run in another --log_root."
        )
    changed = {name: assignments[name] for name in MAY_CHANGE if name in assignments}
    hparams = info.hparams.replace(**changed)
    data = load_data_set(list(hparams.data_set), data_dir or info.data_dir, report=report)
    if data.fingerprint != info.fingerprint:
        raise RunError(
            f"the data in {data_dir or info.data_dir} are not those the run in {folder.root} was "
            "begun with: give the --data_dir it had, or begin a new run in another --log_root."
        )
    new = RunInfo(
        hparams, info.seed, info.normalizing_factor, info.fingerprint, data_dir or info.data_dir
    )
    if changed:
        folder.create(new)
    return new, data


def train(
    folder: RunFolder,
    info: RunInfo,
    data: DataSet,
    *,
    resumed: bool,
    num_epochs: float | None = None,
    image_dir: str | os.PathLike | None = None,
    report: Report = print,
) -> int:
    """Train the run of ``folder`` to its end, draw what it has learnt, and say what was written.

    SIGINT and SIGTERM end it early, with a checkpoint.

    Args:
      resumed: restore the newest checkpoint first, if there is one.
      num_epochs: see `training.total_steps`.
      image_dir: folder for a picture at each evaluation; None for the final one alone.

    Returns:
      The exit status for a program: 0, or 128 + the signal's number.

    Raises:
      RunError: see `training.Trainer.run`.
    """
    # Bit-for-bit resuming needs sums in a fixed order.
    tf.config.experimental.enable_op_determinism()
    trainer = Trainer(folder, info, data)
    trained = TrainedModel(trainer.model, info)
    title = f"{', '.join(info.hparams.data_set)}, step "

    def picture(path: pathlib.Path) -> None:
        save_gallery(path, trained, data.test, title=f"{title}{trainer.step}", seed=info.seed)

    if image_dir is not None:
        images = pathlib.Path(image_dir)
        trainer.illustrate = lambda step: picture(images / f"step-{step:07d}.svg")
    total = total_steps(info.hparams, num_epochs, len(data.train))
    for line in _describe(info, data, trainer, total):
        report(line)
    if resumed and not trainer.restore(report):
        report(f"{folder.root} has no checkpoint yet: beginning at step 0")
    elif resumed:
        report(f"resumed at step {trainer.step}")
    stop = StopRequest()
    curve, sketches = folder.root / "training_curve.png", folder.root / "sketches.svg"
    try:
        with stop.listening(), Journal(folder.root, trainer.step, total) as journal:
            trainer.run(total, journal, stop)
            if journal.history:
                save_training_curve(curve, journal.history)
            picture(sketches)
    except Interrupted as interruption:
        report(str(interruption))
        return 128 + interruption.signal_number
    except (OSError, tf.errors.OpError) as error:
        raise RunError(
            f"{folder.root} can't be written: {reason(error)}. {last_good(folder)} Make room and "
            "go on with --resume_training."
        ) from error
    report(f"done: {trainer.step} steps. Written to {folder.root}:")
    written = [
        ("newest/, best/", "checkpoints"),
        (folder.config.name, "hyperparameters"),
        ("events.out.tfevents.*", f"for tensorboard --logdir={folder.root}"),
        (curve.name, "training curve"),
        (sketches.name, "test sketches, reconstructions and new sketches: open it in a browser"),
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
        f"data: {len(data.train)} training, {len(data.valid)} validation and {len(data.test)} test "
        f"sketches of at most {hps.max_seq_len} points, normalizing factor "
        f"{info.normalizing_factor:.4f}",
        f"model: {encoder if hps.conditional else 'unconditional, '}decoder {hps.dec_model} "
        f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, noise scale {hps.scale:g}; "
        f"{trainer.num_trainable():,} parameters",
        f"run: {total} steps of {min(hps.batch_size, len(data.train))} sketches, seed {info.seed}",
    ]
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
    on_path = any(
        (pathlib.Path(place) / program).exists() for place in os.get_exec_path() if place
    )
    return f"{program if on_path or not beside.exists() else beside} --model_dir={folder.root}"
