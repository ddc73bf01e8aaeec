"""The form of every message: no full stop at the end, no contraction, one line."""

import ast
import builtins
import pathlib
import re

from magenta_sketch import errors

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "magenta_sketch"
OURS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
BUILT_IN = {name for name in vars(builtins) if name.endswith(("Error", "Warning"))}
# Functions and methods that make an error, or print a message, of the text they are given.
MAKERS = {"Unfit", "UnusableError", "_failure", "_malformed", "error", "_fail", "_note", "warn"}
CONTRACTION = re.compile(
    r"\b\w+(n['’]t|['’](re|ve|ll|d|m))\b|\b(it|that|there|here|let|what)['’]s\b", re.I
)


def texts(node):
    """Yield what stands in an expression of strings, {} for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
        for part in node.values:
            yield from texts(getattr(part, "value", None))
    elif isinstance(node, ast.BinOp):
        yield from texts(node.left)
        yield from texts(node.right)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def messages():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in OURS | BUILT_IN | MAKERS:
                for argument in node.args:
                    yield from ((f"{path.name}:{node.lineno}", text) for text in texts(argument))


def test_errors_end_without_a_full_stop_and_hold_no_contraction():
    found = list(messages())
    assert len(found) > 250
    for place, text in found:
        assert not re.search(r"[^.]\.\s*$", text), f"{place}: a full stop ends {text!r}"
        assert not CONTRACTION.search(text), f"{place}: a contraction in {text!r}"
        assert "\n" not in text, f"{place}: more than one line in {text!r}"


def test_no_contraction_anywhere_in_the_package():
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("app.js"), *PACKAGE.rglob("index.html")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        found = re.search(r"\b\w+n['’]t\b|\b\w+['’](re|ve|ll)\b", text)
        assert found is None, f"{path.name}: {found}"


def test_the_form_is_looked_for():
    tree = ast.parse("DataError(f'{a}: it can' + ('not be read.' if b else \"isn't there\"))")
    found = list(texts(tree.body[0].value.args[0]))
    assert "not be read." in found and "isn't there" in found and "{}: it can" in found
