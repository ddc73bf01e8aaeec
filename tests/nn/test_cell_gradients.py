"""Each cell's `backward` beside TensorFlow's automatic gradient of its `forward`."""

import numpy as np
import pytest
from cell_cases import BATCH, KEEP, UNITS, WIDTH, every_cell, make, normals, states_of

from magenta_sketch._backend import tf
from magenta_sketch.nn.cell_protocol import BackProduct, Product, block_major, with_ones


def stacked(make_one, directions):
    """What ``make_one`` gives for each direction; with two, an axis before the last two."""
    each = [make_one(number) for number in range(max(1, directions))]
    return each[0] if not directions else tf.nest.map_structure(lambda *v: tf.stack(v, -3), *each)


def double(value):
    return tf.constant(value, tf.float64)


@every_cell
@pytest.mark.parametrize("dropped", [False, True], ids=["all kept", "with a mask"])
@pytest.mark.parametrize("directions", [0, 2])
def test_backward_is_the_gradient_of_forward(name, dropped, directions):
    cells = [make(name, seed=number, dtype="float64") for number in range(2)]
    forms = cells[0].matrices()
    x = with_ones(stacked(lambda n: double(normals(BATCH, WIDTH, seed=n)), directions))
    state = stacked(
        lambda n: [double(s + 0.1 * n) for s in states_of(cells[n], dtype="float64")], directions
    )
    matrices = stacked(
        lambda n: {key: m.all_rows() for key, m in cells[n].matrices().items()}, directions
    )
    vectors = stacked(lambda n: cells[n].vectors(), directions)
    mask = None
    if dropped:
        mask = double((np.random.default_rng(5).random(state[0].shape) < KEEP) / KEEP)

    sources = [x, state, matrices, vectors]
    with tf.GradientTape() as tape:
        tape.watch(tf.nest.flatten(sources))
        new = cells[0].forward(
            {key: Product(block_major(m, forms[key].blocks)) for key, m in matrices.items()},
            vectors,
            x,
            state,
            mask,
        )
        d_state = [double(normals(*s.shape, seed=20 + n)) for n, s in enumerate(new.state)]
        loss = sum(tf.reduce_sum(d * s) for d, s in zip(d_state, new.state, strict=True))
    d_x, *expected = tape.gradient(loss, sources)

    state_rows = {key: 0 if m.state is None else m.state.shape[0] for key, m in forms.items()}
    found = cells[0].backward(
        {
            key: BackProduct(
                tf.linalg.matrix_transpose(m[..., : state_rows[key], :])
                if state_rows[key]
                else None,
                m.dtype,
                forms[key].blocks,
            )
            for key, m in matrices.items()
        },
        vectors,
        new.residuals,
        mask,
        d_state,
    )
    # The gradient of a matrix is made by the loop, from the rows and the gradients of the products.
    assert set(new.rows) == set(found.products) == set(matrices)
    d_matrices = {
        key: tf.matmul(new.rows[key], found.products[key], transpose_a=True) for key in matrices
    }
    tf.nest.assert_same_structure(found.vectors, vectors)
    ours, theirs = (
        tf.nest.flatten([found.state, d_matrices, found.vectors]),
        tf.nest.flatten(expected),
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * max(1, np.abs(b).max()))
    from_products = sum(
        tf.matmul(found.products[key], m[..., state_rows[key] :, :], transpose_b=True)
        for key, m in matrices.items()
        if forms[key].input is not None
    )
    np.testing.assert_allclose(from_products, d_x, rtol=0, atol=1e-11 * np.abs(d_x).max())


@every_cell
def test_the_first_tensor_of_the_state_is_the_output(name):
    cell = make(name)
    output, state = cell(normals(BATCH, WIDTH), states_of(cell))
    np.testing.assert_array_equal(output, state[0])
    assert [s.shape[1] for s in state] == cell.state_size and output.shape == (BATCH, UNITS)
