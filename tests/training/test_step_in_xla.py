"""The training step and evaluation that XLA compiles, beside those that TensorFlow runs."""

import numpy as np
import pytest
from bench import HPARAMS, assert_same, everything, go
from slow import slow_but

from magenta_sketch._backend import keras
from magenta_sketch.config import RunConfig
from magenta_sketch.data.batches import training_batch
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose
from magenta_sketch.training.evaluation import Evaluator
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.step import TrainStep


def make(bench, jit, **options):
    config = RunConfig(hparams=HPARAMS, seed=5).replace(jit=jit, **options).with_data(bench.data)
    model = SketchRNN(config)
    return model, TrainStep(model), config


def results(step, config, data, count):
    """The scalars of a few updates, all of whose draws count."""
    found = []
    for number in range(count):
        batch = training_batch(data.train, number, config, rows_apart=step.rows_apart)
        found.append(step(batch, seed_table(5, number), 1e-3, 0.3, config.max_seq_len))
    return np.array(found, float)


@pytest.mark.parametrize(
    "options",
    slow_but(
        [
            {},
            {"bucket_by_length": True},
            {"conditional": False, "dec_model": "layer_norm"},
            {"enc_model": "layer_norm", "dec_model": "hyper"},
            {"batch_size": 3},
        ],
        {"conditional": False, "dec_model": "layer_norm"},
    ),
)
def test_steps_and_evaluation_are_the_same_to_rounding(bench, options):
    """The draws too: masks are equal to the bit, noise to rounding."""
    found, evaluations, weights = [], [], []
    for jit in ("off", "on"):
        model, step, config = make(bench, jit, **options)
        found.append(results(step, config, bench.data, 3))
        weights.append([v.numpy() for v in model.trainable_variables])
        evaluation = Evaluator(model)(bench.data.valid, config, 3, Purpose.VALIDATION)
        evaluations.append(evaluation)
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(evaluations[1], evaluations[0], rtol=0, atol=1e-5)
    differences = [np.abs(a - b).ravel() for a, b in zip(*weights, strict=True)]
    assert np.mean(np.concatenate(differences)) < 1e-5


def test_batches_of_different_lengths_share_a_program(bench):
    _, step, config = make(bench, "on", conditional=False, bucket_by_length=True)
    assert step.rows_apart == 32
    lengths = {training_batch(bench.data.train, n, config).strokes.shape[1] for n in range(9)}
    results(step, config, bench.data, 9)
    assert len(lengths) > 2
    assert len(step._by_shape) <= 2
    assert all(one.experimental_get_tracing_count() == 1 for one in step._by_shape.values())


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_changes_nothing(bench):
    model, step, config = make(bench, "on", conditional=False)
    model.decoder.output_bias.assign(model.decoder.output_bias.numpy() * np.nan)
    before = [v.numpy() for v in [*model.variables, *step.optimizer.variables]]
    batch = training_batch(bench.data.train, 0, config)
    assert not step(batch, seed_table(5, 0), 1e-3, 0.3).finite
    assert_same([v.numpy() for v in [*model.variables, *step.optimizer.variables]], before)


@pytest.mark.slow
@pytest.mark.parametrize("modes", [{}, {"mixed_precision": True, "bucket_by_length": True}])
def test_a_resumed_run_ends_with_the_same_bits(bench, tmp_path, modes):
    ends = []
    for name, stops in (("whole", [4]), ("resumed", [2, 4])):
        folder = RunFolder(tmp_path / name)
        folder.root.mkdir()
        for stop in stops:
            config = bench.config.replace(jit="on", **modes)
            trainer = go(Trainer(folder, config, bench.data), stop)
        ends.append(everything(trainer))
    assert_same(*ends)


@pytest.mark.slow
def test_a_cell_without_its_own_gradient_compiles_too(bench):
    costs = []
    for jit in ("off", "on"):
        config = bench.config.replace(jit=jit)
        model = SketchRNN(config, decoder_cell=keras.layers.GRUCell)
        step = TrainStep(model)
        costs.append(results(step, config, bench.data, 2))
    np.testing.assert_allclose(costs[1], costs[0], rtol=0, atol=1e-5)
