"""Interpolations, grids, analogies, maps and noise ladders of a trained model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import magenta_sketch
from magenta_sketch.inference import latent


@pytest.fixture(scope="module")
def model(trained_run):
    return magenta_sketch.load(trained_run)


@pytest.fixture(scope="module")
def test_set(tiny_folder):
    return magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None).test


def assert_same(found, expected):
    """Equal but for the rounding of sums in batches of other sizes."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


quick = settings(max_examples=8, deadline=None, derandomize=True, database=None)
SEEDS = st.integers(0, 2**40)


@pytest.mark.slow
@quick
@given(
    st.lists(st.integers(0, 10), min_size=2, max_size=2),
    st.integers(2, 6),
    st.sampled_from(latent.PATHS),
    st.one_of(st.just({"greedy": True}), SEEDS.map(lambda n: {"temperature": 0.5, "seed": n})),
)
def test_the_ends_of_an_interpolation_are_the_ends_own_reconstructions(
    model, test_set, ends, steps, path, how
):
    a, b = (test_set[i] for i in ends)
    walk = model.interpolate(a, b, steps, how=path, **how)
    assert len(walk) == walk.columns == steps
    for found, end in ((walk[0], a), (walk[-1], b)):
        assert_same(found, model.reconstruct([end], **how)[0])


def test_equal_seeds_draw_equal_walks(model, test_set):
    first, again = (
        model.interpolate(test_set[0], test_set[1], 5, temperature=0.5, seed=3) for _ in range(2)
    )
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))


@pytest.mark.slow
def test_interpolations_are_decoded_paths(model):
    a, b = 4 * model.prior(2, seed=1)
    for how in latent.PATHS:
        z = latent.path(a, b, 4, how).astype(np.float32)
        found = model.interpolate(a, b, 4, how=how, greedy=True)
        for one, expected in zip(found, model.decode(z, greedy=True), strict=True):
            assert_same(one, expected)
    assert any(
        x.shape != y.shape or (x != y).any()
        for x, y in zip(
            model.interpolate(a, b, 4, how="linear", greedy=True),
            model.interpolate(a, b, 4, greedy=True),
            strict=True,
        )
    )


def test_all_steps_have_the_same_noise(model):
    z = model.prior(1, seed=2)[0]
    walk = model.interpolate(z, z, 3, seed=7)
    assert_same(walk[0], walk[1])
    assert_same(walk[0], walk[2])


def test_a_grid_has_the_reconstructed_corners(model, test_set):
    corners = [test_set[i] for i in range(4)]
    grid = model.grid(corners, rows=3, columns=2, greedy=True)
    assert [len(row) for row in grid] == [2, 2, 2]
    for found, corner in zip(
        (grid[0][0], grid[0][-1], grid[-1][0], grid[-1][-1]), corners, strict=True
    ):
        assert_same(found, model.reconstruct([corner], greedy=True)[0])
    edge = model.interpolate(corners[0], corners[2], 3, greedy=True)
    assert_same(grid[1][0], edge[1])
    assert len(grid.picture().rows) == 3


def test_analogies(model, test_set):
    a, b, c = (test_set[i] for i in range(3))
    assert_same(model.analogy(a, b, b, greedy=True), model.reconstruct([a], greedy=True)[0])
    z = model.encode([a, b, c])
    expected = model.decode((z[0] + (z[1] - z[2]))[None], greedy=True)[0]
    assert_same(model.analogy(*z, greedy=True), expected)
    mixed = model.analogy(z[0], b, z[2], greedy=True)  # sketches and vectors together
    assert_same(mixed, expected)


def test_the_maps_dots_are_the_projections(model, test_set):
    found = model.latent_map(test_set, rows=3, columns=4, greedy=True)
    mu = model.encode(test_set).astype(np.float64)
    centred = mu - mu.mean(axis=0)
    np.testing.assert_allclose(found.positions, centred @ found.plane.axes.T, atol=1e-6)
    largest = np.linalg.eigvalsh(np.cov(centred.T))[-2:].sum()
    assert found.positions.var(axis=0, ddof=1).sum() == pytest.approx(largest, rel=1e-5)
    assert found.x[0] == found.positions[:, 0].min() and found.y[0] == found.positions[:, 1].max()
    z = found.plane.at([found.x[1], found.y[2]])[None].astype(np.float32)
    assert_same(found.drawings[2][1], model.decode(z, greedy=True)[0])


def test_the_picture_of_a_map_has_each_dot_in_its_place(model, test_set):
    labels = [f"class {i % 2}" for i in range(len(test_set))]
    found = model.latent_map(test_set, rows=3, columns=4, labels=labels, greedy=True)
    picture = found.picture()
    assert len(picture.dots) == len(test_set) and [text for text, _ in picture.legend] == [
        "class 0",
        "class 1",
    ]
    columns, rows = np.array([dot[:2] for dot in picture.dots]).T
    right, low = found.positions[:, 0].argmax(), found.positions[:, 1].argmin()
    assert (columns[right], rows[low]) == (pytest.approx(3.5), pytest.approx(2.5))
    assert columns.min() == pytest.approx(0.5) and rows.min() == pytest.approx(0.5)
    assert {dot.color for dot in picture.dots} == {color for _, color in picture.legend}
    assert found._repr_svg_().count("<circle") == len(test_set) + 2


def test_a_ladder_without_noise_is_the_reconstruction(model, test_set):
    ladder = model.noise_ladder(test_set[0], scales=(0, 3), draws=3, greedy=True)
    (expected,) = model.reconstruct([test_set[0]], greedy=True)
    for found in ladder[0]:
        assert_same(found, expected)
    assert ladder.row_titles == ["scale 0", "scale 3"]
    np.testing.assert_array_equal(ladder.beside[0], test_set[0])
    assert [len(row) for row in ladder.picture().rows] == [4, 4]


@pytest.mark.slow
def test_a_column_of_a_ladder_has_one_noise(model, test_set, monkeypatch):
    seen = []
    draw = type(model)._draw
    monkeypatch.setattr(
        type(model), "_draw", lambda self, z, *a, **how: seen.append(z) or draw(self, z, *a, **how)
    )
    model.noise_ladder(test_set[0], scales=(0.5, 2), draws=3, seed=4, greedy=True)
    z = seen[0].reshape(2, 3, -1)
    mu, sigma = model.encode_distribution([test_set[0]])
    noise = (z - mu) / sigma
    np.testing.assert_allclose(noise[1], 4 * noise[0], rtol=1e-3, atol=1e-4)
    assert np.abs(noise[0] / 0.5).std() == pytest.approx(0.6, abs=0.4)
    expected = model.encode([test_set[0]] * 3, scale=2.0, seed=4)
    np.testing.assert_allclose(z[1], expected, rtol=1e-5)


SKETCH = [[3, 0, 0], [0, 4, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.interpolate(SKETCH, SKETCH, 1), "steps must be at least 2, the ends, got 1"),
        (lambda m: m.interpolate(SKETCH, [1.0], 3), r"z must have the shape \[batch, 4\]"),
        (lambda m: m.interpolate(SKETCH, 3, 3), "b must be a sketch, numbers .* or a latent ve"),
        (lambda m: m.interpolate([[1, 2]], SKETCH, 3), r"a must be stroke-3, shape \[n, 3\]"),
        (lambda m: m.interpolate(SKETCH, SKETCH, 3, how="x"), "how must be one of slerp, linear"),
        (lambda m: m.grid([SKETCH] * 3), "a grid has 4 corners, got 3"),
        (lambda m: m.grid([SKETCH] * 4, rows=1), "rows and columns must be at least 2, got 1 and"),
        (lambda m: m.grid([SKETCH] * 3 + [[[1]]]), r"corners\[3\] must be stroke-3"),
        (lambda m: m.latent_map([SKETCH] * 2), "at least 3 sketches"),
        (lambda m: m.latent_map([SKETCH] * 3, labels=["a"]), "labels has 1 texts for 3 sketches"),
        (lambda m: m.latent_map([SKETCH] * 3, columns=0), "rows and columns must be at least 2"),
        (lambda m: m.noise_ladder(SKETCH, scales=()), "scales is empty"),
        (lambda m: m.noise_ladder(SKETCH, scales=(-1,)), "scale must be finite and at least 0"),
        (lambda m: m.noise_ladder(SKETCH, draws=0), "draws must be at least 1, got 0"),
        (lambda m: m.analogy(SKETCH, SKETCH, np.full(4, np.nan)), "z must be finite"),
    ],
)
def test_arguments_that_cannot_be(model, call, message):
    with pytest.raises(magenta_sketch.ArgumentError, match=message):
        call(model)


def test_an_unconditional_model_has_no_latent_space(unconditional_run):
    model = magenta_sketch.load(unconditional_run)
    for call in (
        lambda: model.interpolate(SKETCH, SKETCH),
        lambda: model.grid([SKETCH] * 4),
        lambda: model.analogy(SKETCH, SKETCH, SKETCH),
        lambda: model.latent_map([SKETCH] * 3),
        lambda: model.noise_ladder(SKETCH),
    ):
        with pytest.raises(magenta_sketch.ArgumentError, match="unconditional, without"):
            call()
