"""Drawings as files of all kinds."""

import io
import json
import os
import pathlib

import numpy as np
import pytest
from PIL import Image
from svg_reading import CROSS, DOT_AND_LINE, EMPTY, ONE_DOT, parse, size, sketches_in, texts_in

import magenta_sketch
from magenta_sketch.data import SketchSet, read_npz
from magenta_sketch.drawing import raster
from magenta_sketch.drawing.animation import LARGEST_GIF, to_gif
from magenta_sketch.drawing.picture import GIVEN, Picture, as_picture
from magenta_sketch.drawing.plotter import PAGES, to_page
from magenta_sketch.drawing.saving import kind_of, save_drawings
from magenta_sketch.drawing.sketches import Sketch, SketchGrid, SketchList

SKETCHES = SketchList([Sketch(CROSS, given=2), DOT_AND_LINE, ONE_DOT, EMPTY])
PICTURE = Picture([[CROSS, None], [DOT_AND_LINE, ONE_DOT]], row_titles=["a", "b"])
KINDS = ["a.svg", "a.png", "a.gif", "a.npz", "a.json", "folder"]


def numbers(path):
    found = json.loads(path.read_bytes())
    return found["format"], {one["name"]: one for one in found["sketches"]}


def test_the_public_name():
    assert magenta_sketch.save_drawings is save_drawings


@pytest.mark.parametrize(
    "name, kind",
    [
        *((f"a{kind}", kind) for kind in (".svg", ".png", ".gif", ".npz", ".json")),
        ("A.SVG", ".svg"),
        ("a.json.gif", ".gif"),
        (pathlib.Path("new", "a.Png"), ".png"),
        ("birds", ""),
        ("birds.svg/", ".svg"),
        ("v1.2", ""),
        ("a.svg.old", ""),
        (".", ""),
    ],
)
def test_the_ending_decides(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["a.jpg", "a.pdf", "a.SVGZ", "b/a.html", "a.mp4", "a.ndjson"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"are written as \.svg, \.png, \.gif, \.npz, \.json, or"):
        save_drawings(tmp_path / name, CROSS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".svg", "new/.PNG", ".json"])
def test_a_name_is_missing(tmp_path, name):
    ending = pathlib.Path(name).name
    with pytest.raises(ValueError, match=rf"a name is missing before \{ending}$"):
        save_drawings(tmp_path / name, CROSS)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------- pictures


def test_svg(tmp_path):
    save_drawings(tmp_path / "a.svg", SKETCHES, columns=4, cell=80, stroke_width=3)
    expected = as_picture(SKETCHES, columns=4, cell=80, stroke_width=3)
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == expected.to_svg()
    root = parse(tmp_path / "a.svg")
    assert size(root) == (320, 80) and len(sketches_in(root)) == 4


@pytest.mark.parametrize(
    "drawings, count",
    [
        (CROSS, 1),
        (CROSS.tolist(), 1),
        ([CROSS.tolist(), CROSS], 2),
        (np.stack([CROSS, CROSS, CROSS]), 3),
        (SketchSet.from_sketches([CROSS, DOT_AND_LINE]), 2),
        ((CROSS, CROSS), 2),
        (PICTURE, 3),
        (SketchGrid([[CROSS], [CROSS, CROSS]]), 3),
    ],
)
@pytest.mark.parametrize("name", ["a.svg", "a.json", "folder"])
def test_what_can_be_drawn(tmp_path, name, drawings, count):
    save_drawings(tmp_path / name, drawings)
    path = tmp_path / name
    if name == "a.svg":
        assert len(sketches_in(parse(path))) == count
    elif name == "a.json":
        assert list(numbers(path)[1]) == [f"sketch-000{i}" for i in range(count)]
    else:
        found = sorted(file.name for file in path.iterdir())
        assert found == [f"sketch-000{i}.svg" for i in range(count)]
        assert len(sketches_in(parse(path / "sketch-0000.svg"))) == 1


def test_png(tmp_path):
    save_drawings(tmp_path / "a.png", PICTURE)
    assert (tmp_path / "a.png").read_bytes() == raster.to_png(PICTURE)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == tuple(round(2 * side) for side in PICTURE.size)
        pixels = np.asarray(image.convert("L"))
    assert pixels.max() == 255 and (pixels < 100).any()


def test_png_has_the_colour_of_what_was_given(tmp_path):
    save_drawings(tmp_path / "a.png", Sketch(CROSS, given=2))
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    blue = [int(GIVEN[i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels == blue).all(axis=1).sum() > 100


def test_gif(tmp_path):
    save_drawings(tmp_path / "a.gif", PICTURE)
    assert (tmp_path / "a.gif").read_bytes() == to_gif(PICTURE)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames > 5 and image.info["loop"] == 0
    save_drawings(tmp_path / "b.gif", PICTURE, animate=True)  # as it always is
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_animated(tmp_path):
    save_drawings(tmp_path / "a.svg", SKETCHES, animate=True)
    save_drawings(tmp_path / "folder", SKETCHES, animate=True)
    for path in (tmp_path / "a.svg", tmp_path / "folder" / "sketch-0000.svg"):
        root = parse(path)
        assert len(root.findall(".//{*}g[@class='sketch']//{*}animate")) >= 2
    assert parse(tmp_path / "folder" / "sketch-0003.svg").find(".//{*}animate") is None  # empty


def test_pages(tmp_path):
    save_drawings(tmp_path / "a.svg", PICTURE, page="a5")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == to_page(PICTURE, PAGES["a5"])
    root = parse(tmp_path / "a.svg")
    assert root.get("width") == "148mm" and texts_in(root) == []
    save_drawings(tmp_path / "folder", SKETCHES, page="80x60")
    roots = [parse(path) for path in sorted((tmp_path / "folder").iterdir())]
    assert [root.get("height") for root in roots] == ["60mm"] * 4
    assert [len(root.findall(".//{*}path")) for root in roots] == [2, 2, 1, 0]


# ----------------------------------------------------------------------------------- numbers


def test_json(tmp_path):
    odd = np.float32([[0.1, -1 / 3, 0], [1e-7, 123456.789, 1]])
    save_drawings(tmp_path / "a.json", [*SKETCHES, odd])
    kind, found = numbers(tmp_path / "a.json")
    assert kind == "stroke-3"
    assert [one["given"] for one in found.values()] == [2, 0, 0, 0, 0]
    for one, sketch in zip(found.values(), [*SKETCHES, odd], strict=True):
        points = np.array(one["points"], np.float32).reshape(-1, 3)
        np.testing.assert_array_equal(points, np.asarray(sketch))  # to the bit
    assert "0.1," in (tmp_path / "a.json").read_text()  # not as a float64 has it


def test_json_of_all_memory_layouts(tmp_path):
    wide = np.repeat(CROSS, 2, axis=1)[:, ::2]  # not contiguous
    sketches = [np.asfortranarray(CROSS), wide, CROSS[::-1][::-1], CROSS.astype(int)]
    save_drawings(tmp_path / "a.json", sketches)
    for one in numbers(tmp_path / "a.json")[1].values():
        assert one["points"] == CROSS.tolist()


def test_absolute_json(tmp_path):
    save_drawings(tmp_path / "a.json", SKETCHES, absolute=True)
    kind, found = numbers(tmp_path / "a.json")
    assert kind == "positions"
    points = [one["points"] for one in found.values()]
    assert points[0] == [[0, 0, 0], [30, 0, 1], [15, -10, 0], [15, 30, 1]]
    assert points[2:] == [[[0, 0, 0], [0, 0, 1]], [[0, 0, 0]]]
    assert [one["given"] for one in found.values()] == [2, 0, 0, 0]


def test_absolute_positions_do_not_sum_up_errors(tmp_path):
    long = np.tile(np.float32([[0.1, 0, 0]]), (20_000, 1))
    save_drawings(tmp_path / "a.json", long, absolute=True)
    [one] = numbers(tmp_path / "a.json")[1].values()
    assert one["points"][-1][0] == pytest.approx(20_000 * float(np.float32(0.1)), rel=1e-7)


def test_npz(tmp_path):
    odd = np.float32([[0.1, -1 / 3, 0], [1e-7, 999.99, 1]])
    save_drawings(tmp_path / "a.npz", [CROSS, EMPTY, odd, DOT_AND_LINE, EMPTY])
    found = read_npz(tmp_path / "a.npz", all_splits=False)
    assert list(found) == ["train"] and len(found["train"]) == 3
    for one, sketch in zip(found["train"], [CROSS, odd, DOT_AND_LINE], strict=True):
        np.testing.assert_array_equal(one, sketch)
    save_drawings(tmp_path / "b.npz", [CROSS, odd, DOT_AND_LINE])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "sketches, message",
    [
        ([EMPTY, EMPTY], "a.npz: all sketches are empty, and a data set cannot hold these"),
        ([CROSS, [[1, 2, 0.5]]], r"sketches\[1\]: point 0 has the lift 0.5, expected 0 or 1"),
    ],
)
def test_sketches_that_a_data_set_cannot_hold(tmp_path, sketches, message):
    with pytest.raises(ValueError, match=message):
        save_drawings(tmp_path / "a.npz", sketches)
    assert not list(tmp_path.iterdir())


def test_the_numbers_of_a_grid_are_its_own(tmp_path):
    grid = SketchGrid([[CROSS], [DOT_AND_LINE]], beside=[ONE_DOT, None])
    save_drawings(tmp_path / "a.json", grid)
    points = [one["points"] for one in numbers(tmp_path / "a.json")[1].values()]
    assert points == [CROSS.tolist(), DOT_AND_LINE.tolist()]
    save_drawings(tmp_path / "a.svg", grid)
    assert len(sketches_in(parse(tmp_path / "a.svg"))) == 3


# ------------------------------------------------------------------------------------- names


def test_names(tmp_path):
    names = ["one", "two.b", "drei ü", "四"]
    save_drawings(tmp_path / "a.json", SKETCHES, names=names)
    assert list(numbers(tmp_path / "a.json")[1]) == names
    save_drawings(tmp_path / "folder", SKETCHES, names=names)
    found = {path.name for path in (tmp_path / "folder").iterdir()}
    assert found == {f"{name}.svg" for name in names}


@pytest.mark.parametrize(
    "names, message",
    [
        (["a"], "names has 1 entries for 2 sketches"),
        (["a", "a"], "names has 'a' 2 times: files must differ"),
        (["a", ""], "names must be names of files, without folders, got ''"),
        (["a", "../b"], "without folders, got '../b'"),
        (["/tmp/a", "b"], "without folders, got '/tmp/a'"),
        (["a", "b\0"], "names must be names of files"),
    ],
)
def test_names_that_cannot_be_used(tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        save_drawings(tmp_path / "folder", [CROSS, CROSS], names=names)
    assert not list(tmp_path.iterdir())


def test_equal_names_are_no_matter_in_one_file(tmp_path):
    save_drawings(tmp_path / "a.json", [CROSS, CROSS], names=["a", "a"])
    assert [one["name"] for one in json.loads((tmp_path / "a.json").read_bytes())["sketches"]] == [
        "a",
        "a",
    ]


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("a.png", {"animate": True}, r"animate is for \.svg and folders, not for \.png"),
        ("a.npz", {"animate": True}, r"animate is for \.svg and folders, not for \.npz"),
        ("a.gif", {"page": "a4"}, r"page is for \.svg and folders, not for \.gif"),
        ("a.json", {"page": "a4"}, r"page is for \.svg and folders, not for \.json"),
        ("a.svg", {"absolute": True}, r"absolute is for \.json, not for \.svg"),
        ("folder", {"absolute": True}, r"absolute is for \.json, not for folders"),
        ("a.svg", {"page": "a4", "animate": True}, "animate is not for a page, which a plotter"),
        ("folder", {"page": "a7"}, "page must be a2, .*; got 'a7'"),
        ("a.svg", {"page": 4}, "page must be a2, .*; got 4"),
        ("a.svg", {"columns": 0}, "columns must be at least 1, got 0"),
        ("folder", {"cell": 1, "stroke_width": 3}, "a cell of 1 has no room"),
        ("a.gif", {"cell": float("nan")}, "a cell of nan has no room"),
    ],
)
def test_options_that_do_not_fit(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        save_drawings(tmp_path / name, [CROSS, CROSS], **options)
    assert not list(tmp_path.iterdir())


INVALID = [
    ([], "sketches is empty: there is nothing to"),
    ([CROSS, [[np.nan, 0, 1]]], "sketch 1 has a number that is not finite in row 0"),
    ([CROSS, [[1, 2]]], r"sketch 1 must be stroke-3, shape \[n, 3\], got shape \[1, 2\]"),
    ([CROSS, "abc"], "sketch 1 must be stroke-3, numbers .*, got 'abc'"),
    (CROSS[:, :2], r"sketch 0 must be stroke-3, shape \[n, 3\], got shape \[3, 2\]"),
    (5, "expected a sketch or a list of sketches, got 5"),
    (None, "expected a sketch or a list of sketches, got None"),
    (iter([CROSS]), "expected a sketch or a list of sketches, got <list_iterator"),
]


@pytest.mark.parametrize("drawings, message", INVALID)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_sketch_leaves_nothing_half_written(tmp_path, name, drawings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        save_drawings(tmp_path / name, drawings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", KINDS)
def test_folders_are_made_and_nothing_else_is_left(tmp_path, name):
    target = tmp_path / "new" / "er" / name
    for _ in range(2):
        save_drawings(str(target), [CROSS, DOT_AND_LINE])
        assert [path.name for path in target.parent.iterdir()] == [name]
    if name == "folder":
        assert len(list(target.iterdir())) == 2


@pytest.mark.parametrize("name", KINDS)
def test_a_failed_write_leaves_the_old_file(tmp_path, name, monkeypatch):
    target = tmp_path / name
    if name == "folder":
        target.mkdir()
        target /= "sketch-0000.svg"
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    # OSError, or for a data set its own kind of error.
    with pytest.raises((OSError, ValueError), match="No space left"):
        save_drawings(tmp_path / name, [CROSS, CROSS])
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("name", KINDS)
def test_a_file_in_the_place_of_a_folder(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError):
        save_drawings(tmp_path / "file" / name, CROSS)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name, largest", [("a.png", raster.LARGEST), ("a.gif", LARGEST_GIF)])
def test_pictures_of_so_many_sketches_that_none_is_seen_are_refused(tmp_path, name, largest):
    many = [ONE_DOT] * (largest // 4 + 1)
    with pytest.raises(ValueError) as caught:
        save_drawings(tmp_path / name, many, columns=1)
    assert str(caught.value).endswith(
        f"{len(many):,} rows and 1 columns are too many for a {name[1:]}, whose sides have at most "
        f"{largest:,} pixels: draw fewer sketches, or choose .svg"
    )
    assert not list(tmp_path.iterdir())
    save_drawings(tmp_path / name, many[1:], columns=1)
    with Image.open(tmp_path / name) as image:
        assert image.size == (4, largest)


# --------------------------------------------------------------------------------------- PNG


@pytest.mark.parametrize("zoom", [0, -1, float("nan")])
def test_impossible_zoom(zoom):
    with pytest.raises(ValueError, match=f"^zoom must be above 0, got {zoom}$"):
        raster.to_png(PICTURE, zoom=zoom)


@pytest.mark.slow
def test_large_pictures_are_made_smaller():
    with Image.open(io.BytesIO(raster.to_png(as_picture(CROSS, cell=5000)))) as image:
        assert image.size == (raster.LARGEST, raster.LARGEST)


@pytest.mark.parametrize("text", ["", "hello", "<svg"])
def test_what_is_no_svg_cannot_be_a_png(text):
    with pytest.raises(ValueError, match="^this SVG document cannot be drawn as PNG"):
        raster.svg_to_png(text)


def test_a_page_as_a_png_has_96_dots_an_inch():
    text = to_page(PICTURE, PAGES["a6"])
    with Image.open(io.BytesIO(raster.svg_to_png(text, zoom=1))) as image:
        assert image.size == (round(105 / 25.4 * 96), round(148 / 25.4 * 96))
