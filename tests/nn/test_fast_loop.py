"""The fast loop beside the plain one: equal values and gradients for every cell."""

import numpy as np
import pytest
from fast_cases import (
    CONSTANT,
    LENGTHS,
    TIME,
    UNITS,
    WIDTH,
    assert_same,
    check_both_ways,
    make_cell,
    masks_for,
    random_tensor,
    results_and_gradients,
    values_of,
)
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cell_protocol import has_own_gradient
from magenta_sketch.nn.cells import CELLS


@pytest.mark.parametrize("in_graph", slow_but([False, True], False))
@pytest.mark.parametrize("with_constant", slow_but([False, True], True))
@pytest.mark.parametrize("dropout", slow_but([False, True], True))
@pytest.mark.parametrize("name", CELLS)
def test_fast_run_has_the_values_and_gradients_of_the_plain_one(
    name, dropout, with_constant, in_graph
):
    cell = make_cell(name, WIDTH + CONSTANT * with_constant)
    x, mask = random_tensor(TIME, 5, WIDTH), masks_for(dropout, 5, 1)
    constant = random_tensor(5, CONSTANT) if with_constant else None
    state = [0.5 * random_tensor(5, size) for size in cell.state_size]
    sources = [x, *state, *values_of([cell])] + ([constant] if with_constant else [])
    assert has_own_gradient(cell)
    fast, plain = (
        results_and_gradients(
            lambda run=run: run(cell, x, state, constant=constant, keep_mask=mask),
            sources,
            in_graph,
        )
        for run in (recurrence.run, recurrence._plain)
    )
    assert_same(fast, plain)
    gradients = plain[1]
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)  # everything takes part


@pytest.mark.parametrize("in_graph", slow_but([False, True], False))
@pytest.mark.parametrize("lengths", slow_but(LENGTHS, "mixed"))
@pytest.mark.parametrize("dropout", slow_but([False, True], True))
@pytest.mark.parametrize("name", CELLS)
def test_fast_both_ways_have_the_values_and_gradients_of_two_plain_runs(
    name, dropout, lengths, in_graph
):
    check_both_ways(name, dropout, LENGTHS[lengths], dict(in_graph=in_graph))


@pytest.mark.parametrize("in_graph", slow_but([False, True], False))
@pytest.mark.parametrize("lengths", slow_but(LENGTHS, "mixed"))
@pytest.mark.parametrize("dropout", slow_but([False, True], True))
@pytest.mark.parametrize("name", CELLS)
def test_fast_run_to_lengths_has_the_values_and_gradients_of_the_plain_one(
    name, dropout, lengths, in_graph
):
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

    def fast():
        return recurrence.run(cell, x, state, **arguments)

    found = results_and_gradients(fast, sources, in_graph)
    assert found[0][0].shape == (sum(lengths.numpy()), UNITS)
    assert_same(found, results_and_gradients(plain, sources, in_graph))


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but(CELLS, "lstm"))
def test_one_graph_serves_all_batches(name):
    cell = make_cell(name, WIDTH)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, WIDTH], tf.float64),
            tf.TensorSpec([None], tf.int32),
        ],
        autograph=False,
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
