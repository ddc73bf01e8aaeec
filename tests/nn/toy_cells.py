"""Toy cells whose state is the number that their input digits spell: 3, then 1, then 4 make 314."""

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import Backward, Forward, Matrix


class Digits:
    """A `RecurrentCell` without a gradient of its own. State: the number, and a count.

    number' = 10·number + digit·mask; the factor ten and the digit's place go through matrices.
    """

    units = 2

    def __init__(self, ten=10.0):
        self.ten = tf.constant(ten * np.eye(2))
        self.place = tf.constant(np.eye(2))

    def matrices(self):
        return {
            "number": Matrix(state=self.ten, blocks=1),
            "digit": Matrix(input=self.place, blocks=1),
        }

    def vectors(self):
        return {"one": tf.ones([1, 1], tf.float64)}

    @staticmethod
    def forward(products, vectors, x, state, keep_mask):
        number, count = state
        shifted, number_rows = products["number"](number)
        digit, digit_rows = products["digit"](x)
        digit = digit[0] if keep_mask is None else digit[0] * keep_mask
        new = [shifted[0] + digit, count + vectors["one"]]
        return Forward(new, (), {"number": number_rows, "digit": digit_rows})


class DigitsWithGradient(Digits):
    """The same with a gradient of its own, so that the fast loop takes it."""

    @staticmethod
    def backward(products, vectors, residuals, keep_mask, d_state):
        d_number, d_count = d_state
        d_digit = d_number if keep_mask is None else d_number * keep_mask
        _, d_digit_rows = products["digit"]([d_digit])
        d_old, d_number_rows = products["number"]([d_number])
        return Backward(
            [d_old, d_count],
            {"one": tf.reduce_sum(d_count, axis=-2, keepdims=True)},
            {"number": d_number_rows, "digit": d_digit_rows},
        )


class KerasDigits:
    """The same as Keras calls a cell. Its output is the number's negative."""

    units = 2

    def __call__(self, x, state):
        number, count = state
        number = 10.0 * number + x
        return -number, [number, count + 1.0]


def spelled(digits):
    """Sketches of digits as inputs [time, batch, 2]; the second unit has them doubled."""
    digits = np.array(digits, "float64").T
    return tf.constant(np.stack([digits, 2 * digits], axis=-1))


def start(batch, number=0.0):
    """A state of ``number`` and a count of 0."""
    return [tf.fill([batch, 2], tf.constant(number, tf.float64)), tf.zeros([batch, 1], tf.float64)]


def numbers(*values):
    """States that spell ``values``, [batch, 2]."""
    return np.array([[v, 2 * v] for v in values], "float64")
