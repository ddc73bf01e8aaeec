"""Sketch-RNN made of keras.layers.LSTM, which cuDNN runs on a GPU. For comparison only.

It has the sizes, loss and optimizer of the model, but no recurrent dropout, which cuDNN does not
know, and its encoder reads sketches to the end of the padding.
"""

from __future__ import annotations

from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import losses


class StockStep:
    """A training step; call it with a `Batch`. ``config`` is a `RunConfig`."""

    def __init__(self, config: Any):
        hps = config.hparams
        self.config = config
        policy = "mixed_bfloat16" if config.mixed_precision else "float32"

        def dense(width: int) -> keras.layers.Layer:
            return keras.layers.Dense(width, dtype="float32")

        encoder = keras.layers.LSTM(hps.enc_rnn_size, dtype=policy)
        self.encoder = keras.layers.Bidirectional(encoder, dtype=policy)
        self.decoder = keras.layers.LSTM(hps.dec_rnn_size, return_sequences=True, dtype=policy)
        self.mu, self.presig = dense(hps.z_size), dense(hps.z_size)
        self.state, self.output = dense(2 * hps.dec_rnn_size), dense(3 + 6 * hps.num_mixture)
        self.optimizer = keras.optimizers.Adam(1e-3)
        self._compiled = tf.function(self._update, autograph=False)

    def __call__(self, batch: Any) -> float:
        return float(self._compiled(tf.constant(batch.strokes)))

    def _layers(self) -> list[keras.layers.Layer]:
        return [self.encoder, self.decoder, self.mu, self.presig, self.state, self.output]

    def _cost(self, strokes: tf.Tensor) -> tf.Tensor:
        inputs, target = strokes[:, :-1], strokes[:, 1:]
        last = tf.cast(self.encoder(target), tf.float32)
        mu, presig = self.mu(last), self.presig(last)
        z = mu + tf.exp(0.5 * presig) * tf.random.normal(tf.shape(mu))
        with_z = tf.concat([inputs, tf.repeat(z[:, None], inputs.shape[1], axis=1)], axis=-1)
        state = tf.split(tf.tanh(self.state(z)), 2, axis=-1)
        output = self.output(tf.cast(self.decoder(with_z, initial_state=state), tf.float32))
        found = losses.sketch_losses(output, target, mu, presig)
        return losses.total_cost(
            tf.reduce_mean(found.reconstruction), tf.reduce_mean(found.kl), 0.5, 0.2
        )[0]

    def _update(self, strokes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            cost = self._cost(strokes)
        variables = [v for layer in self._layers() for v in layer.trainable_variables]
        gradients = tape.gradient(cost, [v.value for v in variables])
        self.optimizer.apply([tf.clip_by_value(g, -1.0, 1.0) for g in gradients], variables)
        return cost
