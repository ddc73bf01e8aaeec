"""One SVG file as one sketch."""

import gzip
import pathlib

import numpy as np
import pytest
from characters import BOMB
from svg_files import XMLNS

import magenta_sketch
from magenta_sketch.data.sources.single import read_svg, read_svg_sketch
from magenta_sketch.data.strokes import bounds, to_polylines
from magenta_sketch.errors import DataError

L = '<path d="M10 5V85H110"/>'  # 100 wide, 80 high


@pytest.fixture
def write(tmp_path):
    """write(body, name) writes an SVG file: its path."""

    def write(body, name="a.svg"):
        path = tmp_path / name
        path.write_text(f'<svg {XMLNS} viewBox="0 0 200 200">{body}</svg>', encoding="utf-8")
        return path

    return write


def test_the_public_name():
    assert magenta_sketch.read_svg is read_svg


def test_strokes_become_points_and_lifts(write):
    sketch = read_svg(write(L + '<path d="M10 25h50"/>'), size=100)
    assert type(sketch) is np.ndarray and sketch.dtype == np.float32
    lines = [line.tolist() for line in to_polylines(sketch)]
    expected = [[[0, 0], [0, 80], [100, 80]], [[0, 20], [50, 20]]]
    np.testing.assert_allclose(np.concatenate(lines), np.concatenate(expected), atol=0.3)
    assert sketch[:, 2].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("size", [1e-3, 1, 40.5, 255, 3000, 999_999, np.float32(7), 12])
def test_the_larger_side_has_the_size(write, size):
    box = bounds(read_svg(write(L), size))
    assert box.max_x - box.min_x == pytest.approx(size, rel=1e-6)
    assert box.max_y - box.min_y == pytest.approx(0.8 * size, rel=1e-6)


def test_sizes_change_nothing_but_the_scale(write):
    path = write('<path d="M0 0C0 100 40 130 200 50"/><circle cx="90" cy="90" r="30"/>')
    small, large = read_svg(path, 51), read_svg(path, 510)
    np.testing.assert_allclose(10 * small[:, :2], large[:, :2], rtol=1e-6)
    np.testing.assert_array_equal(small[:, 2], large[:, 2])
    whole = read_svg(path)  # 255 pixels
    assert (whole == whole.round()).all() and np.ptp(np.cumsum(whole[:, 0])) > 200


def test_curves_are_followed_within_two_pixels(write):
    sketch = read_svg(write('<circle cx="100" cy="100" r="50"/>'))
    assert 10 < len(sketch) < 60 and sketch[-1, 2] == 1
    [points] = to_polylines(sketch)
    np.testing.assert_allclose(points[0], points[-1])  # it is closed
    distances = np.hypot(*(points - (points.min(axis=0) + points.max(axis=0)) / 2).T)
    np.testing.assert_allclose(distances, 127.5, atol=2)
    middles = (points[1:] + points[:-1]) / 2 - (points.min(axis=0) + points.max(axis=0)) / 2
    np.testing.assert_allclose(np.hypot(*middles.T), 127.5, atol=3.5)


def test_a_line_has_two_points_however_it_is_written(write):
    for line in ("M0 0L100 0", "M0 0L20 0L50 0L100 0", "M0 0C30 0 60 0 100 0"):
        assert read_svg(write(f'<path d="{line}"/>'), 50).tolist() == [[50, 0, 1]]


def test_pieces_of_a_stroke_are_joined(write):
    path = write('<path d="M0 0h50"/><path d="M50 0h50v50"/>')
    assert read_svg(path, 100)[:, 2].tolist() == [0, 1]


def test_transforms_and_groups_are_applied(write):
    path = write(f'<g transform="rotate(90)"><g transform="scale(3)">{L}</g></g>')
    box = bounds(read_svg(path, 100))
    assert box.max_x - box.min_x == pytest.approx(80) and box.max_y - box.min_y == 100


@pytest.mark.parametrize("name", ["a.svgz", "a.svg"])
def test_packed_files(write, name):
    path = write(L, name)
    plain = read_svg(path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_svg(path), plain)
    np.testing.assert_array_equal(read_svg(str(path)), plain)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_files_that_windows_has_saved(write, encoding):
    path = write(L)
    text = path.read_text()
    path.write_bytes(text.encode(encoding))
    assert len(read_svg(path)) == 2


def test_our_own_drawings_come_back(tmp_path):
    sketch = np.array([[30, 0, 0], [0, 40, 1], [50, 5, 1], [3, -60, 0], [-20, 8, 1]], np.float32)
    magenta_sketch.save_drawings(tmp_path / "a.svg", sketch)
    size = max(np.ptp(np.concatenate(to_polylines(sketch)), axis=0))
    found = read_svg_sketch(tmp_path / "a.svg", size)
    assert found.notes == []  # not even of the paper
    # The second stroke is a dot.
    np.testing.assert_allclose(found.sketch, sketch, atol=0.7)


def test_what_is_passed_over_is_noted(write):
    body = f'{L}<text>a</text><text>b</text><image href="a.png"/><rect width="200" height="200"/>'
    assert read_svg_sketch(write(body)).notes == ["passed over: 3 texts and pictures"]


@pytest.mark.parametrize("size", [0, -1, 1e6, float("nan"), float("inf"), "ten", None, 1j])
def test_impossible_sizes(write, size):
    with pytest.raises(
        ValueError, match="^size must be above 0 and below 1,000,000, got "
    ) as error:
        read_svg(write(L), size)
    assert str(error.value).split()[-1] in (repr(size), f"{size}")


@pytest.mark.parametrize(
    "body, message",
    [
        ("", "draws nothing$"),
        ("<text>a</text>", "draws nothing: it holds text, which has no strokes$"),
        ('<image href="a.png"/>', "draws nothing: it holds a picture, which has no strokes$"),
        ('<path d="M5 5L5 5"/>', "all points are equal$"),
        ('<path d="M1,2C3,4"/>', "damaged path 'M1,2C3,4'"),
        ("<g>", "not well-formed XML: mismatched tag: line 1, column "),
        ('<rect width="200" height="200" fill="white"/>', "draws nothing but a background$"),
    ],
)
def test_files_that_draw_nothing_or_are_damaged(write, body, message):
    path = write(body)
    with pytest.raises(DataError, match=f"^{path}: not a usable SVG file: .*{message}"):
        read_svg(path)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "not well-formed XML: no element found"),
        (b"hello", "not well-formed XML: syntax error"),
        (b"\x89PNG\r\n\x1a\n", "not well-formed XML"),
        (b"<html/>", "the document is not SVG"),
        (gzip.compress(b"<svg/>", mtime=0)[:-9], "damaged or cut short"),
        (BOMB.encode() + b"<svg>&b;</svg>", "declares entities that are not short texts"),
    ],
)
def test_files_that_are_no_svg(tmp_path, data, message):
    (tmp_path / "a.svg").write_bytes(data)
    with pytest.raises(DataError, match=f": not a usable SVG file: {message}") as caught:
        read_svg(tmp_path / "a.svg")
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(L, "begun.svg")
    with pytest.raises(DataError, match=r"^begin\.svg: no such file; did you mean begun\.svg\?$"):
        read_svg("begin.svg")
    with pytest.raises(DataError, match=r"^none/a\.svg: no such file$"):
        read_svg(pathlib.Path("none", "a.svg"))
    with pytest.raises(DataError, match=r"^\.: cannot be read: Is a directory$"):
        read_svg(".")
