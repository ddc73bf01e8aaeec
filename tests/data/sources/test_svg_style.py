"""What can be seen, by style sheets and `style`."""

import subprocess
import sys

import pytest
from svg_files import PATH, corners, read

from magenta_sketch.data.sources import svg_sheets

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
    ("@media screen{path{display:none}} @media all{a{b:c}}", '<path d="M0,0h1"/>'): False,
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
assert len(svg.read_file({str(tmp_path / "a.svg")!r}).lines) == 1
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
    monkeypatch.setattr(svg_sheets, "MOST_VISITS", svg_sheets.MOST_VISITS // 10)
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
