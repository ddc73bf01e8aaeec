"""The training step, evaluation, and the loop that makes a run of them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import signal
import time
from collections.abc import Callable

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data import DataSet
from magenta_sketch.data.batches import Batch, made_ahead, training_batch
from magenta_sketch.errors import RunError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training import schedules as losses
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.evaluation import Evaluation, Evaluator
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.run_folder import RunFolder, RunInfo, last_good, reason
from magenta_sketch.training.signals import Interrupted, StopRequest
from magenta_sketch.training.step import TrainStep

LOG_EVERY = 20  # steps
# What a `seed_table` is for, beside a run's seed and a step.
_TRAINING, _VALIDATION, _TEST = 0, 1, 2


class _StopNow(Exception):
    """Raised within the loop when a stop was requested."""


@dataclasses.dataclass
class _SinceLog:
    """What has happened since the last log line."""

    began: float
    points: int = 0


class Trainer:
    """A run: restores what its folder holds and goes on to the end.

    Args:
      folder: an existing run's folder (`RunFolder.create`).
      info: what the folder says.
      data: the data set, whose fingerprint must be that of ``info``.
      illustrate: called as illustrate(step) after each evaluation, for pictures.
    """

    def __init__(
        self,
        folder: RunFolder,
        info: RunInfo,
        data: DataSet,
        illustrate: Callable[[int], None] | None = None,
    ):
        self.folder, self.info, self.data = folder, info, data
        self.model = SketchRNN(
            info.hparams,
            seed=info.seed,
            mixed_precision=info.mixed_precision,
            bucket_by_length=info.bucket_by_length,
            tanh_z=info.tanh_z,
        )
        self.train_step = TrainStep(self.model)
        self.evaluate = Evaluator(self.model)
        self.state = Checkpoints(folder, self.model, self.train_step.optimizer, info.seed)
        self.illustrate = illustrate
        self.last_cost: float | None = None
        self._saved_step = -1

    @property
    def step(self) -> int:
        """Updates made so far."""
        return int(self.state.step)

    def restore(self, warn: Callable[[str], None]) -> bool:
        """Go back to the newest whole checkpoint; False when there is none."""
        restored = self.state.restore_newest(warn)
        if restored:
            self._saved_step = self.step
        return restored

    def start_from(self, model: SketchRNN, step: int = 0) -> None:
        """Take over the weights of a model of the same architecture, at ``step``, and save them.

        Saved, so that the run no longer depends on where they came from. The optimizer is left as
        it is.

        Raises:
          RunError: the checkpoint can't be written.
        """
        pairs = zip(self.model.trainable_variables, model.trainable_variables, strict=True)
        for mine, theirs in pairs:
            mine.assign(theirs)
        self.state.step.assign(step)
        self._save(step)

    def run(self, total: int, journal: Journal, stop: StopRequest) -> None:
        """Train until ``total`` updates have been made.

        Raises:
          Interrupted: a stop was requested, or the reader of our output has gone (as SIGPIPE
            says); a checkpoint has been written.
          RunError: a cost or gradient is not finite, something can't be written, or the memory is
            too small.
        """
        hps = self.info.hparams
        step = self.step
        since = _SinceLog(time.monotonic())
        journal.scalar(step, "Num_Trainable_Params", self.num_trainable())
        feeds = made_ahead(self._feed, range(step, total))
        try:
            with contextlib.closing(feeds):
                while True:
                    if step and (step % hps.save_every == 0 or step == total):
                        began = time.monotonic()
                        self._milestone(step, journal, stop)
                        since.began += time.monotonic() - began  # not a part of training's time
                    if step >= total:
                        return
                    self._check(stop)
                    row = self._update(step, next(feeds), since)
                    step += 1
                    self.state.step.assign(step)
                    journal.advance(row["cost"])
                    if step % LOG_EVERY == 0:
                        journal.train(step, row, time.monotonic() - since.began, since.points)
                        since = _SinceLog(time.monotonic())
        except (_StopNow, BrokenPipeError):
            self._save(step)
            raise Interrupted(
                f"interrupted at step {step}; the checkpoint is in {self.folder.newest}, "
                "go on with --resume_training",
                int(stop.signal_number or signal.SIGPIPE),
            ) from None
        except tf.errors.ResourceExhaustedError as error:
            raise RunError(
                f"the memory is too small for this model and batch ({reason(error)}). "
                f"{last_good(self.folder)} Begin a new run with a lower batch_size or smaller "
                "cells."
            ) from error

    def num_trainable(self) -> int:
        """Number of trainable parameters."""
        return sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)

    def _feed(self, step: int) -> tuple[Batch, tf.Tensor]:
        """The batch of a step and its seeds. Runs on a thread of its own: it may only read."""
        hps, info = self.info.hparams, self.info
        batch = training_batch(
            self.data.train,
            step,
            seed=info.seed,
            batch_size=hps.batch_size,
            max_seq_len=hps.max_seq_len,
            normalizing_factor=info.normalizing_factor,
            random_scale_factor=hps.random_scale_factor,
            augment_stroke_prob=hps.augment_stroke_prob,
            to_longest=info.bucket_by_length,
        )
        return batch, seed_table(info.seed, step, _TRAINING)

    def _update(
        self, step: int, feed: tuple[Batch, tf.Tensor], since: _SinceLog
    ) -> dict[str, float]:
        hps = self.info.hparams
        batch, seeds = feed
        lr = losses.learning_rate(
            step,
            learning_rate=hps.learning_rate,
            min_learning_rate=hps.min_learning_rate,
            decay_rate=hps.decay_rate,
        )
        klw = losses.kl_weight(
            step,
            kl_weight=hps.kl_weight,
            kl_weight_start=hps.kl_weight_start,
            kl_decay_rate=hps.kl_decay_rate,
        )
        result = self.train_step(batch.strokes, batch.lengths, seeds, lr, klw, hps.max_seq_len)
        since.points += int(batch.lengths.sum())
        # The one place where the loop waits for the device: no later step may see bad variables.
        if not bool(result.finite):
            self._stop_non_finite(step, float(result.cost))
        self.last_cost = float(result.cost)
        return {
            "cost": self.last_cost,
            "recon": float(result.reconstruction),
            "kl": float(result.kl),
            "lr": lr,
            "klw": klw,
        }

    def _stop_non_finite(self, step: int, cost: float) -> None:
        what = "a gradient" if math.isfinite(cost) else f"the cost ({cost})"
        raise self._non_finite(
            f"{what} is not finite at step {step + 1}", "the variables were left as they were"
        )

    def _non_finite(self, what: str, so: str) -> RunError:
        last = "none since the start" if self.last_cost is None else f"{self.last_cost:.4f}"
        return RunError(
            f"{what} (the last finite cost: {last}); {so}. Begin a new run with a lower "
            "learning_rate or grad_clip, or look for huge offsets in the data. "
            f"{last_good(self.folder)}"
        )

    def _check(self, stop: StopRequest) -> None:
        if stop.signal_number is not None:
            raise _StopNow

    def _milestone(self, step: int, journal: Journal, stop: StopRequest) -> None:
        """Evaluate, keep the best, draw, save; in an order that a kill at any point can't break.

        Nothing of the state changes before all of the evaluation is done, and the newest
        checkpoint comes last: a run resumed from the one before does all of this again.
        """
        if int(self.state.evaluated_step) < step:
            valid = self._evaluate("valid", self.data.valid, step, journal, stop)
            if not math.isfinite(valid.cost):
                # Saved, such a state would be one that no later run gets out of.
                raise self._non_finite(
                    f"the validation cost is not finite at step {step}", "the step was not saved"
                )
            best = valid.cost < float(self.state.best_cost)
            if best:
                self._evaluate("test", self.data.test, step, journal, stop)
                self.state.best_cost.assign(valid.cost)
                self.state.best_step.assign(step)
            self.state.evaluated_step.assign(step)
            self._saved_step = -1  # saved or not, it was without this evaluation
            journal.scalar(step, "Best_Valid_Cost", float(self.state.best_cost))
            if best:
                self.state.save_best()
            if self.illustrate is not None:
                self.illustrate(step)
        self._save(step)

    def _save(self, step: int) -> None:
        if self._saved_step != step:
            self.state.save_newest()
            self._saved_step = step

    def _evaluate(self, split, sketches, step, journal, stop) -> Evaluation:
        began = time.monotonic()
        key = (self.info.seed, step, _TEST if split == "test" else _VALIDATION)
        batches = math.ceil(len(sketches) / self.info.hparams.batch_size)
        done = itertools.count(1)

        def between():
            journal.evaluating(split, next(done), batches)
            self._check(stop)

        found = self.evaluate(sketches, self.info, key, between)
        journal.evaluation(step, split, found._asdict(), time.monotonic() - began)
        return found
