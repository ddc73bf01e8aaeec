"""Characters of KanjiVG: their curves and files."""

import itertools
import re

import numpy as np
import pytest
import svgpathtools
from characters import DAMAGED, svg
from geometry import distance_to

from magenta_sketch.data.sources import kanjivg
from magenta_sketch.errors import DataError

# Curves


def bezier(controls, t):
    """De Casteljau's way, another than the tested one."""
    points = [np.asarray(c, float) for c in controls]
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in itertools.pairwise(points)]
    return points[0]


@pytest.mark.parametrize(
    "path",
    [
        "M10,20C30,40 50,0 70,10",
        "M 10 20 c 20 20 40 -20 60 -10",
        "m10,20c20,20,40-20,60-10",
        "M0,0M10,20C30,40,50,0,70,10",  # moving without drawing leaves nothing
    ],
)
def test_a_curve_becomes_points_on_it(path):
    (line,) = kanjivg.flatten(path)
    assert line.shape == (kanjivg.PIECES + 1, 2)
    controls = [(10, 20), (30, 40), (50, 0), (70, 10)]
    expected = [bezier(controls, t) for t in np.linspace(0, 1, kanjivg.PIECES + 1)]
    np.testing.assert_allclose(line, expected, atol=1e-9)


def test_a_smooth_curve_mirrors_the_control_point_before():
    (line,) = kanjivg.flatten("M0,0c0,10,10,10,10,0s10-10,10,0")
    (written_out,) = kanjivg.flatten("M0,0C0,10,10,10,10,0C10-10,20-10,20,0")
    np.testing.assert_allclose(line, written_out, atol=1e-9)


@pytest.mark.parametrize(
    "path, corners",
    [
        ("M1,2L3,4 5,0", [[[1, 2], [3, 4], [5, 0]]]),
        ("M1,2h3v4z", [[[1, 2], [4, 2], [4, 6], [1, 2]]]),
        ("M1,2l1,0M5,5l0,2", [[[1, 2], [2, 2]], [[5, 5], [5, 7]]]),
        ("M1,2", []),
    ],
)
def test_straight_parts(path, corners):
    lines = kanjivg.flatten(path)
    assert [line.tolist() for line in lines] == corners


@pytest.mark.parametrize(
    "path, center, radius",
    [("M10,0A10,10 0 0 1 0,10", (0, 0), 10), ("M3,0A3,3,0,0,0,-3,0", (0, 0), 3)],
)
def test_arcs(path, center, radius):
    (line,) = kanjivg.flatten(path)
    np.testing.assert_allclose(np.linalg.norm(line - center, axis=1), radius, atol=1e-9)


@pytest.mark.parametrize(
    "path",
    ["hello", "M1,2C3,4", "M1,2L3,é", "T1,2", "M1,2a4,5,6", "L1,2 3,4", "M1,2L1e999,3", "M1,2c1,"],
)
def test_damaged_paths(path):
    with pytest.raises(ValueError, match=r"damaged path '|not finite|without a start"):
        kanjivg.flatten(path)


# Files


def test_strokes_are_read_in_the_order_of_writing(tmp_path):
    file = tmp_path / "a.svg"
    # The third path of the file is no stroke.
    more = '<path id="kvg:other" d="M0,0L1,1"/>'
    file.write_text(svg("M3,3L4,4", "M1,1L2,2", numbers=[2, 1], more=more))
    assert [line.tolist() for line in kanjivg.read_character(file)] == [
        [[1, 1], [2, 2]],
        [[3, 3], [4, 4]],
    ]


@pytest.mark.parametrize("text, message", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(tmp_path, text, message):
    file = tmp_path / "a.svg"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        kanjivg.read_character(file)


def test_straight_pieces_stay_near_real_curves():
    try:
        files, _ = kanjivg.character_files()
    except DataError as error:
        pytest.skip(str(error))
    for file in files[:1000:25]:
        for path in re.findall(r'<path [^>]* d="([^"]*)"', file.read_text("utf-8")):
            curves = [
                part
                for part in svgpathtools.parse_path(path)
                if isinstance(part, svgpathtools.CubicBezier)
            ]
            points = np.concatenate([part.poly()(np.linspace(0, 1, 129)) for part in curves])
            points = np.stack([points.real, points.imag], axis=1)
            (line,) = kanjivg.flatten(path)
            assert distance_to(points, line).max() < 0.07, (file.name, path)
