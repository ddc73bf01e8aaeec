"""The notebook in examples/: kept without outputs, the same as its page, and run whole."""

import importlib.util
import pathlib
import re
import xml.etree.ElementTree as ET

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "sketch_rnn.ipynb"


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_of(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_kept_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_every_operation_is_in_it(notebook):
    text = "\n".join(code_of(notebook))
    drawn = "reconstruct sample complete interpolate grid analogy latent_map noise_ladder"
    for name in ["train", *drawn.split(), "log_prob", "classify", "save_drawings"]:
        assert f".{name}(" in text, name


def test_its_page_is_of_this_notebook(notebook):
    page = (ROOT / "docs" / "notebook.md").read_text("utf-8")
    assert re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE) == code_of(
        notebook
    )
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert cell.source in page
    pictures = re.findall(r"\(images/notebook/(\d+\.svg)\)", page)
    assert pictures == sorted(path.name for path in (ROOT / "docs/images/notebook").iterdir())


@pytest.mark.slow
def test_it_runs(tmp_path):
    """With its two minutes of training."""
    render = load("render")
    text, pictures = render.page(render.executed(str(tmp_path)))
    page = (ROOT / "docs" / "notebook.md").read_text("utf-8")
    assert len(pictures) == page.count("(images/notebook/") >= 10
    for data in pictures.values():
        root = ET.fromstring(data)
        assert root.findall(".//{*}g[@class='sketch']/{*}path")
    assert "nats a sketch:" in text
    assert {"way.gif", "plot.svg", "kanji.keras"} <= {path.name for path in tmp_path.iterdir()}
