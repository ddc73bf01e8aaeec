"""Which part of the package may import which: the way of the data goes one way (DESIGN)."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "magenta_sketch"
ANYTHING = None

# Room -> the rooms it may import. A room is a module, or a folder of modules that know each other.
MAY_IMPORT = {
    "__init__": set(),  # light to import: its names are fetched when they are first used
    "_backend": set(),
    "files": set(),
    "hparams": set(),
    "strokes": set(),
    "datasets": {"files", "strokes"},
    "batches": {"datasets", "strokes"},
    "drawing": {"files", "strokes"},
    "inspection": {"datasets"},
    "contact_sheet": {"drawing", "inspection"},
    "curves": {"files"},
    "steps": {"_backend"},
    "cells": {"_backend", "steps"},
    "recurrence": {"_backend"},
    "mixture": {"_backend"},
    "losses": {"_backend", "mixture"},
    "model": {"_backend", "cells", "hparams", "losses", "mixture", "recurrence"},
    "sampling": {"_backend", "mixture", "model", "strokes"},
    "checkpoints": {"_backend", "files", "hparams", "model"},
    "journal": {"_backend", "checkpoints", "files"},
    "trained": {
        "_backend",
        "batches",
        "checkpoints",
        "datasets",
        "interop",
        "losses",
        "model",
        "sampling",
    },
    "training": {
        "_backend",
        "batches",
        "checkpoints",
        "datasets",
        "hparams",
        "journal",
        "losses",
        "model",
    },
    "gallery": {"datasets", "drawing", "trained"},
    "runs": {
        "_backend",
        "checkpoints",
        "curves",
        "datasets",
        "gallery",
        "hparams",
        "interop",
        "journal",
        "trained",
        "training",
    },
    "interop": {"_backend", "cells", "files", "hparams", "model"},
    "web": {"datasets", "files", "interop", "strokes", "trained"},
    "study": {
        "_backend",
        "__init__",
        "checkpoints",
        "datasets",
        "drawing",
        "files",
        "hparams",
        "journal",
        "losses",
        "mixture",
        "model",
        "runs",
        "sampling",
        "strokes",
        "trained",
        "training",
    },
    "commands": ANYTHING,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def names_imported(path):
    """Full names of the modules that a file imports, wherever in it."""
    package = ".".join(["magenta_sketch", *path.relative_to(PACKAGE).parent.parts])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = PACKAGE.joinpath(*module.split(".")[1:], alias.name)
                is_module = inside.with_suffix(".py").exists() or inside.is_dir()
                ours = module.split(".")[0] == "magenta_sketch"
                yield f"{module}.{alias.name}" if ours and is_module else module


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    here = room(path)
    assert here in MAY_IMPORT, f"say in {pathlib.Path(__file__).name} what {here} may import"
    allowed = MAY_IMPORT[here]
    for name in names_imported(path):
        top, *rest = name.split(".")
        if top != "magenta_sketch" or allowed is ANYTHING:
            continue
        there = rest[0] if rest else "__init__"
        assert there == here or there in allowed, f"{path.name} may not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_has_one_door_and_flags_one_room(path):
    tops = {name.split(".")[0] for name in names_imported(path)}
    if room(path) != "_backend":
        assert not tops & {"tensorflow", "keras"}, "import them from magenta_sketch._backend"
    if room(path) != "commands":
        assert "absl" not in tops, "flags are the programs' business"


def test_the_rules_have_no_circle():
    open_rooms = {name: set(allowed or ()) for name, allowed in MAY_IMPORT.items()}
    while open_rooms:
        free = [name for name, needs in open_rooms.items() if not needs & open_rooms.keys()]
        assert free, f"these import each other: {sorted(open_rooms)}"
        for name in free:
            del open_rooms[name]


def test_what_is_light_does_not_import_tensorflow():
    light = "hparams strokes files datasets batches drawing contact_sheet commands.common".split()
    code = f"""
import sys
import magenta_sketch
heavy = {{"tensorflow", "keras", "numpy", "matplotlib", "requests", "svgwrite"}}
print(sorted(heavy & set(sys.modules)))
for name in {light}:
    __import__("magenta_sketch." + name)
import sketch_rnn_train
print(sorted({{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)))
assert "HParams" in dir(magenta_sketch) and magenta_sketch.HParams.__name__ == "HParams"
"""
    root = PACKAGE.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["[]", "[]", ""]
