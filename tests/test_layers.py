"""The house: who may import whom (see pyproject.toml), how large files may be, what is light."""

import ast
import pathlib
import statistics
import subprocess
import sys

import pytest

import magenta_sketch

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "magenta_sketch"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN = 400, 60, 150
# A function that is longer, and why.
MAY_BE_LONGER = {}


def test_imports_go_down_the_floors_only(tmp_path):
    pytest.importorskip("importlinter")
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "Contracts: 7 kept, 0 broken." in done.stdout


def test_files_and_functions_are_short():
    lengths = {}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        lengths[path] = len(text.splitlines())
        assert lengths[path] <= LONGEST_FILE, f"{path} has {lengths[path]} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                most = MAY_BE_LONGER.get(f"{path.stem}.{node.name}", LONGEST_FUNCTION)
                long = node.end_lineno - node.lineno + 1
                assert long <= most, f"{path}: {node.name} has {long} lines"
    assert statistics.median(n for n in lengths.values() if n) < MEDIAN


LIGHT = """config errors files seeds data data.batches data.inspection drawing.svg drawing.grid
    drawing.contact_sheet training.run_folder training.history study.plan cli.program cli.train
    cli.draw cli.sweep cli.convert""".split()


def test_what_is_light_does_not_import_tensorflow():
    code = f"""
import sys
import magenta_sketch
heavy = {{"tensorflow", "keras", "numpy", "matplotlib", "requests", "svgwrite"}}
print(sorted(heavy & set(sys.modules)))
for name in {LIGHT}:
    __import__("magenta_sketch." + name)
print(sorted({{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)))
assert "HParams" in dir(magenta_sketch) and magenta_sketch.HParams.__name__ == "HParams"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["[]", "[]", ""]


def test_type_checkers_see_each_public_name_where_it_is():
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    (block,) = [node for node in ast.parse(text).body if isinstance(node, ast.If)]
    seen = {one.asname: node.module for node in block.body for one in node.names}
    homes = {name: f"magenta_sketch.{home}" for name, home in magenta_sketch._HOMES.items()}
    assert seen == homes


def test_the_script_at_the_top_level_is_the_program():
    text = (ROOT / "sketch_rnn_train.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert [type(node).__name__ for node in tree.body] == ["ImportFrom", "If"]
