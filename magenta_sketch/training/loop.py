"""The training loop: update, log, evaluate, save. It can be stopped at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Callable

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.batches import Batch, training_batch
from magenta_sketch.data.fixed_part import fixed_part
from magenta_sketch.data.loading import DataSet
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import RunError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose
from magenta_sketch.training import schedules
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.evaluation import Evaluation, Evaluator
from magenta_sketch.training.failures import last_good, reason
from magenta_sketch.training.journal import AnyJournal
from magenta_sketch.training.prefetch import prefetch
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.signals import Interrupted, StopNow, StopRequest
from magenta_sketch.training.step import TrainStep
from magenta_sketch.training.workers import OtherWorkerFailed, Workers

LOG_EVERY = 20  # steps
ASK_EVERY = 10  # steps, or batches of an evaluation; workers ask each other then whether to stop


@dataclasses.dataclass
class _SinceLog:
    """What happened since the last log line."""

    began: float
    points: int = 0


class Trainer:
    """Train a run, from its start or a checkpoint, to its end.

    Args:
      folder: the run's folder, created by `RunFolder.create`.
      config: the configuration in the folder.
      data: the data set. Its fingerprint must be that in ``config``.
      illustrate: function of the step that draws pictures, called after each evaluation.
      workers: with whom. Only the chief writes.

    Raises:
      RunError: a batch has fewer sketches than there are workers, or the run's draws depend on the
        number of workers.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        data: DataSet,
        illustrate: Callable[[int], None] | None = None,
        workers: Workers | None = None,
    ):
        self.folder, self.config, self.data = folder, config, data
        self.workers = workers or Workers()
        if self.workers.is_chief:  # once is enough
            self._check_workers()
        self.model = SketchRNN(config)
        self.train_step = TrainStep(self.model, self.workers)
        self._rows_apart = self.train_step.rows_apart
        self.evaluate = Evaluator(self.model, self.workers)
        self.state = Checkpoints(folder, self.model, self.train_step.optimizer, config.seed)
        self.illustrate = illustrate
        self.last_cost: float | None = None
        self._saved_step = -1
        self._evaluated: dict[str, SketchSet] = {}

    def _check_workers(self) -> None:
        """Raise RunError if the run cannot have so many workers."""
        count = self.workers.count
        batch = min(self.config.hparams.batch_size, len(self.data.train))
        if batch < count:
            raise RunError(
                f"a batch has {batch} sketches, too few for {count} workers: give a larger "
                "batch_size, or fewer workers"
            )
        if count > 1 and not self.config.draws_by_place:
            raise RunError(
                f"the run in {self.folder.root} was begun by version 0.6 or before, which drew "
                "random numbers in another way: go on with it without --workers"
            )

    @property
    def step(self) -> int:
        """Number of updates made so far."""
        return int(self.state.step)

    def restore(self, warn: Callable[[str], None]) -> bool:
        """Restore the newest undamaged checkpoint; return False if there is no checkpoint."""
        restored = self.state.restore_newest(warn)
        if restored:
            self._saved_step = self.step
        return restored

    def start_from(self, model: SketchRNN, step: int = 0) -> None:
        """Copy the weights of a model with the same architecture, set the step, and save.

        After this the run does not need the other model's file. The optimizer does not change.

        Raises:
          RunError: the checkpoint cannot be written.
        """
        pairs = zip(self.model.trainable_variables, model.trainable_variables, strict=True)
        for mine, theirs in pairs:
            mine.assign(theirs)
        self.state.step.assign(step)
        self._save(step)

    def begin_alike(self) -> None:
        """Give this worker the state of the chief."""
        optimizer = self.train_step.optimizer
        self.workers.copy_from_chief(
            [*self.model.variables, *optimizer.variables, *self.state.variables()]
        )

    def num_trainable(self) -> int:
        """Return the number of trainable parameters."""
        return sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)

    def run(self, total: int, journal: AnyJournal, stop: StopRequest) -> None:
        """Train until ``total`` updates are made.

        Raises:
          Interrupted: a stop was requested, or standard output has no reader any more (SIGPIPE). A
            checkpoint has been written.
          RunError: a cost or gradient is not finite, something cannot be written, or the memory is
            too small.
        """
        journal.scalar(self.step, "Num_Trainable_Params", self.num_trainable())
        try:
            self._loop(total, journal, stop)
        except (StopNow, BrokenPipeError) as error:
            self._save(self.step)
            other = signal.SIGPIPE if isinstance(error, BrokenPipeError) else signal.SIGTERM
            raise Interrupted(
                f"interrupted at step {self.step}; the checkpoint is in {self.folder.newest}, "
                "go on with --resume_training",
                int(stop.signal_number or other),
            ) from None
        except tf.errors.ResourceExhaustedError as error:
            raise RunError(
                f"the memory is too small for this model and batch ({reason(error)}); "
                f"{last_good(self.folder)}; begin a new run with a lower batch_size or smaller "
                "cells"
            ) from error

    def _loop(self, total: int, journal: AnyJournal, stop: StopRequest) -> None:
        step = self.step
        since = _SinceLog(time.monotonic())
        batches = prefetch(self._batch, range(step, total))
        with contextlib.closing(batches):
            while True:
                if step and (step % self.config.hparams.save_every == 0 or step == total):
                    began = time.monotonic()
                    self._milestone(step, journal, stop)
                    since.began += time.monotonic() - began  # not training time
                if step >= total:
                    return
                self._stop_together(step, stop)
                batch, seeds = next(batches)
                row = self._update(step, batch, seeds)
                step += 1
                self.state.step.assign(step)
                journal.advance(row["cost"])
                since.points += int(batch.lengths.sum())
                if step % LOG_EVERY == 0:
                    journal.train(step, row, time.monotonic() - since.began, since.points)
                    since = _SinceLog(time.monotonic())

    def _stop_together(self, number: int, stop: StopRequest) -> None:
        """Raise StopNow if a stop was requested, in all workers at the same step or batch."""
        if self.workers.count == 1:
            stop.check()
        elif number % ASK_EVERY == 0 and self.workers.any(stop.signal_number is not None):
            raise StopNow

    def _batch(self, step: int) -> tuple[Batch, tf.Tensor]:
        """Return the batch and seeds of a step. It runs on another thread, so it only reads."""
        batch = training_batch(self.data.train, step, self.config, rows_apart=self._rows_apart)
        return batch, seed_table(self.config.seed, step, Purpose.TRAINING)

    def _update(self, step: int, batch: Batch, seeds: tf.Tensor) -> dict[str, float]:
        """Make one update; return the numbers for the journal."""
        learning_rate = schedules.learning_rate(step, self.config.hparams)
        kl_weight = schedules.kl_weight(step, self.config.hparams)
        rows = self.config.max_seq_len
        result = self.train_step(batch, seeds, learning_rate, kl_weight, rows)
        # The loop waits for the device only here, so that it stops at the first bad step.
        if not bool(result.finite):
            cost = float(result.cost)
            what = "a gradient" if math.isfinite(cost) else f"the cost ({cost})"
            raise self._non_finite(
                f"{what} is not finite at step {step + 1}", "the variables were left as they were"
            )
        self.last_cost = float(result.cost)
        losses = {"recon": float(result.reconstruction), "kl": float(result.kl)}
        return {"cost": self.last_cost, **losses, "lr": learning_rate, "klw": kl_weight}

    def _milestone(self, step: int, journal: AnyJournal, stop: StopRequest) -> None:
        """Evaluate, save the best, draw pictures, save the newest; a kill at any point is safe.

        The state changes only after the evaluation, and the newest checkpoint is saved last. After
        a kill, the run resumes from the checkpoint before and repeats all of this.
        """
        if int(self.state.evaluated_step) < step:
            valid = self._evaluate("valid", step, journal, stop)
            if not math.isfinite(valid.cost):
                # Not saved, because no resumed run could recover from this state.
                raise self._non_finite(
                    f"the validation cost is not finite at step {step}", "the step was not saved"
                )
            best = valid.cost < float(self.state.best_cost)
            if best:
                self._evaluate("test", step, journal, stop)
                self.state.best_cost.assign(valid.cost)
                self.state.best_step.assign(step)
            self.state.evaluated_step.assign(step)
            self._saved_step = -1  # an earlier save lacks this evaluation
            journal.scalar(step, "Best_Valid_Cost", float(self.state.best_cost))
            if best and self.workers.is_chief:
                self.state.save_best()
            if self.illustrate is not None:
                self.illustrate(step)
        self._save(step)

    def _evaluate(
        self, split: str, step: int, journal: AnyJournal, stop: StopRequest
    ) -> Evaluation:
        began = time.monotonic()
        if split not in self._evaluated:
            most = self.config.evaluate_at_most
            self._evaluated[split] = fixed_part(getattr(self.data, split), most)
        sketches = self._evaluated[split]
        purpose = Purpose.TEST if split == "test" else Purpose.VALIDATION
        batches, done = math.ceil(len(sketches) / self.config.hparams.batch_size), 0

        def after_batch() -> None:
            nonlocal done
            done += 1
            journal.evaluating(split, done, batches)
            self._stop_together(done, stop)

        found = self.evaluate(sketches, self.config, step, purpose, after_batch)
        journal.evaluation(step, split, found._asdict(), time.monotonic() - began)
        return found

    def _save(self, step: int) -> None:
        if self._saved_step != step:
            if self.workers.is_chief:
                self.state.save_newest()
            self._saved_step = step

    def _non_finite(self, what: str, so: str) -> RunError:
        last = "none since the start" if self.last_cost is None else f"{self.last_cost:.4f}"
        # All workers find this, and one message is enough where they share a terminal.
        kind = RunError if self.workers.is_chief else OtherWorkerFailed
        return kind(
            f"{what} (the last finite cost: {last}); {so}; "
            f"{last_good(self.folder)}; begin a new run with a lower learning_rate or grad_clip, "
            "or look for huge offsets in the data"
        )
