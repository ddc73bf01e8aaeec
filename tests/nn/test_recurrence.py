"""Loops over time: toy cells for order, lengths and masks, and cells of one's own."""

import numpy as np
import pytest
from fast_cases import TIME, UNITS, WIDTH, make_cell, random_tensor
from toy_cells import Digits, DigitsWithGradient, KerasDigits, numbers, spelled, start

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cell_protocol import Forward, computes_by_forward, has_own_gradient
from magenta_sketch.nn.cells import CELLS, HyperLSTMCell, LSTMCell

INPUTS = spelled([[4, 3, 2, 1], [1, 2, 3, 4], [1, 1, 4, 4]])

every_toy = pytest.mark.parametrize("toy", [Digits, DigitsWithGradient, KerasDigits])
toys_with_masks = pytest.mark.parametrize("toy", [Digits, DigitsWithGradient])


def sign(toy):
    """Of a toy's outputs beside its state."""
    return -1 if toy is KerasDigits else 1


def both_ways(toy, lengths, inputs=INPUTS, state=None, **arguments):
    state = state or start(inputs.shape[1])
    return recurrence.run_both_ways([toy(), toy()], inputs, lengths, [state, state], **arguments)


def test_the_toys_go_through_both_loops():
    assert [has_own_gradient(toy()) for toy in (Digits, DigitsWithGradient, KerasDigits)] == [
        False,
        True,
        False,
    ]


@every_toy
def test_unrolls_in_order(toy):
    outputs, (number, count) = recurrence.run(toy(), INPUTS, start(3))
    np.testing.assert_array_equal(number, numbers(4321, 1234, 1144))
    np.testing.assert_array_equal(count, np.full((3, 1), 4))
    assert outputs.shape == (4, 3, 2)
    np.testing.assert_array_equal(outputs[:, 0], sign(toy) * numbers(4, 43, 432, 4321))
    np.testing.assert_array_equal(outputs[:, 1], sign(toy) * numbers(1, 12, 123, 1234))


@every_toy
def test_starts_from_the_given_state(toy):
    first = INPUTS[:2, 1:2]
    state = [tf.constant(numbers(7)), tf.zeros([1, 1], tf.float64)]
    _, (number, _) = recurrence.run(toy(), first, state)
    np.testing.assert_array_equal(number, numbers(712))


@every_toy
@pytest.mark.parametrize("lengths", [None, [4, 4, 2]])
def test_unchanging_columns_stand_behind_the_input(toy, lengths):
    inputs, constant = INPUTS[..., :1], tf.constant([[5.0], [6.0], [7.0]], tf.float64)
    lengths = None if lengths is None else tf.constant(lengths)
    _, (number, _) = recurrence.run(toy(), inputs, start(3), constant=constant, lengths=lengths)
    last = [1144, 7777] if lengths is None else [11, 77]
    np.testing.assert_array_equal(number, [[4321, 5555], [1234, 6666], last])


@every_toy
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_both_ways_stop_at_the_length(toy, dtype):
    state = start(3, 5.0)
    forward, backward = both_ways(toy, tf.constant([4, 2, 0], dtype), state=state)
    np.testing.assert_array_equal(forward[0], [[54321, 58642], [512, 524], [5, 5]])
    np.testing.assert_array_equal(backward[0], [[51234, 52468], [521, 542], [5, 5]])
    for _, count in (forward, backward):
        np.testing.assert_array_equal(count, [[4], [2], [0]])


@toys_with_masks
def test_each_time_step_has_its_own_mask(toy):
    masks = np.ones((4, 3, 2))  # time, batch, units
    masks[1, 1] = [0, 1]
    masks[3, 0] = [2, 0]
    _, (number, _) = recurrence.run(toy(), INPUTS, start(3), keep_mask=tf.constant(masks))
    np.testing.assert_array_equal(number, [[4322, 8640], [1034, 2468], [1144, 2288]])


@toys_with_masks
def test_masks_of_a_backward_run_are_in_the_order_of_its_time_steps(toy):
    masks = np.ones((4, 3, 2))
    masks[0, :, 0] = 0  # the first time step, so the last point of a sketch
    masks = tf.constant(masks)
    lengths = tf.constant([4, 3, 1])
    forward, backward = both_ways(toy, lengths, keep_masks=[tf.ones_like(masks), masks])
    np.testing.assert_array_equal(forward[0][:, 0], [4321, 123, 1])
    np.testing.assert_array_equal(backward[0][:, 0], [234, 21, 0])


@every_toy
def test_runs_to_lengths(toy):
    lengths = tf.constant([4, 2, 1])
    outputs, (number, _) = recurrence.run(toy(), INPUTS, start(3), lengths=lengths)
    np.testing.assert_array_equal(number[:, 0], [4321, 12, 1])
    expected = np.array([4, 1, 1, 43, 12, 432, 4321])
    np.testing.assert_array_equal(outputs[:, 0], sign(toy) * expected)


@pytest.mark.slow
@toys_with_masks
def test_in_a_graph_with_unknown_batch_and_time(toy):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 2], tf.float64),
            tf.TensorSpec([None, None, 2], tf.float64),
        ]
    )
    def run(x, masks):
        outputs, state = recurrence.run(toy(), x, start(tf.shape(x)[1]), keep_mask=masks)
        return outputs, state[0]

    for batch, time in ((3, 4), (2, 1), (1, 3)):
        x = INPUTS[:time, :batch]
        masks = tf.constant(np.random.default_rng(1).random((time, batch, 2)))
        found = run(x, masks)
        outputs, state = recurrence.run(toy(), x, start(batch), keep_mask=masks)
        np.testing.assert_allclose(found[0], outputs, rtol=1e-12)
        np.testing.assert_allclose(found[1], state[0], rtol=1e-12)


@toys_with_masks
def test_gradients_of_the_toys_are_those_worked_out_by_hand(toy):
    cell, lengths = toy(), tf.constant([4, 2, 0])
    with tf.GradientTape() as tape:
        tape.watch([INPUTS, cell.ten])
        _, (number, count) = recurrence.run(cell, INPUTS, start(3), lengths=lengths)
        first, count = number[:, 0], tf.reduce_sum(count)
    by_input, by_ten = tape.gradient(first, [INPUTS, cell.ten])
    # A digit counts ten times as much for each one behind it; those after the end do not.
    np.testing.assert_array_equal(by_input[:, 0, 0], [1000, 100, 10, 1])
    np.testing.assert_array_equal(by_input[:, 1, 0], [10, 1, 0, 0])
    np.testing.assert_array_equal(by_input[:, 2, 0], [0, 0, 0, 0])
    # ((4·a + 3)·a + 2)·a + 1 has the slope 3·4·a² + 2·3·a + 2 at a = 10, and 1·a + 2 that of 1.
    assert by_ten[0, 0] == 1262 + 1


# ----------------------------------------------------------------------------- cells of one's own


class HalvedForward(LSTMCell):
    """A cell whose `forward` is not its parent's."""

    @staticmethod
    def forward(products, vectors, x, state, keep_mask):
        new = LSTMCell.forward(products, vectors, x, state, keep_mask)
        return Forward([0.5 * new.state[0], new.state[1]], new.residuals, new.rows)


class HalvedCall(LSTMCell):
    """A cell whose `call` is not its parent's."""

    def call(self, inputs, states, training=False):
        output, (h, c) = super().call(inputs, states, training)
        return 0.5 * output, [0.5 * h, c]


class HalvedVectors(HyperLSTMCell):
    """A cell with other weights than its parent."""

    def vectors(self):
        return tf.nest.map_structure(lambda v: 0.5 * v, super().vectors())


@pytest.mark.parametrize("kind", [HalvedForward, HalvedCall, HalvedVectors])
def test_a_subclass_runs_with_its_own_maths(kind):
    cell = kind(UNITS, dtype="float64")
    cell.build((None, WIDTH))
    assert not has_own_gradient(cell)
    x = random_tensor(TIME, 2, WIDTH)
    state = [random_tensor(2, size) for size in cell.state_size]
    expected = state
    for now in x:
        output, expected = cell(now, expected)
    parent = kind.__bases__[0](UNITS, dtype="float64")
    parent.build((None, WIDTH))
    assert np.abs(recurrence.run(parent, x, state)[0][-1] - output).max() > 1e-3
    outputs, last = recurrence.run(cell, x, state)
    np.testing.assert_allclose(last[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(outputs[-1], output, rtol=1e-12)
    pair = recurrence.run_both_ways([cell, cell], x, tf.constant([TIME, TIME]), [state, state])
    np.testing.assert_allclose(pair[0][0], expected[0], rtol=1e-12)


@pytest.mark.parametrize("cell", [keras.layers.GRUCell(UNITS), keras.layers.LSTMCell(UNITS)])
def test_runs_a_cell_of_keras_as_keras_does(cell):
    layer = keras.layers.RNN(cell, return_sequences=True)
    x = tf.cast(random_tensor(2, TIME, WIDTH), tf.float32)
    expected = layer(x)
    state = tf.nest.flatten(cell.get_initial_state(2))
    outputs, _ = recurrence.run(cell, tf.transpose(x, [1, 0, 2]), state)
    np.testing.assert_allclose(tf.transpose(outputs, [1, 0, 2]), expected, atol=1e-6)


def test_the_two_directions_may_have_different_cells():
    cells = [make_cell("lstm", WIDTH), make_cell("layer_norm", WIDTH)]
    x, lengths = random_tensor(TIME, 2, WIDTH), tf.constant([6, 4])
    states = [cell.get_initial_state(2) for cell in cells]
    mixed = recurrence.run_both_ways(cells, x, lengths, states)
    for number, cell in enumerate(cells):
        same = recurrence.run_both_ways([cell, cell], x, lengths, states)
        np.testing.assert_allclose(mixed[number][0], same[number][0], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [HalvedForward, HalvedCall, HalvedVectors])
def test_a_subclass_has_the_gradient_of_its_own_maths(kind):
    cell = kind(UNITS, dtype="float64")
    cell.build((None, WIDTH))
    x = random_tensor(TIME, 2, WIDTH)
    state = [random_tensor(2, size) for size in cell.state_size]
    with tf.GradientTape(persistent=True) as tape:
        loop = tf.reduce_sum(recurrence.run(cell, x, state)[1][1])
        last = state
        for now in tf.unstack(x):
            last = cell(now, last)[1]
        unrolled = tf.reduce_sum(last[1])
    weight = cell.recurrent_kernel.value
    np.testing.assert_allclose(tape.gradient(loop, weight), tape.gradient(unrolled, weight), 1e-9)


def test_what_of_a_cell_is_its_maths():
    for kind in CELLS.values():
        assert computes_by_forward(kind(2)) and has_own_gradient(kind(2))
    assert computes_by_forward(HalvedForward(2)) and computes_by_forward(HalvedVectors(2))
    assert not computes_by_forward(HalvedCall(2))
    for cell in (keras.layers.GRUCell(2), keras.layers.LSTMCell(2), KerasDigits()):
        assert not computes_by_forward(cell) and not has_own_gradient(cell)
