"""Precision, recall and copying, in cases with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import magenta_sketch
from magenta_sketch.measures import chamfer
from magenta_sketch.measures.manifold import copying, likeness, precision_and_recall


def compare(real, new, k=3):
    return precision_and_recall(cdist(real, real), cdist(new, new), cdist(new, real), k)


def by_definition(real, new, k):
    """Return the share of ``new`` in a ball around a real one, point by point."""
    inside = 0
    for one in new:
        for centre in real:
            radius = sorted(np.hypot(*(centre - other)) for other in real)[k]
            if np.hypot(*(one - centre)) <= radius + 1e-12:
                inside += 1
                break
    return inside / len(new)


@pytest.fixture
def clouds():
    random = np.random.default_rng(5)
    return random.normal(size=(40, 2)), random.normal(0.7, 0.6, size=(30, 2))


def test_identical_sets(clouds):
    assert compare(clouds[0], clouds[0]) == (1.0, 1.0, 1.0)


def test_sets_far_apart(clouds):
    assert compare(clouds[0], clouds[1] + 100) == (0.0, 0.0, 0.0)


def test_a_kind_left_out_is_missing_from_recall(clouds):
    """Real drawings of two kinds, new ones of one of them alone."""
    kind = clouds[0]
    found = compare(np.concatenate([kind, kind + 100]), kind)
    assert found == (1.0, 0.5, pytest.approx(2 / 3))
    # The other way round: half of the new ones are of no kind.
    assert compare(kind, np.concatenate([kind, kind + 100]))[:2] == (0.5, 1.0)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_they_are_what_the_paper_says(clouds, k):
    real, new = clouds
    found = compare(real, new, k)
    precision, recall = by_definition(real, new, k), by_definition(new, real, k)
    assert 0 < recall < precision
    assert found == pytest.approx((precision, recall, 2 / (1 / precision + 1 / recall)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4), st.floats(0.1, 9))
def test_swapping_the_sets_swaps_the_numbers_and_the_unit_does_not_matter(seed, k, unit):
    random = np.random.default_rng(seed)
    real, new = random.normal(size=(12, 2)), random.normal(0.5, 1, size=(9, 2))
    found = compare(real, new, k)
    assert compare(new, real, k) == (found.recall, found.precision, pytest.approx(found.f))
    assert compare(real * unit, new * unit, k)[:2] == pytest.approx(found[:2], abs=0.1)
    larger = compare(real, new, k + 1)
    assert larger.precision >= found.precision and larger.recall >= found.recall


def zigzags(count, height, seed):
    """Return drawings of one kind: zigzags of about this height."""
    random = np.random.default_rng(seed)
    return [
        np.array([[5, s * height + random.normal(), 0] for s in (1, -1, 1, -1)] + [[3, 0, 1]])
        for _ in range(count)
    ]


def test_of_drawings():
    low, more, high = zigzags(15, 2, 0), zigzags(15, 2, 1), zigzags(15, 40, 2)
    assert likeness(low, high).f == 0.0
    same = likeness(low, more)
    assert min(same) > 0.6
    assert likeness(low + high, more).recall == pytest.approx(same.recall / 2, abs=0.04)


def test_distances_with_other_numbers_of_points():
    a, b = zigzags(4, 5, 0), zigzags(3, 8, 1)
    found = chamfer.between(a, b)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found[:3].diagonal(), chamfer.paired(a[:3], b))
    few = chamfer.between(a, a, 64)
    np.testing.assert_allclose(few, chamfer.among(a, 64))
    assert (few != chamfer.between(a, a))[~np.eye(4, dtype=bool)].all()
    assert chamfer.between([], b).shape == (0, 3) and chamfer.between(a, []).shape == (4, 0)


def test_copies_test_drawings_and_others():
    random = np.random.default_rng(1)
    test, alike = random.exponential(size=(2, 2000))
    assert copying(alike, test) == pytest.approx(0.5, abs=0.03)
    assert copying(np.zeros(20), test) == 1.0
    assert copying(test + 100, test) == 0.0
    assert copying(test, test) == 0.5
    assert copying([1, 2, 2], [2, 1]) == (1 + 0.5 + 0.5 + 0.5) / 6  # 1 before 2; three ties


def test_what_cannot_be_compared(clouds):
    three, square = clouds[0][:3], np.zeros((4, 4))
    with pytest.raises(magenta_sketch.ArgumentError, match="got 3 for 3 real and 3 new ones"):
        compare(three, three)
    with pytest.raises(magenta_sketch.ArgumentError, match="k must be at least 1"):
        compare(three, three, k=0)
    with pytest.raises(magenta_sketch.ArgumentError, match=r"must be \[n, n\], \[m, m\]"):
        precision_and_recall(square, square, np.zeros((4, 5)))
    with pytest.raises(magenta_sketch.ArgumentError, match="needed of both, got 0 and 1"):
        copying([], [1.0])
