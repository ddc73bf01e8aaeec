"""What sketch_rnn_draw draws: each operation, and each kind of file."""

import gzip
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image, ImageSequence
from slow import slow_but
from training_runs import BEGUN

import magenta_sketch
from magenta_sketch.data import read_npz
from magenta_sketch.data.strokes import to_polylines
from magenta_sketch.drawing.picture import GIVEN
from magenta_sketch.drawing.sketches import Sketch


@pytest.fixture
def drawn(run_draw, trained_run, tmp_path):
    """drawn(*arguments, out=...) draws with the conditional model: what was said, and the file."""
    (tmp_path / "begun.svg").write_text(BEGUN % "")

    def drawn(*arguments, out, model=trained_run):
        status, said, errors = run_draw(f"--model_dir={model}", *arguments, f"--out={out}")
        assert (status, errors) == (0, "")
        return said, tmp_path / out

    return drawn


@pytest.fixture
def trained(load, trained_run):
    return load(str(trained_run), checkpoint="best")


@pytest.fixture(scope="module")
def originals(tiny_folder):
    return read_npz(tiny_folder / "tiny.npz")["test"]


def numbers(path):
    """The sketches of a .json file by their names."""
    found = json.loads(path.read_bytes())
    assert found["format"] == "stroke-3"
    return {
        one["name"]: Sketch(np.reshape(one["points"], (-1, 3)), one["given"])
        for one in found["sketches"]
    }


def assert_same(found, expected):
    """Assert that sketches are equal to the bit."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32 and getattr(one, "given", 0) == getattr(other, "given", 0)
        np.testing.assert_array_equal(one, np.asarray(other))


def assert_alike(found, expected):
    """Assert that sketches differ by rounding errors at most, in pixels."""
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=0.01)


def svg(path):
    return ET.parse(path).getroot()


def sketches(root):
    return root.findall(".//{*}g[@class='sketch']")


def texts(root):
    return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


# -------------------------------------------------------------------------------- operations

# Arguments; names of the sketches; sketches and texts in the picture; what they are said to be.
OPERATIONS = {
    "new": (
        ["--count=2", "--columns=1"],
        ["sketch-0000", "sketch-0001"],
        2,
        [],
        "2 new sketches",
    ),
    "reconstruct": (
        ["--reconstruct=1,1", "--split=valid"],
        [
            "valid-00001-original",
            "valid-00001-reconstruction-1",
            "valid-00001-original-again-2",
            "valid-00001-reconstruction-1-again-2",
        ],
        4,
        ["original", "reconstruction", "valid 1", "valid 1"],
        "2 sketches beside their reconstructions",
    ),
    "complete": (
        ["--complete=7", "--points=1", "--count=3"],
        [f"test-00007-ending-{i}" for i in (1, 2, 3)],
        4,
        ["test 7"],
        "3 endings of 1 point",
    ),
    "complete a file": (
        ["--complete=begun.svg", "--size=100", "--count=1"],
        ["begun-ending-1"],
        1,
        [],
        "1 ending of 2 points",
    ),
    "interpolate": (
        ["--interpolate=3,7,2", "--steps=2"],
        [f"test-{way}-step-0{i}" for way in ("00003-to-00007", "00007-to-00002") for i in (1, 2)],
        8,
        ["original", "original", "test 3 to 7", "test 7 to 2"],
        "2 interpolations of 2 sketches",
    ),
    "grid": (
        ["--grid=0-3", "--rows=2", "--columns=3"],
        [f"grid-0{i}-0{j}" for i in (1, 2) for j in (1, 2, 3)],
        6,
        ["test 0", "test 1", "test 2", "test 3"],  # below the corners
        "a grid of 2 times 3 sketches",
    ),
    "analogy": (
        ["--analogy=3,4,5"],
        ["analogy-00003-00004-00005"],
        4,
        ["test 3", r"\+ \(test 4", r"- test 5\)", "="],
        "test 3 + (test 4 - test 5)",
    ),
    "map": (
        ["--map", "--rows=3", "--columns=2"],
        [f"map-0{i}-0{j}" for i in (1, 2, 3) for j in (1, 2)],
        6,
        ["Two principal components.*…"],  # the picture is narrow
        "a map of 11 test sketches",
    ),
    "noise ladder": (
        ["--noise_ladder=7", "--scales=2.5,0,0", "--count=1"],
        ["test-00007-scale-2.5-1", "test-00007-scale-0-1", "test-00007-scale-0-1-again-2"],
        4,
        ["test 7", r"scale 2\.5", "scale 0", "scale 0"],
        "test 7 at 3 noise scales, 1 time each",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_picture_and_the_names_of_an_operation(drawn, operation):
    arguments, names, count, titles, what = OPERATIONS[operation]
    said, picture = drawn(*arguments, out="a.svg")
    assert f"\nwrote a.svg: {what}\n" in said
    root = svg(picture)
    assert len(sketches(root)) == count
    assert re.fullmatch("\n".join(titles), "\n".join(texts(root)))
    said, file = drawn(*arguments, out="all.json")
    many = "1 sketch" if len(names) == 1 else f"{len(names)} sketches"
    assert f"\nwrote {many} to all.json: {what}\n" in said
    assert list(numbers(file)) == names


@pytest.mark.parametrize("operation", slow_but(OPERATIONS, "noise ladder"))
def test_a_folder_has_a_drawing_for_each_sketch(drawn, operation):
    arguments, names, _, _, what = OPERATIONS[operation]
    said, folder = drawn(*arguments, out="new/folder")
    assert f"to new/folder, one SVG each: {what}\n" in said
    assert {path.name for path in folder.iterdir()} == {f"{name}.svg" for name in names}
    assert all(len(sketches(svg(path))) == 1 for path in folder.iterdir())


@pytest.mark.parametrize("operation", slow_but(OPERATIONS, "complete", "grid"))
def test_equal_seeds_draw_equal_sketches(drawn, operation):
    seeds = {"a.json": 1, "b.json": 1, "c.json": 2, "a.svg": 1, "b.svg": 1}
    arguments = [*OPERATIONS[operation][0], "--temperature=1"]
    a, b, c, *pictures = (
        drawn(*arguments, f"--seed={seed}", out=out)[1].read_bytes() for out, seed in seeds.items()
    )
    assert a == b != c
    assert pictures[0] == pictures[1]


HOW = {"temperature": 0.7, "greedy": False, "seed": 5}
# What the command has to do, in Python.
IN_PYTHON = {
    "--count=2 --prior=scaled": lambda model, data: model.sample(2, prior="scaled", **HOW),
    "--count=2 --prior=aggregate": lambda model, data: model.sample(2, prior="aggregate", **HOW),
    "--reconstruct=2,0 --count=2 --scale=1.5": lambda model, data: [
        sketch
        for i, number in enumerate((2, 0))
        for sketch in (
            data[number],
            *model.reconstruct([data[2], data[0]] * 2, scale=1.5, **HOW)[i::2],
        )
    ],
    "--complete=7 --points=3 --count=2 --z=encoded --keep_strokes": lambda model, data: (
        model.complete(data[7][:3], 2, z="encoded", keep_strokes=True, **HOW)
    ),
    "--complete=7 --count=2": lambda model, data: model.complete(
        data[7][: len(data[7]) // 2], 2, z="prior", **HOW
    ),
    "--interpolate=3,7 --steps=3 --how=linear": lambda model, data: model.interpolate(
        *model.encode([data[3], data[7]]), 3, how="linear", **HOW
    ),
    "--grid=0,1,2,4 --rows=2 --columns=3 --how=linear": lambda model, data: [
        sketch
        for row in model.grid([data[i] for i in (0, 1, 2, 4)], 2, 3, how="linear", **HOW)
        for sketch in row
    ],
    "--analogy=3,4,5": lambda model, data: [model.analogy(data[3], data[4], data[5], **HOW)],
    "--map --rows=2 --columns=3 --count=3": lambda model, data: [
        sketch
        for row in model.latent_map(data.take([0, 5, 10]), rows=2, columns=3, **HOW).drawings
        for sketch in row
    ],
    "--noise_ladder=7 --scales=0.5,3 --count=2": lambda model, data: [
        sketch for row in model.noise_ladder(data[7], [0.5, 3], 2, **HOW) for sketch in row
    ],
}


@pytest.mark.parametrize("words", IN_PYTHON)
def test_the_command_draws_what_python_does(drawn, trained, originals, words):
    _, file = drawn(*words.split(), "--temperature=0.7", "--seed=5", out="a.json")
    assert_same(list(numbers(file).values()), IN_PYTHON[words](trained, originals))


def test_the_aggregate_prior_of_other_data(drawn, trained, two_sets):
    _, file = drawn("--prior=aggregate", *two_sets[:2], "--greedy", out="a.json")
    data = magenta_sketch.load_data_set(
        ["a.npz", "b.npz"],
        "data",
        max_seq_len=trained.max_seq_len,
        normalizing_factor=trained.normalizing_factor,
    )
    expected = trained.sample(10, prior=trained.fit_prior(data.train), greedy=True)
    assert_same(list(numbers(file).values()), expected)


# --------------------------------------------------------------------------------- completing


def test_endings_begin_with_the_sketch_and_show_it(drawn, originals):
    arguments = ("--complete=7", "--points=5", "--count=2")
    _, file = drawn(*arguments, out="a.json")
    for sketch in numbers(file).values():
        assert sketch.given == 5
        np.testing.assert_array_equal(sketch[:5], originals[7][:5])
    strokes = len(to_polylines(originals[7][:5]))
    root = svg(drawn(*arguments, out="a.svg")[1])
    original, *endings = sketches(root)
    assert not original.findall("{*}path[@class='given']")
    for ending in endings:
        given = ending.findall("{*}path[@class='given']")
        assert [path.get("stroke") for path in given] == [GIVEN] * strokes
    _, page = drawn(*arguments, "--page=a5", out="page.svg")
    assert GIVEN not in page.read_text()  # a plotter has one pen


@pytest.mark.parametrize("kind", ["trained_run", "unconditional_run"])
def test_a_file_is_completed_at_its_size(drawn, request, load, kind):
    model = request.getfixturevalue(kind)
    begun = magenta_sketch.read_svg("begun.svg", 60)
    said, file = drawn("--complete=begun.svg", "--size=60", out="a.json", model=model)
    assert "most probable" not in said
    endings = list(numbers(file).values())
    assert len(endings) == 8
    assert np.ptp(np.cumsum(endings[0][:2], axis=0), axis=0)[:2].tolist() == [60, 0]
    trained = load(str(model), checkpoint="best")
    how = {"temperature": 0.4, "seed": 0, "z": "prior" if kind == "trained_run" else None}
    assert_same(endings, trained.complete(begun, 8, **how))


def test_a_file_is_completed_at_the_size_that_is_most_probable(drawn, trained, tmp_path):
    (tmp_path / "begun.svgz").write_bytes(gzip.compress(BEGUN.encode() % b"<text>L</text>"))
    said, file = drawn("--complete=begun.svgz", "--points=1", out="a.json")
    assert "note: begun.svgz: passed over: 1 texts and pictures\n" in said
    middle = 4 * trained.normalizing_factor
    begun = magenta_sketch.read_svg("begun.svgz", middle)
    found = trained.log_prob([begun], fit_size=True)
    size = found.size[0] * middle
    assert f"taken with a larger side of {size:.3g} units, which the model finds most" in said
    endings = list(numbers(file).values())
    assert [ending.given for ending in endings] == [1] * 8
    np.testing.assert_allclose(endings[0][0], magenta_sketch.read_svg("begun.svgz", size)[0])


def test_a_sketch_that_is_taken_as_finished_is_pointed_out(drawn, monkeypatch):
    def complete(_, given, count, **how):
        return [Sketch(given, len(given)), Sketch([*given, [1, 2, 1]], len(given))]

    monkeypatch.setattr(magenta_sketch.TrainedModel, "complete", complete)
    said, _ = drawn("--complete=7", "--count=2", out="a.svg")
    assert said.endswith(
        "note: 1 of them without an ending: the model takes the sketch as finished\n"
    )


# ----------------------------------------------------------------- operations and each other


@pytest.fixture
def greedy(drawn):
    """greedy(*arguments): the sketches drawn without randomness, by name."""

    def greedy(*arguments):
        return numbers(drawn(*arguments, "--greedy", "--overwrite", out="greedy.json")[1])

    return greedy


def test_an_interpolation_goes_from_one_reconstruction_to_the_other(greedy):
    way = list(greedy("--interpolate=3,7", "--steps=4").values())
    ends = greedy("--reconstruct=3,7")
    assert_alike(way[0], ends["test-00003-reconstruction-1"])
    assert_alike(way[-1], ends["test-00007-reconstruction-1"])


def test_what_is_added_and_taken_away_changes_nothing(greedy):
    [analogy] = greedy("--analogy=3,7,7").values()
    assert_alike(analogy, greedy("--reconstruct=3")["test-00003-reconstruction-1"])


def test_a_ladder_begins_with_the_reconstruction(greedy):
    ladder = greedy("--noise_ladder=3", "--scales=0,100", "--count=2")
    alone = greedy("--reconstruct=3")["test-00003-reconstruction-1"]
    for draw_ in (1, 2):
        assert_alike(ladder[f"test-00003-scale-0-{draw_}"], alone)
    far = ladder["test-00003-scale-100-1"]
    assert far.shape != alone.shape or np.abs(far - alone).max() > 1


# ---------------------------------------------------------------------------------------- map


@pytest.fixture
def two_sets(tmp_path, originals, tiny_folder):
    """data/a.npz and data/b.npz: tiny.npz, and the same turned by a quarter."""
    splits = read_npz(tiny_folder / "tiny.npz")
    turned = {name: [one[:, [1, 0, 2]] for one in part] for name, part in splits.items()}
    (tmp_path / "data").mkdir()
    magenta_sketch.write_npz(tmp_path / "data" / "a.npz", **splits)
    magenta_sketch.write_npz(tmp_path / "data" / "b.npz", **turned)
    return ("--data_dir=data", "--data_set=a.npz,b.npz", "--rows=2", "--columns=2")


def dots(root):
    group = root.find(".//{*}g[@class='dots']")
    return [(dot.get("fill"), dot.find("{*}title").text) for dot in group]


def test_a_map_of_two_data_sets_has_their_colours(drawn, two_sets):
    said, file = drawn("--map", *two_sets, out="a.svg")
    assert "a map of 22 test sketches" in said
    root = svg(file)
    assert texts(root)[1:] == ["a", "b"]  # after the title
    found = dots(root)
    assert [text for _, text in found] == [
        f"sketch {i}, {name}" for i, name in enumerate(["a"] * 11 + ["b"] * 11)
    ]
    assert {color for color, _ in found[:11]} != {color for color, _ in found[11:]}
    assert len({color for color, _ in found}) == 2


def test_a_map_of_some_sketches_takes_them_from_everywhere(drawn, two_sets):
    found = dots(svg(drawn("--map", "--count=4", *two_sets, out="a.svg")[1]))
    assert [text[-1] for _, text in found] == ["a", "a", "b", "b"]


def test_a_map_of_one_data_set_has_no_legend(drawn):
    root = svg(drawn("--map", "--rows=2", "--columns=5", out="a.svg")[1])
    [title] = texts(root)
    assert re.fullmatch(r"Two principal components of mu: \d+ % and \d+ % of its variance", title)
    assert len(dots(root)) == 11


# -------------------------------------------------------------------------------------- files


def test_a_data_set_of_drawings_can_be_mended_and_trained_on(drawn, run_convert, tmp_path):
    said, file = drawn("--count=40", out="new.npz")
    drawings = list(numbers(drawn("--count=40", out="new.json")[1]).values())
    kept = [sketch for sketch in drawings if len(sketch)]
    assert 1 < len(kept) < 40
    assert f"wrote {len(kept)} sketches to new.npz: 40 new sketches\n" in said
    assert f"note: {40 - len(kept)} of them empty" in said
    assert said.endswith("before its second point; they are not in the file\n")
    found = read_npz(file, all_splits=False)
    assert list(found) == ["train"]
    assert_same(list(found["train"]), [np.asarray(sketch) for sketch in kept])
    status, _, errors = run_convert("mend", "new.npz", "--what=splits", "--out=set.npz")
    assert (status, errors) == (0, "")
    data = magenta_sketch.load_data_set("set.npz", tmp_path, report=lambda line: None)
    assert len(data.train) + len(data.valid) + len(data.test) == len(kept)


def test_positions_are_sums_of_offsets(drawn):
    offsets = numbers(drawn("--count=5", out="a.json")[1])
    found = json.loads(drawn("--count=5", "--absolute", out="b.json")[1].read_bytes())
    assert found["format"] == "positions"
    assert [one["name"] for one in found["sketches"]] == list(offsets)
    for one, sketch in zip(found["sketches"], offsets.values(), strict=True):
        points = np.array(one["points"])
        assert points[0].tolist() == [0, 0, 0] and len(points) == len(sketch) + 1
        np.testing.assert_allclose(np.diff(points[:, :2], axis=0), sketch[:, :2], atol=1e-3)
        np.testing.assert_array_equal(points[1:, 2], sketch[:, 2])


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (["--count=4"], (320, 320)),
        (["--count=1"], (160, 160)),
        (["--count=3", "--columns=3"], (480, 160)),
    ],
)
def test_pictures_have_their_size(drawn, arguments, size):
    with Image.open(drawn(*arguments, out="a.png")[1]) as image:
        assert image.format == "PNG" and image.size == tuple(2 * side for side in size)
        assert 0 < (np.asarray(image.convert("L")) < 128).mean() < 0.2
    with Image.open(drawn(*arguments, out="a.GIF")[1]) as image:
        assert image.format == "GIF" and image.size == size and image.info["loop"] == 0
        frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(image)]
    assert len(frames) > 5
    ink = [(frame < 128).sum() for frame in frames]
    assert ink[0] < ink[-1]


@pytest.mark.parametrize("out", ["a.svg", "folder"])
def test_an_svg_draws_itself(drawn, out):
    still = drawn("--count=2", out=f"still-{out}")[1]
    moving = drawn("--count=2", "--animate", out=out)[1]
    for one, other in (
        ([still, moving],)
        if out == "a.svg"
        else zip(sorted(still.iterdir()), sorted(moving.iterdir()), strict=True)
    ):
        assert not svg(one).findall(".//{*}animate")
        paths = svg(other).findall(".//{*}path")
        drawn_paths = [path for path in paths if path.findall("{*}animate")]
        assert len(drawn_paths) == sum(map(len, sketches(svg(one))))


def test_a_page_is_strokes_in_millimetres(drawn):
    drawings = numbers(drawn("--count=6", out="a.json")[1])
    _, file = drawn("--count=6", "--page=A5-landscape", out="a.svg")
    root = svg(file)
    assert (root.get("width"), root.get("height")) == ("210mm", "148mm")
    strokes = sum(len(to_polylines(sketch)) for sketch in drawings.values() if len(sketch))
    assert len(root.findall(".//{*}path")) == strokes
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    assert tags == {"svg", "defs", "g", "path"}
    _, folder = drawn("--count=6", "--page=100x50", out="pages")
    assert {svg(path).get("height") for path in folder.iterdir()} == {"50mm"}
