"""The three cells: their maths against plain NumPy, their weights and dropout."""

import numpy as np
import pytest
from cell_cases import BATCH, KEEP, TIME, UNITS, WIDTH, every_cell, make, normals, states_of

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.cells import CELLS, HYPER_UNITS, BlockOrthogonal, LayerNormLSTMCell, LSTMCell
from magenta_sketch.nn.randomness import keep_mask
from magenta_sketch.nn.time_step import prepare, time_step

# The oracle: REFERENCE.md section 2 in NumPy, one gate at a time.


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def normalised(x, gamma, beta):
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def gates_to_c(blocks, c, mask):
    i, j, f, o = blocks
    return c * sigmoid(f + 1.0) + sigmoid(i) * (np.tanh(j) * mask), sigmoid(o)


def lstm_oracle(w, x, state, mask):
    h, c = state
    n = h.shape[1]
    pre = x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]
    c, o = gates_to_c([pre[:, k * n : (k + 1) * n] for k in range(4)], c, mask)
    return [np.tanh(c) * o, c]


def normalised_oracle(w, pre, c, mask):
    n = c.shape[1]
    blocks = [
        normalised(pre[:, part], w["gates_gamma"][part], w["gates_beta"][part])
        for part in (slice(k * n, (k + 1) * n) for k in range(4))
    ]
    c, o = gates_to_c(blocks, c, mask)
    return [np.tanh(normalised(c, w["cell_gamma"], w["cell_beta"])) * o, c]


def layer_norm_oracle(w, x, state, mask):
    h, c = state
    return normalised_oracle(w, x @ w["kernel"] + h @ w["recurrent_kernel"], c, mask)


def hyper_oracle(w, x, state, mask):
    h, c, hyper_h, hyper_c = state
    n = h.shape[1]
    hyper_h, hyper_c = layer_norm_oracle(
        w["hyper"], np.concatenate([x, h], axis=1), [hyper_h, hyper_c], 1.0
    )
    pre = []
    for k in range(4):
        block, scales = slice(k * n, (k + 1) * n), []
        for part in (k, 4 + k):  # of the eight: ix, jx, fx, ox, ih, jh, fh, oh
            embedding = slice(32 * part, 32 * (part + 1))
            zw = hyper_h @ w["scale_embedding"][:, embedding] + w["scale_embedding_bias"][embedding]
            scales.append(zw @ w["scale_kernel"][part])
        zb = hyper_h @ w["shift_embedding"][:, 32 * k : 32 * (k + 1)]
        x_part = (x @ w["kernel"][:, block]) * scales[0]
        h_part = (h @ w["recurrent_kernel"][:, block]) * scales[1] + zb @ w["shift_kernel"][k]
        pre.append(x_part + h_part + w["bias"][block])
    new_h, new_c = normalised_oracle(w, np.concatenate(pre, axis=1), c, mask)
    return [new_h, new_c, hyper_h, hyper_c]


ORACLES = {"lstm": lstm_oracle, "layer_norm": layer_norm_oracle, "hyper": hyper_oracle}


def weights_of(cell):
    weights = {v.name: v.numpy().astype("float64") for v in cell.weights}
    if hasattr(cell, "hyper_cell"):
        weights = {name: getattr(cell, name).numpy().astype("float64") for name in weights}
        weights["hyper"] = weights_of(cell.hyper_cell)
    return weights


@every_cell
@pytest.mark.parametrize("dropped", [False, True], ids=["all kept", "with a mask"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_step_is_that_of_the_reference(name, dropped, dtype, tolerance):
    cell = make(name, dtype=dtype)
    x, state = normals(BATCH, WIDTH, dtype=dtype), states_of(cell, dtype=dtype)
    mask = None
    if dropped:
        kept = np.random.default_rng(5).random((BATCH, UNITS)) < KEEP
        mask = (kept / KEEP).astype(dtype)
    expected = ORACLES[name](
        weights_of(cell),
        x.astype("float64"),
        [s.astype("float64") for s in state],
        1.0 if mask is None else mask,
    )

    def step(x, state):
        return time_step(cell, prepare(cell), x, state, mask)

    state = [tf.constant(s) for s in state]
    compiled = tf.function(step, autograph=False)
    for found in (step(tf.constant(x), state), compiled(tf.constant(x), state)):
        output, new_state = found
        np.testing.assert_allclose(output, expected[0], rtol=0, atol=tolerance)
        assert len(new_state) == len(expected)
        for ours, theirs in zip(new_state, expected, strict=True):
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    if not dropped:
        for ours, theirs in zip(cell(x, state)[1], expected, strict=True):  # as Keras calls it
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


# Initial weights.


@every_cell
def test_recurrent_kernel_starts_as_four_different_orthogonal_blocks(name):
    cell = CELLS[name](16, seed=3)
    cell.build((None, WIDTH))
    blocks = np.split(cell.recurrent_kernel.numpy(), 4, axis=1)
    for k, block in enumerate(blocks):
        np.testing.assert_allclose(block.T @ block, np.eye(16), rtol=0, atol=1e-5)
        assert all(np.abs(block - other).max() > 0.1 for other in blocks[:k])


@every_cell
def test_kernel_starts_glorot_uniform(name):
    units, width = 64, 20
    cell = CELLS[name](units, seed=3)
    cell.build((None, width))
    kernels = [cell.kernel.numpy()]
    if name == "hyper":
        kernels.append(cell.hyper_cell.kernel.numpy())
        assert kernels[1].shape == (width + units, 4 * HYPER_UNITS)  # it reads [x, h]
    for kernel in kernels:
        limit = np.sqrt(6.0 / sum(kernel.shape))
        assert 0.98 * limit < np.abs(kernel).max() <= limit
        assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.03)
        assert abs(kernel.mean()) < 0.05 * limit


@every_cell
def test_other_weights_start_at_their_constants(name):
    cell = CELLS[name](UNITS)
    cell.build((None, WIDTH))
    constants = {
        "bias": (0.0, (4 * UNITS,)),
        "gates_gamma": (1.0, (4 * UNITS,)),
        "gates_beta": (0.0, (4 * UNITS,)),
        "cell_gamma": (1.0, (UNITS,)),
        "cell_beta": (0.0, (UNITS,)),
        "scale_embedding": (0.0, (256, 8 * 32)),
        "scale_embedding_bias": (1.0, (8 * 32,)),
        "scale_kernel": (0.1 / 32, (8, 32, UNITS)),
        "shift_kernel": (0.0, (4, 32, UNITS)),
    }
    own = {
        "lstm": {"bias"},
        "layer_norm": {"gates_gamma", "gates_beta", "cell_gamma", "cell_beta"},
        "hyper": set(constants),
    }
    drawn = {"kernel", "recurrent_kernel"} | ({"shift_embedding"} if name == "hyper" else set())
    outer = {v.name for v in cell.weights if "hyper_cell" not in v.path.split("/")[:-1]}
    assert outer >= own[name] | drawn
    for weight in own[name]:
        value, shape = constants[weight]
        found = getattr(cell, weight).numpy()
        np.testing.assert_array_equal(found, np.full(shape, value, np.float32), err_msg=weight)


def test_shift_embedding_starts_normal():
    cell = CELLS["hyper"](UNITS, seed=1)
    cell.build((None, WIDTH))
    found = cell.shift_embedding.numpy()
    assert found.shape == (256, 4 * 32)
    assert found.std() == pytest.approx(0.01, rel=0.02)
    assert np.abs(found).max() > 0.03  # neither uniform nor truncated at two deviations


@every_cell
def test_initial_weights_are_a_function_of_the_seed(name):
    def kernels(seed):
        cell = CELLS[name](UNITS, seed=seed)
        cell.build((None, WIDTH))
        return [w.numpy() for w in cell.weights if w.numpy().std() > 1e-3]  # those not constant

    first, again, other = kernels(1), kernels(1), kernels(200)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 1e-3


def test_forget_bias_is_one_inside_the_sigmoid():
    cell = LSTMCell(UNITS)
    cell.build((None, WIDTH))
    for weight in (cell.kernel, cell.recurrent_kernel):
        weight.assign(tf.zeros_like(weight.value))
    state = [tf.zeros([1, UNITS]), tf.ones([1, UNITS])]
    _, (_, c) = cell(tf.ones([1, WIDTH]), state)
    np.testing.assert_allclose(c, np.full((1, UNITS), sigmoid(1.0)), rtol=1e-6)


def test_block_orthogonal_needs_whole_blocks():
    with pytest.raises(
        ValueError, match=r"BlockOrthogonal needs a shape \[n, k·n\], got \(4, 10\)"
    ):
        BlockOrthogonal(0)((4, 10))


def test_block_orthogonal_round_trip():
    initializer = BlockOrthogonal(5)
    again = keras.initializers.deserialize(keras.initializers.serialize(initializer))
    np.testing.assert_array_equal(again((4, 8)), initializer((4, 8)))


# Arguments and configuration.


@every_cell
@pytest.mark.parametrize("units", [0, -3])
def test_bad_units(name, units):
    with pytest.raises(ValueError, match=rf"units must be >= 1, got {units}$"):
        CELLS[name](units)


@every_cell
@pytest.mark.parametrize("probability", [0.0, -0.1, 1.5, float("nan")])
def test_bad_keep_prob(name, probability):
    with pytest.raises(ValueError, match=rf"keep_prob must be in \(0, 1\], got {probability}$"):
        CELLS[name](UNITS, keep_prob=probability)


@every_cell
def test_config_round_trip(name):
    cell = CELLS[name](UNITS, keep_prob=0.75, seed=3, dtype="float64", name="mine")
    again = keras.layers.deserialize(keras.layers.serialize(cell))
    assert type(again) is CELLS[name]
    assert (again.units, again.keep_prob, again.seed) == (UNITS, 0.75, 3)
    assert again.get_config() == cell.get_config()
    for one in (cell, again):
        one.build((None, WIDTH))
    for a, b in zip(cell.weights, again.weights, strict=True):
        assert (a.name, a.dtype) == (b.name, b.dtype) == (a.name, "float64")
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_registry_has_the_names_of_the_hyperparameters():
    assert list(CELLS) == ["lstm", "layer_norm", "hyper"]


# Recurrent dropout.


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.2])
def test_keep_mask_rate_and_scale(keep):
    cell = LSTMCell(50, keep_prob=keep)
    mask = cell.keep_mask([40, 30], tf.constant([3, 4], tf.int64)).numpy()
    assert mask.shape == (40, 30, 50) and mask.dtype == np.float32
    kept = mask > 0
    np.testing.assert_allclose(mask[kept], 1 / keep, rtol=1e-6)
    assert (mask[~kept] == 0).all()
    deviation = np.sqrt(keep * (1 - keep) / mask.size)
    assert abs(kept.mean() - keep) < 4 * deviation
    # Neighbours along each axis are independent: they agree as often as chance has it.
    for axis in range(3):
        one, next_one = (np.take(kept, range(a, kept.shape[axis] + a - 1), axis) for a in (0, 1))
        assert (one == next_one).mean() == pytest.approx(keep**2 + (1 - keep) ** 2, abs=0.01)


def test_keep_mask_is_a_function_of_its_seed():
    cell = LSTMCell(8, keep_prob=0.5)
    first, again, other = (cell.keep_mask([9, 7], [k, 1]).numpy() for k in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_keep_mask_does_not_depend_on_a_graph():
    in_graph = tf.function(lambda shape: keep_mask(shape, 0.5, [1, 2]))(tf.constant([5, 6]))
    np.testing.assert_array_equal(keep_mask([5, 6], 0.5, [1, 2]), in_graph)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_keep_mask_dtype(dtype):
    assert LSTMCell(8, keep_prob=0.5, dtype=dtype).keep_mask([2], [1, 1]).dtype == dtype


def test_nothing_is_dropped_at_keep_prob_one():
    assert keep_mask([2, 3], 1.0, [0, 0]) is None
    assert LSTMCell(8).keep_mask([2, 3], [0, 0]) is None


@every_cell
def test_only_the_candidate_is_dropped(name):
    cell = make(name)
    x, state = tf.constant(normals(BATCH, WIDTH)), [tf.constant(s) for s in states_of(cell)]
    _, plain = time_step(cell, prepare(cell), x, state)
    _, none = time_step(cell, prepare(cell), x, state, tf.zeros([BATCH, UNITS]))
    _, double = time_step(cell, prepare(cell), x, state, 2 * tf.ones([BATCH, UNITS]))
    # What is left without a candidate is the memory times its gate: of the sign of the old c, and
    # smaller; and what the candidate adds grows with its mask.
    old, kept, added = state[1].numpy(), none[1].numpy(), (plain[1] - none[1]).numpy()
    assert ((kept / old > 0) & (kept / old < 1)).all()
    np.testing.assert_allclose(double[1] - none[1], 2 * added, rtol=0, atol=1e-6)
    assert np.abs(added).min() > 1e-4
    for a, b in zip(plain[2:], none[2:], strict=True):  # the hyper cell is not dropped
        np.testing.assert_array_equal(a, b)


@every_cell
def test_gradients_reach_every_weight_and_are_finite(name):
    cell = make(name)
    x = tf.constant(normals(TIME, BATCH, WIDTH)) * tf.constant([1.0, 1e3, 1e-3])[:, None]
    masks = keep_mask([TIME, BATCH, UNITS], KEEP, [1, 2])
    with tf.GradientTape() as tape:
        outputs, _ = recurrence.run(cell, x, cell.get_initial_state(BATCH), keep_mask=masks)
        loss = tf.reduce_sum(outputs * normals(TIME, BATCH, UNITS, seed=3))
    gradients = tape.gradient(loss, [w.value for w in cell.trainable_weights])
    for weight, gradient in zip(cell.trainable_weights, gradients, strict=True):
        assert gradient is not None and np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


def test_layer_norm_of_a_constant_is_finite():
    cell = LayerNormLSTMCell(UNITS)
    cell.build((None, WIDTH))
    x = tf.zeros([1, WIDTH])
    with tf.GradientTape() as tape:
        tape.watch(x)
        output, _ = cell(x, cell.get_initial_state(1))
    assert np.isfinite(output).all() and np.isfinite(tape.gradient(output, x)).all()
