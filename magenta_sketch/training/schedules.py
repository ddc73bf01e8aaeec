"""Schedules as functions of the step."""

from __future__ import annotations

import math

from magenta_sketch.config.hparams import HParams


def total_steps(hparams: HParams, num_epochs: float | None, sketches: int) -> int:
    """Steps of a whole run: num_steps or num_epochs, whichever ends first.

    An epoch is as many batches as hold the training set once, rounded up over the whole run.
    """
    if num_epochs is None:
        return hparams.num_steps
    steps = num_epochs * sketches / min(hparams.batch_size, sketches)
    return hparams.num_steps if steps >= hparams.num_steps else math.ceil(steps)


def learning_rate(
    step: int, *, learning_rate: float, min_learning_rate: float, decay_rate: float
) -> float:
    """Learning rate of the update made after ``step`` earlier ones."""
    return (learning_rate - min_learning_rate) * decay_rate**step + min_learning_rate


def kl_weight(
    step: int, *, kl_weight: float, kl_weight_start: float, kl_decay_rate: float
) -> float:
    """KL weight of the update made after ``step`` earlier ones (Ha & Eck 2017, appendix)."""
    return kl_weight - (kl_weight - kl_weight_start) * kl_decay_rate**step
