"""Batches of a run as a tf.data.Dataset, for ``SketchRNN.fit`` and ``evaluate``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.batches import Batch, evaluation_batches, training_batch
from magenta_sketch.data.loading import DataSet
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.nn.randomness import SEED_ROWS, seed_table
from magenta_sketch.seeds import Purpose
from magenta_sketch.training.schedules import total_steps


def training_dataset(data: DataSet, config: RunConfig, *, first_step: int = 0) -> tf.data.Dataset:
    """Return the batches of a run's training steps, in order, to its end.

    Each is what the training program takes at that step, bit for bit.

    Args:
      data: from `magenta_sketch.load_data_set`.
      config: of the run; max_seq_len and normalizing factor are taken from the data.
      first_step: updates made before.

    Returns:
      elements with strokes [B, rows + 1, 5], lengths [B], seeds and rows, see `SketchRNN.call`.
    """
    config = config.with_data(data)

    steps = range(first_step, total_steps(config, len(data.train)))

    def elements() -> Iterator[dict[str, Any]]:
        for step in steps:
            batch = training_batch(data.train, step, config)
            yield _element(batch, config, seed_table(config.seed, step, Purpose.TRAINING))

    return _dataset(elements, len(steps), min(config.hparams.batch_size, len(data.train)))


def evaluation_dataset(sketches: SketchSet, config: RunConfig) -> tf.data.Dataset:
    """Return every sketch once, in batches for ``evaluate`` or the ``validation_data`` of ``fit``.

    ``config`` has max_seq_len and normalizing factor of the data (`RunConfig.with_data`).
    """

    def elements() -> Iterator[dict[str, Any]]:
        for number, batch in enumerate(evaluation_batches(sketches, config)):
            yield _element(batch, config, seed_table(config.seed, 0, Purpose.VALIDATION, number))

    return _dataset(elements, math.ceil(len(sketches) / config.hparams.batch_size), None)


def _element(batch: Batch, config: RunConfig, seeds: tf.Tensor) -> dict[str, Any]:
    rows = config.max_seq_len
    return {"strokes": batch.strokes, "lengths": batch.lengths, "seeds": seeds, "rows": rows}


def _dataset(elements: Any, batches: int, batch_size: int | None) -> tf.data.Dataset:
    signature = {
        "strokes": tf.TensorSpec([batch_size, None, 5]),
        "lengths": tf.TensorSpec([batch_size], tf.int32),
        "seeds": tf.TensorSpec([SEED_ROWS, 2], tf.int64),
        "rows": tf.TensorSpec([], tf.int32),
    }
    dataset = tf.data.Dataset.from_generator(elements, output_signature=signature)
    # Said, so that Keras's progress bar knows it, and its end is no surprise.
    return dataset.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(1)
