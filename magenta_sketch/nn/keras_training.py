"""``compile``, ``fit`` and ``evaluate`` for `SketchRNN`.

The programs use another loop, which resumes exactly (`magenta_sketch.training`). Both make the same
updates (`magenta_sketch.nn.update`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.update import ADAM_EPSILON, Share, loss_sums, parts_of, update


class _FitState:
    """What ``fit`` needs besides the weights and the optimizer.

    It is a plain object, so that Keras and checkpoints do not treat it as a part of the model.
    """

    def __init__(self, kl_weight: float):
        self.kl_weight = tf.Variable(kl_weight, trainable=False, dtype=tf.float32)
        names = ("loss", "recon", "masked_recon", "kl")
        self.means = {name: keras.metrics.Mean(name) for name in names}

    def add(self, values: Mapping[str, tf.Tensor], count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Add the means of a batch of ``count`` sketches; return the means so far."""
        for name, value in values.items():
            self.means[name].update_state(value, sample_weight=count)
        return {name: self.means[name].result() for name in values}


class KerasTraining(keras.Model):
    """The methods of `SketchRNN` for training with Keras.

    The data are batches from `magenta_sketch.training_dataset`: dictionaries with ``strokes``,
    ``lengths``, ``seeds`` and ``rows``, see `SketchRNN.call`.
    """

    def compile(
        self, optimizer: Any = None, *, run_eagerly: bool = False, steps_per_execution: int = 1
    ) -> None:
        """Prepare for ``fit`` and ``evaluate``. The model has its own loss.

        Args:
          optimizer: a Keras optimizer or its name. None: Adam as in the programs, with the
            learning_rate of the configuration.
          run_eagerly, steps_per_execution: as in Keras.
        """
        if optimizer is None:
            optimizer = keras.optimizers.Adam(self.hparams.learning_rate, epsilon=ADAM_EPSILON)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=False,  # XLA does not accept the loop's changing shapes
        )
        self.optimizer.build(self.trainable_variables)
        self._fit_state = _FitState(self.hparams.kl_weight)

    def fit(self, *args: Any, shuffle: bool = False, **kwargs: Any) -> keras.callbacks.History:
        """Train as Keras does, with the batches of the dataset in their order."""
        return super().fit(*args, shuffle=shuffle, **kwargs)

    @property
    def kl_weight(self) -> float:
        """Weight of the KL cost in ``fit``, >= 0. `magenta_sketch.schedule_callbacks` sets it."""
        return float(self._fit_state.kl_weight)

    @kl_weight.setter
    def kl_weight(self, value: float) -> None:
        self._fit_state.kl_weight.assign(value)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means of the losses; empty before ``compile``."""
        state = getattr(self, "_fit_state", None)
        return [] if state is None else list(state.means.values())

    def train_step(self, data: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Make one update; return the means of loss, recon and kl since the start of the epoch."""
        strokes, lengths = data["strokes"], data["lengths"]
        result = update(
            self,
            self.optimizer,
            strokes,
            lengths,
            data["seeds"],
            tf.convert_to_tensor(self._fit_state.kl_weight),
            data["rows"],
            share=Share(parts_of(strokes.shape[0] or self.hparams.batch_size)),
        )
        values = {"loss": result.cost, "recon": result.reconstruction, "kl": result.kl}
        return self._fit_state.add(values, tf.shape(lengths)[0])

    def test_step(self, data: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the means of the losses over the sketches so far.

        All sketches have equal weight. The KL weight is kl_weight_start, as in the programs, so
        that losses can be compared over a run.
        """
        strokes, lengths = data["strokes"], data["lengths"]
        count = tf.shape(lengths)[0]
        sums = loss_sums(
            self,
            strokes,
            lengths,
            data["seeds"],
            Share(),
            rows=data["rows"],
            to_first_end=self.config.evaluates_to_first_end,
        )
        recon, masked, kl = (value / tf.cast(count, value.dtype) for value in sums)
        cost, kl_cost = self.cost(recon, kl, self.hparams.kl_weight_start)
        values = {"loss": cost, "recon": recon, "masked_recon": masked, "kl": kl_cost}
        return self._fit_state.add(values, count)

    def get_compile_config(self) -> dict[str, Any] | None:
        if not self.compiled:
            return None
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]))
