"""Make a web page on which visitors start a drawing and the model continues it.

    sketch_rnn_convert web --model_dir=models/birds --out=site/
    python -m http.server --directory site

Visitors draw with a mouse, a finger or a pen, choose one of six continuations, and save the drawing
as SVG. The folder works on any web server. The model runs in the browser with @magenta/sketch,
which npm installs the first time. A loaded page needs no internet.

@magenta/sketch needs a decoder of the cell lstm, with at most 20 mixture components. A conditional
model is used without its encoder, with a few fixed z.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

from magenta_sketch.cli import model_flags, program, values
from magenta_sketch.config.run_config import RunConfig

TAKES_FILES = False
MOST_LATENTS = 24

FLAGS = program.new_flags()
model_flags.define_model(FLAGS)
values.define_place(
    FLAGS,
    "out",
    None,
    "Folder to write. An earlier page in it is replaced.",
    kind="folder",
)
flags.DEFINE_string(
    "name",
    None,
    "Name of the model on the page. Default: its data set, or its file name.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "latents",
    6,
    "Number of z for the continuations of a conditional model: the prior's mean, and others drawn "
    "from the prior. The browser keeps one copy of the weights for each.",
    lower_bound=1,
    upper_bound=MOST_LATENTS,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "seed", 0, "Seed of these z.", lower_bound=0, upper_bound=2**63 - 1, flag_values=FLAGS
)
values.define_place(
    FLAGS,
    "sketch_js",
    None,
    "Folder of an installed @magenta/sketch, or its dist/magentasketch.js. Default: install it "
    "with npm.",
    kind="file or folder",
)
flags.DEFINE_boolean("overwrite", False, "Replace --out and everything in it.", flag_values=FLAGS)


def main() -> int:
    """Write the folder, and print what is in it."""
    values.require(FLAGS, "out")
    model_flags.require_model(FLAGS)
    model_flags.require_apart(FLAGS, FLAGS.out)
    print(f"sketch_rnn_convert web: {FLAGS.model_dir}; starting TensorFlow ...", flush=True)
    from magenta_sketch import web
    from magenta_sketch.interop.loading import load

    web.check_place(FLAGS.out, overwrite=FLAGS.overwrite)
    model = load(FLAGS.model_dir, checkpoint=FLAGS.checkpoint)
    page = web.make_page(
        model, name=FLAGS.name or _name(model.config), latents=FLAGS.latents, seed=FLAGS.seed
    )
    bundle = web.from_path(FLAGS.sketch_js) if FLAGS.sketch_js else web.from_npm(report=print)
    quantised = web.write_site(FLAGS.out, page, bundle, overwrite=FLAGS.overwrite)
    if quantised.clipped:
        print(
            f"sketch_rnn_convert web: warning: {quantised.clipped} of {quantised.count} weights "
            f"were cut to ±10, which is all the format holds; the largest was "
            f"{quantised.largest:.1f}",
            file=sys.stderr,
        )
    size = sum(file.stat().st_size for file in pathlib.Path(FLAGS.out).rglob("*") if file.is_file())
    print(f"wrote {FLAGS.out}: a page of {page.name!r}, {size / 1e6:.1f} MB")
    print(f"to see it: python -m http.server --directory {FLAGS.out}")
    return 0


def _name(config: RunConfig) -> str:
    if not config.data_dir:  # a model of another program
        return pathlib.Path(FLAGS.model_dir).resolve().name.split(".")[0]
    return ", ".join(pathlib.PurePath(name).stem for name in config.hparams.data_set)
