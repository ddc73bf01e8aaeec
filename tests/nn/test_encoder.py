"""The encoder, and z drawn from its posterior."""

import numpy as np
import pytest
from model_cases import (
    assert_close,
    assert_config_round_trip,
    batch_of,
    every_cell,
    latent,
    make,
)
from slow import slow_but

from magenta_sketch._backend import tf
from magenta_sketch.nn import recurrence
from magenta_sketch.nn.encoder import Encoder, draw_z
from magenta_sketch.nn.randomness import seed_table


@every_cell
def test_encoder_ignores_what_comes_after_a_sketch(cell):
    encoder = make(enc_model=cell).encoder
    strokes, lengths = batch_of(3, 6, lengths=[6, 4, 2])
    strokes = strokes[:, 1:].numpy()
    plain = encoder(strokes, lengths)
    after = np.arange(6) >= lengths.numpy()[:, None]
    changed = np.where(after[..., None], 9.0, strokes)
    for found, expected in zip(encoder(changed, lengths), plain, strict=True):
        np.testing.assert_array_equal(found, expected)
    # Cut down to its own length, and alone in its batch, a sketch is encoded alike.
    for found, expected in zip(encoder(strokes[2:, :2], lengths[2:]), plain, strict=True):
        assert_close(found, expected[2:])
    for row, t in ((2, 0), (2, 1), (1, 3)):  # but every point up to its length counts
        changed = strokes.copy()
        changed[row, t, 0] += 1
        found = encoder(changed, lengths)
        for a, b in zip(found, plain, strict=True):
            assert np.abs(a[row] - b[row]).max() > 1e-4
            np.testing.assert_array_equal(np.delete(a, row, 0), np.delete(b, row, 0))


def test_encoder_takes_numpys_own_integers():
    encoder = make().encoder
    strokes, lengths = batch_of(3, 6)
    expected = encoder(strokes[:, 1:], lengths)
    found = encoder(strokes[:, 1:].numpy(), lengths.numpy().astype("int64"))
    np.testing.assert_array_equal(found[0], expected[0])


@every_cell
def test_encoder_reads_both_ways(cell):
    encoder = make(enc_model=cell).encoder
    strokes, lengths = batch_of(2, 5, lengths=[5, 3])
    strokes = strokes[:, 1:].numpy()
    zeros = encoder.forward_cell.get_initial_state(2)
    backwards = strokes.copy()
    for i, n in enumerate((5, 3)):
        backwards[i, :n] = strokes[i, :n][::-1]
    last = []
    for one, points in ((encoder.forward_cell, strokes), (encoder.backward_cell, backwards)):
        outputs, _ = recurrence.run(one, tf.transpose(points, [1, 0, 2]), zeros)
        last.append(np.stack([outputs[4, 0], outputs[2, 1]]))
    h = np.concatenate(last, axis=1)
    mu, presig = encoder(strokes, lengths)
    assert_close(mu, h @ encoder.mu.kernel.numpy() + encoder.mu.bias.numpy(), 1e-5)
    assert_close(presig, h @ encoder.presig.kernel.numpy() + encoder.presig.bias.numpy(), 1e-5)


def test_noise_is_fresh_for_each_seed_and_step():
    mu, presig = tf.zeros([500, 8]), tf.zeros([500, 8])
    draws = [draw_z(mu, presig, 1.0, seed_table(*key)) for key in ((1, 1), (1, 2), (2, 1), (1, 1))]
    np.testing.assert_array_equal(draws[0], draws[3])
    flat = np.stack([np.ravel(z) for z in draws[:3]])
    assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 0.05


def test_no_noise_at_scale_zero():
    mu = tf.constant(latent(3))
    np.testing.assert_array_equal(draw_z(mu, mu, 0.0, None), mu)


@pytest.mark.parametrize("lengths", slow_but([[2, 3], [5, 5, 4, 5], [1, 6, 1]], [5, 5, 4, 5]))
def test_encoder_refuses_sketches_that_are_not_longest_first(lengths):
    encoder = make().encoder
    strokes, lengths = batch_of(len(lengths), 6, lengths=lengths)
    strokes, message = strokes[:, 1:], "sketches must come longest first"
    with pytest.raises(ValueError, match=message) as error:
        encoder(strokes, lengths)
    assert f"got lengths {lengths}" in str(error.value)
    unknown = [tf.TensorSpec([None, None, 5]), tf.TensorSpec([None], tf.int32)]
    compiled = tf.function(encoder, input_signature=unknown, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        compiled(strokes, lengths)
    first = tf.argsort(lengths, direction="DESCENDING", stable=True)
    sorted_batch = tf.gather(strokes, first), tf.gather(lengths, first)
    for found, expected in zip(compiled(*sorted_batch), encoder(*sorted_batch), strict=True):
        assert_close(found, expected)


@every_cell
def test_config_round_trip(cell):
    assert_config_round_trip(Encoder(cell, 6, 3, keep_prob=0.8, seed=4, name="mine"))
