"""The loop over points, with a toy cell that writes down in its state what it was given."""

import numpy as np
import pytest

from magenta_sketch import recurrence
from magenta_sketch._backend import tf
from magenta_sketch.cells import CELLS


class Digits:
    """A cell whose state is the number its input digits spell: 3, then 1, then 4 make 314."""

    units = 2

    def project(self, inputs):
        return {"digit": inputs, "unused": 0.0 * inputs[..., :1]}  # a nest, as the hyper cell has

    def step(self, projected, state, keep_mask=None):
        number, count = state
        digit = projected["digit"] + projected["unused"]
        if keep_mask is not None:
            digit = digit * keep_mask
        number = 10.0 * number + digit
        return -number, [number, count + 1.0]


def spelled(digits):
    """Sketches of digits as inputs [batch, time, 2]; the second unit has them doubled."""
    digits = np.array(digits, "float64")
    return tf.constant(np.stack([digits, 2 * digits], axis=-1))


def start(batch, number=0.0):
    return [tf.fill([batch, 2], tf.constant(number, tf.float64)), tf.zeros([batch, 1], tf.float64)]


def numbers(*values):
    return np.array([[v, 2 * v] for v in values], "float64")


INPUTS = spelled([[1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 4, 4]])


def test_unrolls_in_order():
    outputs, (number, count) = recurrence.run(Digits(), INPUTS, start(3))
    np.testing.assert_array_equal(number, numbers(1234, 4321, 1144))
    np.testing.assert_array_equal(count, np.full((3, 1), 4))
    assert outputs.shape == (3, 4, 2)
    np.testing.assert_array_equal(outputs[0], -numbers(1, 12, 123, 1234))
    np.testing.assert_array_equal(outputs[1], -numbers(4, 43, 432, 4321))


def test_starts_from_the_given_state():
    _, (number, _) = recurrence.run(Digits(), INPUTS[:1, :2], [numbers(7), np.zeros((1, 1))])
    np.testing.assert_array_equal(number, numbers(712))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_state_is_frozen_after_the_length(dtype):
    lengths = tf.constant([2, 4, 0], dtype)
    outputs, (number, count) = recurrence.run(Digits(), INPUTS, start(3, 5.0), lengths=lengths)
    np.testing.assert_array_equal(number, [[512, 524], [54321, 58642], [5, 5]])
    np.testing.assert_array_equal(count, [[2], [4], [0]])
    np.testing.assert_array_equal(outputs[0, :2], [[-51, -52], [-512, -524]])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_backwards_goes_from_the_last_point_of_each_sketch(dtype):
    lengths = tf.constant([2, 4, 0], dtype)
    number, count = recurrence.run_backwards(Digits(), INPUTS, start(3), lengths=lengths)
    np.testing.assert_array_equal(number, numbers(21, 1234, 0))
    np.testing.assert_array_equal(count, [[2], [4], [0]])


@pytest.mark.parametrize("name", CELLS)
def test_backwards_is_run_over_sketches_reversed_by_hand(name):
    cell = CELLS[name](3)
    cell.build((None, 2))
    random = np.random.default_rng(0)
    x, lengths = random.normal(size=(4, 6, 2)).astype("float32"), [6, 1, 3, 5]
    reversed_x = x.copy()
    for i, n in enumerate(lengths):
        reversed_x[i, :n] = x[i, :n][::-1]
    masks = tf.constant(random.integers(0, 3, size=(6, 4, 3)).astype("float32"))
    arguments = dict(lengths=tf.constant(lengths), keep_mask=masks)
    state = cell.get_initial_state(4)
    _, expected = recurrence.run(cell, tf.constant(reversed_x), state, **arguments)
    found = recurrence.run_backwards(cell, tf.constant(x), state, **arguments)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    other, _ = recurrence.run(cell, tf.constant(x), state, **arguments)
    assert np.abs(other[:, 0] - found[0]).max() > 1e-3


def test_each_step_has_its_own_mask():
    masks = np.ones((4, 3, 2))  # time, batch, units
    masks[1, 0] = [0, 1]
    masks[3, 1] = [2, 0]
    _, (number, _) = recurrence.run(Digits(), INPUTS, start(3), keep_mask=tf.constant(masks))
    np.testing.assert_array_equal(number, [[1034, 2468], [4322, 8640], [1144, 2288]])


def test_masks_of_a_backward_run_are_in_the_order_of_its_steps():
    masks = np.ones((4, 3, 2))
    masks[0, :, 0] = 0  # the first step, so the last point of a sketch
    number, _ = recurrence.run_backwards(
        Digits(), INPUTS, start(3), lengths=tf.constant([3, 4, 1]), keep_mask=tf.constant(masks)
    )
    np.testing.assert_array_equal(number[:, 0], [21, 234, 0])


def test_in_a_graph_with_unknown_batch_and_time():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 2], tf.float64),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None, 2], tf.float64),
        ]
    )
    def both_ways(x, lengths, masks):
        state = start(tf.shape(x)[0])
        outputs, forward = recurrence.run(Digits(), x, state, lengths=lengths, keep_mask=masks)
        assert outputs.shape.as_list() == [None, None, 2]  # what is known stays known
        backward = recurrence.run_backwards(Digits(), x, state, lengths=lengths)
        return outputs, forward, backward

    for batch, time in ((3, 4), (2, 1), (1, 3)):
        x, lengths = INPUTS[:batch, :time], tf.minimum([1, 4, 2][:batch], time)
        masks = tf.constant(np.random.default_rng(1).random((time, batch, 2)))
        outputs, forward, backward = both_ways(x, lengths, masks)
        state = start(batch)
        expected = recurrence.run(Digits(), x, state, lengths=lengths, keep_mask=masks)
        np.testing.assert_allclose(outputs, expected[0], rtol=1e-12)
        np.testing.assert_allclose(forward[0], expected[1][0], rtol=1e-12)
        expected = recurrence.run_backwards(Digits(), x, state, lengths=lengths)
        np.testing.assert_array_equal(backward[0], expected[0])


def test_static_shape_of_the_outputs():
    @tf.function(input_signature=[tf.TensorSpec([None, 4, 2], tf.float64)])
    def run(x):
        outputs, _ = recurrence.run(Digits(), x, start(tf.shape(x)[0]))
        assert outputs.shape.as_list() == [None, 4, 2]
        return outputs

    assert run(INPUTS).shape == (3, 4, 2)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_those_of_finite_differences(name):
    cell = CELLS[name](2, dtype="float64")
    cell.build((None, 2))
    random = np.random.default_rng(3)
    for weight in cell.weights:
        weight.assign(weight.numpy() + 0.1 * random.normal(size=weight.shape))
    x = tf.constant(random.normal(size=(2, 3, 2)))
    state = [tf.constant(0.3 * random.normal(size=(2, n))) for n in cell.state_size]
    lengths = tf.constant([2, 3])
    masks = tf.constant(random.integers(0, 3, size=(3, 2, 2)).astype("float64"))
    weigh = tf.constant(random.normal(size=(2, 3, 2)))

    @tf.function
    def loss(x, h, c, kernel):
        cell.recurrent_kernel.assign(kernel)
        outputs, last = recurrence.run(
            cell, x, [h, c, *state[2:]], lengths=lengths, keep_mask=masks
        )
        backward = recurrence.run_backwards(cell, x, [h, c, *state[2:]], lengths=lengths)
        return tf.reduce_sum(outputs * weigh) + sum(map(tf.reduce_sum, [*last, *backward]))

    points = [x, *state[:2]]
    kernel = tf.constant(cell.recurrent_kernel.numpy())
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = loss(*points, kernel)
    gradients = tape.gradient(value, [*points, cell.recurrent_kernel.value])
    step = 1e-5
    for number, (at, gradient) in enumerate(zip([*points, kernel], gradients, strict=True)):
        for index in np.ndindex(*at.shape):
            ends = []
            for sign in (1, -1):
                moved = at.numpy()
                moved[index] += sign * step
                arguments = [*points, kernel]
                arguments[number] = tf.constant(moved)
                ends.append(float(loss(*arguments)))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert float(gradient[index]) == pytest.approx(slope, rel=1e-5, abs=1e-7), number


def test_points_after_the_length_have_no_gradient():
    x = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        lengths = tf.constant([2, 4, 0])
        _, (number, _) = recurrence.run(Digits(), x, start(3), lengths=lengths)
        back, _ = recurrence.run_backwards(Digits(), x, start(3), lengths=lengths)
        total = tf.reduce_sum(number + back)
    gradient = tape.gradient(total, x).numpy()
    assert (gradient[0, :2] > 0).all() and (gradient[1] > 0).all()
    assert (gradient[0, 2:] == 0).all() and (gradient[2] == 0).all()
