"""Schedules as functions of the step, which is the number of updates made before."""

from __future__ import annotations

import math

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig


def total_steps(config: RunConfig, sketches: int) -> int:
    """Return the number of steps of a run: num_steps or num_epochs, whichever ends first.

    An epoch has as many batches as are needed for the training set of ``sketches`` sketches. The
    number of steps is rounded up once, for the whole run.

    >>> total_steps(RunConfig.of(num_epochs=2, batch_size=100), 250)
    5
    """
    hps = config.hparams
    if config.num_epochs is None:
        return hps.num_steps
    steps = config.num_epochs * sketches / min(hps.batch_size, sketches)
    return hps.num_steps if steps >= hps.num_steps else math.ceil(steps)


def learning_rate(step: int, hparams: HParams) -> float:
    """Return the learning rate of the update after ``step`` earlier updates.

    >>> learning_rate(0, HParams(learning_rate=0.01))
    0.01
    """
    h = hparams
    return (h.learning_rate - h.min_learning_rate) * h.decay_rate**step + h.min_learning_rate


def kl_weight(step: int, hparams: HParams) -> float:
    """Return the KL weight of the update after ``step`` earlier updates (Ha & Eck 2017, appendix).

    >>> kl_weight(0, HParams(kl_weight_start=0.25))
    0.25
    """
    h = hparams
    return h.kl_weight - (h.kl_weight - h.kl_weight_start) * h.kl_decay_rate**step
