"""Convert data and models from and to other programs.

    sketch_rnn_convert data bird.ndjson cats/ kanjivg --out=datasets
    sketch_rnn_convert inspect datasets/bird.npz
    sketch_rnn_convert mend old.npz --what=positions --out=new.npz
    sketch_rnn_convert export datasets/bird.npz --to=svg --out=birds/
    sketch_rnn_convert model --model_dir=models/birds --out=birds.gen.json
    sketch_rnn_convert web --model_dir=models/birds --out=birds.html

Each of these has its own help: sketch_rnn_convert data --help.
"""

from __future__ import annotations

import difflib
import importlib
import sys

from magenta_sketch.cli import program
from magenta_sketch.errors import UsageError

# Verb -> its help. Each verb is a module in this folder with FLAGS, TAKES_FILES and main.
VERBS = {
    "data": "make .npz data sets from QuickDraw's ndjson, SVG files or installed packages",
    "inspect": "show what is in a .npz data set, as numbers and as a picture",
    "mend": "make a sound .npz data set of one with positions, other lifts or missing splits",
    "export": "write a .npz data set as SVG files, a contact sheet, or ndjson",
    "model": "write a model for Sketch-RNN-JS, Magenta or Keras",
    "web": "make a web page on which visitors draw with models",
}


def run() -> None:
    """Run the command and exit with its status."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    verb, *rest = arguments or ["--help"]
    if verb in VERBS:
        module = importlib.import_module(f"{__name__}.{verb}")
        return program.run_program(
            f"sketch_rnn_convert {verb}",
            module.__doc__ or "",
            module.FLAGS,
            module.main,
            arguments=rest,
            takes_files=module.TAKES_FILES,
        )
    # Flags of a verb are unknown here. Keep only the verb, so that the error is about the verb.
    late = [word for word in rest if word in VERBS][:1]
    words = (late or [verb, *rest]) if verb.startswith("-") else [verb]
    return program.run_program(
        "sketch_rnn_convert",
        _doc(),
        program.new_flags(),
        _no_verb,
        arguments=words,
        takes_files=True,
    )


def _no_verb(rest: list[str]) -> int:
    """Raise UsageError: the verb is missing, unknown or not the first word."""
    known = ", ".join(VERBS)
    if not rest:
        raise UsageError(f"say what to convert: {known}")
    if rest[0] in VERBS:
        raise UsageError(f"{rest[0]} goes first: sketch_rnn_convert {rest[0]} ...")
    near = difflib.get_close_matches(rest[0], VERBS, n=1)
    advice = f"did you mean {near[0]}?" if near else f"the first word is one of {known}"
    raise UsageError(f"what is {rest[0]!r}? {advice}")


def _doc() -> str:
    verbs = "\n".join(f"  {verb:<10}{what}" for verb, what in VERBS.items())
    return f"{__doc__}\n{verbs}"
