"""Which shapes are drawn, and where: transforms, groups, `use`, nested documents."""

from functools import lru_cache

import numpy as np
import pytest
from svg_files import PATH, corners, picture, read

from magenta_sketch.data.sources import svg, svg_tree

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
    "none": [[0, 0], [2, 1]],
    # As minifiers write them.
    "translate(-10-5)": [[-10, -5], [-8, -4]],
    "matrix(1 0 0 1-10-5)": [[-10, -5], [-8, -4]],
    "matrix(1,0,0,1,.5.25)": [[0.5, 0.25], [2.5, 1.25]],
    "translate(1e1-5)scale(2)": [[10, -5], [14, -3]],
    "translate (3 4)": [[3, 4], [5, 5]],
    "translate(3.,4.)": [[3, 4], [5, 5]],
}

# Of CSS: the element's style, and where the line from (0, 0) to (2, 1) is.
STYLES = {
    "transform:translateX(75px)": [[75, 0], [77, 1]],
    "transform: translate(3px, 4px)": [[3, 4], [5, 5]],
    "transform: translate(2em, 1rem)": [[32, 16], [34, 17]],
    "transform:translateY(1in)": [[0, 96], [2, 97]],
    "transform:scaleX(2) scaleY(3)": [[0, 0], [4, 3]],
    "transform:rotate(.25turn)": [[0, 0], [-1, 2]],
    "transform:rotate(100grad)": [[0, 0], [-1, 2]],
    "transform:ROTATE(90DEG)": [[0, 0], [-1, 2]],
    "transform:skew(45deg)": [[0, 0], [3, 1]],
    "transform:skewY(45)": [[0, 0], [2, 3]],
    "transform:matrix(1, 2, 3, 4, 5, 6)": [[5, 6], [10, 14]],
    "transform:scale(2);transform-origin:1px 1px": [[-1, -1], [3, 1]],
    "transform:scale(2);transform-origin:center": [[-50, -50], [-46, -48]],
    "transform:scale(2);transform-origin:right 10%": [[-100, -10], [-96, -8]],
    "transform:none;transform-origin:50% 50%": [[0, 0], [2, 1]],
}


@pytest.mark.parametrize("transform, expected", TRANSFORMS.items())
def test_transforms(tmp_path, transform, expected):
    body = f'<path transform="{transform}" d="M0,0L2,1"/>'
    assert corners(tmp_path, body) == [expected]
    group = f'<g transform="{transform}"><a><path d="M0,0L2,1"/></a></g>'
    assert corners(tmp_path, group) == [expected]


@pytest.mark.parametrize("style, expected", STYLES.items())
def test_transforms_of_css(tmp_path, style, expected):
    """They replace the attribute, in style sheets too."""
    body = f'<path transform="scale(9)" style="{style}" d="M0,0L2,1"/>'
    assert corners(tmp_path, body) == [expected]
    sheet = f"<style>.a{{{style}}}</style>"
    assert corners(tmp_path, f'{sheet}<g class="a"><path d="M0,0L2,1"/></g>') == [expected]


UNREAD = {
    "transform:translate(50%)": "a percentage is not read",
    "transform:rotateX(5deg)": r"rotatex\(\) is not read",
    "transform:translate3d(1px,2px,3px)": r"translate3d\(\) is not read",
    "transform:translate(2vw)": "2vw is not read",
    "transform:rotate(5deg);transform-box:fill-box": "fill-box is not read",
    "rotate:45deg": "the property 'rotate' of CSS is not read",
    "transform:scale(2);transform-origin:bottom 2vw": "2vw is not read",
    "transform:translate(1px 2px 3px)": "damaged transform",
}


@pytest.mark.parametrize("style, message", UNREAD.items())
def test_a_transform_that_is_not_read_leaves_the_drawing_out(tmp_path, style, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, f'<path style="{style}" d="M0,0L2,1"/>')


@pytest.mark.parametrize("attribute", ['translate="no"', 'rotate="30"', 'scale="1.5"'])
def test_attributes_that_are_no_properties_of_svg(tmp_path, attribute):
    """Of HTML, against machine translation, and of others; SVG has these only in CSS."""
    body = f"<g {attribute}><path {attribute} d='M0,0L2,1'/></g>"
    assert corners(tmp_path, body, attributes=attribute) == [[[0, 0], [2, 1]]]


def test_a_long_transform_that_is_used_often_is_read_once(tmp_path, monkeypatch):
    parsed = []
    monkeypatch.setattr(
        svg_tree,
        "parse_transform",
        lru_cache(lambda text: parsed.append(text) or np.identity(3)),
    )
    uses = '<use href="#a"/>' * 600
    assert len(read(tmp_path, f'<path id="a" transform="scale(1)" d="M0,0h1"/>{uses}')) == 601
    assert len(parsed) == 1


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
    '<path fill="rgba(0,0,0,0)" d="M0,0h9"/>',
    '<path fill="transparent" stroke="#00000000" d="M0,0h9"/>',
    '<path style="fill:rgb(9 9 9 / 0%);stroke:hsla(0,0%,0%,0)" d="M0,0h9"/>',
    '<path fill="none" stroke="red" stroke-width="0" d="M0,0h9"/>',
    '<g style="stroke-width:0px"><path fill="none" stroke="red" d="M0,0h9"/></g>',
    '<g color="transparent"><path fill="currentColor" d="M0,0h9"/></g>',
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
    '<path d="M0 0h100v100H0z" fill="#fff"/>',
    '<g transform="scale(10)"><polygon points="0,0 10,0 10,10 0,10"/></g>',
    '<rect width="100" height="100" rx="10"/>',
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
    '<path fill="#0000" stroke="rgba(0,0,0,.1)" stroke-width=".1" d="M0,0h1"/>',
    '<g color="red"><path fill="currentColor" d="M0,0h1"/></g>',
    '<g stroke-width="0"><path d="M0,0h1"/></g>',
    '<path d="M0,0h1"/><use href="#none"/><use href="http://elsewhere/a.svg#b"/>',
    '<switch><foreignObject/><g><path d="M0,0h1"/></g><path d="M0,0h9"/></switch>',
]


@pytest.mark.parametrize("body", SHOWN)
def test_what_is_drawn(tmp_path, body):
    assert corners(tmp_path, body) == [[[0, 0], [1, 0]]]


def test_a_frame_with_an_outline_is_no_background(tmp_path):
    assert len(read(tmp_path, '<rect width="100" height="100" stroke="red"/>')) == 1
    assert len(read(tmp_path, '<rect width="50" height="100"/>')) == 1


def test_a_background_covers_the_drawing(tmp_path):
    """Larger than the page is not needed, but that there is something in front of it."""
    area, cat = '<path d="M10,10h40v30h-40z"/>', '<path d="M11,12L48,35"/>'
    assert corners(tmp_path, area + cat) == [[[11, 12], [48, 35]]]
    assert len(read(tmp_path, area)) == 1
    assert len(read(tmp_path, area + '<path d="M11,12L58,35"/>')) == 2
    # A circle, a triangle and a frame leave much of their box free.
    assert len(read(tmp_path, '<circle cx="50" cy="50" r="50"/>' + cat)) == 2
    assert len(read(tmp_path, '<path d="M0,0H100V100z"/>' + cat)) == 2
    assert len(read(tmp_path, '<path d="M0,0H100V100H0zM5,5V95H95V5z"/>' + cat)) == 3


def test_what_is_passed_over_is_counted(tmp_path):
    body = f"""<rect width="100" height="100"/><use href="#none"/>{PATH}
      <clipPath id="c"><path d="M0,0h9"/></clipPath><g clip-path="url(#c)">{PATH}</g>
      <g style="mask:url(#m)">{PATH}</g><g clip-path="none">{PATH}</g><text>a</text><image/>
      <circle r="1" style="r:30px"/>"""
    found = picture(tmp_path, body)
    assert len(found.lines) == 5
    assert found.passed_over == {
        svg_tree.NO_TARGET: 1,
        svg_tree.CLIPPED: 2,
        svg.BACKGROUND: 1,
        svg_tree.TEXTS: 2,
        svg_tree.GEOMETRY_IN_CSS: 1,
    }


NOTHING = {
    '<image href="data:image/png;base64,iVBO"/>': "it holds a picture, which has no strokes",
    "<text>word</text>": "it holds text, which has no strokes",
    "<g><text>a</text></g><image/>": "it holds a picture and text, which has no strokes",
    '<rect width="100" height="100"/>': "draws nothing but a background$",
    "<g/>": "draws nothing$",
    '<use href="b.svg#a"/>': "it holds a `use` of something that is not in the file",
}


@pytest.mark.parametrize("body, message", NOTHING.items())
def test_why_nothing_is_drawn(tmp_path, body, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, body)


PAGES = {
    'width="12em" height="12em"': [50, 25],
    'width="auto" height="100%"': [50, 25],
    'viewBox="0 0 200 300"': [100, 75],
    'width="400" height="2in"': [200, 48],
}
PAGES['width="12em" height="12em"'] = [96, 48]


@pytest.mark.parametrize("attributes, end", PAGES.items())
def test_the_page_decides_what_percentages_mean(tmp_path, attributes, end):
    (line,) = read(tmp_path, '<line x2="50%" y2="25%"/>', attributes=attributes)
    assert line[1].tolist() == end


def test_units_of_fonts_and_of_the_page(tmp_path):
    body = '<line x1="1em" y1="2rem" x2="10vw" y2="10vmax"/>'
    (line,) = read(tmp_path, body, attributes='viewBox="0 0 200 300"')
    assert line.tolist() == [[16, 32], [20, 30]]


def test_a_bomb_of_uses(tmp_path):
    levels = "".join(f'<g id="l{i + 1}">' + f'<use href="#l{i}"/>' * 10 + "</g>" for i in range(12))
    body = f'<defs><path id="l0" d="M0,0h1"/>{levels}</defs><use href="#l12"/>'
    with pytest.raises(ValueError, match="over 20,000 elements drawn by `use`"):
        read(tmp_path, body)


@pytest.mark.slow
def test_many_pieces_are_one_drawing(tmp_path):
    pieces = "".join(f'<line x1="{i}" x2="{i + 1}"/>' for i in range(21_000))
    assert len(read(tmp_path, f'<g stroke="red">{pieces}</g>')) == 21_000
