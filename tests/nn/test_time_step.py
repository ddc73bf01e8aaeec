"""One time step of any cell, with the constant columns of its input taken out beforehand."""

import numpy as np
import pytest
from cell_cases import BATCH, UNITS, WIDTH, make, normals, states_of

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.time_step import Prepared, prepare, time_step

CONSTANT = 2


def cell_and_state(name):
    if name in CELLS:
        cell = make(name)
        return cell, [tf.constant(s) for s in states_of(cell)]
    cell = keras.layers.GRUCell(UNITS)
    cell.build((None, WIDTH))
    return cell, [tf.constant(normals(BATCH, UNITS))]


@pytest.mark.parametrize("name", [*CELLS, "one of Keras"])
def test_constant_columns_stand_behind_the_others(name):
    cell, state = cell_and_state(name)
    x = tf.constant(normals(BATCH, WIDTH))
    output, new_state = time_step(cell, prepare(cell), x, state)
    prepared = prepare(cell, x[:, -CONSTANT:])
    found = time_step(cell, prepared, x[:, :-CONSTANT], state)
    for ours, theirs in zip([found[0], *found[1]], [output, *new_state], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [*CELLS, "one of Keras"])
def test_what_is_prepared_has_rows_that_belong_to_the_sketches(name):
    cell, state = cell_and_state(name)
    x = tf.constant(normals(BATCH, WIDTH))
    prepared, order = prepare(cell, x[:, -CONSTANT:]), [2, 0]
    expected, _ = time_step(cell, prepared, x[:, :-CONSTANT], state)
    own = tf.nest.map_structure(lambda value: tf.gather(value, order), prepared.own)
    found, _ = time_step(
        cell,
        Prepared(own, prepared.shared),
        tf.gather(x[:, :-CONSTANT], order),
        [tf.gather(s, order) for s in state],
    )
    np.testing.assert_allclose(found, tf.gather(expected, order), rtol=0, atol=1e-6)
