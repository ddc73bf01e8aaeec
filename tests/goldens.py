"""The golden files: numbers that the reference recorded on random weights and strokes."""

import json
import pathlib

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.config import HParams
from magenta_sketch.data.batches import Batch
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.step import TrainStep

DATA = pathlib.Path(__file__).parent / "data"
KL_WEIGHT = 0.5
LEARNING_RATE = 1e-3


class Golden:
    """One recorded file and our model with its weights.

    ``strokes`` and ``lengths`` are longest first; `as_recorded` puts results of them into the
    order of the file.
    """

    def __init__(self, path, jit="off"):
        with np.load(path) as archive:
            self.arrays = {key: archive[key] for key in archive.files}
        self.hparams = HParams.from_dict(json.loads(str(self.arrays["hparams"])))
        self.model = SketchRNN(self.hparams, jit=jit)
        self.compiled = None
        self.reset()
        lengths = self.arrays["in/sequence_lengths"]
        self.order = np.argsort(-lengths, kind="stable")
        self.strokes = tf.constant(self.arrays["in/input_data"][self.order])
        self.lengths = tf.constant(lengths[self.order])

    @classmethod
    def of(cls, name):
        """The golden file of this name that is in the repository."""
        return cls(DATA / f"{name}.npz")

    def group(self, prefix):
        return {
            key[len(prefix) :]: value
            for key, value in self.arrays.items()
            if key.startswith(prefix)
        }

    def assert_gradients(self, gradients):
        """That gradients, in the order of the model's variables, are those that were recorded."""
        variables = self.model.trainable_variables
        values = {id(v): np.asarray(g) for v, g in zip(variables, gradients, strict=True)}
        ours, theirs = magenta_tf1.to_original(self.model, values), self.group("grad/")
        assert theirs and set(ours) == set(theirs)
        for name, expected in theirs.items():
            tolerance = 1e-4 * np.abs(expected).max() + 1e-12
            np.testing.assert_allclose(ours[name], expected, atol=tolerance, rtol=0, err_msg=name)

    def out(self, name):
        return self.arrays[f"out/{name}"]

    def reset(self):
        magenta_tf1.load_variables(self.model, self.group("var/"))

    def as_recorded(self, values):
        """Values with a row for each of ``strokes``, in the order of the file."""
        return np.asarray(values)[np.argsort(self.order)]

    def encode(self):
        if self.model.encoder is None:
            return None, None
        return self.model.encoder(self.strokes[:, 1:], self.lengths)

    def mean_losses(self, model, **how):
        """Means over the sketches of a model's reconstruction, masked reconstruction and KL."""
        return [tf.reduce_mean(values) for values in model(self.strokes, self.lengths, **how)]

    def costs(self):
        reconstruction, masked, kl = self.mean_losses(self.model)
        cost, kl_cost = self.model.cost(reconstruction, kl, KL_WEIGHT)
        return cost, kl_cost, reconstruction, masked

    def train_step(self):
        """The training program's own step, with the recorded weights and a new optimizer."""
        self.reset()
        if self.compiled is None:
            self.compiled = TrainStep(self.model)
            self.initial = [(v, v.numpy()) for v in self.compiled.optimizer.variables]
        for variable, value in self.initial:
            variable.assign(value)
        return self.compiled

    def run(self, train_step):
        """One step with constant rates, as the reference recorded it."""
        batch = Batch(self.strokes, self.lengths, self.order)
        return train_step(batch, seed_table(0, 0), LEARNING_RATE, KL_WEIGHT)
