"""Small networks whose states can be told apart, for the tests of checkpoints."""

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.training.checkpoints import Checkpoints

# Few variables: a checkpoint of them takes 10 ms.
HPARAMS = HParams(conditional=False, dec_rnn_size=2, num_mixture=1)
CONFIG = RunConfig(
    hparams=HPARAMS,
    seed=7,
    normalizing_factor=12.5,
    fingerprint="f" * 64,
    data_dir="/some/where",
    num_epochs=2.5,
    mixed_precision=True,
    bucket_by_length=True,
)


class State:
    """All variables of a run, set to numbers that tell one state from another."""

    def __init__(self, folder, network):
        model, optimizer = network
        self.checkpoints = Checkpoints(folder, model, optimizer, seed=7)
        own = self.checkpoints
        numbers = [own.step, own.evaluated_step, own.best_step, own.best_cost]
        self.variables = [*model.weights, *optimizer.variables, *numbers]

    def become(self, number, step=None):
        """State ``number``, which has made ``step`` steps (default: number)."""
        for index, variable in enumerate(self.variables):
            value = np.full(variable.shape, number + index / 128)
            variable.assign(value.astype(tf.as_dtype(variable.dtype).as_numpy_dtype))
        self.checkpoints.step.assign(number if step is None else step)
        return self

    def values(self):
        return [variable.numpy().copy() for variable in self.variables]

    def save(self, number, step=None):
        self.become(number, step).checkpoints.save_newest()
        return self.values()

    def restore(self):
        """(values after restoring, warnings); the state before is lost."""
        self.become(-1, 999)
        warnings = []
        assert self.checkpoints.restore_newest(warnings.append)
        return self.values(), warnings


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))
