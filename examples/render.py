"""Run the notebook and write it as a page of the documentation, with its pictures.

    pip install -e '.[test]' && python examples/render.py

The notebook itself is kept without outputs.
"""

import pathlib
import tempfile

import nbformat
from nbclient import NotebookClient

HERE = pathlib.Path(__file__).resolve().parent
NOTEBOOK = HERE / "sketch_rnn.ipynb"
PAGE = HERE.parent / "docs" / "notebook.md"
PICTURES = HERE.parent / "docs" / "images" / "notebook"
HEAD = "<!-- Made by `python examples/render.py` from examples/sketch_rnn.ipynb. -->\n"


def executed(folder: str) -> nbformat.NotebookNode:
    """Return the notebook with outputs, run in ``folder``.

    Raises:
      CellExecutionError: a cell raises an error.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": folder}}
    return NotebookClient(notebook, timeout=1800, resources=resources).execute()


def page(notebook: nbformat.NotebookNode) -> tuple[str, dict[str, bytes]]:
    """Return an executed notebook as Markdown, and its pictures by file name."""
    parts, pictures = [HEAD], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        printed = "".join(one.text for one in cell.outputs if one.get("name") == "stdout")
        if printed.strip():
            parts.append(f"```text\n{printed.strip()}\n```")
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            svg = output.get("data", {}).get("image/svg+xml")
            if svg:
                name = f"{len(pictures) + 1:02d}.svg"
                # nbformat splits and joins lines; the file begins with an XML declaration.
                pictures[name] = b'<?xml version="1.0" encoding="utf-8"?>\n' + svg.encode()
                parts.append(f"![Drawings](images/notebook/{name})")
            elif text:
                parts.append(f"```text\n{text.strip()}\n```")
    return "\n\n".join(parts) + "\n", pictures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text, pictures = page(executed(folder))
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    for name, data in pictures.items():
        (PICTURES / name).write_bytes(data)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE} and {len(pictures)} pictures")


if __name__ == "__main__":
    main()
