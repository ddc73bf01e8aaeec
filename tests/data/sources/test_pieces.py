"""Strokes that a program wrote in pieces."""

import numpy as np
import pytest
from svg_files import XMLNS

from magenta_sketch.data import read_npz
from magenta_sketch.data.sources import pieces, svg
from magenta_sketch.data.sources.building import build
from magenta_sketch.data.sources.collecting import JOINED
from magenta_sketch.data.sources.options import Options


def joined(lines, pens=None, gap=pieces.GAP):
    lines = [np.array(line, float) for line in lines]
    found = pieces.join(lines, pens or ["a"] * len(lines), gap)
    return [line.tolist() for line in found]


LINE = [[0, 0], [10, 0]], [[10, 0], [10, 10]], [[10, 10], [0, 10]]


def test_pieces_that_meet_are_one_stroke():
    assert joined(LINE) == [[[0, 0], [10, 0], [10, 10], [0, 10]]]
    assert joined(LINE, gap=0) == [list(map(list, line)) for line in LINE]


def test_what_is_not_joined():
    assert len(joined(LINE, ["a", "a", "b"])) == 2
    assert len(joined([[[0, 0], [10, 0]], [[10, 0.02], [10, 10]]])) == 2  # over a thousandth
    assert len(joined([[[0, 0], [10, 0]], [[10, 0.009], [10, 10]]])) == 1
    assert len(joined([[[0, 0], [10, 0]], [[0, 0], [10, 10]]])) == 2
    square = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
    assert len(joined([square, [[0, 0], [5, 5]]])) == 2  # closed: a drawing of its own


PRESSURE = {
    "rgba": "rgba(0,0,0,0.{})",
    "hex": "#000000{}5",
    "width": "black",
}


@pytest.mark.parametrize("form", PRESSURE)
def test_pressure_in_the_opacity_of_a_colour(tmp_path, form):
    lines = [
        f'<line x1="{i}" y1="{i % 2}" x2="{i + 1}" y2="{(i + 1) % 2}" '
        f'stroke="{PRESSURE[form].format(i + 1)}" stroke-width="{i + 1}"/>'
        for i in range(8)
    ]
    source = svg.source(put(tmp_path / "a", [f"<g>{''.join(lines)}</g>"] * 3))
    drawings = list(source.read(lambda size: None))
    assert {len(joined(one.lines, one.pens)) for one in drawings} == {1}
    red = svg.source(put(tmp_path / "b", [lines[0] + lines[1].replace("stroke=", "fill=")] * 3))
    assert {len(joined(one.lines, one.pens)) for one in red.read(lambda size: None)} <= {1, 2}


def test_a_stroke_may_cross_its_own_beginning():
    loop = [[0, 0], [9, 0], [9, 9], [0, 0], [-9, -9], [0, -9]]
    assert joined([loop[i : i + 2] for i in range(5)]) == [loop]


FORMS = {
    "line": '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke-width="{}"/>',
    "path": '<path d="M{} {}L{} {}" style="stroke-width:{}"/>',
}


@pytest.fixture
def curves():
    t = np.linspace(0, 6, 60)
    return [
        np.column_stack([50 + size * np.cos(t + phase), 50 + size * np.sin(t)]).round(2)
        for size, phase in ((40, 0), (20, 1), (5, 2))
    ]


def put(folder, bodies):
    folder.mkdir()
    for number, body in enumerate(bodies):
        head = f'<svg {XMLNS} viewBox="0 0 100 100"><g stroke="black" fill="none">'
        (folder / f"{number}.svg").write_text(f"{head}{body}</g></svg>")
    return folder


@pytest.mark.parametrize("form", [*FORMS, "one path"])
def test_pieces_and_whole_strokes_give_the_same_sketches(tmp_path, curves, form):
    whole, cut = [], []
    for number in range(3):
        lines = [line + number for line in curves]
        whole.append("".join(f'<path d="M{points(line)}"/>' for line in lines))
        bits = [
            (*a, *b, 1 + i % 3)
            for line in lines
            for i, (a, b) in enumerate(zip(line[:-1], line[1:], strict=True))
        ]
        if form == "one path":
            cut.append('<path d="' + "".join("M{} {}L{} {}".format(*bit) for bit in bits) + '"/>')
        else:
            cut.append("".join(FORMS[form].format(*bit) for bit in bits))
    files = {}
    for name, bodies in (("whole", whole), ("cut", cut)):
        lines = []
        source = svg.source(put(tmp_path / name, bodies))
        (files[name],) = build([source], tmp_path / f"{name}-out", Options(), lines.append)
        told = [line for line in lines if line.startswith("pieces of strokes: ")]
        note = f"pieces of strokes: 522 {JOINED}, in 3 drawings"
        assert told == ([note] if name == "cut" else [])
    assert files["whole"].read_bytes() == files["cut"].read_bytes()
    source = svg.source(tmp_path / "cut")
    (apart,) = build([source], tmp_path / "apart", Options(join=0), lambda line: None)
    assert len(read_npz(apart)["train"][0]) > 3 * len(read_npz(files["cut"])["train"][0])


def points(line):
    return " ".join(f"{x},{y}" for x, y in line)
