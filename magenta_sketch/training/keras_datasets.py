"""The batches of a run as a tf.data.Dataset, for ``SketchRNN.fit`` and ``evaluate``."""

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
    """Return the batches of a run's training steps, in order, up to the last step.

    The batches are the same, to the bit, as in the training program.

    Args:
      data: from `magenta_sketch.load_data_set`.
      config: configuration of the run. max_seq_len and the normalizing factor come from ``data``.
      first_step: updates made before.

    Returns:
      Dictionaries with strokes [B, rows + 1, 5], lengths [B], seeds and rows, see `SketchRNN.call`.

    >>> from magenta_sketch import load_data_set
    >>> data = load_data_set("lines.npz", ".", report=lambda line: None)  # two training sketches
    >>> next(iter(training_dataset(data, RunConfig())))["strokes"].shape.as_list()
    [2, 2, 5]
    """
    config = config.with_data(data)

    steps = range(first_step, total_steps(config, len(data.train)))

    def elements() -> Iterator[dict[str, Any]]:
        for step in steps:
            batch = training_batch(data.train, step, config)
            yield _element(batch, config, seed_table(config.seed, step, Purpose.TRAINING))

    return _dataset(elements, len(steps), min(config.hparams.batch_size, len(data.train)))


def evaluation_dataset(sketches: SketchSet, config: RunConfig) -> tf.data.Dataset:
    """Return all sketches once, in batches, for ``evaluate`` or ``validation_data`` of ``fit``.

    ``config`` must have max_seq_len and the normalizing factor of the data (`RunConfig.with_data`).

    >>> from magenta_sketch.data import SketchSet
    >>> sketches = SketchSet.from_sketches([[[3, 0, 1]], [[0, 4, 1]]])
    >>> config = RunConfig.of(max_seq_len=1, normalizing_factor=1.8)
    >>> next(iter(evaluation_dataset(sketches, config)))["lengths"].numpy().tolist()
    [1, 1]
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
    # With a known number of batches Keras shows progress and does not warn at the end.
    return dataset.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(1)
