"""A Sketch-RNN as a Keras model: saved and loaded by Keras, trained by ``fit``."""

import itertools
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from slow import slow_but

import magenta_sketch
from magenta_sketch._backend import keras, tf
from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.data import load_data_set
from magenta_sketch.data.batches import training_batch
from magenta_sketch.errors import ModelFileError
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose
from magenta_sketch.training import schedules
from magenta_sketch.training.callbacks import schedule_callbacks
from magenta_sketch.training.evaluation import Evaluator
from magenta_sketch.training.keras_datasets import evaluation_dataset, training_dataset
from magenta_sketch.training.step import TrainStep

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
SIZES = dict(enc_rnn_size=6, dec_rnn_size=8, z_size=3, num_mixture=2, batch_size=8)


@keras.saving.register_keras_serializable(package="tests")
class Leaky(keras.layers.Layer):
    """A cell of somebody's own: h' = keep·h + (1 - keep)·tanh(dense([x, h]))."""

    def __init__(self, units, keep=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units, self.keep = units, keep
        self.state_size = self.output_size = units
        self.dense = keras.layers.Dense(units, activation="tanh")

    def build(self, shape):
        self.dense.build((None, shape[-1] + self.units))

    def call(self, inputs, states, training=False):
        h = states[0]
        new = self.keep * h + (1 - self.keep) * self.dense(tf.concat([inputs, h], axis=-1))
        return new, [new]

    def get_initial_state(self, batch_size=None):
        return [tf.zeros([batch_size, self.units])]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "keep": self.keep}


class Nameless(Leaky):
    """A cell that nobody has registered."""


@pytest.fixture(scope="module")
def data():
    return load_data_set(["tiny.npz"], DATA, report=lambda line: None)


def make(data, **settings):
    cells = {name: settings.pop(name) for name in list(settings) if callable(settings[name])}
    config = RunConfig.of(**{"seed": 4, "data_set": ["tiny.npz"], **SIZES, **settings})
    return SketchRNN(config.with_data(data), **cells)


def outputs(model, data):
    """Losses of a batch with noise, and what the decoder says of its points."""
    batch = training_batch(data.train, 0, model.config)
    found = model(tf.constant(batch.strokes), tf.constant(batch.lengths), seeds=seed_table(1, 2))
    z = None if model.encoder is None else tf.ones([8, 3])
    return [*found, model.decoder(tf.constant(batch.strokes), z)]


MODELS = [
    *(
        dict(enc_model=cell, dec_model=cell, conditional=conditional)
        for cell, conditional in itertools.product(("lstm", "layer_norm", "hyper"), (True, False))
    ),
    dict(enc_model="layer_norm", tanh_z=True, mixed_precision=True, bucket_by_length=True),
    dict(decoder_cell=Leaky),
    dict(encoder_cell=Leaky, decoder_cell=lambda units: Leaky(units, keep=0.25)),
    dict(decoder_cell=keras.layers.GRUCell, conditional=False),
]


@pytest.mark.parametrize(
    "settings", slow_but(MODELS, *MODELS[6:8]), ids=lambda s: "-".join(map(str, s.values()))[:40]
)
def test_a_model_that_keras_saved_comes_back_to_the_bit(data, tmp_path, settings):
    model = make(data, **settings)
    for weight in model.trainable_variables:  # none at its initial value
        weight.assign(weight + 0.01 * np.arange(np.prod(weight.shape)).reshape(weight.shape) % 1)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is SketchRNN and again.config == model.config
    assert again.config.max_seq_len == 20
    assert again.config.normalizing_factor == data.normalizing_factor
    for mine, theirs in zip(again.weights, model.weights, strict=True):
        if "seed" not in mine.path:  # a Keras cell's generator begins anew
            np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(outputs(again, data), outputs(model, data), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_importing_the_package_is_enough_for_keras_to_load_a_model(data, tmp_path):
    make(data).save(tmp_path / "m.keras")
    for imports in (
        "import magenta_sketch, keras",
        "import keras; keras.layers; import magenta_sketch",
    ):
        code = f"{imports}\nprint(type(keras.saving.load_model('m.keras')).__name__)"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stdout.strip() == "SketchRNN", done.stderr


def test_a_cell_that_is_not_registered_works_until_it_is_to_be_saved(data, tmp_path):
    model = make(data, decoder_cell=Nameless)
    outputs(model, data)
    with pytest.raises(ModelFileError, match="cell Nameless is not registered: put @keras.saving"):
        model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="Nameless is not registered"):
        magenta_sketch.train(tmp_path / "run", decoder_cell=Nameless, data_dir=str(DATA))
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------- fit


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(dict(enc_model="layer_norm", use_input_dropout=True), marks=pytest.mark.slow),
        pytest.param(dict(bucket_by_length=True, mixed_precision=True), marks=pytest.mark.slow),
        dict(conditional=False, batch_size=4),
    ],
    ids=["plain", "modes", "unconditional"],
)
def test_ten_steps_of_fit_are_ten_steps_of_our_loop(data, settings):
    """With weights whose schedules move fast, so that a step with another one's would show."""
    fast = dict(decay_rate=0.8, kl_decay_rate=0.7, num_steps=10, kl_tolerance=0.0)
    fitted, ours = make(data, **settings, **fast), make(data, **settings, **fast)
    fitted.compile()
    history = fitted.fit(
        training_dataset(data, fitted.config),
        callbacks=schedule_callbacks(fitted.config),
        verbose=0,
    )
    step, costs = TrainStep(ours), []
    for number in range(10):
        result = step(
            training_batch(data.train, number, ours.config),
            seed_table(4, number),
            schedules.learning_rate(number, ours.hparams),
            schedules.kl_weight(number, ours.hparams),
            ours.config.max_seq_len,
        )
        costs.append(float(result.cost))
    assert int(fitted.optimizer.iterations) == 10
    assert fitted.kl_weight == pytest.approx(schedules.kl_weight(9, ours.hparams))
    for mine, theirs in zip(fitted.trainable_variables, ours.trainable_variables, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)
    assert history.history["loss"] == [pytest.approx(np.mean(costs), abs=1e-5)]


@pytest.mark.slow
def test_fit_goes_on_where_it_stopped_and_reports_validation(data):
    whole, parts = make(data, num_steps=4), make(data, num_steps=4)
    valid = evaluation_dataset(data.valid, whole.config)
    for model, epochs in ((whole, 1), (parts, 2)):
        model.compile()
        history = model.fit(
            training_dataset(data, model.config),
            epochs=epochs,
            steps_per_epoch=4 // epochs,
            validation_data=valid,
            callbacks=schedule_callbacks(model.config),
            verbose=0,
        )
        assert set(history.history) == {
            *("loss", "recon", "kl"),
            *("val_loss", "val_recon", "val_masked_recon", "val_kl"),
        }
    for mine, theirs in zip(parts.trainable_variables, whole.trainable_variables, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


def test_evaluate_is_our_evaluation(data):
    """Without noise, whose draws differ; the KL term has its tolerance for each batch there."""
    model = make(data, scale=0.0, kl_tolerance=0.0, batch_size=5)
    model.compile()
    found = model.evaluate(
        evaluation_dataset(data.valid, model.config), return_dict=True, verbose=0
    )
    ours = Evaluator(model)(data.valid, model.config, 0, Purpose.VALIDATION)
    expected = dict(loss=ours.cost, recon=ours.recon, masked_recon=ours.masked_recon, kl=ours.kl)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_compiled_model_is_saved_with_its_optimizer(data, tmp_path):
    whole, model = make(data, num_steps=6), make(data, num_steps=6)
    for one, steps in ((whole, 6), (model, 3)):
        one.compile()
        one.fit(training_dataset(data, one.config).take(steps), verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert int(again.optimizer.iterations) == 3
    again.fit(training_dataset(data, again.config, first_step=3), verbose=0)
    for mine, theirs in zip(again.trainable_variables, whole.trainable_variables, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


def test_hyperparameters_alone_make_a_model():
    model = SketchRNN(HParams(**SIZES), seed=3, tanh_z=True)
    assert (model.config.seed, model.config.tanh_z, model.hparams.z_size) == (3, True, 3)
    assert SketchRNN.from_config(model.get_config()).config == model.config
