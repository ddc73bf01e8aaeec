"""Cells as users write them, for the tests of models with a cell of one's own."""

from magenta_sketch._backend import keras, tf


@keras.saving.register_keras_serializable(package="tests")
class LeakyCell(keras.layers.Layer):
    """A cell as a user would write one: h' = h/2 + tanh([x, h]·kernel)/2."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        shape = (input_shape[-1] + self.units, self.units)
        self.kernel = self.add_weight(shape=shape, name="kernel")

    def get_initial_state(self, batch_size=None):
        return tf.zeros([batch_size, self.units])

    def call(self, inputs, states):
        h = states[0] if isinstance(states, (list, tuple)) else states
        h = 0.5 * h + 0.5 * tf.tanh(tf.concat([inputs, h], axis=-1) @ self.kernel)
        return h, [h]


class Unregistered(LeakyCell):
    """The same, but Keras does not know it by name."""
