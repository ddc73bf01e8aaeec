"""Which shapes are drawn, and where: transforms, groups, `use`, nested documents."""

import numpy as np
import pytest
from svg_files import PATH, corners, read

TRANSFORMS = {
    "translate(3)": [[3, 0], [5, 1]],
    "translate(3, 4)": [[3, 4], [5, 5]],
    "scale(2)": [[0, 0], [4, 2]],
    "scale(2 -3)": [[0, 0], [4, -3]],
    "rotate(90)": [[0, 0], [-1, 2]],
    "rotate(90, 1, 1)": [[2, 0], [1, 2]],
    "skewX(45)": [[0, 0], [3, 1]],
    "skewY(45)": [[0, 0], [2, 3]],
    "matrix(1 2 3 4 5 6)": [[5, 6], [10, 14]],
    "translate(1,1) scale(2)": [[1, 1], [5, 3]],
    "scale(2),translate(1 1)": [[2, 2], [6, 4]],
    "": [[0, 0], [2, 1]],
}


@pytest.mark.parametrize("transform, expected", TRANSFORMS.items())
def test_transforms(tmp_path, transform, expected):
    body = f'<path transform="{transform}" d="M0,0L2,1"/>'
    assert corners(tmp_path, body) == [expected]
    group = f'<g transform="{transform}"><a><path d="M0,0L2,1"/></a></g>'
    assert corners(tmp_path, group) == [expected]


def test_groups_within_groups(tmp_path):
    body = """<g transform="translate(10 20)"><path d="M0,0h1"/>
      <g transform="rotate(90)"><g transform="scale(2)"><path d="M1,0h1"/></g></g>
      <path d="M5,5h1"/></g><path d="M0,0h1"/>"""
    assert corners(tmp_path, body) == [
        [[10, 20], [11, 20]],
        [[10, 22], [10, 24]],
        [[15, 25], [16, 25]],
        [[0, 0], [1, 0]],
    ]


def test_a_circle_under_a_transform_is_the_ellipse_that_it_becomes(tmp_path):
    matrix = np.array([[2, 1], [0.5, 3]])
    (line,) = read(tmp_path, '<circle r="2" transform="matrix(2 .5 1 3 0 0)"/>')
    back = line @ np.linalg.inv(matrix).T
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 2, atol=1e-9)


def test_the_shapes_come_in_the_document_s_order(tmp_path):
    body = """<line x2="1"/><g><circle cx="2" r="1"/><g><path d="M3,0h1"/></g>
      <rect x="4" width="1" height="1"/></g><polyline points="5,0 6,0"/>"""
    starts = [line[0, 0] for line in read(tmp_path, body)]
    assert starts == [0, 1, 3, 4, 5]


def test_many_levels(tmp_path):
    depth = 5000
    body = '<g transform="translate(1)">' * depth + '<path d="M0,0h1"/>' + "</g>" * depth
    assert corners(tmp_path, body) == [[[depth, 0], [depth + 1, 0]]]


def test_use(tmp_path):
    body = f"""<defs><g id="two" transform="scale(2)">{PATH}<path d="M0,1h1"/></g></defs>
      <use href="#two" x="10"/><use xlink:href="#two" transform="translate(0,5)" y="1"/>"""
    assert corners(tmp_path, body) == [
        [[10, 0], [12, 0]],
        [[10, 2], [12, 2]],
        [[0, 6], [2, 6]],
        [[0, 8], [2, 8]],
    ]


def test_symbols_are_fitted_into_their_use(tmp_path):
    body = """<symbol id="s" viewBox="10 10 20 10"><path d="M10,10h20v10"/></symbol>
      <use href="#s" x="1" y="2" width="40" height="40"/>"""
    # Twice as large, and in the middle of the height.
    assert corners(tmp_path, body) == [[[1, 12], [41, 12], [41, 32]]]


NESTED = {
    "": [[30, 10], [40, 20]],  # xMidYMid
    'preserveAspectRatio="none"': [[20, 10], [60, 20]],
    'preserveAspectRatio="xMinYMin"': [[20, 10], [30, 20]],
    'preserveAspectRatio="xMaxYMax meet"': [[50, 10], [60, 20]],
    'preserveAspectRatio="xMinYMin slice"': [[20, 10], [60, 50]],
}
NESTED[""] = [[35, 10], [45, 20]]


@pytest.mark.parametrize("attribute, expected", NESTED.items())
def test_a_document_within(tmp_path, attribute, expected):
    inner = f'<svg x="20" y="10" width="40" height="10" viewBox="0 0 5 5" {attribute}>'
    assert corners(tmp_path, inner + '<path d="M0,0L5,5"/></svg>') == [expected]


HIDDEN = [
    '<path d="M0,0h9" display="none"/>',
    '<path d="M0,0h9" style="stroke: red; display: none"/>',
    '<g display="none"><g><path d="M0,0h9"/></g></g>',
    '<g visibility="hidden"><path d="M0,0h9"/></g>',
    '<g fill="none"><path d="M0,0h9"/></g>',
    '<path d="M0,0h24v24H0z" fill="none"/>',
    '<g opacity="0"><path opacity="1" d="M0,0h9"/></g>',
    '<path fill-opacity="0" d="M0,0h9"/>',
    '<path fill="none" stroke="red" stroke-opacity="0" d="M0,0h9"/>',
    '<symbol id="s" opacity="0"><path d="M0,0h9"/></symbol><use href="#s"/>',
    '<g style="fill:none;stroke:none"><path d="M0,0h9"/></g>',
    '<defs><path d="M0,0h9"/></defs>',
    '<symbol><path d="M0,0h9"/></symbol>',
    '<clipPath id="c"><path d="M0,0h9"/></clipPath>',
    '<mask><path d="M0,0h9"/></mask>',
    '<marker><path d="M0,0h9"/></marker>',
    '<pattern><path d="M0,0h9"/></pattern>',
    '<text>M0,0h9</text><title>a</title><metadata><path d="M0,0h9"/></metadata>',
    '<x:path xmlns:x="urn:other" d="M0,0h9"/>',
    '<rect width="100%" height="100%" fill="white"/>',
    '<rect x="-5" y="-5" width="110" height="110"/>',
    '<circle r="0"/><circle/><ellipse rx="5" ry="0"/><rect width="5"/><path/><polyline/>',
    "<!-- <path d='M0,0h9'/> --><?path M0,0h9?>",
]


@pytest.mark.parametrize("body", HIDDEN)
def test_what_is_not_drawn(tmp_path, body):
    assert corners(tmp_path, body + PATH) == [[[0, 0], [1, 0]]]
    with pytest.raises(ValueError, match="draws nothing"):
        read(tmp_path, body)


SHOWN = [
    '<g visibility="hidden"><path visibility="visible" d="M0,0h1"/></g>',
    '<g fill="none"><path stroke="black" d="M0,0h1"/></g>',
    '<g fill="none" stroke="none"><path style="stroke:#000" d="M0,0h1"/></g>',
    '<path fill="inherit" d="M0,0h1"/>',
    '<switch><foreignObject/><g><path d="M0,0h1"/></g><path d="M0,0h9"/></switch>',
]


@pytest.mark.parametrize("body", SHOWN)
def test_what_is_drawn(tmp_path, body):
    assert corners(tmp_path, body) == [[[0, 0], [1, 0]]]


def test_a_frame_with_an_outline_is_no_background(tmp_path):
    assert len(read(tmp_path, '<rect width="100" height="100" stroke="red"/>')) == 1
    assert len(read(tmp_path, '<rect width="50" height="100"/>')) == 1


def test_a_bomb_of_uses(tmp_path):
    levels = "".join(f'<g id="l{i + 1}">' + f'<use href="#l{i}"/>' * 10 + "</g>" for i in range(12))
    body = f'<defs><path id="l0" d="M0,0h1"/>{levels}</defs><use href="#l12"/>'
    with pytest.raises(ValueError, match="over 20,000 elements"):
        read(tmp_path, body)
