"""What a study's modules import."""

import ast
import graphlib
import pathlib
import subprocess
import sys

import magenta_sketch.study

FOLDER = pathlib.Path(magenta_sketch.study.__file__).parent
HEAVY = {"collecting", "execution", "measuring", "sweep"}


def test_what_a_study_says_needs_no_tensorflow():
    names = {path.stem for path in FOLDER.iterdir()} - {"__init__", "__pycache__", "static"}
    light = sorted(names - HEAVY)
    assert {"summary", "plan", "results", "findings", "report", "figures", "task"} <= set(light)
    code = "import sys\n" + "".join(f"import magenta_sketch.study.{name}\n" for name in light)
    code += "print(*sorted({'tensorflow', 'keras', 'matplotlib', 'ray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_imports_go_round_in_no_circle():
    """Those within functions and for type checkers among them."""
    graph = {}
    for path in FOLDER.rglob("*.py"):
        module = ".".join(("magenta_sketch", "study", *path.relative_to(FOLDER).parts))[:-3]
        imported = graph.setdefault(module.removesuffix(".__init__"), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("magenta_sketch.study"):
                names = {f"{node.module}.{one.name}" for one in node.names}
                imported |= names | {node.module}
    modules = graph.keys()
    order = graphlib.TopologicalSorter({one: graph[one] & modules - {one} for one in modules})
    assert set(order.static_order()) == set(modules)  # raises CycleError
