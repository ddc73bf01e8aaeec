"""What the modules of studies and measures import."""

import ast
import graphlib
import pathlib
import subprocess
import sys

import pytest

import magenta_sketch.measures
import magenta_sketch.study

FOLDER = pathlib.Path(magenta_sketch.study.__file__).parent
MEASURES = pathlib.Path(magenta_sketch.measures.__file__).parent
HEAVY = {"collecting", "execution", "sweep"}


def test_what_a_study_says_needs_no_tensorflow():
    names = {path.stem for path in FOLDER.iterdir()} - {"__init__", "__pycache__", "static"}
    light = sorted(names - HEAVY)
    assert {"plan", "results", "statistics", "claims", "tables", "report", "figures", "sheets"} | {
        *("export", "lines", "wording", "task", "definition")
    } <= set(light)
    modules = [f"study.{name}" for name in light] + ["measures.result", "measures.linear_theory"]
    code = "import sys\n" + "".join(f"import magenta_sketch.{name}\n" for name in modules)
    code += "print(*sorted({'tensorflow', 'keras', 'matplotlib', 'ray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("folder", [FOLDER, MEASURES], ids=lambda folder: folder.name)
def test_no_circular_imports(folder):
    """Imports within functions and for type checkers count too."""
    package, graph = f"magenta_sketch.{folder.name}", {}
    for path in folder.rglob("*.py"):
        module = ".".join((package, *path.relative_to(folder).parts))[:-3]
        imported = graph.setdefault(module.removesuffix(".__init__"), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(package):
                names = {f"{node.module}.{one.name}" for one in node.names}
                imported |= names | {node.module}
    modules = graph.keys()
    order = graphlib.TopologicalSorter({one: graph[one] & modules - {one} for one in modules})
    assert set(order.static_order()) == set(modules)  # raises CycleError
