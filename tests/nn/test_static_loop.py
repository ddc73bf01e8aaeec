"""The static loop beside the plain one, with and without XLA: equal values and gradients."""

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
from magenta_sketch.nn.cells import CELLS

WAYS = pytest.mark.parametrize("xla", slow_but([False, True], False))


def before_the_end(outputs, lengths):
    """The outputs of the points that sketches have, with zeros in place of the others."""
    return tf.where((tf.range(TIME)[:, None] < lengths)[..., None], outputs, 0.0)


@WAYS
@pytest.mark.parametrize("with_constant", slow_but([False, True], True))
@pytest.mark.parametrize("dropout", slow_but([False, True], True))
@pytest.mark.parametrize("lengths", slow_but([*LENGTHS, None], "mixed"))
@pytest.mark.parametrize("name", CELLS)
def test_it_has_the_values_and_gradients_of_the_plain_loop(
    name, lengths, dropout, with_constant, xla
):
    cell = make_cell(name, WIDTH + CONSTANT * with_constant)
    lengths = None if lengths is None else tf.constant(LENGTHS[lengths])
    x, mask = random_tensor(TIME, 5, WIDTH), masks_for(dropout, 5, 1)
    constant = random_tensor(5, CONSTANT) if with_constant else None
    state = [0.5 * random_tensor(5, size) for size in cell.state_size]
    sources = [x, *state, *values_of([cell])] + ([constant] if with_constant else [])

    def run(function, **how):
        outputs, last = function(
            cell, x, state, constant=constant, lengths=lengths, keep_mask=mask, **how
        )
        return outputs if lengths is None else before_the_end(outputs, lengths), last

    static = results_and_gradients(lambda: run(recurrence.run, static=True), sources, xla=xla)
    plain = results_and_gradients(lambda: run(recurrence._plain), sources)
    assert_same(static, plain)
    assert all(np.abs(gradient).max() > 0 for gradient in plain[1])  # everything takes part


@WAYS
@pytest.mark.parametrize("lengths", slow_but(LENGTHS, "mixed"))
@pytest.mark.parametrize("dropout", slow_but([False, True], True))
@pytest.mark.parametrize("name", CELLS)
def test_both_directions_have_the_values_and_gradients_of_two_plain_runs(
    name, dropout, lengths, xla
):
    check_both_ways(name, dropout, LENGTHS[lengths], dict(xla=xla), static=True)


def test_what_comes_after_the_end_reaches_nothing():
    cell, lengths = make_cell("lstm", WIDTH), tf.constant(LENGTHS["mixed"])
    x, state = random_tensor(TIME, 5, WIDTH), [tf.zeros([5, UNITS], tf.float64)] * 2
    beyond = (tf.range(TIME)[:, None] >= lengths)[..., None]

    def of(inputs):
        def run():
            outputs, last = recurrence.run(cell, inputs, state, lengths=lengths, static=True)
            return before_the_end(outputs, lengths), last

        return results_and_gradients(run, values_of([cell]))

    assert_same(of(tf.where(beyond, np.nan, x)), of(x))


def test_sketches_keep_their_state_after_the_end_in_any_order_of_lengths():
    cell, lengths = make_cell("layer_norm", WIDTH), [1, 5, 0, 3]
    x = random_tensor(TIME, 4, WIDTH)
    state = [random_tensor(4, UNITS, seed=seed) for seed in (1, 2)]
    outputs, last = recurrence.run(cell, x, state, lengths=tf.constant(lengths), static=True)
    for sketch, length in enumerate(lengths):
        for t in range(length, TIME):
            np.testing.assert_array_equal(outputs[t, sketch], last[0][sketch])
    np.testing.assert_array_equal(last[0][2], state[0][2])


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_products_are_near_and_change_no_other_type(name):
    cell = CELLS[name](16)
    cell.build((None, WIDTH))
    x = tf.cast(random_tensor(TIME, 3, WIDTH), tf.float32)

    def outputs_and_gradient(dtype):
        with tf.GradientTape() as tape:
            state = cell.get_initial_state(3)
            outputs, last = recurrence.run(cell, x, state, product_dtype=dtype, static=True)
            loss = tf.reduce_sum(tf.square(outputs)) + tf.reduce_sum(last[1])
        return [outputs, *last, tape.gradient(loss, cell.recurrent_kernel.value)]

    for exact, rounded in zip(
        outputs_and_gradient(None), outputs_and_gradient(tf.bfloat16), strict=True
    ):
        assert rounded.dtype == tf.float32
        assert 1e-6 < np.abs(rounded - exact).max() / np.abs(exact).max() < 0.06


def test_the_number_of_time_steps_is_known_to_the_compiler():
    """So that no device waits for an answer after each time step: both loops say their count."""
    cell = make_cell("lstm", WIDTH)
    x, state = random_tensor(TIME, 3, WIDTH), [tf.zeros([3, UNITS], tf.float64)] * 2

    @tf.function(jit_compile=True, autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(recurrence.run(cell, x, state, static=True)[0])
        return tape.gradient(total, x)

    compiled = gradient.experimental_get_compiler_ir(x)(stage="optimized_hlo")
    loops = [line for line in compiled.splitlines() if " while(" in line]
    assert len(loops) == 2
    for line in loops:
        assert f'"known_trip_count":{{"n":"{TIME}"}}' in line
