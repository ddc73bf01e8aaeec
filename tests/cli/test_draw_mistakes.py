"""Mistakes in the command line of sketch_rnn_draw: one line, and nothing written."""

import io

import numpy as np
import pytest
from PIL import Image
from training_runs import BEGUN

import magenta_sketch
from magenta_sketch.cli import draw
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import read_npz
from magenta_sketch.training.run_folder import RunFolder

NUMBER_OR_FILE = "give the name of a .svg file, or the number of a sketch"
# Refused before TensorFlow starts.
AT_ONCE = [
    # Which operation.
    ("--complete=7|--map", "--complete and --map exclude each other: draw one at a time"),
    ("--points=4", "--points is for --complete, which is missing"),
    ("--keep_strokes", "--keep_strokes is for --complete, which is missing"),
    ("--z=prior|--grid=0-3", "--z is for --complete, not for --grid"),
    ("--map|--how=linear", "--how is for --interpolate and --grid, not for --map"),
    (
        "--grid=0-3|--count=2",
        "--count is for new sketches, --reconstruct, --complete, --map and --noise_ladder, not for "
        "--grid",
    ),
    ("--prior=scaled|--complete=7", "--prior is for new sketches, not for --complete"),
    (
        "--prior=aggregate|--data_dir=.|--grid=0-3",
        "--prior is for new sketches, not for --grid",
    ),
    ("--prior=own", "--prior must be one of standard, scaled, aggregate, got 'own'"),
    (
        "--prior=scaled|--data_dir=.",
        "--data_dir is for sketches of a data set, such as --grid, which is missing",
    ),
    ("--split=test", "--split is for sketches of a data set, such as --grid, which is missing"),
    # What is to be completed.
    ("--complete=", f"--complete=: {NUMBER_OR_FILE}"),
    ("--complete=7,8", f"--complete=7,8: {NUMBER_OR_FILE}"),
    ("--complete=-3", f"--complete=-3: {NUMBER_OR_FILE}"),
    ("--complete=notes", f"--complete=notes: {NUMBER_OR_FILE}"),
    ("--complete=begin.svg", "--complete=begin.svg: no such file; did you mean begun.svg?"),
    ("--complete=no/x.svg", "--complete=no/x.svg: no such file"),
    ("--complete=folder.svg", "--complete=folder.svg: cannot be read: Is a directory"),
    (
        "--complete=words.svg",
        "--complete=words.svg: not a usable SVG file: draws nothing: it holds text, which has no "
        "strokes",
    ),
    (
        "--complete=cut.svg",
        "--complete=cut.svg: not a usable SVG file: not well-formed XML: unclosed token: line 1, "
        "column 0",
    ),
    ("--complete=7|--size=50", "--size is for a file, not for sketch 7: leave it out"),
    (
        "--complete=begun.svg|--split=test",
        "--split is for numbers of sketches, not for a file: leave it out",
    ),
    (
        "--complete=begun.svg|--out=./begun.svg|--overwrite",
        "--out=./begun.svg is the drawing to be completed: name another file",
    ),
    *(
        (
            f"--complete=begun.svg|--size={size}",
            f"--size must be above 0 and below 1e+06, got {got}",
        )
        for size, got in (("0", "0"), ("-4", "-4"), ("nan", "nan"), ("1e7", "1e+07"))
    ),
    ("--complete=7|--points=0", "--points must be a whole number >= 1, got '0'"),
    ("--complete=7|--z=both", "--z must be one of prior, encoded, got 'both'"),
    # Numbers of sketches.
    (
        "--interpolate=3",
        "--interpolate takes 2 sketches or more, such as --interpolate=3,17, got 1",
    ),
    (
        "--interpolate=0-100",
        "--interpolate names more than 100 sketches: take them in several goes",
    ),
    (
        "--interpolate=3,a",
        "--interpolate=3,a: 'a' is not a number or a range; write something like 3,17",
    ),
    ("--grid=0,1,2", "--grid takes 4 sketches, such as --grid=3,17,40,41, got 3"),
    ("--grid=", "--grid=: '' is not a number or a range; write something like 3,17,40,41"),
    ("--analogy=0-3", "--analogy takes 3 sketches, such as --analogy=3,17,40, got 4"),
    ("--noise_ladder=3,4", "--noise_ladder takes one sketch, such as --noise_ladder=7, got 2"),
    (
        "--noise_ladder=x",
        "--noise_ladder=x: 'x' is not a number or a range; write something like 7",
    ),
    # Counts and scales.
    ("--interpolate=3,4|--steps=1", "--steps must be a whole number from 2 to 1000, got '1'"),
    ("--grid=0-3|--rows=1", "--rows must be at least 2, as corners are part of it, got 1"),
    ("--map|--columns=1", "--columns must be at least 2, as corners are part of it, got 1"),
    ("--map|--count=2", "--count must be at least 3 for --map, got 2"),
    ("--noise_ladder=3|--scales=", "--scales must be 1 to 100 numbers, got 0"),
    *(
        (
            f"--noise_ladder=3|--scales=0,{scale}",
            f"--scales must be numbers from 0 to 1e+06, separated by commas, got {scale!r}",
        )
        for scale in ("", "a", "-1", "nan", "1e7")
    ),
    (
        "--noise_ladder=3|--count=50000",
        "--count=50000 at each of 5 scales are more than 100000 sketches: draw fewer",
    ),
    # The file.
    (
        "--out=a.jpg",
        "--out=a.jpg: drawings are written as .svg, .png, .gif, .npz, .json, or to a folder",
    ),
    ("--out=new/.png", "--out=new/.png: a name is missing before .png"),
    ("--out=folder.svg", "--out=folder.svg is a folder; name a file in it, or another folder"),
    ("--out=notes/a.gif", "--out=notes/a.gif: notes is a file; name a place in a folder"),
    (
        "--out=begun.svg",
        "--out=begun.svg is there already: give --overwrite to replace it, or another name",
    ),
    (
        "--model_dir=bird.json|--out=bird.json|--overwrite",
        "--out=bird.json is the model itself, or holds it: name another place",
    ),
    (
        "--out=model/run.json|--overwrite",
        "model/run.json is in the model's own folder: name another place",
    ),
    ("--out=a.png|--animate", "--animate is for .svg and folders, not for .png"),
    ("--out=a.gif|--page=a4", "--page is for .svg and folders, not for .gif"),
    ("--out=page|--absolute", "--absolute is for .json, not for folders"),
    (
        "--animate|--page=a4",
        "--animate is not for a page, which a plotter draws: leave out one",
    ),
    (
        "--out=page|--page=a9",
        "--page must be a2, a3, a4, a5, a6, letter, legal, tabloid, one of these with -landscape, "
        "or WIDTHxHEIGHT with sides of 10 to 5000 mm, such as 300x200; got 'a9'",
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run, drawings, and files of other kinds."""
    root = tmp_path_factory.mktemp("mistakes")
    RunFolder(root / "model").create(RunConfig(normalizing_factor=1.0))
    (root / "folder.svg").mkdir()
    (root / "begun.svg").write_text(BEGUN % "")
    (root / "words.svg").write_text((BEGUN % "<text>L</text>").replace("path", "desc"))
    (root / "cut.svg").write_text("<svg")
    (root / "notes").write_text("hello\n")
    (root / "bird.json").write_text("[]")
    return root


def contents(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


@pytest.mark.parametrize(("typed", "message"), AT_ONCE, ids=[row[0] for row in AT_ONCE])
def test_mistakes_are_refused_before_tensorflow_starts(place, call, monkeypatch, typed, message):
    monkeypatch.chdir(place)
    before = contents(place)
    words = ["--model_dir=model", *typed.split("|")]
    found = call(draw, "sketch_rnn_draw", *words)
    assert found == (2, "", f"sketch_rnn_draw: error: {message}\n")
    assert contents(place) == before


# Found with the model or its data.
LATER = [
    ("--complete=99", "--complete=99: the test set has 11 sketches, 0 to 10, and no 99"),
    ("--complete=3|--points=50", "--points=50: test 3 has 7 points"),
    ("--complete=begun.svg|--points=3", "--points=3: begun.svg has 2 points"),
    (
        "--complete=7|--points=20",
        "--complete=7: 20 points leave no room, as the model draws at most 20: give fewer, "
        "--points=10",
    ),
    ("--interpolate=3,99", "--interpolate=3,99: the test set has 11 sketches, 0 to 10, and no 99"),
    (
        "--grid=0,1,2,44|--split=train",
        "--grid=0,1,2,44: the train set has 40 sketches, 0 to 39, and no 44",
    ),
    ("--analogy=0,1,99", "--analogy=0,1,99: the test set has 11 sketches, 0 to 10, and no 99"),
    ("--noise_ladder=99", "--noise_ladder=99: the test set has 11 sketches, 0 to 10, and no 99"),
]
UNCONDITIONAL = [
    *(
        (
            operation,
            f"is unconditional, without a latent space: leave out --{operation[2:].split('=')[0]}, "
            "or use --complete",
        )
        for operation in ("--interpolate=3,7", "--grid=0-3", "--analogy=0-2", "--map")
    ),
    ("--noise_ladder=7", "leave out --noise_ladder, or use --complete"),
    ("--complete=7|--z=prior", "is unconditional, without a z: leave out --z"),
    ("--prior=standard", "is unconditional, without a z: leave out --prior"),
]


@pytest.mark.parametrize(
    ("typed", "message", "model"),
    [(*row, "trained_run") for row in LATER]
    + [(*row, "unconditional_run") for row in UNCONDITIONAL],
)
def test_mistakes_that_the_model_shows(run_draw, request, tmp_path, typed, message, model):
    (tmp_path / "begun.svg").write_text(BEGUN % "")
    place = request.getfixturevalue(model)
    status, _, errors = run_draw(f"--model_dir={place}", *typed.split("|"))
    assert status == 2 and errors.endswith(f"{message}\n") and errors.count("\n") == 1
    assert errors.startswith("sketch_rnn_draw: error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["begun.svg"]


@pytest.mark.slow
def test_an_aggregate_prior_of_others_than_the_training_data_is_asked_for(
    run_draw, trained_run, tiny_folder, tmp_path
):
    splits = read_npz(tiny_folder / "tiny.npz")
    magenta_sketch.write_npz(tmp_path / "tiny.npz", **splits | {"train": splits["test"]})
    words = [f"--model_dir={trained_run}", "--prior=aggregate", f"--data_dir={tmp_path}"]
    status, _, errors = run_draw(*words)
    assert (status, errors) == (
        2,
        f"sketch_rnn_draw: error: --prior=aggregate: the data in {tmp_path} are not those the "
        "model was trained on: give --data_dir of these, or --data_set to take others\n",
    )
    assert run_draw(*words, "--data_set=tiny.npz")[0] == 0


def test_so_many_sketches_that_none_is_seen_are_refused(
    run_draw, trained_run, monkeypatch, tmp_path
):
    many = [np.ones((2, 3), np.float32)] * 3000
    monkeypatch.setattr(magenta_sketch.TrainedModel, "sample", lambda *_, **how: many)
    status, _, errors = run_draw(f"--model_dir={trained_run}", "--columns=1", "--out=a.png")
    assert (status, errors) == (
        2,
        "sketch_rnn_draw: error: a.png: 3,000 rows and 1 columns are too many for a .png, whose "
        "sides have at most 8,192 pixels: draw fewer sketches, or choose .svg\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_data_set_without_sketches_is_refused(run_draw, trained_run, monkeypatch, tmp_path):
    nothing = [np.zeros((0, 3), np.float32)] * 2
    monkeypatch.setattr(magenta_sketch.TrainedModel, "sample", lambda *_, **how: nothing)
    status, _, errors = run_draw(f"--model_dir={trained_run}", "--count=2", "--out=a.npz")
    assert status == 2 and "a.npz: all sketches are empty, and a data set cannot hold" in errors
    assert not list(tmp_path.iterdir())
    assert run_draw(f"--model_dir={trained_run}", "--count=2", "--out=a.gif")[0] == 0
    with Image.open(io.BytesIO((tmp_path / "a.gif").read_bytes())) as image:
        assert image.n_frames == 1
