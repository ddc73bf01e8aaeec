"""Strokes that a program wrote in pieces."""

import numpy as np
import pytest
from svg_files import XMLNS

from magenta_sketch.data import read_npz
from magenta_sketch.data.sources import pieces, svg
from magenta_sketch.data.sources.building import build
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
        told = [line for line in lines if line.startswith("joined")]
        assert told == ([f"joined 522 {svg_note()}, in 3 drawings"] if name == "cut" else [])
    assert files["whole"].read_bytes() == files["cut"].read_bytes()
    source = svg.source(tmp_path / "cut")
    (apart,) = build([source], tmp_path / "apart", Options(join=0), lambda line: None)
    assert len(read_npz(apart)["train"][0]) > 3 * len(read_npz(files["cut"])["train"][0])


def points(line):
    return " ".join(f"{x},{y}" for x, y in line)


def svg_note():
    from magenta_sketch.data.sources.collecting import PIECES

    return PIECES
