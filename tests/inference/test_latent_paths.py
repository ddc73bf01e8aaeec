"""Paths, grids, analogies and planes in the latent space: properties of vectors alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference import latent

quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)
NUMBERS = st.floats(-8, 8, width=32).map(lambda x: 0.0 if abs(x) < 1e-3 else x)
SIZES = st.shared(st.integers(1, 6), key="Z")


def vectors(*shape):
    return SIZES.flatmap(lambda size: hnp.arrays(np.float64, (*shape, size), elements=NUMBERS))


PARTS = st.floats(0, 1)


def shoemake(a, b, t):
    """The usual formula, for equal norms."""
    angle = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


@quick
@given(vectors(), vectors(), PARTS)
def test_slerp_keeps_norms(a, b, t):
    """The norm goes evenly from one to the other: equal norms stay."""
    if a.any() and b.any() and not (len(a) == 1 and a[0] * b[0] < 0):
        norms = np.linalg.norm([a, b], axis=1)
        found = np.linalg.norm(latent.slerp(a, b, t))
        assert found == pytest.approx((1 - t) * norms[0] + t * norms[1], rel=1e-6, abs=1e-9)


@quick
@given(vectors(), vectors(), PARTS)
def test_slerp_turns_evenly(a, b, t):
    a, b = a + 0.1, b + 0.3
    if np.linalg.norm(a) < 0.1 or np.linalg.norm(b) < 0.1:
        return
    b = b * np.linalg.norm(a) / np.linalg.norm(b)
    cosine = a @ b / (a @ a)
    if abs(cosine) > 1 - 1e-6:  # the formula divides by the sine
        return
    np.testing.assert_allclose(latent.slerp(a, b, t), shoemake(a, b, t), rtol=1e-5, atol=1e-6)


@quick
@given(vectors(), vectors(), st.sampled_from(latent.PATHS))
def test_paths_have_their_ends_exactly(a, b, how):
    path = latent.path(a, b, 5, how)
    np.testing.assert_array_equal(path[[0, -1]], [a, b])
    assert np.isfinite(path).all()
    np.testing.assert_allclose(latent.path(b, a, 5, how)[::-1][[0, -1]], path[[0, -1]])


@quick
@given(vectors(), vectors())
def test_the_straight_path_has_equal_steps(a, b):
    steps = np.diff(latent.path(a, b, 6, "linear"), axis=0)
    np.testing.assert_allclose(steps, np.tile((b - a) / 5, (5, 1)), atol=1e-12)


def test_opposite_vectors_are_joined_on_a_half_circle():
    path = latent.path([3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], 7)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 3.0)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    np.testing.assert_allclose(lengths, 2 * 3 * np.sin(np.pi / 12))


def test_a_zero_vector_has_a_straight_path():
    np.testing.assert_allclose(latent.path([0.0, 0.0], [2.0, 4.0], 3)[1], [1.0, 2.0])


@quick
@given(vectors(4), st.sampled_from(latent.PATHS))
def test_a_grid_has_its_corners_and_paths_as_edges(corners, how):
    grid = latent.grid(corners, 3, 4, how)
    np.testing.assert_array_equal([grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]], corners)
    np.testing.assert_allclose(grid[0], latent.path(corners[0], corners[1], 4, how))
    np.testing.assert_allclose(grid[:, -1], latent.path(corners[1], corners[3], 3, how))
    left, right = (latent.path(corners[i], corners[i + 2], 3, how)[1] for i in (0, 1))
    np.testing.assert_allclose(grid[1], latent.path(left, right, 4, how))


@quick
@given(vectors(), vectors(), vectors())
def test_analogies(a, b, c):
    np.testing.assert_array_equal(latent.analogy(a, b, b), a)
    np.testing.assert_allclose(latent.analogy(a, b, c) + c, a + b, atol=1e-12)


def test_only_two_kinds_of_paths():
    with pytest.raises(ArgumentError, match="how must be one of slerp, linear, got 'cubic'"):
        latent.path([1.0], [2.0], 3, "cubic")


@pytest.fixture
def cloud():
    random = np.random.default_rng(3)
    turned, _ = np.linalg.qr(random.normal(size=(5, 5)))
    return random.normal(size=(60, 5)) * [5, 3, 1, 0.5, 0.1] @ turned + [1, 2, 3, 4, 5]


def test_the_plane_holds_most_of_the_variance(cloud):
    plane = latent.principal_plane(cloud)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
    covariance = np.cov(cloud.T)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(plane.shares, values[:2] / values.sum())
    found = plane.project(cloud)
    np.testing.assert_allclose(found.var(axis=0, ddof=1), values[:2])
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    assert (np.abs(plane.axes).argmax(1) == plane.axes.argmax(1)).all()


@quick
@given(hnp.arrays(np.float64, (7, 4), elements=NUMBERS))
def test_positions_are_the_projections_on_the_plane(vectors):
    """Nothing in the plane is nearer to a vector than its projection, and no plane holds more."""
    if np.ptp(vectors, axis=0).max() < 0.1:
        return
    plane = latent.principal_plane(vectors)
    rest = vectors - plane.at(plane.project(vectors))
    np.testing.assert_allclose(rest @ plane.axes.T, 0, atol=1e-9)
    values = np.linalg.eigvalsh(np.cov(vectors.T, ddof=0))
    np.testing.assert_allclose(plane.project(vectors).var(axis=0).sum(), values[-2:].sum())


def test_positions_in_the_plane_are_found_again(cloud):
    plane = latent.principal_plane(cloud)
    places = np.array([[0.0, 0.0], [2.0, -1.0], [-3.0, 4.0]])
    np.testing.assert_allclose(plane.project(plane.at(places)), places, atol=1e-12)
    # No vector of the plane is nearer to one of the cloud than its projection.
    nearest = plane.at(plane.project(cloud))
    np.testing.assert_allclose((cloud - nearest) @ plane.axes.T, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.eye(2), "at least 3 sketches and 2 latent dimensions, got 2 and 2"),
        (np.ones((5, 1)), "got 5 and 1"),
        (np.ones((5, 3)), "all sketches have the same latent vector"),
    ],
)
def test_there_is_no_map_of(z, message):
    with pytest.raises(ArgumentError, match=message):
        latent.principal_plane(z)
