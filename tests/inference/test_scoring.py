"""Log probabilities of sketches, and models as a classifier."""

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch import SketchRNN, TrainedModel
from magenta_sketch.config import RunConfig
from magenta_sketch.inference.scoring import SIZES


def make(dx=0.0, conditional=False, factor=10.0):
    """Return a small model whose strokes go to the right by about dx model units a point."""
    sizes = {"enc_rnn_size": 8, "dec_rnn_size": 8, "z_size": 3, "num_mixture": 2, "batch_size": 64}
    config = RunConfig.of(**sizes, conditional=conditional, dec_model="lstm", seed=4)
    model = SketchRNN(config.replace(max_seq_len=12, normalizing_factor=factor))
    for weight in model.weights:
        if weight.dtype == "float32" and "kernel" in weight.path:
            weight.assign(
                weight + np.random.default_rng(len(weight.path)).normal(0, 0.2, weight.shape)
            )
    bias = np.zeros(15, np.float32)  # pen (3), pi, mu1, mu2, sigma1, sigma2, corr (2 each)
    bias[:3], bias[5:7] = (2, 0, -0.5), dx
    model.decoder.output_bias.assign(bias)
    return TrainedModel(model)


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def conditional():
    return make(conditional=True)


@pytest.fixture(scope="module")
def sketches(model):
    return [s for s in model.sample(60, seed=2) if 1 <= len(s) < 12]


def lengths_of(sketches):
    return np.array([len(sketch) for sketch in sketches])


def test_it_is_the_loss_in_data_units(model, sketches):
    """The loss adds 1e-6 to densities, which does not matter here, and is in model units."""
    found = model.log_prob(sketches)
    loss = model.losses(sketches, to_first_end=True).reconstruction * model.max_seq_len
    jacobian = 2 * lengths_of(sketches) * np.log(model.normalizing_factor)
    np.testing.assert_allclose(found.per_sketch, -loss - jacobian, rtol=1e-3)
    np.testing.assert_allclose(found.per_point * lengths_of(sketches), found.per_sketch)
    assert (found.size == 1).all()


@pytest.mark.slow
def test_the_bound_has_the_whole_kl(conditional, sketches):
    found = conditional.log_prob(sketches, draws=60, seed=1)
    losses = [conditional.losses(sketches, scale=1.0, seed=s, to_first_end=True) for s in range(60)]
    loss = np.mean([one.reconstruction for one in losses], axis=0) * conditional.max_seq_len
    jacobian = 2 * lengths_of(sketches) * np.log(conditional.normalizing_factor)
    kl = losses[0].kl * conditional.z_size
    # Both are averages over 60 draws.
    np.testing.assert_allclose(found.per_sketch, -loss - jacobian - kl, rtol=0.02)
    assert kl.max() > 1e-4
    again = conditional.log_prob(sketches, draws=60, seed=1)
    np.testing.assert_array_equal(again.per_sketch, found.per_sketch)
    other = conditional.log_prob(sketches, draws=1, seed=2)
    assert (other.per_sketch != conditional.log_prob(sketches, seed=3).per_sketch).any()


def test_a_density_changes_with_the_unit(model, sketches):
    """The same drawings in a unit half as large: each point has a quarter of the density."""
    doubled = [sketch * [2, 2, 1] for sketch in sketches]
    twice = model.with_normalizing_factor(2 * model.normalizing_factor).log_prob(doubled)
    expected = model.log_prob(sketches).per_sketch - 2 * lengths_of(sketches) * np.log(2)
    np.testing.assert_allclose(twice.per_sketch, expected, rtol=1e-5)


@pytest.mark.slow
def test_the_most_probable_size(model, sketches):
    fitted = model.log_prob(sketches, fit_size=True)
    plain = model.log_prob(sketches)
    assert (fitted.per_sketch >= plain.per_sketch - 1e-6).all()
    at = [sketch * [size, size, 1] for sketch, size in zip(sketches, fitted.size, strict=True)]
    jacobian = 2 * lengths_of(sketches) * np.log(fitted.size)
    np.testing.assert_allclose(
        model.log_prob(at).per_sketch + jacobian, fitted.per_sketch, rtol=1e-4
    )
    # Twice as large: the size is half of it. Not where it is at an end of what is tried.
    doubled = model.log_prob([sketch * [2, 2, 1] for sketch in sketches], fit_size=True)
    inner = (fitted.size > SIZES[8]) & (fitted.size < SIZES[-8])
    assert inner.sum() > 10
    np.testing.assert_allclose(doubled.size[inner], fitted.size[inner] / 2)
    expected = fitted.per_sketch - 2 * lengths_of(sketches) * np.log(2)
    np.testing.assert_allclose(doubled.per_sketch[inner], expected[inner], rtol=1e-4)


def test_a_sketch_is_scored_alike_alone_and_among_others(model, sketches):
    together = model.log_prob(sketches).per_sketch
    for i in (0, 5):
        np.testing.assert_allclose(model.log_prob([sketches[i]]).per_sketch[0], together[i], 1e-5)


def test_a_longer_sketch_than_the_model_draws(model):
    long = np.tile(np.array([[3, 1, 0]], np.float32), (40, 1))
    shorter = model.log_prob([long[:20]]).per_sketch
    assert np.isfinite(model.log_prob([long]).per_sketch[0]) and shorter[0] != 0
    assert len(model.log_prob([]).per_sketch) == 0


@pytest.fixture(scope="module")
def models():
    return {"right": make(1.5), "left": make(-1.5), "still": make(0.0)}


@pytest.fixture(scope="module")
def drawn(models):
    names, sketches = [], []
    for name, model in models.items():
        for sketch in model.sample(25, seed=9):
            if len(sketch) > 2:
                names.append(name)
                sketches.append(sketch)
    return names, sketches


def test_sketches_are_of_the_model_that_drew_them(models, drawn):
    names, sketches = drawn
    found = magenta_sketch.classify(sketches, models)
    assert found.names == ["right", "left", "still"]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    right = np.mean([a == b for a, b in zip(found.best, names, strict=True)])
    assert right > 0.8
    odds = np.log(found.probabilities[:, 0] / found.probabilities[:, 2])
    np.testing.assert_allclose(odds, found.log_probs[:, 0] - found.log_probs[:, 2], atol=1e-6)
    columns = [models[name].log_prob(sketches).per_sketch for name in found.names]
    np.testing.assert_allclose(found.log_probs, np.stack(columns, axis=1), rtol=1e-6)


def test_priors_are_added_to_the_odds(models, drawn):
    _, sketches = drawn
    equal = magenta_sketch.classify(sketches[:5], models).probabilities
    priors = {"still": 1, "left": 3, "right": 6}
    found = magenta_sketch.classify(sketches[:5], models, priors=priors).probabilities
    expected = equal * [6, 3, 1]
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), rtol=1e-6)


@pytest.mark.slow
def test_sizes_are_fitted_for_each_model(models, drawn):
    names, sketches = drawn
    small = [sketch * [0.5, 0.5, 1] for sketch in sketches]
    found = magenta_sketch.classify(small, models, fit_size=True)
    right = np.mean([a == b for a, b in zip(found.best, names, strict=True)])
    assert right > 0.7
    mine = [size[found.names.index(name)] for size, name in zip(found.sizes, names, strict=True)]
    assert 1.5 < np.median(mine) < 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {}}, "models is empty"),
        ({"priors": {"right": 1}}, "priors must be of the models' classes, right, left, still"),
        ({"priors": {"right": 1, "left": 1, "still": 0}}, "finite and above 0"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"sketches": [[[1, 2]]]}, "expected a stroke-3 sketch"),
    ],
)
def test_what_cannot_be_classified(models, change, message):
    arguments = {"sketches": [[[1, 2, 1]]], "models": models} | change
    with pytest.raises(ValueError, match=message):
        magenta_sketch.classify(**arguments)


def test_models_without_units_are_not_compared(models):
    unknown = {"a": make(factor=None), "b": models["left"]}
    with pytest.raises(magenta_sketch.ArgumentError, match="model of a does not know its normal"):
        magenta_sketch.classify([[[1, 2, 1]]], unknown)
    found = magenta_sketch.classify([[[1, 2, 1]]], unknown, fit_size=True)
    assert found.probabilities.shape == (1, 2)


@pytest.mark.slow
def test_whole_numbers_are_dequantized(model):
    """The bound of a whole number's probability: its density, averaged over the unit around it."""
    sketches = [[[3, -2, 0], [10, 4, 1]], [[6, 6, 1]]]
    found = model.log_prob(sketches, dequantize=True, draws=400, seed=1).per_sketch
    random = np.random.default_rng(0)
    for sketch, bound in zip(sketches, found, strict=True):
        array = np.array(sketch, np.float32)
        noise = random.uniform(-0.5, 0.5, (400, len(array), 2))
        noisy = np.tile(array, (400, 1, 1))
        noisy[..., :2] += np.diff(noise, axis=1, prepend=0)
        values = model.log_prob(list(noisy)).per_sketch
        assert bound == pytest.approx(values.mean(), abs=6 * values.std() / 20)
    again = model.log_prob(sketches, dequantize=True, draws=400, seed=1).per_sketch
    np.testing.assert_array_equal(again, found)


def test_the_start_can_be_zeros(model, sketches):
    zeros = model.log_prob(sketches, start="zeros").per_sketch
    assert (zeros != model.log_prob(sketches).per_sketch).all()
    # Only what the decoder sees before the first point differs.
    decoder = model.model.decoder
    first = {}
    for name, row in (("pen_down", [0, 0, 1, 0, 0]), ("zeros", [0, 0, 0, 0, 0])):
        strokes = np.array([[row, [3, 0, 0, 1, 0]]], np.float32)
        first[name] = decoder(strokes).numpy()[0, 0]
    assert (first["zeros"] != first["pen_down"]).any()
    with pytest.raises(magenta_sketch.ArgumentError, match="start must be one of pen_down, zeros"):
        model.log_prob(sketches, start="pen_up")


def spread_out(model, sketches):
    """Return z for each sketch: draws from N(0, 3²), so that they matter to the decoder."""
    return np.random.default_rng(5).normal(0, 3, (len(sketches), model.z_size)).astype(np.float32)


@pytest.mark.slow
def test_log_likelihood_is_the_loss_of_this_z(conditional, sketches):
    mu = conditional.encode(sketches)
    found = conditional.log_likelihood(sketches, mu)
    loss = conditional.losses(sketches, to_first_end=True).reconstruction * conditional.max_seq_len
    jacobian = 2 * lengths_of(sketches) * np.log(conditional.normalizing_factor)
    np.testing.assert_allclose(found, -loss - jacobian, rtol=1e-3)


def test_log_likelihood_has_a_row_of_z_for_each_sketch(conditional, sketches):
    """In any order and of any lengths; the same sketch many times is the same as each alone."""
    z = spread_out(conditional, sketches)
    found = conditional.log_likelihood(sketches, z)
    order = np.random.default_rng(0).permutation(len(sketches))
    mixed = conditional.log_likelihood([sketches[i] for i in order], z[order])
    np.testing.assert_allclose(mixed, found[order], rtol=1e-4)
    again = conditional.log_likelihood([sketches[3]] * len(z), z)
    assert np.ptp(again) > 0.01
    alone = [conditional.log_likelihood([sketches[3]], one[None])[0] for one in z[:4]]
    np.testing.assert_allclose(again[:4], alone, rtol=1e-5)
    assert len(conditional.log_likelihood([], np.zeros((0, 3)))) == 0


def test_z_of_a_log_likelihood_must_fit(model, conditional, sketches):
    with pytest.raises(magenta_sketch.ArgumentError, match="unconditional, without a z"):
        model.log_likelihood(sketches[:1], np.zeros((1, 3)))
    with pytest.raises(magenta_sketch.ArgumentError, match="z must have 2 rows, got 1"):
        conditional.log_likelihood(sketches[:2], np.zeros((1, 3)))
    with pytest.raises(magenta_sketch.ArgumentError, match=r"must have the shape \[batch, 3\]"):
        conditional.log_likelihood(sketches[:2], np.zeros((2, 4)))
