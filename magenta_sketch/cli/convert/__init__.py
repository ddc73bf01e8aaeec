"""Models and data between Sketch-RNN programs, in and out.

    sketch_rnn_convert data bird.ndjson cats/ kanjivg --out=datasets
    sketch_rnn_convert inspect datasets/bird.npz
    sketch_rnn_convert export datasets/bird.npz --to=svg --out=birds/
    sketch_rnn_convert model --model_dir=models/birds --out=birds.gen.json
    sketch_rnn_convert web --model_dir=models/birds --out=site/

Each has flags of its own: sketch_rnn_convert data --help.
"""

from __future__ import annotations

import difflib
import importlib
import sys

from magenta_sketch.cli import program
from magenta_sketch.errors import UsageError

# Verb -> what it does; each is a module here with FLAGS, TAKES_FILES and main.
VERBS = {
    "data": "QuickDraw ndjson, SVG folders and KanjiVG -> .npz data sets",
    "inspect": "what is in a .npz data set, in numbers and on a contact sheet",
    "export": "a .npz data set -> SVG files, a contact sheet, or ndjson",
    "model": "a model -> a Sketch-RNN-JS file, a Magenta checkpoint, or Keras weights",
    "web": "a model -> a folder for a web server, where it continues what one draws",
}


def run() -> None:
    """Entry point of the console script."""
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
    # A verb's flags are not known here: one that is misspelt, or stands behind them, goes alone.
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
    """Says that there is no verb, or not the one that was typed."""
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
