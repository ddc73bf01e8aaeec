"""A whole run: start or resume it, train it, draw what it has learnt."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable

from magenta_sketch import processor, run_report
from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import DataSet, load_data_set
from magenta_sketch.drawing.curves import save_training_curve
from magenta_sketch.errors import HParamsError, ModelFileError, RunError, SketchError
from magenta_sketch.inference.gallery import save_gallery
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop import adam, magenta_checkpoint
from magenta_sketch.interop.loading import load
from magenta_sketch.training.failures import reason, writing
from magenta_sketch.training.journal import AnyJournal, Journal, NoJournal
from magenta_sketch.training.loop import ASK_EVERY, Trainer
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.schedules import total_steps
from magenta_sketch.training.signals import Interrupted, StopRequest
from magenta_sketch.training.workers import Workers

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run, ready to be trained: its folder, its saved configuration, and its data.

    resumed: whether the folder held the run before.
    """

    folder: RunFolder
    config: RunConfig
    data: DataSet
    resumed: bool = False

    @property
    def total_steps(self) -> int:
        """Number of training steps of the whole run."""
        return total_steps(self.config, len(self.data.train))


def begin(
    config: RunConfig,
    log_root: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    report: Report = print,
) -> Run:
    """Load the data of a new run and make its folder.

    Args:
      config: the run's settings. The normalizing factor follows from the data. A given max_seq_len
        is obeyed: longer sketches are dropped; else the longest sketch decides it. With init_from,
        the sizes follow from that model; sizes that are given must agree.
      log_root: the folder.
      overwrite: delete a run that the folder already holds.
      report: called with lines about the data.

    Raises:
      HParamsError: the configuration contradicts the model of init_from.
      ModelFileError: the model of init_from cannot be read.
      RunError: the folder holds a run and ``overwrite`` is false; the folder cannot be written;
        there is no model at init_from; or init_optimizer is set and the model has no optimizer
        state, or has had all the steps already.
      DataError: the data cannot be read.

    >>> config = RunConfig.of(data_set=["lines.npz"], data_dir=".", seed=3)
    >>> run = begin(config, "models/lines", report=[].append)
    >>> run.resumed, run.config.seed, len(run.data.train)
    (False, 3, 2)
    """
    folder = RunFolder(log_root)
    _refuse_magentas(folder, "name another --log_root, and give this one as --init_from")
    if not overwrite:
        folder.require_no_run()
    if folder.root.exists() and not folder.root.is_dir():
        raise RunError(f"{folder.root} is a file: name a folder for the run")
    config, source_step = _with_source(config, folder, overwrite)
    data = load_data_set(
        config.hparams.data_set,
        config.data_dir,
        max_seq_len=config.given_max_seq_len,
        report=report,
    )
    _report_max_seq_len(config, data, report)
    config = dataclasses.replace(config, onednn=processor.onednn_is_on())
    run = Run(folder, config.with_data(data).with_absolute_paths(), data)
    if config.init_optimizer and source_step >= run.total_steps:
        raise RunError(
            f"{config.init_from} has {source_step} steps already, and this run would end at "
            f"{run.total_steps}: give a larger num_steps, or num_epochs"
        )
    # Only after the data are loaded: a mistake in their name must not delete the old run.
    try:
        if overwrite:
            folder.clear()
        folder.create(run.config)
    except OSError as error:
        folder.forget()
        raise RunError(f"{folder.root} cannot be written: {reason(error)}") from error
    return run


def _report_max_seq_len(config: RunConfig, data: DataSet, report: Report) -> None:
    if (config.given_max_seq_len or 0) > data.max_seq_len:
        report(f"note: no sketch needs max_seq_len {config.max_seq_len}: it is {data.max_seq_len}")


def resume(config: RunConfig, log_root: str | os.PathLike[str], *, report: Report = print) -> Run:
    """Read the run in a folder, and load its data again.

    Omitted settings keep their saved values. Those in ``config.given`` must equal the saved ones,
    except num_steps, save_every, num_epochs, and the data_dir of the same data.

    Raises:
      RunError: the folder holds no run, or settings or data differ. The message lists all
        differences.
      DataError: the data cannot be read.

    >>> config = RunConfig.of(data_set=["lines.npz"], data_dir=".")
    >>> run = begin(config, "models/more", report=[].append)
    >>> resume(RunConfig.of(num_steps=50), "models/more", report=[].append).total_steps
    50
    """
    folder = RunFolder(log_root)
    _refuse_magentas(
        folder,
        "go on with it in another --log_root, with this one as --init_from and --init_optimizer",
    )
    folder.require_run()
    saved = folder.read()
    if saved_steps(folder.best) and not saved_steps(folder.newest):
        raise RunError(
            f"{folder.root} holds a model without its training, which cannot go on: begin a run in "
            "another --log_root, with this one as --init_from"
        )
    differences = saved.differences(config)
    if differences:
        raise RunError(
            f"{folder.root} holds a run with other settings ({'; '.join(differences)}): leave them "
            "as they were, or begin a new run in another --log_root"
        )
    new = saved.resumed_with(config).with_absolute_paths()
    data = load_data_set(
        new.hparams.data_set, new.data_dir, max_seq_len=saved.max_seq_len, report=report
    )
    if data.fingerprint != saved.fingerprint:
        names = new.hparams.data_set
        is_plain = list(data.files) == list(names)
        now = "" if is_plain else f" ([{', '.join(names)}] now stands for {len(data.files)} files)"
        raise RunError(
            f"the data in {new.data_dir} are not those the run in {folder.root} was begun with"
            f"{now}: give the --data_dir it had, or begin a new run in another --log_root"
        )
    if saved.onednn not in (None, processor.onednn_is_on()):
        report(
            f"note: the run was begun with oneDNN {_on(saved.onednn)}, and goes on with it "
            f"{_on(not saved.onednn)}: losses will differ in their last digits from those of a run "
            f"that was not interrupted (the variable {processor.ONEDNN_VARIABLE} decides)"
        )
    if new != saved:
        with writing(folder, str(folder.root)):
            folder.create(new)
    return Run(folder, new, data, resumed=True)


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def _refuse_magentas(folder: RunFolder, advice: str) -> None:
    # Its model_config.json makes it look like a run, which could be overwritten.
    if magenta_checkpoint.find(folder.root) is not None and not folder.run.exists():
        raise RunError(f"{folder.root} holds a Magenta checkpoint: {advice}")


def _source(config: RunConfig) -> TrainedModel:
    """Return the model whose weights a run starts with."""
    # With the optimizer, training continues: from the newest checkpoint.
    checkpoint = "newest" if config.init_optimizer else "best"
    source = load(config.init_from, checkpoint=checkpoint, with_optimizer=config.init_optimizer)
    if config.init_optimizer and source.adam is None:
        raise RunError(
            f"{config.init_from} holds no state of an optimizer: leave out --init_optimizer to "
            "begin with its weights alone"
        )
    return source


def _with_source(config: RunConfig, folder: RunFolder, overwrite: bool) -> tuple[RunConfig, int]:
    """Return the configuration with the architecture of init_from, and the step of its weights."""
    if not config.init_from:
        return config, 0
    inside = pathlib.Path(config.init_from).resolve().is_relative_to(folder.root.resolve())
    if overwrite and inside:
        raise RunError(
            f"--overwrite would delete {config.init_from}, which --init_from needs: name another "
            "--log_root"
        )
    source = _source(config)
    theirs = source.config.architecture()
    differences = [
        f"{name}: the model has {value!r}, given {config[name]!r}"
        for name, value in theirs.items()
        if name in config.given and config[name] != value
    ]
    if differences:
        raise HParamsError(
            f"the model of --init_from has another architecture ({'; '.join(differences)}): leave "
            "these out of --hparams, they follow from the model"
        )
    return config.replace(**theirs, tanh_z=source.config.tanh_z), source.step


def train_run(
    run: Run,
    *,
    image_dir: str | os.PathLike[str] | None = None,
    report: Report = print,
    workers: Workers | None = None,
) -> int:
    """Train a run to its end, draw what it has learnt, and report the files written.

    SIGINT and SIGTERM end it early, with a checkpoint.

    Args:
      image_dir: folder for a picture at each evaluation. None: only one picture, at the end.
      report: called with lines about the run and its files.
      workers: with whom; see `magenta_sketch.shared_runs`. Only the chief reports and writes.

    Returns:
      The exit status for a command: 0, or 128 + the signal's number.

    Raises:
      RunError: see `training.loop.Trainer.run`.
    """
    workers = workers or Workers()
    if not workers.is_chief:
        image_dir, report = None, lambda line: None
    folder, config, total = run.folder, run.config, run.total_steps
    try:
        with workers.in_step("prepare the training"):
            trainer = _prepare(run, report, workers)
            if workers.is_chief:
                _report_beginning(run, trainer, image_dir, report)
    except SketchError:
        _forget_new(run)
        raise
    trainer.begin_alike()
    stop = _stop_request(workers)
    try:
        with stop.listening(), _journal(run, trainer, report, stop) as journal:
            trainer.run(total, journal, stop)
            if journal.history:
                tolerance = config.hparams.kl_tolerance
                with writing(folder, str(folder.curve)):
                    save_training_curve(folder.curve, journal.history, kl_tolerance=tolerance)
            if workers.is_chief:
                _draw(run, trainer, folder.sketches)
            workers.wait()
    except Interrupted as interruption:
        try:
            report(str(interruption))
        except OSError:  # Ctrl-C also ends a `tee` that reads our output
            print(interruption, file=sys.stderr)
        return 128 + interruption.signal_number
    for line in run_report.files_written(folder, trainer.step, image_dir):
        report(line)
    return 0


def _report_beginning(
    run: Run, trainer: Trainer, image_dir: str | os.PathLike[str] | None, report: Report
) -> None:
    """Say what is trained, and restore it if the run was resumed."""
    with writing(run.folder, str(run.folder.root)):
        run.folder.tidy()
    if image_dir is not None:
        images = _make_image_dir(run, image_dir)
        trainer.illustrate = lambda step: _draw(run, trainer, images / f"step-{step:07d}.svg")
    lines = run_report.describe(
        run.config,
        len(run.data.train),
        run.total_steps,
        trainer.num_trainable(),
        trainer.train_step.uses_xla,
    )
    lines += run_report.describe_evaluation(run.config, len(run.data.valid), len(run.data.test))
    for line in lines:
        report(line)
    if trainer.workers.count > 1:
        report(f"workers: {trainer.workers.count}, each computes its share of every batch")
    if run.resumed:
        _restore(trainer, run.total_steps, report)


def _draw(run: Run, trainer: Trainer, path: pathlib.Path) -> None:
    """Draw test sketches, their reconstructions and new sketches."""
    title = f"{', '.join(run.config.hparams.data_set)}, step {trainer.step}"
    trained = TrainedModel(trainer.model)
    with writing(run.folder, str(path)):
        save_gallery(path, trained, run.data.test, title=title, seed=run.config.seed)


def _stop_request(workers: Workers) -> StopRequest:
    if workers.count == 1:
        return StopRequest()
    return StopRequest(f"within {ASK_EVERY} steps")


def _journal(run: Run, trainer: Trainer, report: Report, stop: StopRequest) -> AnyJournal:
    if not trainer.workers.is_chief:
        return NoJournal()
    evaluated = int(trainer.state.evaluated_step)
    # All workers must stop together, so the chief asks for it.
    together = stop if trainer.workers.count > 1 else None
    return Journal(run.folder, trainer.step, run.total_steps, evaluated, report, together)


def _prepare(run: Run, report: Report, workers: Workers) -> Trainer:
    """Return the trainer of a run. Its weights are those of init_from, if it has no checkpoint."""
    folder, config = run.folder, run.config
    try:
        trainer = Trainer(folder, config, run.data, workers=workers)
    except (MemoryError, tf.errors.OpError) as error:
        _forget_new(run)
        raise RunError(
            f"the model is too large for this machine's memory ({reason(error)}): choose smaller "
            "cells"
        ) from error
    if not workers.is_chief:
        return trainer
    if config.init_from and not (run.resumed and saved_steps(folder.newest)):
        try:
            _start_from_source(trainer, config, report)
        except (ModelFileError, RunError) as error:
            _forget_new(run)
            if not run.resumed:
                raise
            raise RunError(
                f"the run in {folder.root} has no checkpoint yet, and begins with the weights of "
                f"{config.init_from}, which cannot be had ({error}): put them back, or begin anew "
                "with --overwrite"
            ) from error
    return trainer


def _forget_new(run: Run) -> None:
    if not run.resumed:
        run.folder.forget()


def _start_from_source(trainer: Trainer, config: RunConfig, report: Report) -> None:
    """Give the run the weights of init_from and, with init_optimizer, the optimizer's state."""
    source = _source(config)
    step = 0
    if config.init_optimizer:
        adam.load_state(trainer.model, trainer.train_step.optimizer, source.adam)
        step = source.step
    trainer.start_from(source.model, step)
    after = f", with its optimizer, after {step} steps" if config.init_optimizer else ""
    report(f"begins with the weights of {config.init_from}{after}")


def _make_image_dir(run: Run, image_dir: str | os.PathLike[str]) -> pathlib.Path:
    images = pathlib.Path(image_dir)
    try:
        images.mkdir(parents=True, exist_ok=True)  # now: an error after training would be late
    except OSError as error:
        _forget_new(run)
        raise RunError(f"the image folder {images} cannot be made: {reason(error)}") from error
    return images


def _restore(trainer: Trainer, total: int, report: Report) -> None:
    if not trainer.restore(report):
        report(f"{trainer.folder.root} has no checkpoint yet: beginning at step 0")
        return
    report(f"resumed at step {trainer.step}")
    if trainer.step >= total:
        report(f"the run has its {total} steps already: a larger num_steps makes it go on")
