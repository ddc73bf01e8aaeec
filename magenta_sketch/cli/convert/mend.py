"""Mend a .npz data set that follows another convention, and write it as a new file.

    sketch_rnn_convert mend old.npz --what=positions --out=new.npz
    sketch_rnn_convert mend old.npz --what=stroke5,splits --out=new.npz

sketch_rnn_convert inspect and training say what a data set looks like, and name the step for it:
  stroke5        make stroke-3 of rows (dx, dy, down, lift, end)
  positions      make offsets of positions; the first position becomes the origin
  leading_move   drop the first row, which leads from (0, 0) to the drawing's first point
  lifts          make lifts of a third column that has 1 where the pen is down
  pieces         remove lifts after which the pen does not move: strokes cut into pieces
  size           scale all sketches by one factor, so that the median drawing has 255 pixels
  splits         make train, valid and test anew of all sketches, by their content and --shares

The steps are done in this order. The old file stays as it is.
"""

from __future__ import annotations

from absl import flags

from magenta_sketch.cli import program, values
from magenta_sketch.config.kinds import nearest
from magenta_sketch.errors import UsageError

TAKES_FILES = True

# In the order in which they are done. `mending.STEPS` has all but the last, but imports NumPy.
STEPS = ("stroke5", "positions", "leading_move", "lifts", "pieces", "size", "splits")

FLAGS = program.new_flags()
flags.DEFINE_list("what", None, f"What to mend: {', '.join(STEPS)}.", flag_values=FLAGS)
values.define_place(FLAGS, "out", None, "The new .npz file.", kind="file")
flags.DEFINE_string(
    "shares",
    None,
    "With splits: proportions of train, valid and test, as three whole numbers [default: 90,5,5].",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("overwrite", False, "Replace an existing --out.", flag_values=FLAGS)


def main(files: list[str]) -> int:
    """Mend the file, and say what was done."""
    if len(files) != 1:
        raise UsageError(
            f"mend takes one data set, got {len(files)}; use for example "
            "sketch_rnn_convert mend old.npz --what=positions --out=new.npz"
        )
    what = [name.strip() for name in FLAGS.what or () if name.strip()]
    if not what:
        raise UsageError(f"--what is missing: name one or more of {', '.join(STEPS)}")
    for name in what:
        if name not in STEPS:
            near = nearest(name, STEPS)
            raise UsageError(
                f"--what must be of {', '.join(STEPS)}, got {name!r}"
                + (f"; did you mean {near!r}?" if near else "")
            )
    if not FLAGS.out or not FLAGS.out.endswith(".npz"):
        raise UsageError("--out must be the name of the new file, ending in .npz")
    values.require_free(FLAGS.out, FLAGS.overwrite)
    shares = values.three_numbers("shares", FLAGS.shares)
    if shares is not None and "splits" not in what:
        raise UsageError("--shares is for --what=splits")
    from magenta_sketch.data.mending import mend
    from magenta_sketch.data.splitting import SHARES

    mend(files[0], FLAGS.out, what, shares=shares or SHARES)
    return 0
