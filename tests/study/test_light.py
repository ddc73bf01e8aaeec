"""A study is planned, summarised and reported without TensorFlow."""

import pathlib
import subprocess
import sys

import magenta_sketch.study

HEAVY = {"collecting", "execution", "measuring", "sweep"}


def test_what_a_study_says_needs_no_tensorflow():
    folder = pathlib.Path(magenta_sketch.study.__file__).parent
    names = {path.stem for path in folder.iterdir()} - {"__init__", "__pycache__", "static"}
    light = sorted(names - HEAVY)
    assert {"summary", "plan", "results", "findings", "report", "figures", "task"} <= set(light)
    code = "import sys\n" + "".join(f"import magenta_sketch.study.{name}\n" for name in light)
    code += "print(*sorted({'tensorflow', 'keras', 'matplotlib', 'ray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
