"""The training step, evaluation, and the loop that makes a run of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

import numpy as np

from magenta_sketch import losses
from magenta_sketch._backend import tf
from magenta_sketch.batches import Batch, evaluation_batches, made_ahead, training_batch
from magenta_sketch.checkpoints import (
    Checkpoints,
    RunError,
    RunFolder,
    RunInfo,
    last_good,
    new_optimizer,
    reason,
)
from magenta_sketch.datasets import DataSet, SketchSet
from magenta_sketch.hparams import HParams
from magenta_sketch.journal import Journal
from magenta_sketch.model import SEED_ROWS, SketchRNN, seed_table

LOG_EVERY = 20  # steps
# What a `seed_table` is for, beside a run's seed and a step.
_TRAINING, _VALIDATION, _TEST = 0, 1, 2


class StepResult(NamedTuple):
    """Scalars of one step: cost, reconstruction, KL cost (after the tolerance), all finite."""

    cost: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    finite: tf.Tensor


# On a CPU, products of half a batch on each of two threads (or of two teams of threads) are faster
# than those of a whole batch on both, which wait for each other at every small operation.
PARTS = 2
_SMALLEST_PART = 4  # sketches; below that a batch stays whole


def use_threads(cores: int | None = None) -> None:
    """Have TensorFlow run the parts of a batch side by side, the cores shared out among them.

    For the whole process, and before TensorFlow has computed anything: a program's choice. Where
    it comes too late, nothing is changed. ``cores``: how many there are; None: all of the process.
    """
    cores = cores or len(own_cores())
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(PARTS)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // PARTS))


def own_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _in_parts(strokes, lengths, seeds, parts):
    """The batch cut into parts of like lengths: (strokes, lengths, seeds) of each."""
    if parts == 1:
        return [(strokes, lengths, seeds)]
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    strokes, lengths = tf.gather(strokes, order), tf.gather(lengths, order)
    return [(strokes[part::parts], lengths[part::parts], seeds + part) for part in range(parts)]


def _parts_of(batch: int) -> int:
    gpu = tf.config.list_physical_devices("GPU")  # it has the threads for a whole batch
    return 1 if gpu or batch < PARTS * _SMALLEST_PART else PARTS


class TrainStep:
    """A compiled Adam step: gradients clipped to ±grad_clip, applied only when all are finite.

    It is compiled once, for batches of any padded length and size (and once more for batches of
    very few sketches).
    """

    def __init__(self, model: SketchRNN):
        self.model = model
        self.optimizer = new_optimizer(model)
        rate = tf.TensorSpec([])
        signature = (
            tf.TensorSpec([None, None, 5]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([SEED_ROWS, 2], tf.int64),
            rate,
            rate,
            tf.TensorSpec([], tf.int32),
        )
        self._by_parts = {
            parts: tf.function(
                functools.partial(self._step, parts), input_signature=signature, autograph=False
            )
            for parts in (1, PARTS)
        }

    def __call__(
        self,
        strokes: np.ndarray,
        lengths: np.ndarray,
        seeds: tf.Tensor,
        learning_rate: float,
        kl_weight: float,
        rows: int | None = None,
    ) -> StepResult:
        """One update.

        Args:
          strokes: a padded batch, stroke-5 with the start token, [batch, time + 1, 5].
          lengths: [batch].
          seeds: `seed_table` of the step.
          learning_rate, kl_weight: of this update.
          rows: the T that losses are divided by, see `losses.sketch_losses`. None: time.
        """
        return self._by_parts[_parts_of(len(strokes))](
            tf.constant(strokes, tf.float32),
            tf.constant(lengths, tf.int32),
            seeds,
            tf.constant(learning_rate, tf.float32),
            tf.constant(kl_weight, tf.float32),
            tf.constant(strokes.shape[1] - 1 if rows is None else rows, tf.int32),
        )

    def _step(self, parts, strokes, lengths, seeds, learning_rate, kl_weight, rows):
        variables = self.model.trainable_variables
        count = tf.cast(tf.shape(lengths)[0], tf.float32)
        with tf.GradientTape() as tape:
            sums = []
            for *part, own_seeds in _in_parts(strokes, lengths, seeds, parts):
                found = self.model(*part, training=True, seeds=own_seeds, rows=rows)
                sums.append([tf.reduce_sum(found.reconstruction), tf.reduce_sum(found.kl)])
            reconstruction, kl = (tf.add_n(part) / count for part in zip(*sums, strict=True))
            cost, kl_cost = self.model.cost(reconstruction, kl, kl_weight)
        gradients = tape.gradient(cost, [v.value for v in variables])
        finite = tf.math.is_finite(cost)
        for gradient in gradients:
            finite &= tf.reduce_all(tf.math.is_finite(gradient))
        limit = self.model.hparams.grad_clip
        clipped = [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]

        def apply():
            self.optimizer.learning_rate.assign(learning_rate)
            self.optimizer.apply(clipped, variables)
            return tf.constant(True)

        tf.cond(finite, apply, lambda: tf.constant(False))
        return StepResult(cost, reconstruction, kl_cost, finite)


class Evaluation(NamedTuple):
    """Means over the sketches of a set: cost, reconstruction in the training form and in the
    evaluation form (masked), KL cost after the tolerance."""

    cost: float
    recon: float
    masked_recon: float
    kl: float


class Evaluator:
    """Evaluates a model, without dropout, on a whole set: every sketch counts once."""

    def __init__(self, model: SketchRNN):
        self.model = model
        batch = tf.TensorSpec([None, None, 5]), tf.TensorSpec([None], tf.int32)
        signature = (*batch, tf.TensorSpec([SEED_ROWS, 2], tf.int64))
        self._by_parts = {
            parts: tf.function(
                functools.partial(self._sums, parts), input_signature=signature, autograph=False
            )
            for parts in (1, PARTS)
        }

    def _compiled(self, strokes, lengths, seeds):
        return self._by_parts[_parts_of(len(lengths))](strokes, lengths, seeds)

    def _sums(self, parts, strokes, lengths, seeds):
        found = [
            [tf.reduce_sum(x) for x in self.model(*part, seeds=own_seeds)]
            for *part, own_seeds in _in_parts(strokes, lengths, seeds, parts)
        ]
        return [tf.add_n(part) for part in zip(*found, strict=True)]

    def __call__(
        self,
        sketches: SketchSet,
        info: RunInfo,
        key: tuple[int, ...],
        between: Callable[[], None] = lambda: None,
    ) -> Evaluation:
        """Evaluate ``sketches`` (pixel units), with latent noise at the run's scale.

        The KL weight is the run's kl_weight_start, as in the original: a constant, so that costs
        compare over a run. ``key`` and a batch's number make its `seed_table`. ``between`` is
        called after each batch and may raise to stop.
        """
        hps = info.hparams
        sums = np.zeros(3)
        batches = evaluation_batches(
            sketches,
            batch_size=hps.batch_size,
            max_seq_len=hps.max_seq_len,
            normalizing_factor=info.normalizing_factor,
        )
        for number, batch in enumerate(batches):
            seeds = seed_table(*key, number)
            sums += [float(x) for x in self._compiled(batch.strokes, batch.lengths, seeds)]
            between()
        recon, masked, kl = sums / len(sketches)
        cost, kl_cost = self.model.cost(recon, kl, hps.kl_weight_start)
        return Evaluation(float(cost), float(recon), float(masked), float(kl_cost))


class Interrupted(Exception):
    """The run was asked to stop, and its state is saved; ``signal_number`` says what asked."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class StopRequest:
    """Turns SIGINT and SIGTERM into a request that the loop notices between two batches."""

    _listening: ClassVar[list[StopRequest]] = []

    def __init__(self):
        self.signal_number: int | None = None

    @classmethod
    def ask(cls) -> bool:
        """Request a stop from any thread, as SIGTERM does, however often; whether one listens."""
        for one in cls._listening:
            if one.signal_number is None:
                one.signal_number = signal.SIGTERM
        return bool(cls._listening)

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Install the handlers for the body of a with statement; a second signal ends at once."""

        def handle(number, frame):
            if self.signal_number is not None:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.signal_number = number
            # Not print: a handler may interrupt a print in progress.
            with contextlib.suppress(OSError):
                os.write(2, b"\nstopping after this step, to write a checkpoint (again: at once)\n")

        old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        self._listening.append(self)
        try:
            yield self
        finally:
            self._listening.remove(self)
            for number, handler in old.items():
                signal.signal(number, handler)


class _StopNow(Exception):
    """Raised within the loop when a stop was requested."""


@dataclasses.dataclass
class _SinceLog:
    """What has happened since the last log line."""

    began: float
    points: int = 0


def make_deterministic() -> None:
    """Have TensorFlow add in a fixed order, so that equal runs have equal bits on a GPU too.

    For the whole process, and for good: a program's choice, not a library's.
    """
    tf.config.experimental.enable_op_determinism()


def total_steps(hparams: HParams, num_epochs: float | None, sketches: int) -> int:
    """Steps of a whole run: num_steps or num_epochs, whichever ends first.

    An epoch is as many batches as hold the training set once, rounded up over the whole run.
    """
    if num_epochs is None:
        return hparams.num_steps
    steps = num_epochs * sketches / min(hparams.batch_size, sketches)
    return hparams.num_steps if steps >= hparams.num_steps else math.ceil(steps)


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
