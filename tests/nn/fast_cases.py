"""Cells and inputs for the tests that compare two ways to compute the same."""

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cells import CELLS

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


def results_and_gradients(function, sources, in_graph=True, xla=False):
    """What ``function`` gives, and the gradients of a fixed uneven weighing of all of it."""

    def both():
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = tf.nest.flatten(function())
            weighed = sum(tf.reduce_sum(result * uneven(result)) for result in results)
        return results, tape.gradient(weighed, sources, unconnected_gradients="zero")

    return tf.function(both, autograph=False, jit_compile=xla)() if in_graph else both()


def assert_same(fast, plain):
    for ours, theirs in zip(tf.nest.flatten(fast), tf.nest.flatten(plain), strict=True):
        assert ours.shape == theirs.shape
        scale = np.abs(theirs).max() if theirs.shape.num_elements() else 1.0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * max(1.0, scale))


def values_of(cells):
    return [weight.value for cell in cells for weight in cell.trainable_weights]


def check_both_ways(name, dropout, lengths, how, **static):
    """That `run_both_ways` has the values and gradients of two plain runs.

    how: whether it runs in a graph or in XLA, see `results_and_gradients`.
    """
    lengths = tf.constant(lengths)
    cells = [make_cell(name, WIDTH, seed) for seed in (1, 2)]
    x, masks = random_tensor(TIME, 5, WIDTH), [masks_for(dropout, 5, seed) for seed in (1, 2)]
    states = [[0.5 * random_tensor(5, n, seed=s) for n in cells[0].state_size] for s in (1, 2)]
    sources = [x, *tf.nest.flatten(states), *values_of(cells)]

    def both():
        return recurrence.run_both_ways(cells, x, lengths, states, keep_masks=masks, **static)

    def plain():
        backwards = tf.reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)
        return [
            recurrence._plain(cell, inputs, state, lengths=lengths, keep_mask=mask)[1]
            for cell, inputs, state, mask in zip(cells, (x, backwards), states, masks, strict=True)
        ]

    found = results_and_gradients(both, sources, **how)
    assert_same(found, results_and_gradients(plain, sources, how.get("in_graph", True)))
    beyond = np.arange(TIME)[:, None] >= lengths.numpy()
    assert (found[1][0].numpy()[beyond] == 0).all()  # points after the end have no gradient
