import subprocess
import sys

import numpy as np
import pytest

from magenta_sketch.data.sources import svg, svg_paths, svg_sheets
from magenta_sketch.data.sources.drawings import Drawing, Skipped
from magenta_sketch.errors import DataError

XMLNS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def read(tmp_path, body, attributes='viewBox="0 0 100 100"', head=""):
    file = tmp_path / "a.svg"
    file.write_text(f"{head}<svg {XMLNS} {attributes}>{body}</svg>")
    return svg.read_file(file)


def corners(tmp_path, body, **kwargs):
    return [line.round(9).tolist() for line in read(tmp_path, body, **kwargs)]


# Shapes

SHAPES = {
    '<path d="M1,2L3,4 5,0"/>': [[[1, 2], [3, 4], [5, 0]]],
    '<path d="m1 2 3 4m1 1h2v-2z"/>': [[[1, 2], [4, 6]], [[5, 7], [7, 7], [7, 5], [5, 7]]],
    # After z the pen is where that part began, for what is relative, too.
    '<path d="M1,2h3v4zm10,10h1"/>': [[[1, 2], [4, 2], [4, 6], [1, 2]], [[11, 12], [12, 12]]],
    # Two parts that meet are two lines.
    '<path d="M1,1L2,2M2,2L3,1"/>': [[[1, 1], [2, 2]], [[2, 2], [3, 1]]],
    '<path d="M1.e1.5.5-3L+2.,1e-1"/>': [[[10, 0.5], [0.5, -3], [2, 0.1]]],
    '<path d="M5,5l0,0"/>': [[[5, 5], [5, 5]]],
    '<line x1="1" y1="2" x2="3" y2="4"/>': [[[1, 2], [3, 4]]],
    '<line x2="3"/>': [[[0, 0], [3, 0]]],
    '<polyline points="1,2 3,4,5 6 7"/>': [[[1, 2], [3, 4], [5, 6]]],  # as far as it is right
    '<polyline points="1-2.5.5 3,4"/>': [[[1, -2.5], [0.5, 3]]],
    '<polyline points="1e1-2 3,4"/>': [[[10, -2], [3, 4]]],
    '<polygon points="0,0 4,0 4,3"/>': [[[0, 0], [4, 0], [4, 3], [0, 0]]],
    '<rect x="1" y="2" width="3" height="4"/>': [[[1, 2], [4, 2], [4, 6], [1, 6], [1, 2]]],
    '<rect width="3" height="4" rx="0" ry="9"/>': [[[0, 0], [3, 0], [3, 4], [0, 4], [0, 0]]],
    '<line x1="10%" y1="20%" x2="1in" y2="3mm"/>': [[[10, 20], [96, 11.338582677]]],
}


@pytest.mark.parametrize("body, expected", SHAPES.items())
def test_straight_shapes(tmp_path, body, expected):
    assert corners(tmp_path, body) == expected


@pytest.mark.parametrize(
    "body, center, radii",
    [
        ('<circle cx="30" cy="40" r="7"/>', (30, 40), (7, 7)),
        ('<ellipse cx="3" cy="4" rx="7" ry="2"/>', (3, 4), (7, 2)),
        ('<ellipse rx="7"/>', (0, 0), (7, 7)),
        ('<circle r="10%"/>', (0, 0), (10, 10)),
    ],
)
def test_round_shapes(tmp_path, body, center, radii):
    (line,) = read(tmp_path, body)
    on_unit_circle = (line - center) / radii
    np.testing.assert_allclose(np.linalg.norm(on_unit_circle, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(line[0], line[-1], atol=1e-9)
    turns = np.unwrap(np.arctan2(on_unit_circle[:, 1], on_unit_circle[:, 0]))
    assert abs(turns[-1] - turns[0]) == pytest.approx(2 * np.pi)  # all around, once


def test_a_rounded_rectangle(tmp_path):
    (line,) = read(tmp_path, '<rect width="30" height="20" rx="5"/>')
    assert line.min(axis=0).tolist() == [0, 0] and line.max(axis=0).tolist() == [30, 20]
    inner = np.clip(line, [5, 5], [25, 15])
    distance = np.linalg.norm(line - inner, axis=1)
    np.testing.assert_allclose(distance, 5, atol=1e-9)


def test_corners_are_rounded_by_half_a_side_at_most(tmp_path):
    (line,) = read(tmp_path, '<rect width="30" height="20" rx="50"/>')
    np.testing.assert_allclose(np.linalg.norm((line - [15, 10]) / [15, 10], axis=1), 1, atol=1e-9)


def test_curves(tmp_path):
    t = np.linspace(0, 1, svg_paths.PIECES + 1)[:, None]
    paths = "M0,0C10,20 30,40 50,0", "M0 0q10,20 30,0", "M0 0Q5,9 10,0t10,0"
    body = "".join(f'<path d="{path}"/>' for path in paths)
    cubic, quadratic, smooth = read(tmp_path, body)
    a, b, c = np.array([[10, 20], [30, 40], [50, 0]])
    expected = 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * c
    np.testing.assert_allclose(cubic, expected, atol=1e-9)
    expected = 2 * t * (1 - t) * [10, 20] + t**2 * [30, 0]
    np.testing.assert_allclose(quadratic, expected, atol=1e-9)
    np.testing.assert_allclose(
        smooth[: svg_paths.PIECES + 1, 1], -smooth[svg_paths.PIECES :, 1], atol=1e-9
    )


@pytest.mark.parametrize("large, sweep", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_arcs_take_the_way_that_their_flags_say(tmp_path, large, sweep):
    (line,) = read(tmp_path, f'<path d="M0,-10a10,10 0 {large}{sweep}10,10"/>')
    center = (0, 0) if large != (sweep == 1) else (10, -10)
    np.testing.assert_allclose(np.linalg.norm(line - center, axis=1), 10, atol=1e-6)
    angles = np.unwrap(np.arctan2(*(line - center).T[::-1]))
    turn = angles[-1] - angles[0]
    assert turn == pytest.approx((1 if sweep else -1) * np.pi * (1.5 if large else 0.5), abs=1e-6)


def test_an_arc_without_a_radius_is_a_line(tmp_path):
    assert corners(tmp_path, '<path d="M1,1A0,5 0 0 1 4,5"/>') == [[[1, 1], [4, 5]]]


CLOSED_ARCS = {
    "M1,1L2,2a5,5 0 1 1 0,0L3,1": [[1, 1], [2, 2], [3, 1]],
    "M1,1L2,2A5,5 0 112,2L3,1": [[1, 1], [2, 2], [3, 1]],
    "m1,1h1v1za5 5 0 0 0 0 0l-1,0": [[1, 1], [2, 1], [2, 2], [1, 1], [0, 1]],
    "M.1.2L.4.6A1,1,0,0,0,.4.6A3,3,0,0,0,.4.6l1,0": [[0.1, 0.2], [0.4, 0.6], [1.4, 0.6]],
}


@pytest.mark.parametrize("path, expected", CLOSED_ARCS.items())
def test_an_arc_that_ends_where_it_starts_is_left_out(tmp_path, path, expected):
    assert corners(tmp_path, f'<path d="{path}"/>') == [expected]
    moved = f"M9,9L8,8m-8,-8{path}"
    assert corners(tmp_path, f'<path d="{moved}"/>') == [[[9, 9], [8, 8]], expected]


def test_only_the_arc_that_ends_where_it_starts_is_left_out(tmp_path):
    arcs = "3,3 0 0 1 3,3 3,3 0 0 1 0,0 3,3 0 0 1 3,-3"
    body = f'<path d="M0,0a{arcs}"/><path d="M0,0a{arcs.replace(" 3,3 0 0 1 0,0", "")}"/>'
    one, other = read(tmp_path, body)
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="draws nothing"):
        read(tmp_path, '<path d="M1,2a5,5 0 1 1 0,0"/>')


# Transforms

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


# What is drawn where it is used, and what is not drawn

PATH = '<path d="M0,0h1"/>'


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


SHEETS = {  # style sheet and element, whether it is drawn
    (".a{display:none}", '<g class="a"><path d="M0,0h1"/></g>'): False,
    (".a{display:none}", '<g class="b c a"><path d="M0,0h1"/></g>'): False,
    (".a{display:none}", '<g class="b"><path d="M0,0h1"/></g>'): True,
    ("<![CDATA[ #a > path { DISPLAY: None } ]]>", '<g id="a"><path d="M0,0h1"/></g>'): False,
    ("#a &gt; path{display:none}", '<g id="a"><g><path d="M0,0h1"/></g></g>'): True,
    ("g g path{display:none}", '<g id="a"><g><path d="M0,0h1"/></g></g>'): False,
    ("path:not(.a):first-child{display:none}", '<g><path d="M0,0h1"/></g>'): False,
    ("path ~ path{display:none}", '<g><rect/><path d="M0,0h1"/></g>'): True,
    ("text ~ path{display:none}", '<g><text/><rect/><path d="M0,0h1"/></g>'): False,
    ("path{fill:none}", '<path d="M0,0h1"/>'): False,
    ("path{fill:none;stroke:#000}", '<path d="M0,0h1"/>'): True,
    ("path{fill:none}", '<path stroke="red" stroke-opacity="0" d="M0,0h1"/>'): False,
    ("svg{visibility:hidden}", '<path d="M0,0h1"/>'): False,
    ("svg{visibility:hidden}path{visibility:visible}", '<path d="M0,0h1"/>'): True,
    ("g{opacity:0}path{opacity:1}", '<g><path d="M0,0h1"/></g>'): False,
    ("g{opacity:.01}", '<g><path d="M0,0h1"/></g>'): True,
    ("path{fill-opacity:0%}", '<path d="M0,0h1"/>'): False,
    # An attribute is less than a rule, and that than the element's own style.
    ("path{display:inline}", '<path display="none" d="M0,0h1"/>'): True,
    ("path{display:inline}", '<path style="display:none" d="M0,0h1"/>'): False,
    ("path{display:none}", '<path style="display:inline" d="M0,0h1"/>'): True,
    # Specificity, then order.
    (".a{display:inline}path{display:none}", '<path class="a" d="M0,0h1"/>'): True,
    ("#i{display:none}path.a{display:inline}", '<path id="i" class="a" d="M0,0h1"/>'): False,
    ("path{display:none}path{display:inline}", '<path d="M0,0h1"/>'): True,
    ("path{display:inline}</style><style>path{display:none}", '<path d="M0,0h1"/>'): False,
    ("path{display:none!important}", '<path style="display:inline" d="M0,0h1"/>'): False,
    ("path{display:none !important}#i{display:inline}", '<path id="i" d="M0,0h1"/>'): False,
    ("path{display:none!important}", '<path style="display:inline!important" d="M0,0h1"/>'): True,
    # What is not valid, or not for us, is passed over.
    ("path{display:none;visibility:away}", '<path style="display:inline" d="M0,0h1"/>'): True,
    ("path[{display:none} path{opacity:0}", '<path d="M0,0h1"/>'): True,
    ("path, !{display:none} path.a{opacity:0}", '<path d="M0,0h1"/>'): True,
    ("path{display none; opacity:0}", '<path d="M0,0h1"/>'): False,
    ("path{opacity:clear} /* path{opacity:0} */", '<path d="M0,0h1"/>'): True,
    ("@import 'a.css'; @media print{path{display:none}}", '<path d="M0,0h1"/>'): True,
    ("@import 'a.css'; path{display:none}", '<path d="M0,0h1"/>'): False,
    ("path:hover, path::before{display:none}", '<path d="M0,0h1"/>'): True,
    # In use, what is referred to has the style that it has where it is.
    (
        ".a path{display:none}",
        '<defs><g class="a"><path id="p" d="M0,0h1"/></g></defs><use href="#p"/>',
    ): False,
    (
        ".a path{display:none}",
        '<defs><path id="p" d="M0,0h1"/></defs><g class="a"><use href="#p"/></g>',
    ): True,
}


@pytest.mark.parametrize("sheet, body", SHEETS)
def test_style_sheets(tmp_path, sheet, body):
    frame = '<line style="display:inline!important;opacity:1!important" stroke="red" x2="7"/>'
    body = f"<style>line{{stroke:red;visibility:visible}}{sheet}</style>{frame}{body}"
    drawn = corners(tmp_path, body)
    assert drawn[0] == [[0, 0], [7, 0]]
    assert drawn[1:] == ([[[0, 0], [1, 0]]] if SHEETS[sheet, body.split(frame)[1]] else [])


@pytest.mark.parametrize(
    "attributes, hides",
    [
        ("", True),
        ('type="text/css" media="print, screen"', True),
        ('media="print"', False),
        ('type="text/less"', False),
    ],
)
def test_which_style_elements_are_for_us(tmp_path, attributes, hides):
    sheet = f'<style {attributes}>.a{{display:none}}</style><path class="a" d="M0,0h9"/>'
    assert len(read(tmp_path, sheet + PATH)) == 2 - hides


@pytest.mark.parametrize(
    "style, drawn",
    [
        ("display:none;display:inline", True),
        ("display:inline;display:none", False),
        ("display:none!important;display:inline", False),
        ("fill:url('a;fill:none;b')", True),
        ("stroke:url(#a;);/* ; */fill:none;stroke:none", False),
        ("display:none;;:;x", False),
        ("OPACITY:0", False),
        ("opacity:1e-9999", True),  # not what we take for a number
    ],
)
def test_the_last_valid_declaration_counts(tmp_path, style, drawn):
    body = f'<path style="{style}" d="M0,0h9"/>'
    assert len(read(tmp_path, body + PATH)) == 1 + drawn


def test_files_without_style_sheets_need_no_css_parser(tmp_path):
    (tmp_path / "a.svg").write_text(f'<svg><g style="fill:red;stroke:none">{PATH}</g></svg>')
    code = f"""
import sys
from magenta_sketch.data.sources import svg
assert len(svg.read_file({str(tmp_path / "a.svg")!r})) == 1
print(sorted({{"tinycss2", "cssselect2"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_style_sheets_on_many_levels(tmp_path):
    depth = 1500  # deeper than Python's functions may call each other
    sheet = "<style>.a g path{fill:none} .b > path{display:none}</style>"
    body = '<g class="b">' * depth + PATH + "</g>" * depth
    with pytest.raises(ValueError, match="draws nothing"):
        read(tmp_path, sheet + body)
    assert len(read(tmp_path, sheet.replace("b >", "c >") + body)) == 1


ENDLESS = {
    "g " * 6 + "path.a,path.none g g g g g path{display:none}": "take too long",
    "line ~ g ~ path ~ path ~ path{display:none}": "take too long",
    "svg:has(g g g path.none) path{display:none}": "take too long",
    "path:nth-last-of-type(3n+1):nth-of-type(2n+5){display:none}": "take too long",
    "*[d]{opacity:1}" * 5000: "take too long",
    "a,b,c{opacity:1}" * 4000: "over 10,000 selectors",
    f"path:is({'a,' * 1000}b){{opacity:1}}": "selector of over 1,000 characters",
    f"path{':not(' * 150}a{')' * 150}{{opacity:1}}": "selector that cannot be used: 'path:not",
}


@pytest.mark.parametrize("sheet, message", ENDLESS.items(), ids=range(len(ENDLESS)))
def test_style_sheets_that_would_take_for_ever(tmp_path, monkeypatch, sheet, message):
    monkeypatch.setattr(svg_sheets, "MOST_STEPS", svg_sheets.MOST_STEPS // 10)
    body = "<g>" * 100 + PATH * 5000 + "</g>" * 100
    with pytest.raises(ValueError, match=message):
        read(tmp_path, f"<style>{sheet}</style>{body}")


DEEP = [
    f"<style>path{{fill:{'(' * 5000}</style><path d='M0,0h1'/>",
    f"<style>path{'[' * 5000}{']' * 5000}{{fill:red}}</style><path d='M0,0h1'/>",
    f"<path style='fill:{'(' * 5000}' d='M0,0h1'/>",
    f"<style>path:lang(de){{fill:red}}</style>{'<g>' * 5000}{PATH}{'</g>' * 5000}",
]


@pytest.mark.parametrize("body", DEEP, ids=range(len(DEEP)))
def test_styles_that_are_nested_too_deep(tmp_path, body):
    with pytest.raises(ValueError, match="a style is nested too deep"):
        read(tmp_path, body)


def test_style_sheets_of_very_many_elements(tmp_path):
    body = f"<style>path{{opacity:1}}</style>{PATH}<defs>{'<a/>' * 100_000}</defs>"
    with pytest.raises(ValueError, match="over 100,000 elements, and style sheets"):
        read(tmp_path, body)
    assert len(read(tmp_path, body.replace("style>", "desc>"))) == 1


def test_a_frame_with_an_outline_is_no_background(tmp_path):
    assert len(read(tmp_path, '<rect width="100" height="100" stroke="red"/>')) == 1
    assert len(read(tmp_path, '<rect width="50" height="100"/>')) == 1


def test_our_own_drawings_are_read_back(tmp_path):
    from magenta_sketch.data.strokes import to_polylines
    from magenta_sketch.drawing.grid import save_svg

    sketch = np.array([[30, 0, 0], [0, 40, 1], [50, 5, 1], [3, -60, 0], [-20, 8, 1]])
    save_svg(tmp_path / "a.svg", sketch)
    lines = svg.read_file(tmp_path / "a.svg")
    expected = to_polylines(sketch)
    assert len(lines) == len(expected)
    size = np.ptp(np.concatenate(lines), axis=0) / np.ptp(np.concatenate(expected), axis=0)
    assert size[0] == pytest.approx(size[1], rel=0.01)
    for line, other in zip(lines, expected, strict=True):
        other = (other - expected[0][0]) * size + lines[0][0]
        np.testing.assert_allclose(line, np.broadcast_to(other, line.shape), atol=0.2)


# Damage and attacks

BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
DAMAGED = {
    '<path d="M1,2C3,4"/>': "damaged path 'M1,2C3,4'",
    '<path d="M1,2L3,four"/>': "damaged path",
    '<path d="M1,2L3,NaN"/>': "damaged path",
    '<path d="L1,2 3,4"/>': "without a start",
    '<path d="M1,2L1e999,3"/>': "not finite",
    '<path d="M1,2L1e300,3"/>': "beyond all measure",
    '<path d="M0,0a1e-200,1e-200 0 0 1 1,1"/>': "damaged path|not finite",
    '<circle r="ten"/>': "r='ten' is not a length",
    '<circle r="2em"/>': "r='2em' is not a length",
    '<rect width="1e999" height="1"/>': "width='1e999' is not finite",
    '<polyline points="1,2 x,4"/>': "damaged points",
    '<polyline points="1,2 1e999,4"/>': "not finite",
    '<g transform="turn(3)"><path d="M0,0h1"/></g>': "Unknown SVG transform type",
    '<g transform="scale(1"><path d="M0,0h1"/></g>': "transform",
    '<g transform="scale(1e200)"><g transform="scale(1e200)"><path d="M0,0h1"/></g></g>': "finite",
    '<use href="#none"/>': "use of '#none', which is not in the document",
    '<use href="http://elsewhere/a.svg#b"/>': "use of",
    '<g id="a"><use href="#a"/></g>': "its own part",
    '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>': "its own part",
    '<svg viewBox="1 2 3"><path d="M0,0h1"/></svg>': "viewBox='1 2 3' is not four numbers",
    f'<polyline points="{"1" * 50_000}"/>': "damaged points",
    f'<path d="M{"1" * 50_000}"/>': "damaged path",
    "<path": "not well-formed XML",
}


@pytest.mark.parametrize("body, message", DAMAGED.items(), ids=range(len(DAMAGED)))
def test_damaged_files(tmp_path, body, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, body)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("head, body", [(BOMB, "<text>&b;</text>"), (OUTSIDE, "<text>&a;</text>")])
def test_entities_are_refused(tmp_path, head, body):
    with pytest.raises(ValueError, match="^declares entities$"):
        read(tmp_path, body + PATH, head=head)


def test_a_bomb_of_uses(tmp_path):
    levels = "".join(f'<g id="l{i + 1}">' + f'<use href="#l{i}"/>' * 10 + "</g>" for i in range(12))
    body = f'<defs><path id="l0" d="M0,0h1"/>{levels}</defs><use href="#l12"/>'
    with pytest.raises(ValueError, match="over 20,000 elements"):
        read(tmp_path, body)


def test_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(svg, "MOST_POINTS", 1000)
    with pytest.raises(ValueError, match="over 1,000 points"):
        read(tmp_path, '<path d="M0,0' + "c1,1 2,2 3,3" * 100 + '"/>')
    monkeypatch.setattr(svg, "LARGEST_FILE", 1 << 20)
    with pytest.raises(ValueError, match="over 1 MiB"):
        read(tmp_path, PATH + " " * (1 << 20))


@pytest.mark.parametrize("text, message", [("", "not well-formed"), ("<html/>", "is not SVG")])
def test_what_is_no_svg(tmp_path, text, message):
    (tmp_path / "a.svg").write_text(text)
    with pytest.raises(ValueError, match=message):
        svg.read_file(tmp_path / "a.svg")


def test_a_file_without_the_namespace(tmp_path):
    (tmp_path / "a.svg").write_text(f"<svg>{PATH}</svg>")
    assert len(svg.read_file(tmp_path / "a.svg")) == 1


# Folders


def put(folder, *names, body=PATH):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<svg {XMLNS}>{body}</svg>")


def items(folder):
    told = []
    source = svg.source(folder)
    result = list(source.read(told.append))
    assert sum(told) == source.size
    return result


def test_a_folder_is_a_class(tmp_path):
    put(tmp_path / "owls", "b.svg", "a.SVG", "note.txt", ".hidden.svg")
    assert [(item.name, item.key) for item in items(tmp_path / "owls")] == [
        ("owls", "a.SVG"),
        ("owls", "b.svg"),
    ]


def test_subfolders_are_classes(tmp_path):
    put(tmp_path / "all", "owl/a.svg", "owl/more/b.svg", "cat/x/y/c.svg", "d.svg", "empty/e.txt")
    assert [(item.name, item.key) for item in items(tmp_path / "all")] == [
        ("all", "d.svg"),
        ("cat", "x/y/c.svg"),
        ("owl", "a.svg"),
        ("owl", "more/b.svg"),
    ]


def test_a_damaged_file_is_told_and_the_others_read(tmp_path):
    put(tmp_path / "owls", "a.svg", "c.svg")
    (tmp_path / "owls" / "b.svg").write_text("<svg>")
    (tmp_path / "owls" / "d.svg").symlink_to("nowhere")
    first, damaged, third, missing = items(tmp_path / "owls")
    assert isinstance(first, Drawing) and isinstance(third, Drawing)
    assert isinstance(damaged, Skipped) and "b.svg: not a usable SVG file: not well" in str(damaged)
    assert isinstance(missing, Skipped) and "d.svg: cannot be read: No such file" in str(missing)


def test_a_folder_without_svg_files(tmp_path):
    with pytest.raises(DataError, match="no SVG files in this folder or below it"):
        svg.source(tmp_path)
