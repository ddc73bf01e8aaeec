"""The fixed random part of a set that evaluations use."""

import numpy as np

from magenta_sketch.data import SketchSet
from magenta_sketch.data.fixed_part import fixed_part, keys


def numbered(numbers):
    return SketchSet.from_sketches([[[number, 0, 1]] for number in numbers])


def numbers_of(sketches):
    return sketches.points[:, 0].astype(int).tolist()


def test_it_follows_from_the_sketches_not_from_their_places():
    order = np.random.default_rng(1).permutation(500)
    part = numbers_of(fixed_part(numbered(range(500)), 100))
    assert len(part) == 100 and part == sorted(part)  # in the order of the set
    assert sorted(numbers_of(fixed_part(numbered(order), 100))) == part
    # Spread over the set: a part that is chosen by place, such as the first, is not.
    assert 8 < sum(number < 100 for number in part) < 40
    # Sketches beside them push some out, and let none in.
    more = numbers_of(fixed_part(numbered(range(600)), 100))
    assert {number for number in more if number < 500} < set(part)


def test_all_if_there_are_no_more_or_0_is_asked():
    sketches = numbered(range(5))
    for most in (0, 5, 6):
        assert fixed_part(sketches, most) is sketches


def test_a_key_is_never_another():
    """It decides what runs of before are evaluated on."""
    sketches = SketchSet.from_sketches([[[1, -2, 0], [3, 0.5, 1]], [[0, 0, 1]], [[-0.0, 0, 1]]])
    first, second, third = keys(sketches).tolist()
    assert (first, second) == (18183300052500869024, 10204501084980639926)
    assert second == third  # -0.0 is 0
