"""A compiled step: parts, sizes, modes, gradients that are not finite."""

import functools

import numpy as np
import pytest
from bench import HPARAMS, assert_same, go

from magenta_sketch._backend import tf
from magenta_sketch.config import RunConfig
from magenta_sketch.data.batches import Batch, training_batch
from magenta_sketch.errors import RunError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.nn.update import PARTS, Share, loss_sums
from magenta_sketch.training.evaluation import Evaluator
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.step import TrainStep


@functools.cache
def without_chance(parts, bucket_by_length):
    """A model in which nothing is random, its step and its evaluation, for batches in ``parts``."""
    hparams = HPARAMS.replace(scale=0.0, use_recurrent_dropout=False, use_input_dropout=False)
    hparams = hparams.replace(use_output_dropout=False, kl_tolerance=0.01)
    model = SketchRNN(hparams, seed=1, bucket_by_length=bucket_by_length)
    step, evaluate = TrainStep(model), Evaluator(model)
    variables = [*model.variables, *step.optimizer.variables]
    return model, step, evaluate, [(variable, variable.numpy()) for variable in variables]


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 9, 21])
@pytest.mark.parametrize("bucket_by_length", [False, True])
def test_a_batch_in_parts_is_the_batch(bench, count, bucket_by_length):
    results = []
    for parts in (1, PARTS):
        model, step, evaluate, initial = without_chance(parts, bucket_by_length)
        for variable, value in initial:
            variable.assign(value)
        plain = {"random_scale_factor": 0, "augment_stroke_prob": 0, "bucket_by_length": False}
        config = bench.config.replace(seed=0, batch_size=count, **plain)
        batch = training_batch(bench.data.train, 0, config)[:2]
        sums = evaluate._by_parts[parts](*batch, seed_table(0, 0))
        settings = tf.constant(0.5), tf.constant(30), tf.constant(0.01)
        found = step._by_parts[parts](*batch, seed_table(0, 0), *settings)
        after = [v.numpy() for v in model.trainable_variables]
        results.append([[float(x) for x in (*found[:3], *sums)], after])
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    for whole, parted in zip(results[0][1], results[1][1], strict=True):
        # Adam divides by a gradient's own size, so that rounding shows where that is tiny.
        assert np.abs(whole - parted).max() < 3e-3
        assert np.mean(np.abs(whole - parted) > 1e-5) < 0.02


@pytest.mark.parametrize("by_place", [True, False])
def test_the_parts_of_a_batch_drop_and_draw_independently(by_place):
    given = []

    class Model:
        config = RunConfig.of(draws_by_place=by_place)

        def __call__(self, strokes, lengths, seeds):
            given.append(seeds)
            return [tf.reduce_sum(strokes)]

    share = Share(PARTS)
    loss_sums(Model(), tf.zeros([9, 3, 5]), tf.ones([9], tf.int32), seed_table(0, 0), share)
    one, other = given
    if by_place:
        assert sorted([*one.places.numpy(), *other.places.numpy()]) == list(range(9))
    else:
        assert not set(one.numpy().ravel()) & set(other.numpy().ravel())


@pytest.mark.slow
def test_one_compiled_step_takes_batches_of_all_sizes(bench):
    step = TrainStep(SketchRNN(bench.config, seed=1), parts=PARTS)
    results = []
    for number, (count, rows) in enumerate([(9, 20), (8, 23), (10, 21)]):
        strokes = np.zeros((count, rows + 1, 5), np.float32)
        strokes[..., 4] = 1
        strokes[:, :2] = [1, 0, 1, 0, 0]
        lengths = np.ones(count, np.int32)
        batch = Batch(strokes, lengths, np.arange(count))
        results.append(step(batch, seed_table(1, number), 0.0, 0.0))
    assert step._by_parts[PARTS].experimental_get_tracing_count() == 1
    again = step(batch, seed_table(1, number), 0.0, 0.0, 42)
    assert step._by_parts[PARTS].experimental_get_tracing_count() == 1
    # Twice the rows to divide by, and half the loss; given none, it is the padded length.
    assert float(again.cost) == pytest.approx(float(results[-1].cost) / 2, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mixed_precision", "bucket_by_length"])
def test_a_mode_of_the_run_reaches_its_steps(bench, tmp_path, mode):
    folders = [RunFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.root.mkdir()
    default = go(bench.start(folders[0]), 2)
    before = [v.numpy() for v in default.model.trainable_variables]
    trainer = Trainer(folders[1], bench.config.replace(**{mode: True}), bench.data)
    assert trainer.model.config.modes() == [mode]
    go(trainer, 2)
    after = [v.numpy() for v in trainer.model.trainable_variables]
    assert {value.dtype for value in after} == {np.dtype(np.float32)}
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_changes_nothing(bench, monkeypatch, folder):
    """The cost is finite, but the square root's slope at 0 is not."""
    model = SketchRNN(bench.config, seed=1)
    original = model.cost

    def cost(reconstruction, *args):
        total, kl = original(reconstruction, *args)
        return total + tf.sqrt(0.0 * reconstruction), kl

    monkeypatch.setattr(model, "cost", cost)
    step = TrainStep(model)
    trainer = bench.start(folder)
    before = [v.numpy() for v in [*model.variables, *step.optimizer.variables]]
    trainer.train_step = step
    with pytest.raises(RunError, match="a gradient is not finite at step 1 "):
        go(trainer, 3)
    assert_same([v.numpy() for v in [*model.variables, *step.optimizer.variables]], before)
    assert saved_steps(folder.newest) == []
