"""Learning rate and KL weight as functions of the step."""

import pytest

from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.training.schedules import kl_weight, learning_rate, total_steps


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1e-3), (2, 1e-5 + 0.81 * 9.9e-4), (10_000, 1e-5)]
)
def test_learning_rate(step, expected):
    hparams = HParams(learning_rate=1e-3, min_learning_rate=1e-5, decay_rate=0.9)
    assert learning_rate(step, hparams) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.01), (2, 0.5 - 0.49 * 0.81), (10_000, 0.5)])
def test_kl_weight(step, expected):
    hparams = HParams(kl_weight=0.5, kl_weight_start=0.01, kl_decay_rate=0.9)
    assert kl_weight(step, hparams) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "num_epochs, sketches, batch_size, expected",
    [
        (None, 1000, 100, 500),
        (1.0, 1000, 100, 10),
        (2.5, 1000, 100, 25),
        (1.0, 1001, 100, 11),
        (3.0, 1001, 100, 31),
        (0.001, 1000, 100, 1),
        (2.0, 40, 100, 2),  # a batch holds all there is
        (60.0, 1000, 100, 500),
        (1e30, 1000, 100, 500),
    ],
)
def test_the_run_ends_at_steps_or_epochs(num_epochs, sketches, batch_size, expected):
    config = RunConfig.of(num_steps=500, batch_size=batch_size, num_epochs=num_epochs)
    assert total_steps(config, sketches) == expected
