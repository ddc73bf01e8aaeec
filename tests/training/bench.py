"""A compiled trainer for many tests, and what they look at."""

import json
import pathlib
import threading

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from magenta_sketch._backend import tf
from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.data import load_data_set
from magenta_sketch.seeds import Purpose
from magenta_sketch.training.checkpoints import Checkpoints
from magenta_sketch.training.evaluation import Evaluation
from magenta_sketch.training.journal import Journal
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.signals import StopRequest

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"


# Everything random is on: recurrent, input and output dropout, latent noise, augmentation.
HPARAMS = HParams(
    data_set=("tiny.npz",),
    enc_rnn_size=4,
    dec_rnn_size=4,
    z_size=2,
    num_mixture=2,
    batch_size=8,
    save_every=2,
    use_input_dropout=True,
    use_output_dropout=True,
)


class Bench:
    """A compiled trainer for many tests; each `start` is like the start of a new program."""

    def __init__(self, **modes):
        self.data = load_data_set(["tiny.npz"], DATA, report=lambda line: None)
        self.config = RunConfig(hparams=HPARAMS, seed=5, **modes).with_data(self.data)
        self.trainer = Trainer(RunFolder("unused"), self.config, self.data)
        self.kept = dict(self.trainer.__dict__)
        variables = self.trainer.model.variables + self.trainer.train_step.optimizer.variables
        self.initial = [(variable, variable.numpy()) for variable in variables]

    def start(self, folder, **changes):
        """The trainer with its first values; ``changes`` are hyperparameters of the loop."""
        trainer = self.trainer
        trainer.__dict__.update(self.kept)
        for variable, value in self.initial:
            variable.assign(value)
        trainer.folder = folder
        trainer.config = self.config.replace(**changes)
        optimizer = trainer.train_step.optimizer
        trainer.state = Checkpoints(folder, trainer.model, optimizer, seed=5)
        return trainer


def go(trainer, total, stop=None, warn=pytest.fail):
    """Take the run up where its folder has it, and train to the end."""
    trainer.restore(warn)
    start, evaluated = trainer.step, int(trainer.state.evaluated_step)
    with Journal(trainer.folder, start, total, evaluated) as journal:
        trainer.run(total, journal, stop or StopRequest())
    return trainer


def everything(trainer):
    state = trainer.state
    own = [state.step, state.evaluated_step, state.best_step, state.best_cost, state.seed]
    optimizer = trainer.train_step.optimizer
    variables = [*trainer.model.variables, *optimizer.variables, *own]
    return [np.array(variable.numpy()) for variable in variables]


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def events(folder):
    found = EventAccumulator(str(folder.root), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    scalars = {}
    for tag in found.Tags()["tensors"]:
        scalars[tag] = [
            (e.step, float(tf.make_ndarray(e.tensor_proto))) for e in found.Tensors(tag)
        ]
    return scalars


def restored(trainer):
    trainer.restore(pytest.fail)
    return trainer


def untimed(folder):
    return [json.loads(line) for line in folder.history.read_text().splitlines()]


def working():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def recorded(trainer):
    """The trainer, and what its steps will have been given."""
    step, given = trainer.train_step, []

    def call(*args):
        given.append(args)
        return step(*args)

    trainer.train_step = call
    return trainer, given


class Script:
    """Stands for an Evaluator: gives validation costs from a list and notes what was asked for."""

    def __init__(self, data, costs):
        self.data, self.costs, self.asked = data, list(costs), []

    def __call__(self, sketches, config, step, purpose, after_batch):
        after_batch()
        split = "test" if sketches is self.data.test else "valid"
        assert purpose == (Purpose.TEST if split == "test" else Purpose.VALIDATION)
        self.asked.append((step, split))
        cost = self.costs.pop(0) if split == "valid" else 9.0
        return Evaluation(cost, cost, cost, 0.2)
