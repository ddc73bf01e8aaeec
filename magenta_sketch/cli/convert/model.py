"""Write a model for other programs.

    sketch_rnn_convert model --model_dir=models/birds --out=birds.gen.json
    sketch_rnn_convert model --model_dir=models/birds --out=birds_magenta/
    sketch_rnn_convert model --model_dir=models/birds --out=birds.keras
    sketch_rnn_convert model --model_dir=models/birds --out=birds.weights.h5

The name of --out decides the format:
  NAME.json        a Sketch-RNN-JS file. Only for lstm cells. It holds weights from -10 to 10 in
                   16 bits; the command prints how much that changes the loss
  NAME.keras       a Keras model, complete
  NAME.weights.h5  Keras weights only
  any other name   a Magenta checkpoint directory

The model can be one of another program, too.
"""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import model_flags, program, values
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:  # it imports TensorFlow
    from magenta_sketch.data import DataSet, SketchSet
    from magenta_sketch.inference.trained_model import TrainedModel

TAKES_FILES = False
MOST_SKETCHES = 500  # for measuring the loss
_FORMATS = ("js", "magenta", "keras", "weights")
_NOT_OURS = tuple(".h5 .hdf5 .ckpt .js .npz .svg .pb .onnx .tflite .pt .pth .zip".split())

FLAGS = program.new_flags()
model_flags.define_model(FLAGS)
values.define_place(FLAGS, "out", None, "File or folder to write.", kind="file or folder")
flags.DEFINE_enum(
    "to", None, _FORMATS, "Format. Default: decided by the name of --out.", flag_values=FLAGS
)
flags.DEFINE_boolean("overwrite", False, "Replace an existing file.", flag_values=FLAGS)
flags.DEFINE_string(
    "name", None, "Name of the model in a .json. Default: --out's name.", flag_values=FLAGS
)
flags.DEFINE_float(
    "normalizing_factor",
    None,
    "Pixels in one model unit, for a .json made from a Magenta checkpoint, which lacks this "
    "number. Default: computed from the data.",
    flag_values=FLAGS,
)
model_flags.define_data(
    FLAGS,
    "to measure the loss on",
    "the run's own; if they cannot be read, drawings by the model itself",
)


def format_of(out: str) -> str:
    """Return the format for a name: js, keras, weights or magenta.

    Raises:
      UsageError: the name is that of another file type.
    """
    name = out.lower()
    if name.endswith(".json"):
        return "js"
    if name.endswith(".weights.h5"):
        return "weights"
    if name.endswith(".keras"):
        return "keras"
    if name.endswith(_NOT_OURS):
        raise UsageError(
            f"--out={out}: models are written as NAME.json (Sketch-RNN-JS), NAME.keras or "
            "NAME.weights.h5 (Keras) or a folder (Magenta); say which with --to if the name is "
            "meant"
        )
    return "magenta"


def main() -> int:
    """Write the model, and print what was written and how much the loss changed."""
    values.require(FLAGS, "out")
    model_flags.require_model(FLAGS)
    kind = FLAGS.to or format_of(FLAGS.out)
    _check_flags(kind)
    _check_place(kind)
    factor = FLAGS.normalizing_factor
    if factor is not None and not 0 < factor < 1e9:  # NaN fails, too
        raise UsageError(f"--normalizing_factor must be above 0, got {factor:g}")
    print(f"sketch_rnn_convert model: {FLAGS.model_dir}; starting TensorFlow ...", flush=True)
    from magenta_sketch.interop.loading import load

    trained = load(FLAGS.model_dir, checkpoint=FLAGS.checkpoint, with_optimizer=kind == "magenta")
    write = {
        "js": _write_js,
        "magenta": _write_magenta,
        "keras": _write_keras,
        "weights": _write_weights,
    }
    write[kind](trained)
    return 0


def _check_flags(kind: str) -> None:
    for flag in ("name", "normalizing_factor", "data_dir", "data_set"):
        if kind != "js" and FLAGS[flag].present:
            raise UsageError(f"--{flag} is for a .json, but this makes --to={kind}")


def _check_place(kind: str) -> None:
    """Raise UsageError if an existing file, or the model that is read, would be replaced."""
    out = pathlib.Path(FLAGS.out)
    outs = [out]
    if kind == "weights":
        outs.append(out.with_name(out.name.removesuffix(".weights.h5") + ".model_config.json"))
    model_flags.require_apart(FLAGS, *outs)
    values.require_room(FLAGS.out)
    if kind == "magenta":
        if out.exists() and not (out.is_dir() and next(out.iterdir(), None) is None):
            raise UsageError(
                f"--out={out} is there already and not an empty folder: name another one"
            )
        return
    for path in outs:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: name a file")
        if path.exists() and not FLAGS.overwrite:
            raise UsageError(
                f"{path} is there already: give --overwrite to replace it, or another --out"
            )


def _note(text: str) -> None:
    print(f"sketch_rnn_convert model: note: {text}", file=sys.stderr)


def _write_keras(trained: TrainedModel) -> None:
    from magenta_sketch.inference import saving

    saving.write_keras(FLAGS.out, trained.model, trained.config)
    print(f"wrote {FLAGS.out}; from Python:")
    print(f"  magenta_sketch.load({FLAGS.out!r})")
    print(f"  keras.saving.load_model({FLAGS.out!r})  # after import magenta_sketch")
    if not trained.units_known:
        _note("the model does not know its normalizing factor: its sketches are in model units")


def _write_weights(trained: TrainedModel) -> None:
    from magenta_sketch.interop import keras_weights

    config = keras_weights.write(FLAGS.out, trained.model, trained.config.hparams)
    print(f"wrote {FLAGS.out} and {config}; from Python:")
    print(f"  hparams = magenta_sketch.HParams.from_json(open({str(config)!r}).read())")
    tanh_z = ", tanh_z=True" if trained.config.tanh_z else ""
    print(f"  magenta_sketch.SketchRNN(hparams{tanh_z}).load_weights({FLAGS.out!r})")
    if trained.units_known:
        _note(
            "the files do not hold the normalizing factor, pixels in a model unit: it is "
            f"{trained.config.normalizing_factor:.4f}"
        )


def _write_magenta(trained: TrainedModel) -> None:
    from magenta_sketch.interop import magenta_checkpoint

    info = trained.config
    prefix = magenta_checkpoint.write(
        FLAGS.out, trained.model, info.hparams, step=trained.step, adam=trained.adam
    )
    optimizer = "Adam's moments" if trained.adam else "zeros for Adam's moments"
    written = pathlib.Path(FLAGS.out, prefix.name)  # as the user named it
    print(f"wrote {written}: {trained.step} steps, {optimizer}, and model_config.json")
    if info.hparams.scale != 1.0:
        _note(f"Magenta has no scale: this model's noise of {info.hparams.scale:g} is 1 there")
    if trained.units_known:
        _note(
            "Magenta takes the normalizing factor from its data; this model's is "
            f"{info.normalizing_factor:.4f}"
        )


def _write_js(trained: TrainedModel) -> None:
    from magenta_sketch.interop import sketch_rnn_js
    from magenta_sketch.interop.loading import load

    info, data = trained.config, None
    sketch_rnn_js.require_lstm(info.hparams)  # before the slow loading of data
    if FLAGS.normalizing_factor is not None:
        if trained.units_known:
            raise UsageError(
                f"leave out --normalizing_factor: {FLAGS.model_dir} has its own, "
                f"{info.normalizing_factor:.4f}"
            )
        trained = trained.with_normalizing_factor(FLAGS.normalizing_factor)
        info = trained.config
    if not trained.units_known:
        if not FLAGS.data_dir:
            raise UsageError(
                f"{FLAGS.model_dir} does not hold its normalizing factor, which the file needs: "
                "give --normalizing_factor, or --data_dir to have it computed from the data"
            )
        trained, data = _with_data(trained)
        info = trained.config
    what, sketches = _sketches(trained, data)
    done = sketch_rnn_js.write(
        FLAGS.out,
        trained.model,
        name=FLAGS.name or pathlib.Path(FLAGS.out).name.split(".")[0],
        max_seq_len=info.max_seq_len,
        normalizing_factor=trained.normalizing_factor,
        for_browsers=True,
    )
    kind = "conditional" if trained.conditional else "decoder-only"
    print(f"wrote {FLAGS.out}: {kind}, {done.count:,} weights")
    print(
        f"limits: {done.clipped:,} weights beyond ±{sketch_rnn_js.LARGEST_WEIGHT:g} clipped (the "
        f"largest is {done.largest:.4g}); the others rounded by at most {done.rounding:.1e}"
    )
    if sketches is None:
        print(f"loss: not measured: {what}")
    else:
        before, after = (
            float(model.losses(sketches).masked_reconstruction.mean())
            for model in (trained, load(FLAGS.out))
        )
        print(
            f"loss on {len(sketches)} {what}: {before:.6f} before, {after:.6f} as written "
            f"({after - before:+.6f}; masked_recon, nats a point)"
        )
    _warn_of_the_clients(trained, done.clipped)


def _with_data(trained: TrainedModel) -> tuple[TrainedModel, DataSet]:
    return model_flags.with_data(trained, FLAGS.model_dir, FLAGS.data_dir, FLAGS.data_set)


def _warn_of_the_clients(trained: TrainedModel, clipped: int) -> None:
    from magenta_sketch.interop.sketch_rnn_js import BROWSER_MIXTURE

    notes = []
    if clipped:
        notes.append(
            "the clipped weights have another value in the file: look at the loss above, and lower "
            "grad_clip or the learning rate in training if it is too high"
        )
    components = trained.config.hparams.num_mixture
    if components < BROWSER_MIXTURE:
        notes.append(
            f"the {components} mixture components are written as {BROWSER_MIXTURE}, some of them "
            "several times with their weight shared out: the browser libraries take every model to "
            f"have {BROWSER_MIXTURE}, and the mixture is the same"
        )
    if components > BROWSER_MIXTURE:
        notes.append(
            f"the browser libraries take every model to have {BROWSER_MIXTURE} mixture components, "
            f"and this one has {components}: they will not read the file, this program does"
        )
    if trained.conditional:
        notes.append(
            "a conditional model is for Sketch-RNN-JS and ml5; @magenta/sketch reads decoder-only "
            "files"
        )
    for note in notes:
        _note(note)


def _sketches(trained: TrainedModel, data: DataSet | None) -> tuple[str, SketchSet | None]:
    """Return a description, and the sketches to measure the loss on.

    Without sketches: the reason, and None.
    """
    from magenta_sketch.data import SketchSet
    from magenta_sketch.errors import DataError

    if data is None and (FLAGS.data_dir or FLAGS.data_set or trained.config.data_dir):
        try:
            _, data = _with_data(trained)
        except DataError as error:
            if FLAGS.data_dir or FLAGS.data_set:
                raise
            print(f"the run's data cannot be had ({error}): taking drawings of the model instead")
    if data is not None:
        return "test sketches", data.test.take(range(min(MOST_SKETCHES, len(data.test))))
    drawn = [sketch for sketch in trained.sample(100, seed=0) if len(sketch)]
    if not drawn:
        return "the model draws nothing; give --data_dir", None
    return "drawings of the model itself", SketchSet.from_sketches(drawn)
