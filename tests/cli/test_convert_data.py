"""sketch_rnn_convert data as its users run it."""

import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from characters import install, svg, write_characters
from slow import slow_but

from magenta_sketch.data import load_data_set, read_npz
from magenta_sketch.data.sources import kanjivg
from magenta_sketch.data.splitting import split_of
from magenta_sketch.data.strokes import to_polylines

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def run(run_convert):
    """Run the program with some arguments in a temporary folder: (status, lines, errors)."""

    def run(*arguments):
        status, out, errors = run_convert("data", *arguments)
        return status, out.splitlines(), errors

    return run


@pytest.fixture
def owls(tmp_path):
    """owls.ndjson: 200 raw drawings; every tenth was not recognised, every other has 4 points."""
    lines = []
    for key in range(200):
        bend = [[0, 250 + key, 60], [5, 9, 250], [0, 9, 20]]
        bend = bend if key % 2 else [part[:2] for part in bend]
        drawing = [bend, [[30, 90], [3, 3], [40, 70]]]
        one = {"word": "owl", "key_id": f"{key}", "recognized": key % 10 > 0, "drawing": drawing}
        lines.append(json.dumps(one))
    (tmp_path / "owls.ndjson").write_text("\n".join(lines))
    return tmp_path / "owls.ndjson"


def total(path):
    return sum(map(len, read_npz(path).values()))


def test_quickdraw(run, owls, tmp_path):
    status, lines, errors = run("owls.ndjson", "--out=sets/new", "--recognized_only")
    assert (status, errors) == (0, "")
    counts = {split: len(sketches) for split, sketches in read_npz("sets/new/owl.npz").items()}
    assert sum(counts.values()) == 180
    told = ", ".join(f"{split} {count}" for split, count in counts.items())
    assert (
        lines[-1]
        == f"wrote sets/new/owl.npz: {told}; the longest has 4 points; 20 of this class left out"
    )
    assert lines[-2] == "left out 20: not recognised by QuickDraw's game"
    assert [line for line in lines if line.startswith("skipped")] == lines[:10]
    assert [path.name for path in (tmp_path / "sets" / "new").iterdir()] == ["owl.npz"]


def test_compressed_gives_the_same_file(run, owls, tmp_path):
    (tmp_path / "packed.ndjson.gz").write_bytes(gzip.compress(owls.read_bytes()))
    assert run("owls.ndjson", "--out=a")[0] == run("packed.ndjson.gz", "--out=b")[0] == 0
    assert (tmp_path / "a/owl.npz").read_bytes() == (tmp_path / "b/owl.npz").read_bytes()


def test_all_options_reach_the_data(run, owls):
    assert run("owls.ndjson", "--out=a", "--counts=20,3,2")[0] == 0
    assert [len(read_npz("a/owl.npz")[split]) for split in ("train", "valid", "test")] == [20, 3, 2]
    assert run("owls.ndjson", "--out=b", "--shares=1,1,1")[0] == 0
    expected = [split_of(str(key), (1, 1, 1)) for key in range(200)].count("valid")
    assert len(read_npz("b/owl.npz")["valid"]) == expected
    assert run("owls.ndjson", "--out=c", "--epsilon=255")[0] == 0
    assert max(len(sketch) for sketch in read_npz("c/owl.npz")["train"]) == 3
    status, lines, _ = run("owls.ndjson", "--out=d", "--max_points=3")
    assert status == 0 and "left out 100: more than 3 points" in lines
    assert max(len(sketch) for sketch in read_npz("d/owl.npz")["train"]) == 3


def test_svg_folders(run, tmp_path):
    for name in ("circle", "box"):
        (tmp_path / "shapes" / name / "deep").mkdir(parents=True)
        for i in range(60):
            shape = (
                f'<circle r="{i + 1}"/>' if name == "circle" else f'<rect width="9" height="{i}"/>'
            )
            path = tmp_path / "shapes" / name / ("deep" if i % 2 else "") / f"{i}.svg"
            path.write_text(f'<svg><g transform="scale(3) rotate(90)">{shape}</g></svg>')
    (tmp_path / "shapes" / "box" / "bad.svg").write_text("<svg>")
    status, lines, errors = run("shapes", "--out=out", "--shares=60,20,20")
    assert (status, errors) == (0, "")
    assert total("out/circle.npz") == 60 and total("out/box.npz") == 59
    assert "left out 2: not a usable SVG file" in lines  # bad.svg, and the box of no height
    for sketches in read_npz("out/circle.npz").values():
        for sketch in sketches:
            (line,) = to_polylines(sketch)
            np.testing.assert_array_equal(line[0], line[-1])
            middle = (line.min(axis=0) + line.max(axis=0)) / 2
            np.testing.assert_allclose(np.linalg.norm(line - middle, axis=1), 127.5, atol=1.5)


def test_a_folder_of_ndjson_files_and_a_list_of_classes(run, tmp_path):
    (tmp_path / "raw").mkdir()
    for word in ("owl", "power outlet", "The Mona Lisa"):
        lines = [json.dumps({"word": word, "drawing": [[[i, 9], [0, 7]]]}) for i in range(1, 30)]
        (tmp_path / "raw" / f"{word}.ndjson.gz").write_bytes(
            gzip.compress("\n".join(lines).encode())
        )
    assert run("raw", "--out=all")[0] == 0
    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert names == ["The_Mona_Lisa.npz", "owl.npz", "power_outlet.npz"]
    (tmp_path / "list.txt").write_bytes(
        "# two\r\npower outlet\r\nThe_Mona_Lisa\r\n".encode("utf-16")
    )
    status, lines, _ = run("raw", "--out=some", "--classes=list.txt")
    assert status == 0 and "left out 29: of a class that is not in --classes" in lines
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == names[:1] + names[2:]
    (tmp_path / "list.txt").write_text("owl\npower cable\n")
    status, _, errors = run("raw", "--out=none", "--classes=list.txt")
    assert status == 2 and "--classes: no usable drawing of power cable" in errors
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_the_ready_made_data_sets_are_listed(run):
    status, lines, errors = run("--list")
    assert (status, errors) == (0, "")
    assert lines[0].startswith("kanjivg: Chinese characters of KanjiVG (CC BY-SA 3.0); 6,4")
    names = ["kanjivg", "hershey", "openmoji", "hanzi", "shapes"]
    assert [line.partition(":")[0] for line in lines] == names
    assert lines[-1] == (
        "shapes: polygons and ellipses with known factors "
        "(made up by this program; no rights reserved, CC0); 2,700 drawings"
    )


def test_what_was_passed_over_and_joined_is_told(run, tmp_path):
    (tmp_path / "cats").mkdir()
    for i in range(4):
        pieces = f'<path d="M0,{i}L9,50"/><path d="M9,50L50,9"/>'
        area = '<rect fill="white" width="99" height="99"/>'
        body = f'{area}<g stroke="red">{pieces}</g><use href="#a"/>'
        (tmp_path / "cats" / f"{i}.svg").write_text(f'<svg viewBox="0 0 99 99">{body}</svg>')
    status, lines, errors = run("cats", "--out=out")
    assert (status, errors) == (0, "")
    told = [line for line in lines if line.endswith(", in 4 drawings")]
    assert [line.partition(", in")[0] for line in told] == [
        "`use` of something that is not in the file: 4 passed over",
        "backgrounds (filled areas that cover the page or the drawing): 4 passed over",
        "pieces of strokes: 4 joined to the ones before (--join=0 keeps them apart)",
    ]
    assert all(len(sketch) == 2 for part in read_npz("out/cats.npz").values() for sketch in part)
    assert any(line.startswith("note: under 100 drawings of cats (4): ") for line in lines)


@pytest.fixture
def characters(tmp_path):
    folder = tmp_path / "kanjivg" / "kanji"
    write_characters(folder)
    (folder / "04e00-Kaisho.svg").write_text(svg("M1,2L50,99"))
    return folder


@pytest.mark.parametrize("name", ["kanjivg", "kanjivg/kanji"])
def test_kanjivg(run, characters, tmp_path, name):
    status, lines, errors = run(name, "--out=out")
    assert (status, errors) == (0, "")
    assert lines[0] == (
        "reading 80 characters from kanjivg/kanji: 4 px a unit, epsilon 4 px, at most 48 points"
    )
    assert lines[1] == kanjivg.CREDIT
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "kanjivg.LICENSE.txt",
        "kanjivg.npz",
    ]
    license_text = (tmp_path / "out/kanjivg.LICENSE.txt").read_text()
    assert "Ulrich Apel" in license_text and "by-sa/3.0" in license_text
    assert "taken from kanjivg/kanji." in license_text
    assert "tolerance\n1 of KanjiVG's units), scaled by 4" in license_text
    sketches = read_npz("out/kanjivg.npz")
    names = [path.name for path in sorted(characters.iterdir()) if "Kaisho" not in path.name]
    for split in sketches:
        assert len(sketches[split]) == [split_of(name) for name in names].count(split)
    points = np.concatenate(to_polylines(sketches["train"][0]))
    assert np.ptp(points, axis=0).tolist() == [320, 380]


def test_the_quick_start_has_the_same_file(run, monkeypatch, tmp_path):
    """Byte for byte, with the same licence: some real characters, built as a run builds them."""
    files = kanjivg.character_files()[0][::80]
    install(monkeypatch, files)
    told = []
    load_data_set("kanjivg.npz", "quick", report=told.append)
    status, lines, errors = run("kanjivg", "--out=out")
    assert (status, errors) == (0, "")
    for name in ("kanjivg.npz", "kanjivg.LICENSE.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "quick" / name).read_bytes()
    assert lines == [line.replace("quick/", "out/") for line in told[: len(lines)]]
    assert [line for line in lines if "left out" in line and "wrote" not in line] == [
        f"left out {len(files) - total('out/kanjivg.npz')}: more than 48 points"
    ]
    longest = max(len(sketch) for sketch in read_npz("out/kanjivg.npz")["train"])
    assert 40 < longest <= 48
    # All characters, in more detail.
    status, lines, _ = run("kanjivg", "--out=more", "--max_points=1000", "--epsilon=1")
    assert status == 0 and lines[0].endswith(": 4 px a unit, epsilon 1 px, at most 1,000 points")
    assert total("more/kanjivg.npz") == len(files)


def test_several_inputs_of_one_class_are_joined(run, owls, characters, tmp_path):
    more = owls.read_text().replace('"key_id": "', '"key_id": "more')
    (tmp_path / "more.ndjson").write_text(more)
    (tmp_path / "pens").mkdir()
    for i in range(60):
        (tmp_path / "pens" / f"{i}.svg").write_text(f'<svg><line x2="{i + 1}" y2="7"/></svg>')
    status, lines, _ = run("owls.ndjson", "more.ndjson", "kanjivg", "pens", "--out=out")
    assert status == 0
    assert total("out/owl.npz") == 400 and total("out/kanjivg.npz") == 80
    assert total("out/pens.npz") == 60
    assert sum(line.startswith("wrote") for line in lines) == 3


@pytest.mark.parametrize("name", ["tiny.ndjson", "tiny.ndjson.gz"])
def test_a_data_set_comes_back_from_ndjson(run, run_convert, tiny_folder, tmp_path, name):
    status, _, errors = run_convert("export", tiny_folder / "tiny.npz", f"--out={name}")
    assert (status, errors) == (0, "")
    # Larger than what simplification would make of it, and split in a way of its own.
    status, _, errors = run(name, "--out=out", "--shares=1,1,1")
    assert (status, errors) == (0, "")
    (path,) = (tmp_path / "out").iterdir()
    before, after = read_npz(tiny_folder / "tiny.npz"), read_npz(path)
    for split in before:
        for one, other in zip(before[split], after[split], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_bar_on_a_terminal_and_none_in_a_log(owls, tmp_path):
    program = "from magenta_sketch.cli import convert; convert.run()"
    command = [sys.executable, "-c", program, "data", "owls.ndjson", "--overwrite", "--out=out"]
    how = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(CHECKOUT)}}
    reader, terminal = os.openpty()  # of no columns and no rows, as some containers have them
    try:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=terminal, **how)
        shown = os.read(reader, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(reader)
    assert "reading:" in shown and "writing:" in shown
    done = subprocess.run(command, check=True, capture_output=True, text=True, **how)
    assert done.stderr == "" and done.stdout.startswith("wrote out/owl.npz: ")


# Mistakes

MISTAKES = {
    ("--out=out",): "say what to convert",
    ("owls.ndjson",): "--out is missing",
    ("owls.ndjson", "owls.ndjson", "--out=out"): "owls.ndjson is named twice",
    ("owls.ndjson", "./owls.ndjson", "--out=out"): "./owls.ndjson is named twice",
    ("none.ndjson", "--out=out"): "none.ndjson: no such file or folder; expected an .ndjson,",
    ("owl.ndjson", "--out=out"): "owl.ndjson: no such file or folder; did you mean owls.ndjson",
    ("emty", "--out=out"): "emty: no such file or folder; did you mean empty?",
    ("lines", "--out=out"): "error: lines/owl.ndjson.gz: there is no drawing in it\n",
    (
        "lines",
        "--out=out",
        "--format=svg",
    ): "error: lines: no SVG files in this folder or below it\n",
    (
        "empty",
        "--out=out",
        "--format=svg",
    ): "error: empty: no SVG files in this folder or below it\n",
    (
        "note.txt",
        "--out=out",
    ): "note.txt: expected an .ndjson, .json or .csv file of QuickDraw's, a folder",
    ("note.txt", "--out=out", "--format=quickdraw"): "note.txt: no usable drawing among 1; the",
    ("a.svg", "--out=out"): "a.svg: a single SVG file; name the folder",
    ("empty", "--out=out"): "empty: no SVG files in this folder",
    ("empty", "--out=out", "--format=kanjivg"): "empty has no character files",
    (
        "empty",
        "--out=out",
        "--format=quickdraw",
    ): "error: empty: no .ndjson, .jsonl or .csv file in this folder\n",
    ("nothing.ndjson", "--out=out"): "nothing.ndjson: the file is empty",
    ("blank.ndjson", "--out=out"): "blank.ndjson: there is no drawing in it",
    ("bad.ndjson", "--out=out"): "bad.ndjson: no usable drawing among 2; the first left out: bad",
    ("cut.ndjson.gz", "--out=out"): "cut.ndjson.gz: damaged or cut short",
    (
        "few.ndjson",
        "--out=out",
    ): "owl: train 2, valid 0, test 0; no split may be empty: a class needs at least 3 drawings;",
    ("owls.ndjson", "--out=note.txt"): "--out must be a folder, got 'note.txt'; there is a file",
    (
        "owls.ndjson",
        "--out=out",
        "--epsilon=-1",
    ): "--epsilon must be a number of pixels",
    (
        "owls.ndjson",
        "--out=out",
        "--epsilon=nan",
    ): "of pixels from 0 to 255, got nan\n",
    ("owls.ndjson", "--out=out", "--shares=90,10"): "--shares must be three whole numbers",
    ("owls.ndjson", "--out=out", "--shares=90,10,0"): "got '90,10,0'; use for example --shares=",
    ("owls.ndjson", "--out=out", "--shares=90,5,5.5"): "got '90,5,5.5'; use for",
    ("owls.ndjson", "--out=out", "--counts=all"): "--counts must be three whole numbers",
    ("owls.ndjson", "--out=out", "--counts=-1,2,3"): "got '-1,2,3'; use for example --counts=",
    ("owls.ndjson", "--out=out", "--max_points=0"): "max_points",
    ("owls.ndjson", "--out=out", "--format=png"): "format",
    ("owls.ndjson", "--out=out", "--recognised"): "recognised",
    ("two.ndjson", "--out=out"): "would both be the file",
}


@pytest.mark.parametrize("arguments, message", MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_mistakes_end_in_one_line(run, owls, tmp_path, arguments, message):
    (tmp_path / "note.txt").write_text("hello\n")
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "empty").mkdir()
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "owl.ndjson.gz").touch()
    (tmp_path / "nothing.ndjson").touch()
    (tmp_path / "blank.ndjson").write_text("\n\n")
    (tmp_path / "bad.ndjson").write_text("{}\nx\n")
    (tmp_path / "cut.ndjson.gz").write_bytes(gzip.compress(owls.read_bytes())[:-9])
    (tmp_path / "few.ndjson").write_text("\n".join(owls.read_text().splitlines()[:2]))
    (tmp_path / "two.ndjson").write_text(owls.read_text().replace("owl", "Owl", 3))
    before = sorted(tmp_path.rglob("*"))
    status, _, errors = run(*arguments)
    assert status == 2
    assert message in errors and errors.count("\n") == 1
    assert errors.startswith("sketch_rnn_convert data: error: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_there_is_kept_unless_told(run, owls, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/owl.npz").write_text("mine")
    status, _, errors = run("owls.ndjson", "--out=out")
    assert status == 2 and "out/owl.npz: is there already; give --overwrite" in errors
    assert (tmp_path / "out/owl.npz").read_text() == "mine"
    assert run("owls.ndjson", "--out=out", "--overwrite")[0] == 0
    assert total("out/owl.npz") == 200


# Ended from outside

STOPPED = """
import os, signal, sys
from pathlib import Path
from magenta_sketch.cli import convert
from magenta_sketch.data.sources import quickdraw, spool

where, number = sys.argv[1], int(sys.argv[2])
# As on a terminal, wherever the tests run: a shell's background jobs ignore SIGINT.
signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

def stopping(items):
    for index, item in enumerate(items):
        if index == 100:
            folder, = Path("out").glob(".sketch_rnn_convert-*")
            assert where == "reading" or list(Path("out").glob(".owl.npz.*.tmp"))
            print("stopping")
            os.kill(os.getpid(), number)
        yield item

spool._BUFFERED = 1000
if where == "reading":
    read = quickdraw.read
    quickdraw.read = lambda *arguments: stopping(read(*arguments))
else:
    sketches = spool.ClassSpool.sketches
    spool.ClassSpool.sketches = lambda *arguments: stopping(sketches(*arguments))
sys.argv = ["sketch_rnn_convert", "data", "owls.ndjson", "--out=out"]
convert.run()
"""


@pytest.mark.parametrize("where", ["reading", "writing"])
@pytest.mark.parametrize(
    "number", slow_but([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], signal.SIGTERM)
)
def test_nothing_is_left_when_it_is_stopped(owls, tmp_path, where, number):
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, where, str(int(number))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "stopping\n"
    assert done.stderr == "sketch_rnn_convert data: error: interrupted\n"
    assert done.returncode == 130
    assert list(tmp_path.iterdir()) == [owls]


def test_help_says_how(run):
    status, lines, _ = run("--help")
    text = "\n".join(lines)
    assert status == 0
    for word in (
        "--recognized_only",
        "--shares",
        "--counts",
        "ndjson",
        "KanjiVG",
        "--epsilon",
        "style sheets",
        "--max_points=1000",
        "for KanjiVG 48",
        "for KanjiVG 4;",
    ):
        assert word in text
