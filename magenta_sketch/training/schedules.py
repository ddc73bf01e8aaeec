"""Schedules: functions of the step, which counts the updates made before."""

from __future__ import annotations

import math

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig


def total_steps(config: RunConfig, sketches: int) -> int:
    """Return the steps of a whole run: num_steps or num_epochs, whichever ends first.

    An epoch is as many batches as hold the training set of so many ``sketches`` once, rounded up
    over the whole run.

    >>> total_steps(RunConfig.of(num_epochs=2, batch_size=100), 250)
    5
    """
    hps = config.hparams
    if config.num_epochs is None:
        return hps.num_steps
    steps = config.num_epochs * sketches / min(hps.batch_size, sketches)
    return hps.num_steps if steps >= hps.num_steps else math.ceil(steps)


def learning_rate(step: int, hparams: HParams) -> float:
    """Return the learning rate of the update made after ``step`` earlier ones.

    >>> learning_rate(0, HParams(learning_rate=0.01))
    0.01
    """
    h = hparams
    return (h.learning_rate - h.min_learning_rate) * h.decay_rate**step + h.min_learning_rate


def kl_weight(step: int, hparams: HParams) -> float:
    """Return the KL weight of the update after ``step`` earlier ones (Ha & Eck 2017, appendix).

    >>> kl_weight(0, HParams(kl_weight_start=0.25))
    0.25
    """
    h = hparams
    return h.kl_weight - (h.kl_weight - h.kl_weight_start) * h.kl_decay_rate**step
