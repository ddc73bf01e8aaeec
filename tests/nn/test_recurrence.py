"""The loop over points: a toy cell for its order, and the fast loop against the plain one."""

import itertools

import numpy as np
import pytest

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cells import CELLS, LSTMCell


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
    """Sketches of digits as inputs [time, batch, 2]; the second unit has them doubled."""
    digits = np.array(digits, "float64").T
    return tf.constant(np.stack([digits, 2 * digits], axis=-1))


def start(batch, number=0.0):
    return [tf.fill([batch, 2], tf.constant(number, tf.float64)), tf.zeros([batch, 1], tf.float64)]


def numbers(*values):
    return np.array([[v, 2 * v] for v in values], "float64")


INPUTS = spelled([[4, 3, 2, 1], [1, 2, 3, 4], [1, 1, 4, 4]])


def both_ways(lengths, inputs=INPUTS, state=None, **arguments):
    state = state or start(inputs.shape[1])
    return recurrence.run_both_ways(
        [Digits(), Digits()], inputs, lengths, [state, state], **arguments
    )


def test_unrolls_in_order():
    outputs, (number, count) = recurrence.run(Digits(), INPUTS, start(3))
    np.testing.assert_array_equal(number, numbers(4321, 1234, 1144))
    np.testing.assert_array_equal(count, np.full((3, 1), 4))
    assert outputs.shape == (4, 3, 2)
    np.testing.assert_array_equal(outputs[:, 0], -numbers(4, 43, 432, 4321))
    np.testing.assert_array_equal(outputs[:, 1], -numbers(1, 12, 123, 1234))


def test_starts_from_the_given_state():
    first = INPUTS[:2, 1:2]
    _, (number, _) = recurrence.run(Digits(), first, [numbers(7), np.zeros((1, 1))])
    np.testing.assert_array_equal(number, numbers(712))


def test_unchanging_columns_stand_behind_the_input():
    inputs, constant = INPUTS[..., :1], tf.constant([[5.0], [6.0], [7.0]], tf.float64)
    _, (number, _) = recurrence.run(Digits(), inputs, start(3), constant=constant)
    np.testing.assert_array_equal(number, [[4321, 5555], [1234, 6666], [1144, 7777]])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_both_ways_stop_at_the_length(dtype):
    state = start(3, 5.0)
    forward, backward = both_ways(tf.constant([4, 2, 0], dtype), state=state)
    np.testing.assert_array_equal(forward[0], [[54321, 58642], [512, 524], [5, 5]])
    np.testing.assert_array_equal(backward[0], [[51234, 52468], [521, 542], [5, 5]])
    for _, count in (forward, backward):
        np.testing.assert_array_equal(count, [[4], [2], [0]])


def test_each_step_has_its_own_mask():
    masks = np.ones((4, 3, 2))  # time, batch, units
    masks[1, 1] = [0, 1]
    masks[3, 0] = [2, 0]
    _, (number, _) = recurrence.run(Digits(), INPUTS, start(3), keep_mask=tf.constant(masks))
    np.testing.assert_array_equal(number, [[4322, 8640], [1034, 2468], [1144, 2288]])


def test_masks_of_a_backward_run_are_in_the_order_of_its_steps():
    masks = np.ones((4, 3, 2))
    masks[0, :, 0] = 0  # the first step, so the last point of a sketch
    masks = tf.constant(masks)
    forward, backward = both_ways(tf.constant([4, 3, 1]), keep_masks=[tf.ones_like(masks), masks])
    np.testing.assert_array_equal(forward[0][:, 0], [4321, 123, 1])
    np.testing.assert_array_equal(backward[0][:, 0], [234, 21, 0])


def test_in_a_graph_with_unknown_batch_and_time():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 2], tf.float64),
            tf.TensorSpec([None, None, 2], tf.float64),
        ]
    )
    def run(x, masks):
        outputs, state = recurrence.run(Digits(), x, start(tf.shape(x)[1]), keep_mask=masks)
        return outputs, state[0]

    for batch, time in ((3, 4), (2, 1), (1, 3)):
        x = INPUTS[:time, :batch]
        masks = tf.constant(np.random.default_rng(1).random((time, batch, 2)))
        found = run(x, masks)
        outputs, state = recurrence.run(Digits(), x, start(batch), keep_mask=masks)
        np.testing.assert_allclose(found[0], outputs, rtol=1e-12)
        np.testing.assert_allclose(found[1], state[0], rtol=1e-12)


# ------------------------------------------------------------------ the fast loop beside the plain

TIME, WIDTH, CONSTANT, UNITS = 6, 3, 2, 4
LENGTHS = {"mixed": [5, 5, 3, 1, 0], "full": [TIME] * 5}


def make_cell(name, width, seed=0):
    """A float64 cell all of whose weights are random."""
    cell = CELLS[name](UNITS, seed=seed, dtype="float64")
    cell.build((None, width))
    random = np.random.default_rng(seed)
    for weight in cell.trainable_weights:
        weight.assign(weight.numpy() + 0.3 * random.normal(size=weight.shape))
    return cell


def random_tensor(*shape, seed=0):
    return tf.constant(np.random.default_rng([seed, *shape]).normal(size=shape))


def masks_for(dropout, batch, seed):
    if not dropout:
        return None
    kept = np.random.default_rng(seed).random((TIME, batch, UNITS)) < 0.7
    return tf.constant(kept / 0.7)


def uneven(result):
    """Other numbers for each entry, so that none can stand for another."""
    entries = tf.cast(tf.range(tf.size(result)), result.dtype)
    return tf.reshape(tf.sin(1.0 + 0.7 * entries), tf.shape(result))


def results_and_gradients(function, sources, in_graph=True):
    """What ``function`` gives, and the gradients of a fixed uneven weighing of all of it."""

    def both():
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = tf.nest.flatten(function())
            weighed = sum(tf.reduce_sum(result * uneven(result)) for result in results)
        return results, tape.gradient(weighed, sources, unconnected_gradients="zero")

    return tf.function(both)() if in_graph else both()


def assert_same(fast, plain):
    for ours, theirs in zip(tf.nest.flatten(fast), tf.nest.flatten(plain), strict=True):
        assert ours.shape == theirs.shape
        scale = np.abs(theirs).max() if theirs.shape.num_elements() else 1.0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * max(1.0, scale))


def values_of(cells):
    return [weight.value for cell in cells for weight in cell.trainable_weights]


@pytest.mark.parametrize("with_constant", [False, True])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_fast_run_has_the_values_and_gradients_of_the_plain_one(name, dropout, with_constant):
    cell = make_cell(name, WIDTH + CONSTANT * with_constant)
    x, mask = random_tensor(TIME, 5, WIDTH), masks_for(dropout, 5, 1)
    constant = random_tensor(5, CONSTANT) if with_constant else None
    state = [0.5 * random_tensor(5, size) for size in cell.state_size]
    sources = [x, *state, *values_of([cell])] + ([constant] if with_constant else [])
    assert cell.sequence_step() is not None
    fast, plain = (
        results_and_gradients(
            lambda run=run: run(cell, x, state, constant=constant, keep_mask=mask), sources
        )
        for run in (recurrence.run, recurrence._plain)
    )
    assert_same(fast, plain)
    gradients = plain[1]
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)  # everything takes part


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_fast_both_ways_have_the_values_and_gradients_of_two_plain_runs(name, dropout, lengths):
    lengths = tf.constant(LENGTHS[lengths])
    cells = [make_cell(name, WIDTH, seed) for seed in (1, 2)]
    x, masks = random_tensor(TIME, 5, WIDTH), [masks_for(dropout, 5, seed) for seed in (1, 2)]
    states = [[0.5 * random_tensor(5, n, seed=s) for n in cells[0].state_size] for s in (1, 2)]
    sources = [x, *tf.nest.flatten(states), *values_of(cells)]

    def fast():
        return recurrence.run_both_ways(cells, x, lengths, states, keep_masks=masks)

    def plain():
        backwards = tf.reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)
        return [
            recurrence._plain(cell, inputs, state, lengths=lengths, keep_mask=mask)[1]
            for cell, inputs, state, mask in zip(cells, (x, backwards), states, masks, strict=True)
        ]

    found = results_and_gradients(fast, sources)
    assert_same(found, results_and_gradients(plain, sources))
    beyond = np.arange(TIME)[:, None] >= lengths.numpy()
    assert (found[1][0].numpy()[beyond] == 0).all()  # points after the end have no gradient


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_fast_run_to_lengths_has_the_values_and_gradients_of_the_plain_one(name, dropout, lengths):
    lengths = tf.constant(LENGTHS[lengths])
    cell = make_cell(name, WIDTH + CONSTANT)
    x, mask = random_tensor(TIME, 5, WIDTH), masks_for(dropout, 5, 1)
    constant = random_tensor(5, CONSTANT)
    state = [0.5 * random_tensor(5, size) for size in cell.state_size]
    sources = [x, constant, *state, *values_of([cell])]
    arguments = dict(constant=constant, lengths=lengths, keep_mask=mask)

    def plain():
        outputs, last = recurrence._plain(cell, x, state, **arguments)
        has_point = tf.range(TIME)[:, None] < lengths
        return tf.boolean_mask(outputs, has_point), last

    fast = results_and_gradients(lambda: recurrence.run(cell, x, state, **arguments), sources)
    assert fast[0][0].shape == (sum(lengths.numpy()), UNITS)
    assert_same(fast, results_and_gradients(plain, sources))


def test_rows_stand_point_by_point_and_are_summed_by_sketch():
    lengths = tf.constant([3, 2, 2, 0])
    values = tf.constant(np.arange(16.0).reshape(4, 4))  # time, batch
    np.testing.assert_array_equal(recurrence.rows(values, lengths), [0, 1, 2, 4, 5, 6, 8])
    sums = recurrence.per_sketch(recurrence.rows(values, lengths), lengths)
    np.testing.assert_array_equal(sums, [0 + 4 + 8, 1 + 5, 2 + 6, 0])


def test_a_cell_of_any_kind_runs_to_lengths():
    lengths = tf.constant([4, 2, 1])
    outputs, (number, _) = recurrence.run(Digits(), INPUTS, start(3), lengths=lengths)
    np.testing.assert_array_equal(number[:, 0], [4321, 12, 1])
    np.testing.assert_array_equal(outputs[:, 0], [-4, -1, -1, -43, -12, -432, -4321])


def test_fast_runs_the_same_without_a_graph():
    cell = make_cell("lstm", WIDTH)
    x, state = random_tensor(TIME, 3, WIDTH), [random_tensor(3, UNITS) for _ in range(2)]
    sources = [x, *state, *values_of([cell])]
    in_graph, eager = (
        results_and_gradients(lambda: recurrence.run(cell, x, state), sources, in_graph)
        for in_graph in (True, False)
    )
    assert_same(eager, in_graph)
    lengths = tf.constant([4, 4, 2])
    in_graph, eager = (
        results_and_gradients(
            lambda: recurrence.run_both_ways([cell, cell], x, lengths, [state, state]),
            sources,
            in_graph,
        )
        for in_graph in (True, False)
    )
    assert_same(eager, in_graph)


@pytest.mark.parametrize("name", CELLS)
def test_one_graph_serves_all_batches(name):
    cell = make_cell(name, WIDTH)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, WIDTH], tf.float64),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def gradients(x, lengths):
        with tf.GradientTape() as tape:
            state = cell.get_initial_state(tf.shape(x)[1])
            outputs, _ = recurrence.run(cell, x, state)
            last, back = recurrence.run_both_ways([cell, cell], x, lengths, [state, state])
            total = tf.reduce_sum(outputs) + tf.reduce_sum(last[0] * back[0])
        return tape.gradient(total, cell.kernel.value)

    for time, lengths in ((6, [6, 2]), (1, [1]), (4, [3, 3, 2])):
        x = random_tensor(time, len(lengths), WIDTH)
        found = gradients(x, tf.constant(lengths))
        np.testing.assert_allclose(found, gradients.python_function(x, tf.constant(lengths)), 1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_products_are_near_and_change_no_other_type(name):
    cell = CELLS[name](16)
    cell.build((None, WIDTH))
    x = tf.cast(random_tensor(TIME, 3, WIDTH), tf.float32)
    state = cell.get_initial_state(3)

    def outputs_and_gradient(dtype):
        with tf.GradientTape() as tape:
            outputs, last = recurrence.run(cell, x, state, product_dtype=dtype)
            loss = tf.reduce_sum(tf.square(outputs)) + tf.reduce_sum(last[1])
        return [outputs, *last, tape.gradient(loss, cell.recurrent_kernel.value)]

    for exact, rounded in zip(
        outputs_and_gradient(None), outputs_and_gradient(tf.bfloat16), strict=True
    ):
        assert rounded.dtype == tf.float32
        difference = np.abs(rounded - exact).max() / np.abs(exact).max()
        assert 1e-6 < difference < 0.06


# ----------------------------------------------------------------------------- cells of one's own


class Halved(LSTMCell):
    """A cell whose step is not its parent's."""

    def step(self, projected, state, keep_mask=None):
        output, state = super().step(projected, state, keep_mask)
        return output, [0.5 * state[0], state[1]]


def test_a_subclass_runs_with_its_own_step():
    cell = Halved(UNITS, dtype="float64")
    cell.build((None, WIDTH))
    x, state = random_tensor(TIME, 2, WIDTH), [random_tensor(2, UNITS) for _ in range(2)]
    expected = state
    for now in x:
        output, expected = cell.step(cell.project(now), expected)
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


def test_the_tests_cover_every_cell_that_has_a_gradient_of_its_own():
    own = [name for name, cell in CELLS.items() if cell(2).sequence_step() is not None]
    covered = [
        mark.args[1]
        for mark in test_fast_run_has_the_values_and_gradients_of_the_plain_one.pytestmark
    ]
    assert own == list(CELLS) and set(own) <= set(itertools.chain(*covered))
