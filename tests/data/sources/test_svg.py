"""SVG files and folders of them: sound, damaged, and as attacks."""

import numpy as np
import pytest
from characters import BOMB, OUTSIDE
from svg_files import PATH, XMLNS, read

from magenta_sketch.data.sources import svg, svg_xml
from magenta_sketch.data.sources.drawings import Drawing, Skipped
from magenta_sketch.errors import DataError


def test_our_own_drawings_are_read_back(tmp_path):
    from magenta_sketch.data.strokes import to_polylines
    from magenta_sketch.drawing.grid import save_svg

    sketch = np.array([[30, 0, 0], [0, 40, 1], [50, 5, 1], [3, -60, 0], [-20, 8, 1]])
    save_svg(tmp_path / "a.svg", sketch)
    lines = svg.read_file(tmp_path / "a.svg").lines
    expected = to_polylines(sketch)
    assert len(lines) == len(expected)
    size = np.ptp(np.concatenate(lines), axis=0) / np.ptp(np.concatenate(expected), axis=0)
    assert size[0] == pytest.approx(size[1], rel=0.01)
    for line, other in zip(lines, expected, strict=True):
        other = (other - expected[0][0]) * size + lines[0][0]
        np.testing.assert_allclose(line, np.broadcast_to(other, line.shape), atol=0.2)


# Damage and attacks

DAMAGED = {
    '<path d="M1,2C3,4"/>': "damaged path 'M1,2C3,4'",
    '<path d="M1,2L3,four"/>': "damaged path",
    '<path d="M1,2L3,NaN"/>': "damaged path",
    '<path d="L1,2 3,4"/>': "without a start",
    '<path d="M1,2L1e999,3"/>': "not finite",
    '<path d="M1,2L1e300,3"/>': "beyond all measure",
    '<path d="M0,0a1e-200,1e-200 0 0 1 1,1"/>': "damaged path|not finite",
    '<circle r="ten"/>': "r='ten' is not a length",
    '<circle r="2fr"/>': "r='2fr' is not a length",
    '<rect width="1e999" height="1"/>': "width='1e999' is not finite",
    '<polyline points="1,2 x,4"/>': "damaged points",
    '<polyline points="1,2 1e999,4"/>': "not finite",
    '<g transform="turn(3)"><path d="M0,0h1"/></g>': r"transform 'turn\(3\)': turn\(\) is not read",
    '<g transform="scale(1"><path d="M0,0h1"/></g>': "transform",
    '<g transform="scale(1e200)"><g transform="scale(1e200)"><path d="M0,0h1"/></g></g>': "finite",
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
    with pytest.raises(ValueError, match="^declares entities that are not short texts$"):
        read(tmp_path, body + PATH, head=head)


ILLUSTRATOR = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
  <!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/">
  <!ENTITY ns_svg "http://www.w3.org/2000/svg">]>
<svg xmlns:i="&ns_ai;" xmlns="&ns_svg;" i:pagesize="9"><desc>&ns_ai;</desc>%s</svg>"""


def test_short_entities_of_illustrator_are_read(tmp_path):
    (tmp_path / "a.svg").write_text(ILLUSTRATOR % PATH)
    assert len(svg.read_file(tmp_path / "a.svg").lines) == 1


REFUSED_ENTITIES = [
    '<!ENTITY a "b"><!ENTITY c "&a;">',  # one in another
    '<!ENTITY % a "b">',
    '<!ENTITY a SYSTEM "file:///etc/passwd">',
    '<!ENTITY a PUBLIC "x" "http://elsewhere/">',
    '<!ENTITY a "<g/>">',
    f'<!ENTITY a "{"x" * 1001}">',
    "".join(f'<!ENTITY a{i} "x">' for i in range(101)),
]


@pytest.mark.parametrize("entities", REFUSED_ENTITIES, ids=range(len(REFUSED_ENTITIES)))
def test_other_entities_are_refused(tmp_path, entities):
    with pytest.raises(ValueError, match="^declares entities that are not short texts$"):
        read(tmp_path, PATH, head=f"<!DOCTYPE svg [{entities}]>")


def test_entities_cannot_fill_the_memory(tmp_path):
    head = f'<!DOCTYPE svg [<!ENTITY a "{"x" * 1000}">]>'
    with pytest.raises(ValueError, match="^declares entities that are not short texts$"):
        read(tmp_path, f"<desc>{'&a;' * 20_000}</desc>" + PATH, head=head)


def test_compressed_files(tmp_path):
    import gzip

    data = gzip.compress(f"<svg>{PATH}</svg>".encode())
    (tmp_path / "a.svgz").write_bytes(data)
    assert len(svg.read_file(tmp_path / "a.svgz").lines) == 1
    assert [item.key for item in items(tmp_path)] == ["a.svgz"]
    (tmp_path / "a.svgz").write_bytes(data[:-9])
    with pytest.raises(ValueError, match="damaged or cut short"):
        svg.read_file(tmp_path / "a.svgz")
    (tmp_path / "a.svgz").write_bytes(gzip.compress(bytes(17 << 20)))
    with pytest.raises(ValueError, match="over 16 MiB"):
        svg.read_file(tmp_path / "a.svgz")


def test_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(svg, "MOST_POINTS", 1000)
    with pytest.raises(ValueError, match="over 1,000 points"):
        read(tmp_path, '<path d="M0,0' + "c1,1 2,2 3,3" * 100 + '"/>')
    monkeypatch.setattr(svg_xml, "LARGEST_FILE", 1 << 20)
    with pytest.raises(ValueError, match="over 1 MiB"):
        read(tmp_path, PATH + " " * (1 << 20))


@pytest.mark.parametrize("text, message", [("", "not well-formed"), ("<html/>", "is not SVG")])
def test_what_is_no_svg(tmp_path, text, message):
    (tmp_path / "a.svg").write_text(text)
    with pytest.raises(ValueError, match=message):
        svg.read_file(tmp_path / "a.svg")


def test_a_file_without_the_namespace(tmp_path):
    (tmp_path / "a.svg").write_text(f"<svg>{PATH}</svg>")
    assert len(svg.read_file(tmp_path / "a.svg").lines) == 1


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
