"""Keras callbacks that follow the schedules of a run, for ``SketchRNN.fit``."""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import keras
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.training import schedules


class LearningRateSchedule(keras.callbacks.Callback):
    """Set the optimizer's learning rate before each update, by `schedules.learning_rate`."""

    def __init__(self, hparams: HParams):
        super().__init__()
        self.hparams = hparams

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        step = int(self.model.optimizer.iterations)
        self.model.optimizer.learning_rate = schedules.learning_rate(step, self.hparams)


class KLWeightSchedule(keras.callbacks.Callback):
    """Set the model's KL weight before each update, by `schedules.kl_weight`."""

    def __init__(self, hparams: HParams):
        super().__init__()
        self.hparams = hparams

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        step = int(self.model.optimizer.iterations)
        self.model.kl_weight = schedules.kl_weight(step, self.hparams)


def schedule_callbacks(config: RunConfig | HParams) -> list[keras.callbacks.Callback]:
    """Return callbacks that set the learning rate and the KL weight before each update in ``fit``.

    >>> len(schedule_callbacks(HParams()))
    2
    """
    hparams = config if isinstance(config, HParams) else config.hparams
    return [LearningRateSchedule(hparams), KLWeightSchedule(hparams)]
