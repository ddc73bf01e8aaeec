"""Make a web page on which visitors draw with models.

    sketch_rnn_convert web --model_dir=models/birds --out=birds.html
    sketch_rnn_convert web --model_dir=models/birds --model_dir=models/cats --out=site/
    python -m http.server --directory site

The name of --out decides the form:
  NAME.html        one file, which opens by a double click, without a server or the internet
  any other name   a folder for a web server; smaller, and it loads a model when a visitor wants it

Models of all built-in cells work, from this program or another one. They run in the browser with
TensorFlow.js, which npm installs the first time. A page of one file needs no internet.

A conditional model has a map of its latent space on the page, if the data that it was trained on
can be read.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import model_flags, program, values
from magenta_sketch.data.file_names import stands_for_several
from magenta_sketch.errors import DataError, UsageError

if TYPE_CHECKING:  # they import TensorFlow
    from magenta_sketch.data import SketchSet
    from magenta_sketch.inference.trained_model import TrainedModel
    from magenta_sketch.web import PageModel

TAKES_FILES = False

FLAGS = program.new_flags()
model_flags.define_model(FLAGS, several=True)
model_flags.define_data(FLAGS, "for the map of a conditional model", "the model's own")
values.define_place(
    FLAGS,
    "out",
    None,
    "File that ends in .html, or folder, to write. An earlier page there is replaced.",
    kind="file or folder",
)
flags.DEFINE_multi_string(
    "name",
    None,
    "Name of the model on the page. For several models, repeat the flag in the order of "
    "--model_dir. Default: its data set, or its file name.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "weights",
    "float32",
    ["float32", "float16"],
    "Form of the weights: float16 halves the page's size, and keeps three digits of each weight.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the drawings on which a model's typical size is measured.",
    lower_bound=0,
    upper_bound=2**63 - 1,
    flag_values=FLAGS,
)
values.define_place(
    FLAGS,
    "node_modules",
    None,
    "Folder node_modules with the npm packages of the page. Default: install them with npm.",
    kind="folder",
)
flags.DEFINE_boolean("overwrite", False, "Replace --out and everything in it.", flag_values=FLAGS)


def main() -> int:
    """Write the page, and print its size and how to open it."""
    values.require(FLAGS, "out")
    model_flags.require_model(FLAGS)
    model_flags.require_apart(FLAGS, FLAGS.out)
    values.require_room(FLAGS.out)
    places = model_flags.model_dirs(FLAGS)
    _require_names(FLAGS.name, places)
    print(f"sketch_rnn_convert web: {', '.join(places)}; starting TensorFlow ...", flush=True)
    from magenta_sketch import web
    from magenta_sketch.interop.loading import load

    web.check_place(FLAGS.out, overwrite=FLAGS.overwrite)
    loaded = [load(place, checkpoint=FLAGS.checkpoint) for place in places]
    names = FLAGS.name or _names(loaded, places)
    notes: list[str] = []
    made = [_model(*one, notes.append) for one in zip(loaded, places, names, strict=True)]
    modules = FLAGS.node_modules
    bundle = web.from_folder(modules) if modules else web.from_npm(report=print)
    size = web.write_page(FLAGS.out, made, bundle, overwrite=FLAGS.overwrite)
    for note in notes:
        print(note, file=sys.stderr)
    what = ", ".join(repr(name) for name in names)
    print(f"wrote {FLAGS.out}: a page of {what}, {size / 1e6:.1f} MB")
    if web.is_one_file(FLAGS.out):
        print("to see it: open the file in a browser, by a double click for example")
    else:
        print(f"to see it: python -m http.server --directory {FLAGS.out}")
    return 0


def _require_names(names: Sequence[str] | None, places: Sequence[str]) -> None:
    """Raise UsageError unless there is a name for each model, all different, or none."""
    if names is None:
        return
    if len(names) != len(places):
        raise UsageError(
            f"--name must be given once for each --model_dir, or not at all: there are "
            f"{len(places)} models and {len(names)} names"
        )
    if not all(name.strip() for name in names):
        raise UsageError("--name must not be empty")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--name={name} is given twice: visitors choose models by name")


def _names(loaded: Sequence[TrainedModel], places: Sequence[str]) -> list[str]:
    """Return the models' names for the page. Those of the same data also have their place's name.

    Raises:
      UsageError: these are the same, too.
    """
    files = [pathlib.Path(place).resolve().name.split(".")[0] for place in places]
    data = [
        ", ".join(pathlib.PurePath(name).stem for name in model.config.hparams.data_set)
        if model.data_known and not any(map(stands_for_several, model.config.hparams.data_set))
        else file
        for model, file in zip(loaded, files, strict=True)
    ]
    names = [
        one if data.count(one) == 1 else f"{one} ({file})"
        for one, file in zip(data, files, strict=True)
    ]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two models would be named {name!r}: give a --name for each")
    return names


def _model(trained: TrainedModel, place: str, name: str, note: Callable[[str], None]) -> PageModel:
    """Return a model for the page. If it is to have a map, and there is none, note why."""
    from magenta_sketch import web

    sketches, details = None, ""
    if trained.conditional:
        try:
            trained, sketches = _with_sketches(trained, place)
        except (DataError, UsageError) as error:
            if FLAGS.data_dir or FLAGS.data_set:
                raise
            details = str(error)
    made = web.page_model(
        trained,
        name=name,
        dtype=FLAGS.weights,
        sketches=sketches,
        seed=FLAGS.seed,
    )
    if made.no_plane:
        note(f"note: no map of {name!r}: {details or made.no_plane}")
    return made


def _with_sketches(trained: TrainedModel, place: str) -> tuple[TrainedModel, SketchSet]:
    """Return the model, and sketches for its map.

    Raises:
      UsageError: it is not known what its data are.
      DataError: they cannot be read.
    """
    from magenta_sketch.inference.priors import some_of

    trained, data = model_flags.with_data(trained, place, FLAGS.data_dir, FLAGS.data_set)
    return trained, some_of(data.train)
