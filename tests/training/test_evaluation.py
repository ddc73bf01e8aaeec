"""Evaluation of a set: every sketch counts once, draws repeat."""

import math

import numpy as np
import pytest
from bench import HPARAMS
from slow import slow_but

from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose
from magenta_sketch.training.evaluation import Evaluator


@pytest.fixture(scope="module")
def noiseless():
    return Evaluator(SketchRNN(HPARAMS.replace(scale=0.0), seed=3))


SIZES = [(13, 8), (13, 13), (13, 5), (3, 100), (1, 1)]


@pytest.mark.parametrize("size", slow_but(SIZES, (13, 8)))
def test_evaluation_counts_every_sketch_once(bench, noiseless, size):
    count, batch_size = size
    config = bench.config.replace(scale=0.0, batch_size=batch_size)
    hparams, valid = config.hparams, Purpose.VALIDATION
    sketches = bench.data.valid.take(range(count))
    calls = []
    whole = noiseless(sketches, config, 1, valid, lambda: calls.append(1))
    each = [noiseless(sketches.take([i]), config, 1, valid) for i in range(count)]
    for name in ("recon", "masked_recon"):
        mean = np.mean([getattr(one, name) for one in each])
        np.testing.assert_allclose(getattr(whole, name), mean, rtol=2e-6)
    assert whole.masked_recon < whole.recon
    # The KL tolerance acts on the mean, as it does in training.
    assert whole.kl == pytest.approx(hparams.kl_tolerance)
    assert whole.cost == pytest.approx(whole.recon + hparams.kl_weight_start * whole.kl)
    assert len(calls) == math.ceil(count / batch_size)


@pytest.mark.slow
@pytest.mark.parametrize("of_before", [False, True])
def test_evaluation_has_the_form_that_is_trained(bench, of_before):
    model = SketchRNN(HPARAMS.replace(scale=0.0), seed=3)
    sketches = bench.data.valid

    def evaluate(**options):
        model.config = bench.config.replace(scale=0.0, **options)
        return Evaluator(model)(sketches, model.config, 1, Purpose.VALIDATION)

    padded = evaluate(bucket_by_length=False)
    bucketed = evaluate(bucket_by_length=True, validates_as_trained=not of_before)
    if of_before:
        assert bucketed == padded
        return
    assert bucketed.masked_recon == pytest.approx(padded.masked_recon, rel=1e-5)
    # One end row of each sketch is left of the many.
    trained = np.mean(
        TrainedModel(model).losses(sketches, scale=0.0, to_first_end=True).reconstruction
    )
    assert bucketed.recon == pytest.approx(trained, rel=1e-5)
    assert padded.masked_recon < bucketed.recon < padded.recon
    assert bucketed.cost < padded.cost


@pytest.mark.slow
def test_evaluation_with_noise_repeats_with_its_key(bench, folder):
    trainer = bench.start(folder)
    key = (1, Purpose.VALIDATION)
    first, again, *others = (
        trainer.evaluate(bench.data.valid, config, *key)
        for config, key in [
            (bench.config, key),
            (bench.config, key),
            (bench.config, (2, Purpose.VALIDATION)),
            (bench.config, (1, Purpose.TEST)),
            (bench.config.replace(seed=6), key),
        ]
    )
    assert first == again and len({first, *others}) == 4
