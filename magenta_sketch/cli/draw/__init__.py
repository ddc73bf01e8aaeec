"""Draw with a trained Sketch-RNN: new sketches, and all that can be done with the data's.

    sketch_rnn_draw --model_dir=models/quickstart --count=20
    sketch_rnn_draw --model_dir=models/quickstart --reconstruct=0,7,20-23 --temperature=0.2
    sketch_rnn_draw --model_dir=bird.gen.json --complete=begun.svg --out=endings.gif
    sketch_rnn_draw --model_dir=models/quickstart --complete=7 --points=12
    sketch_rnn_draw --model_dir=models/quickstart --interpolate=3,17 --out=way.png
    sketch_rnn_draw --model_dir=models/quickstart --grid=3,17,40,41
    sketch_rnn_draw --model_dir=models/quickstart --analogy=3,17,40
    sketch_rnn_draw --model_dir=models/quickstart --map
    sketch_rnn_draw --model_dir=models/quickstart --noise_ladder=7
    sketch_rnn_draw --model_dir=models/quickstart --count=12 --page=a4 --out=plot.svg
    sketch_rnn_draw --model_dir=models/quickstart --count=100 --out=drawings/

Numbers are those of sketches in --split of the data the model was trained on; the first is 0. The
model can be a run's folder, a .keras file, a Magenta checkpoint directory or a Sketch-RNN-JS file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from magenta_sketch.cli import program
from magenta_sketch.cli.draw import flags
from magenta_sketch.cli.draw.flags import FLAGS

if TYPE_CHECKING:
    import numpy as np


def main() -> int:
    """Draw what the flags ask for, and list the files written."""
    operation = flags.operation()
    print(f"sketch_rnn_draw: {FLAGS.model_dir}; starting TensorFlow ...", flush=True)
    from magenta_sketch.cli.draw.operations import draw
    from magenta_sketch.drawing.saving import PICTURES, kind_of, save_drawings
    from magenta_sketch.interop.loading import load

    drawn = draw(operation, load(FLAGS.model_dir, checkpoint=FLAGS.checkpoint))
    kind = kind_of(FLAGS.out)
    how = {"animate": FLAGS.animate, "page": FLAGS.page, "absolute": FLAGS.absolute}
    empty = sum(len(sketch) == 0 for sketch in drawn.new)
    if kind in PICTURES:
        save_drawings(FLAGS.out, drawn.picture(), **how)
        print(f"wrote {FLAGS.out}: {drawn.what}")
    else:
        names, sketches = zip(*drawn.named, strict=True)
        save_drawings(FLAGS.out, list(sketches), names=list(names), **how)
        count = len(sketches) - (empty if kind == ".npz" else 0)
        each = ", one SVG each" if kind == "" else ""
        many = "1 sketch" if count == 1 else f"{count} sketches"
        print(f"wrote {many} to {FLAGS.out}{each}: {drawn.what}")
    _note_short(drawn.new, empty, kind)
    return 0


def _note_short(sketches: Sequence[np.ndarray], empty: int, kind: str) -> None:
    """Say how many sketches are empty, or nothing but the points that they began with."""
    if empty:
        left_out = "; they are not in the file" if kind == ".npz" else ""
        print(
            f"note: {empty} of them empty: the model ended the sketch before its second point"
            f"{left_out}"
        )
    finished = sum(len(sketch) == getattr(sketch, "given", 0) > 0 for sketch in sketches)
    if finished:
        print(f"note: {finished} of them without an ending: the model takes the sketch as finished")


def run() -> None:
    """Run the command and exit with its status."""
    sys.exit(program.run_program("sketch_rnn_draw", __doc__, FLAGS, main))


if __name__ == "__main__":
    run()
