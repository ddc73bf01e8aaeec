"""Files that pictures are written to, and who draws them."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from svg_reading import CROSS

import magenta_sketch
from magenta_sketch.drawing import curves, grid

PACKAGE = pathlib.Path(magenta_sketch.__file__).parent


SAVERS = {
    "grid.svg": lambda path: grid.save_grid(path, [[CROSS]]),
    "one.svg": lambda path: grid.save_svg(path, CROSS),
    "curve.png": lambda path: curves.save_training_curve(path, []),
}


@pytest.mark.parametrize("name", SAVERS)
def test_folders_are_made_and_nothing_else_is_left(tmp_path, name):
    target = tmp_path / "new" / "er" / name
    for _ in range(2):
        SAVERS[name](target)
        assert [path.name for path in target.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", SAVERS)
def test_a_failed_write_leaves_the_old_file(tmp_path, name, monkeypatch):
    target = tmp_path / name
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        SAVERS[name](target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_curve_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"as \.png or \.svg"):
        curves.save_training_curve(tmp_path / "a.pdf", [])
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_is_imported_only_when_it_draws():
    modules = ("svg", "grid", "curves", "plots", "line_plot", "heat_map")
    code = "import sys\n" + "".join(f"import magenta_sketch.drawing.{name}\n" for name in modules)
    code += "print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_nothing_else_imports_what_draws():
    drawn_by = re.compile(r"^\s*(import|from) (svgwrite|matplotlib)\b", re.MULTILINE)
    found = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if drawn_by.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"drawing"}
